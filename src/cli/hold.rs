//! `roster hold` and `roster release`.

use clap::Args;

use super::host::Terminal;
use super::output::say;
use super::{ProjectArguments, WriterArguments, follow};
use crate::commit::Log;
use crate::error::Result;
use crate::operate::{self, Said};

pub(super) const EXAMPLES: &str = "\
Examples:
  roster hold --why 'the CRM is being migrated'    runs end with exit code 2 until `roster release`
  roster release

Rollback goes on under a hold; committed nights are still answered with 0.";

#[derive(Debug, Args)]
pub(super) struct HoldArguments {
    #[command(flatten)]
    project: ProjectArguments,
    #[command(flatten)]
    writer: WriterArguments,
    /// The reason, for those whose runs are refused
    #[arg(long, value_name = "TEXT")]
    why: String,
}

#[derive(Debug, Args)]
pub(super) struct ReleaseArguments {
    #[command(flatten)]
    project: ProjectArguments,
    #[command(flatten)]
    writer: WriterArguments,
}

pub(super) async fn hold(arguments: HoldArguments) -> Result<u8> {
    said(&arguments.project, arguments.writer, Some(arguments.why), "held").await
}

pub(super) async fn release(arguments: ReleaseArguments) -> Result<u8> {
    said(&arguments.project, arguments.writer, None, "released").await
}

async fn said(
    project: &ProjectArguments,
    writer: WriterArguments,
    why: Option<String>,
    done: &str,
) -> Result<u8> {
    let (config, host) = (project.config()?, Terminal::new(true));
    let log = Log::open(&config)?;
    say(&match operate::hold(&log, &config, why, writer.exclusivity(), &host).await? {
        Said::Committed(record) => {
            format!("publication is {done} since version {}", record.version)
        }
        Said::AlreadySo => match operate::status(&config).await?.held {
            Some(why) => format!("publication is {done} already: {why}"),
            None => format!("publication is {done} already"),
        },
    });
    follow(&config, writer.exclusivity()).await;
    Ok(0)
}
