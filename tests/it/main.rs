//! Integration tests.

#[path = "../support/mod.rs"]
mod support;

mod audits;
mod extract_schemas;
mod extracts;
mod golden;
mod oracle;
mod projects;
#[path = "../support/python.rs"]
mod python;
mod slt;
mod stores;
