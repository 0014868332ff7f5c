//! `roster completions` and `roster man`: what a shell and a manual know of the commands.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Arguments;
use super::output::say;
use crate::error::{Error, Result};

pub(super) const COMPLETIONS: &str = "\
Examples:
  roster completions bash > /etc/bash_completion.d/roster
  roster completions zsh > ~/.zfunc/_roster
  roster completions fish > ~/.config/fish/completions/roster.fish";

pub(super) const MAN: &str = "\
Examples:
  roster man /usr/local/share/man/man1             then: man roster, man roster-run ...";

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// For which shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// A folder that is there; each command gets a page
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn completions(arguments: &CompletionsArguments) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "roster", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
    0
}

pub(super) fn man(arguments: &ManArguments) -> Result<u8> {
    let written = clap_mangen::generate_to(Arguments::command(), &arguments.directory);
    written.map_err(|error| Error::Setting {
        message: format!("cannot write to {}: {error}", arguments.directory.display()),
        help: "name a folder that is there".to_owned(),
    })?;
    Ok(0)
}
