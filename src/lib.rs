//! Roster turns a customer base into segments, every night, from Parquet files.
//!
//! SQL files and pinned extracts in, one numbered commit out; `as_of` is the only clock. See ARCHITECTURE.md.

pub mod audit;
pub mod backfill;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod commit;
pub mod config;
pub mod core;
pub mod demo;
pub mod error;
pub mod evaluate;
pub mod feature;
pub mod foresee;
mod inputs;
pub mod membership;
pub mod operate;
pub mod output;
pub mod project;
pub mod question;
pub mod reader;
pub mod report;
pub mod run;
pub mod runs;
pub mod segment;
pub mod session;
pub mod source;
pub mod spool;
pub mod statistics;
pub mod store;
pub mod universe;
pub mod view;
