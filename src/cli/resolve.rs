//! `roster resolve`.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::ProjectArguments;
use super::output::say;
use crate::commit::Log;
use crate::core::{File, Night, Record, nearest};
use crate::error::{Error, Result};

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
    files: Vec<ResolvedFile<'a>>,
}

#[derive(Debug, Serialize)]
struct ResolvedFile<'a> {
    url: String,
    #[serde(flatten)]
    file: &'a File,
}

pub(super) async fn resolve(arguments: ResolveArguments) -> Result<u8> {
    let config = arguments.project.config()?;
    let log = Log::open(&config)?;
    let head = match arguments.version {
        Some(version) => log.record(version).await?,
        None => log.head().await?,
    };
    let head = head.ok_or_else(|| match arguments.version {
        Some(version) => {
            setting(format!("there is no version {version}"), "`roster log` lists them")
        }
        None => setting("nothing is committed yet".to_owned(), "run a night first: roster run"),
    })?;
    let night = night(&head, arguments.as_of)?;
    let manifest = log.manifest(night).await?;
    let table = manifest.tables.get(&arguments.table).ok_or_else(|| {
        let names = || manifest.tables.keys().map(String::as_str);
        let help = match nearest(&arguments.table, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("published are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        setting(format!("the night of {} has no table `{}`", night.as_of, arguments.table), &help)
    })?;
    let files = table.files.iter().map(|file| {
        let url = log.root.show(&log.root.path(&file.path));
        ResolvedFile { url, file }
    });
    let files: Vec<_> = files.collect();
    match arguments.format {
        Format::Paths => files.iter().for_each(|file| say(&file.url)),
        Format::Json => {
            let resolved = Resolved {
                version: head.version,
                as_of: night.as_of,
                attempt_id: &night.attempt_id,
                table: &arguments.table,
                schema_sha256: &table.schema_sha256,
                files,
            };
            let json = serde_json::to_string_pretty(&resolved);
            say(&json.map_err(|error| Error::Bug(format!("resolve: {error}")))?);
        }
    }
    Ok(0)
}

fn night(head: &Record, as_of: Option<NaiveDate>) -> Result<&Night> {
    let Some(as_of) = as_of else {
        return head.state.current_night().ok_or_else(|| {
            setting("no night is live".to_owned(), "`roster log` tells what happened")
        });
    };
    head.state.live().find(|night| night.as_of == as_of).ok_or_else(|| {
        let nights: Vec<_> = head.state.live().map(|night| night.as_of.to_string()).collect();
        setting(
            format!("the night of {as_of} is not committed"),
            &format!("committed are: {}", nights.join(", ")),
        )
    })
}

fn setting(message: String, help: &str) -> Error {
    Error::Setting { message, help: help.to_owned() }
}
