//! `roster rollback`.

use clap::Args;

use super::host::Terminal;
use super::output::say;
use super::{ProjectArguments, WriterArguments, follow, variable};
use crate::commit::Log;
use crate::error::Result;
use crate::operate::{self, Said};
use crate::project::Project;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster log                                       find the version that was good
  roster rollback --to 12 --why 'prices were doubled in the CRM'

The night that was current at that version is current again, all nights above it are withdrawn, and followers of the feed
are led back. A withdrawn night comes again by `roster run --as-of DATE --replace`.";

#[derive(Debug, Args)]
pub(super) struct RollbackArguments {
    #[command(flatten)]
    project: ProjectArguments,
    #[command(flatten)]
    writer: WriterArguments,
    /// The version whose current night is wanted; the same command again is harmless
    #[arg(long, value_name = "V")]
    to: u64,
    /// The reason, for the log
    #[arg(long, value_name = "TEXT")]
    why: String,
}

pub(super) async fn rollback(arguments: RollbackArguments) -> Result<u8> {
    let (config, host) = (arguments.project.config()?, Terminal::new(true));
    // Files that can not be read now do not stand in the way: their segmentations' moves are told as left and entered.
    let (project, _) = Project::read(&arguments.project.project, &variable)?;
    let segmentations = project.iter().flat_map(Project::segmentations);
    let exclusive =
        segmentations.filter(|known| known.exclusive).map(|known| known.name.to_string());
    let exclusive = exclusive.collect();
    let exclusivity = arguments.writer.exclusivity();
    let log = Log::open(&config)?;
    let said = operate::rollback(
        &log,
        &config,
        &exclusive,
        arguments.to,
        &arguments.why,
        exclusivity,
        &host,
    )
    .await?;
    say(&match said {
        Said::Committed(record) => format!(
            "rolled back as version {}; current is the night of {}",
            record.version,
            record.state.current.map(|night| night.to_string()).unwrap_or_default()
        ),
        Said::AlreadySo => "that night is current already".to_owned(),
    });
    follow(&config, exclusivity).await;
    Ok(0)
}
