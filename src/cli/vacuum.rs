//! `roster vacuum`.

use clap::Args;

use super::host::{Terminal, size};
use super::output::say;
use super::{ProjectArguments, WriterArguments, follow};
use crate::commit::Log;
use crate::core::parse_duration;
use crate::error::Result;
use crate::operate;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster vacuum                                    what would be deleted
  roster vacuum --yes                              delete it
  roster vacuum --older-than 30d --yes             be slower with attempts that never committed

Deleted are replaced and withdrawn nights past `retain` of roster.toml, and attempts that were never committed. Live nights
never are. The log names everything before it is deleted; a vacuum that was cut off is finished by the next. Also
the dry run writes one small object and takes it away: how old files are is asked of the store's clock.";

#[derive(Debug, Args)]
pub(super) struct VacuumArguments {
    #[command(flatten)]
    project: ProjectArguments,
    #[command(flatten)]
    writer: WriterArguments,
    /// Keep attempts that never committed this long; at least twice the longest run
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = |text: &str| parse_duration(text).ok_or("write a number and m, h or d: 7d"))]
    older_than: chrono::TimeDelta,
    /// Delete, instead of telling what would be deleted
    #[arg(long)]
    yes: bool,
}

pub(super) async fn vacuum(arguments: VacuumArguments) -> Result<u8> {
    let (config, host) = (arguments.project.config()?, Terminal::new(true));
    let (exclusivity, dry_run) = (arguments.writer.exclusivity(), !arguments.yes);
    let (log, older_than) = (Log::open(&config)?, arguments.older_than);
    let swept = operate::vacuum(&log, &config, older_than, dry_run, exclusivity, &host).await?;
    for (attempt, bytes) in &swept.attempts {
        say(&format!("{attempt}  {}", size(*bytes)));
    }
    let total = size(swept.attempts.iter().map(|(_, bytes)| bytes).sum());
    let count = swept.attempts.len();
    say(&match (dry_run, swept.version) {
        (true, _) => format!("{count} attempts, {total}, would be deleted; --yes deletes them"),
        (false, Some(version)) => {
            format!("{count} attempts, {total}, deleted; named in version {version}")
        }
        (false, None) => format!("{count} attempts, {total}, deleted; nothing new to name"),
    });
    if !dry_run {
        follow(&config, exclusivity).await;
    }
    Ok(0)
}
