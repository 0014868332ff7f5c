//! `roster changes`.

use clap::{Args, ValueEnum};

use super::ProjectArguments;
use super::output::say;
use crate::error::{Error, Result};
use crate::operate;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster changes --since 0                         all changes there are, oldest first
  roster changes --since 41                        what a follower that holds version 41 applies next
  roster changes --since 41 --format paths         the files alone, in that order

Apply the files in order: `entered` adds a row, `left` takes one away, `moved` changes its segment. Keep `token` with the
rows, in one transaction. A gap is an error that says how to start again from the current night.";

#[derive(Debug, Args)]
pub(super) struct ChangesArguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The version that was applied last; 0 for none
    #[arg(long, value_name = "TOKEN")]
    since: u64,
    /// How to name the files
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The change sets with their files, and the next token
    Json,
    /// One path or URL a line
    Paths,
}

pub(super) async fn changes(arguments: ChangesArguments) -> Result<u8> {
    let (sets, token) = operate::changes(&arguments.project.config()?, arguments.since).await?;
    match arguments.format {
        Format::Paths => {
            for file in sets.iter().flat_map(|set| &set.table.files) {
                say(&file.url);
            }
        }
        Format::Json => {
            let json = serde_json::json!({ "token": token, "changes": sets });
            let json = serde_json::to_string_pretty(&json);
            say(&json.map_err(|error| Error::Bug(format!("changes: {error}")))?);
        }
    }
    Ok(0)
}
