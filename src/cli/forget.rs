//! `roster forget`.

use clap::Args;

use super::host::Terminal;
use super::output::say;
use super::{ProjectArguments, WriterArguments};
use crate::commit::Log;
use crate::error::Result;
use crate::operate;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster forget A0000179                           out of every published file, and of all nights to come

Live nights are written again without the key, all other files that hold it are deleted. The log keeps a keyed hash, never
the key. Delta tables are led to the new files. Followers of the feed have to read the current night again: `roster changes` tells them. Extracts are not touched.";

#[derive(Debug, Args)]
pub(super) struct ForgetArguments {
    #[command(flatten)]
    project: ProjectArguments,
    #[command(flatten)]
    writer: WriterArguments,
    /// The entity key
    #[arg(value_name = "KEY")]
    key: String,
}

pub(super) async fn forget(arguments: ForgetArguments) -> Result<u8> {
    let (config, host) = (arguments.project.config()?, Terminal::new(true));
    let exclusivity = arguments.writer.exclusivity();
    let log = Log::open(&config)?;
    let erased = operate::forget(&log, &config, &arguments.key, exclusivity, &host).await?;
    say(&match erased.version {
        Some(version) if erased.attempts == 0 => format!(
            "no published file holds `{}`; as of version {version} no later night will. Was it mistyped?",
            arguments.key
        ),
        Some(version) => format!(
            "forgotten as of version {version}: {} nights written again, {} attempts deleted",
            erased.nights, erased.attempts
        ),
        None => "forgotten already: no file holds it".to_owned(),
    });
    Ok(0)
}
