//! `roster status`.

use std::fmt::Write as _;

use clap::Args;

use super::output::say;
use super::{ProjectArguments, now};
use crate::core::parse_duration;
use crate::error::{Error, Result};
use crate::operate::{self, Status};

/// The exit code of a publication that is late: try again later.
const LATE: u8 = 6;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster status                                    the current night, its age, a hold
  roster status --max-age 2d || page-somebody      exit code 6 when the current night is older, or there is none
  roster status --json";

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// Exit code 6 if the current night ended longer ago: 26h, 2d
    #[arg(long, value_name = "AGE", value_parser = |text: &str| parse_duration(text).ok_or("write a number and m, h or d: 2d"))]
    max_age: Option<chrono::TimeDelta>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn status(arguments: StatusArguments) -> Result<u8> {
    let config = arguments.project.config()?;
    let status = operate::status(&config).await?;
    if arguments.json {
        let json = serde_json::to_string_pretty(&status);
        say(&json.map_err(|error| Error::Bug(format!("status: {error}")))?);
    } else {
        say(&shown(&status));
    }
    let late = match (status.ended_at, arguments.max_age) {
        (None, _) => true,
        (Some(ended_at), Some(max_age)) => now() - ended_at > max_age,
        (Some(_), None) => false,
    };
    Ok(if late { LATE } else { 0 })
}

fn shown(status: &Status) -> String {
    let mut text = match (status.current, status.version, status.written_at) {
        (Some(current), Some(version), Some(written_at)) => format!(
            "current: the night of {current}, published {} UTC; version {version}, {} live nights",
            written_at.format("%Y-%m-%d %H:%M:%S"),
            status.nights
        ),
        _ => "nothing is committed yet".to_owned(),
    };
    for stale in &status.stale {
        let (segmentation, since, because) = (&stale.segmentation, stale.since, &stale.because);
        let _ = write!(text, "\nstale since {since}: {segmentation}: {because}");
    }
    if let Some(why) = &status.held {
        text.push_str("\nheld: ");
        text.push_str(why);
    }
    text
}
