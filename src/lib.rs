//! Roster turns a customer base into segments, every night, from Parquet files.
//!
//! SQL files and pinned extracts in, one numbered commit out; `as_of` is the only clock. See ARCHITECTURE.md.

pub mod catalog;
pub mod config;
pub mod core;
pub mod error;
pub mod project;
pub mod session;
pub mod source;
pub mod store;
