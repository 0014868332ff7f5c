//! `roster verify`.

use clap::Args;

use super::ProjectArguments;
use super::host::size;
use super::output::{complain, say};
use crate::error::Result;
use crate::operate;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster verify                                    every live file is there with its size
  roster verify --deep                             and with its bytes: reads all of them

Exit code 2 if anything is missing or different.";

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// Read every file and compare its SHA-256
    #[arg(long)]
    deep: bool,
}

pub(super) async fn verify(arguments: VerifyArguments) -> Result<u8> {
    let verified = operate::verify(&arguments.project.config()?, arguments.deep).await?;
    for problem in &verified.problems {
        complain(&format!("error: {problem}"));
    }
    let looked = if arguments.deep { "sizes and bytes" } else { "sizes" };
    say(&format!(
        "version {}: {} nights, {} files, {}: {looked} compared, {} problems",
        verified.version,
        verified.nights,
        verified.files,
        size(verified.size_bytes),
        verified.problems.len()
    ));
    Ok(if verified.problems.is_empty() { 0 } else { 2 })
}
