//! Integration tests.

#[path = "../support/mod.rs"]
mod support;

mod extract_schemas;
mod extracts;
mod golden;
mod oracle;
#[path = "../support/python.rs"]
mod python;
mod slt;
mod stores;
mod audits;
mod projects;
