//! `roster resolve`.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::ProjectArguments;
use super::output::say;
use crate::commit::Log;
use crate::error::{Error, Result};
use crate::reader::{DataFile, ReadError, Reader};

pub(super) const EXAMPLES: &str = "\
Examples:
  roster resolve --table membership                the current night's files, with sizes and hashes
  roster resolve --table change --format paths     one path a line
  roster resolve --table membership --as-of 2026-05-31
  roster resolve --table membership --version 12   as readers saw it then";

#[derive(Debug, Args)]
pub(super) struct ResolveArguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The published table
    #[arg(long, value_name = "TABLE")]
    table: String,
    /// The night of that day instead of the current one
    #[arg(long, value_name = "DATE", conflicts_with = "version")]
    as_of: Option<NaiveDate>,
    /// The night that was current at that version of the log
    #[arg(long, value_name = "V")]
    version: Option<u64>,
    /// How to name the files
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Version, night and files with their sizes and hashes
    Json,
    /// One path or URL a line
    Paths,
}

/// The files of a table on a night.
#[derive(Debug, Serialize)]
struct Resolved<'a> {
    version: u64,
    as_of: NaiveDate,
    attempt_id: &'a str,
    table: &'a str,
    schema_sha256: &'a str,
    files: &'a [DataFile],
}

pub(super) async fn resolve(arguments: ResolveArguments) -> Result<u8> {
    let config = arguments.project.config()?;
    let reader = Reader::of(Log::open(&config)?);
    let snapshot = match (arguments.version, arguments.as_of) {
        (Some(version), _) => reader.at(version).await,
        (None, Some(as_of)) => reader.night(as_of).await,
        (None, None) => reader.latest().await,
    };
    let snapshot = snapshot.map_err(ReadError::into_error)?;
    let table = snapshot.table(&arguments.table).map_err(ReadError::into_error)?;
    match arguments.format {
        Format::Paths => table.files.iter().for_each(|file| say(&file.url)),
        Format::Json => {
            let resolved = Resolved {
                version: snapshot.version,
                as_of: snapshot.as_of,
                attempt_id: &snapshot.attempt_id,
                table: &table.name,
                schema_sha256: &table.schema_sha256,
                files: &table.files,
            };
            let json = serde_json::to_string_pretty(&resolved);
            say(&json.map_err(|error| Error::Bug(format!("resolve: {error}")))?);
        }
    }
    Ok(0)
}
