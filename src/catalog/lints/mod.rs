//! What a query says that is sound SQL and seldom meant. `docs/checks.md` explains every lint by its code.

mod band_edges;
mod float_equality;
mod grain;
mod guarded_by_and;
mod labels;
mod null_logic;
mod subject;
mod text;
mod unstable;

use std::collections::HashSet;
use std::ops::Range;

use datafusion::logical_expr::LogicalPlan;

use crate::core::{Problem, SqlFile, nearest};
use crate::project::Project;
use subject::Subject;

/// What a lint has to say.
struct Finding {
    span: Range<usize>,
    message: String,
    help: String,
}

/// A lint: what it has to say of a file.
type Lint = fn(&Subject<'_>) -> Vec<Finding>;

/// Every lint by its code.
const LINTS: [(&str, Lint); 7] = [
    ("band_edges", band_edges::look),
    ("float_equality", float_equality::look),
    ("grain", grain::look),
    ("guarded_by_and", guarded_by_and::look),
    ("labels", labels::look),
    ("null_logic", null_logic::look),
    ("unstable", unstable::look),
];

/// Warnings about SQL files that are found elsewhere.
const FOUND_ELSEWHERE: [&str; 1] = ["personal_evidence"];

/// What all lints say of a planned file.
pub(super) fn look(file: &SqlFile, plan: &LogicalPlan, project: &Project) -> Vec<Problem> {
    let subject = Subject::new(file, plan, project);
    let found = LINTS.iter().flat_map(|(code, lint)| {
        let mut told = HashSet::new();
        let once =
            lint(&subject).into_iter().filter(move |finding| told.insert(finding.span.clone()));
        once.map(|Finding { span, message, help }| {
            Problem::error(code, &file.file, span, message).warning().help(help)
        })
    });
    found.collect()
}

/// Codes that a file allows and that no warning has.
pub(super) fn unknown_codes(file: &SqlFile) -> Vec<Problem> {
    let codes = || LINTS.iter().map(|(code, _)| *code).chain(FOUND_ELSEWHERE);
    let unknown = file.allow.iter().filter(|code| codes().all(|known| known != *code.get_ref()));
    let problems = unknown.map(|code| {
        let help = match nearest(code.get_ref(), codes()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the warnings are: {}", codes().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no warning `{}` to allow", code.get_ref());
        Problem::error("unknown_warning", &file.file, code.span(), message).help(help)
    });
    problems.collect()
}

/// The warnings about a file that it does not allow, and what it allows for nothing.
pub(super) fn settle(file: &SqlFile, warnings: Vec<Problem>) -> Vec<Problem> {
    let is_of = |warning: &Problem, code: &str| warning.code == code;
    let unused = file
        .allow
        .iter()
        .filter(|code| !warnings.iter().any(|warning| is_of(warning, code.get_ref())));
    let unused: Vec<_> = unused
        .map(|code| {
            let message = format!("`{}` allows nothing any more", code.get_ref());
            let problem = Problem::error("unused_allow", &file.file, code.span(), message);
            problem.warning().help("take it out, so that the next warning is seen")
        })
        .collect();
    let told = warnings
        .into_iter()
        .filter(|warning| !file.allow.iter().any(|code| is_of(warning, code.get_ref())));
    told.chain(unused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lint_is_explained() {
        let explained = include_str!("../../../docs/checks.md");
        for (code, _) in LINTS {
            assert!(explained.contains(&format!("\n## {code}\n")), "{code}");
        }
    }
}
