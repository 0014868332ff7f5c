//! Integration tests.

#[path = "../support/mod.rs"]
mod support;

mod aggregates;
mod audits;
mod bad_config;
mod bad_files;
mod bad_sql;
mod bad_values;
mod commit;
mod delta;
mod diagnostics;
mod docs;
mod evaluate;
mod extract_schemas;
mod extracts;
mod future;
mod golden;
mod layers;
mod leak;
mod lints;
mod logs;
mod model;
mod nights;
mod operate;
mod oracle;
mod pinned;
mod processes;
mod projects;
#[path = "../support/python.rs"]
mod python;
mod questions;
mod readers;
mod reference;
mod select;
mod slt;
mod stale;
mod steps;
mod stores;
mod tables;
mod times;
mod vendors;
