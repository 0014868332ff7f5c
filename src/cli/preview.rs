//! `roster preview`.

use clap::{Args, ValueEnum};
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::arrow::util::pretty::pretty_format_batches;
use serde_json::{Value, json};

use super::host::{Terminal, interrupted};
use super::output::{is_terminal, say};
use super::summary::table;
use super::{Day, ProjectArguments, variable};
use crate::error::{Error, Result};
use crate::question::{Preview, preview};

pub(super) const EXAMPLES: &str = "\
Examples:
  roster preview renewal_due                       how many, which share, and some of them
  roster preview renewal_due --as-of 2026-05-31 --limit 50
  roster preview renewal_due --format json | jq .segments

It reads what the segmentation rests on and nothing else; nothing is published. Personal columns are not shown.";

#[derive(Debug, Args)]
pub(super) struct PreviewArguments {
    #[command(flatten)]
    pub(super) project: ProjectArguments,
    /// The segmentation: the name of its file
    name: String,
    /// The night, YYYY-MM-DD or today; by itself the current one
    #[arg(long, value_name = "DATE")]
    as_of: Option<Day>,
    /// Rows to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One object
    Json,
}

pub(super) async fn show(arguments: PreviewArguments) -> Result<u8> {
    let directory = &arguments.project.project;
    let zone = arguments.project.config()?.time_zone;
    let as_of = arguments.as_of.map(|day| day.as_of(zone)).transpose()?;
    let host = Terminal::new(!is_terminal());
    let seen = preview(directory, &variable, &arguments.name, as_of, arguments.limit, &host);
    let ended = tokio::select! {
        seen = seen => seen,
        signal = interrupted() => Err(Error::Interrupted { signal }),
    };
    host.finish();
    let text = match arguments.format {
        Format::Table => shown(&ended?, &arguments.name),
        Format::Json => as_json(&ended?),
    };
    say(&text.map_err(|error| Error::Bug(format!("preview: {error}")))?);
    Ok(0)
}

fn share(members: f64, preview: &Preview) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 members")]
    let universe = preview.universe.filter(|universe| *universe > 0)? as f64;
    Some(members / universe)
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 members")]
fn shown(preview: &Preview, name: &str) -> std::result::Result<String, String> {
    let percent = |members: f64| {
        share(members, preview).map_or_else(String::new, |share| format!("{:.1} %", 100.0 * share))
    };
    let mut segments = table(&["segment", "members", "share"], 1);
    for label in &preview.labels {
        let members = label.members.to_string();
        segments.add_row([label.name.clone(), members, percent(label.members as f64)]);
    }
    let of = preview.universe.map_or_else(String::new, |all| format!(" of {all}"));
    let rows = pretty_format_batches(std::slice::from_ref(&preview.sample));
    let rows = rows.map_err(|error| error.to_string())?;
    Ok(format!(
        "{name} on {}: {}{of} keys; nothing is published\n\n{}\n\n{rows}",
        preview.as_of.day(),
        preview.members,
        segments.trim_fmt(),
    ))
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 members")]
fn as_json(preview: &Preview) -> std::result::Result<String, String> {
    let segments = preview.labels.iter().map(|label| {
        let share = share(label.members as f64, preview);
        json!({ "segment": label.name, "members": label.members, "share": share })
    });
    let mut rows = LineDelimitedWriter::new(Vec::new());
    rows.write(&preview.sample).map_err(|error| error.to_string())?;
    let rows = String::from_utf8(rows.into_inner()).map_err(|error| error.to_string())?;
    let sample: std::result::Result<Vec<Value>, _> =
        rows.lines().map(serde_json::from_str).collect();
    let json = json!({
        "as_of": preview.as_of.day(),
        "members": preview.members,
        "universe": preview.universe,
        "segments": segments.collect::<Vec<_>>(),
        "sample": sample.map_err(|error| error.to_string())?,
    });
    serde_json::to_string_pretty(&json).map_err(|error| error.to_string())
}
