//! A SQL file with its front matter is read, or refused at a place in it.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use roster::core::{ProjectFile, SqlFile, TableName};
use roster_fuzz::check_problems;

fuzz_target!(|text: &str| {
    for table in ["staging.x", "segment.x", "audit.x"] {
        let Some(table) = TableName::parse(table) else { continue };
        let problems = RefCell::default();
        let file = SqlFile::parse(table, ProjectFile::new("sql/x.sql", text), &problems);
        let problems = problems.into_inner();
        check_problems(&problems);
        assert!(file.is_some() || !problems.is_empty(), "refused without a reason");
        if let Some(file) = file {
            let spans = file.references.iter().map(|reference| &reference.span);
            for span in spans.chain(file.calls.iter().map(|call| &call.span)) {
                assert!(text.get(span.clone()).is_some(), "points beside its text: {span:?}");
            }
        }
    }
});
