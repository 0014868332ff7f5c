//! `roster log`.

use clap::{Args, ValueEnum};

use super::ProjectArguments;
use super::output::say;
use super::summary::table;
use crate::commit::Log;
use crate::core::Record;
use crate::error::{Error, Result};

pub(super) const EXAMPLES: &str = "\
Examples:
  roster log                                       what is committed, newest last
  roster log --format json | jq '.[-1].state'      the whole state that readers see";

#[derive(Debug, Args)]
pub(super) struct LogArguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// How to show the records
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// The records as they are in the log
    Json,
}

pub(super) async fn log(arguments: LogArguments) -> Result<u8> {
    let config = arguments.project.config()?;
    let records = Log::open(&config)?.records().await?;
    match arguments.format {
        Format::Json => {
            let json = serde_json::to_string_pretty(&records);
            say(&json.map_err(|error| Error::Bug(format!("log: {error}")))?);
        }
        Format::Table if records.is_empty() => say("nothing is committed yet"),
        Format::Table => say(&shown(&records)),
    }
    Ok(0)
}

/// The segmentations that a run carried forward.
fn stale_of(record: &Record) -> String {
    let night = record.as_of.and_then(|as_of| record.state.night(as_of));
    let stale = night.into_iter().flat_map(|night| &night.stale);
    stale.map(|stale| stale.segmentation.as_str()).collect::<Vec<_>>().join(", ")
}

fn shown(records: &[Record]) -> String {
    let mut table =
        table(&["version", "kind", "night", "current", "written (UTC)", "attempt", "stale"], 99);
    for record in records {
        let date = |date: Option<chrono::NaiveDate>| {
            date.map_or_else(|| "-".to_owned(), |date| date.to_string())
        };
        table.add_row([
            record.version.to_string(),
            format!("{:?}", record.kind).to_lowercase(),
            date(record.as_of),
            date(record.state.current),
            record.written_at.format("%Y-%m-%d %H:%M:%S").to_string(),
            record.attempt_id.clone(),
            stale_of(record),
        ]);
    }
    table.trim_fmt()
}
