//! `roster reference`: every key, type, table, code, and the contract of SQL, from where the program itself has them.

mod keys;
mod schema;
mod sql;

use std::fmt::Write;

use clap::{Args, ValueEnum};

use super::output::say;
use crate::config::TYPES;
use crate::core::{ENDINGS, EXITS, MISTAKES};
use crate::error::{Error, Result};
use crate::output::{Column, TABLES};

pub(super) const EXAMPLES: &str = "\
Examples:
  roster reference settings                        every key of roster.toml
  roster reference tables                          what a night publishes, column by column
  roster reference > docs/reference.md
  roster reference --format json-schema > roster.schema.json

An editor completes and checks roster.toml by the schema: with Taplo, a first line `#:schema ./roster.schema.json`.";

#[derive(Debug, Args)]
pub(super) struct ReferenceArguments {
    /// One chapter
    #[arg(value_enum)]
    topic: Option<Topic>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Topic {
    /// The keys of roster.toml
    Settings,
    /// The types of a source's columns
    Types,
    /// The keys of the front matter
    FrontMatter,
    /// What SQL may read and say
    Sql,
    /// Published tables and their columns
    Tables,
    /// Exit codes, and the codes of the report
    Codes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Markdown,
    /// For editors of roster.toml
    JsonSchema,
}

pub(super) fn reference(arguments: &ReferenceArguments) -> Result<u8> {
    match (arguments.format, arguments.topic) {
        (Format::Markdown, Some(topic)) => say(topic.chapter().trim_end()),
        (Format::Markdown, None) => say(&page()),
        (Format::JsonSchema, None | Some(Topic::Settings)) => say(&schema::of_settings()?),
        (Format::JsonSchema, Some(_)) => {
            return Err(Error::Setting {
                message: "only roster.toml has a JSON schema".to_owned(),
                help: "roster reference --format json-schema".to_owned(),
            });
        }
    }
    Ok(0)
}

fn page() -> String {
    let chapters = Topic::value_variants().iter().map(|topic| topic.chapter());
    let page = "# Reference\n\nWritten by `roster reference`, from what the program itself goes by. SQL functions are \
                explained in [functions.md](functions.md), warnings in [checks.md](checks.md).\n\n";
    (page.to_owned() + &chapters.collect::<Vec<_>>().join("\n")).trim_end().to_owned()
}

impl Topic {
    fn chapter(self) -> String {
        match self {
            Self::Settings => keys::settings(),
            Self::Types => types(),
            Self::FrontMatter => keys::front_matter(),
            Self::Sql => sql::contract(),
            Self::Tables => tables(),
            Self::Codes => codes(),
        }
    }
}

fn types() -> String {
    let mut text = "## Types of columns\n\n\
         For `columns` of a source. `!` behind a type means not null: `\"text!\"`; `?` means that a file may lack \
         the column, which is NULL then: `\"text?\"`. A file whose column does not fit is refused, never converted with \
         a loss: declare what the files have, and convert in `sql/staging/`.\n\n"
        .to_owned();
    for (name, meaning) in TYPES {
        let _ = writeln!(text, "- `{name}`: {meaning}");
    }
    text
}

fn tables() -> String {
    let mut text = "## Published tables\n\n\
         A night publishes them together, in one commit, as Parquet files that `roster resolve` names. Rows are sorted; \
         files are compressed by zstd and have a page index.\n"
        .to_owned();
    for table in TABLES {
        let _ = write!(
            text,
            "\n### {}\n\n{} Sorted by {}.\n\n| column | type | meaning |\n|---|---|---|\n",
            table.name,
            table.row,
            table.sorted_by.join(", ").replace('<', "&lt;").replace('>', "&gt;")
        );
        for Column { name, of, nullable, meaning } in table.columns {
            let null = if *nullable { "" } else { ", not null" };
            let _ = writeln!(text, "| `{name}` | `{}`{null} | {meaning} |", of.shown());
        }
    }
    text
}

fn codes() -> String {
    let mut text = "## Exit codes\n\n| code | meaning | what to do |\n|---|---|---|\n".to_owned();
    for exit in EXITS {
        let _ = writeln!(text, "| {} | {} | {} |", exit.codes, exit.means, exit.next);
    }
    text += "\n## Codes of the report\n\n\
             `code` in the report of `roster run --json` says how the run ended. Codes are never renamed.\n\n\
             | code | exit code | meaning |\n|---|---|---|\n";
    for ending in ENDINGS {
        let _ = writeln!(text, "| `{}` | {} | {} |", ending.code, ending.exit_code, ending.means);
    }
    text += "\n## Codes of mistakes\n\n\
             `error[...]` of `roster check`, and `problems` in the report. An extract that is not as promised has the \
             code of the report.\n\n";
    for mistake in MISTAKES {
        let _ = writeln!(text, "- `{}`: {}", mistake.code, mistake.means);
    }
    text
}
