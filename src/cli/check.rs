//! `roster check`.

use std::collections::{BTreeMap, HashSet};

use clap::Args;

use super::host::size;
use super::output::{colours, say};
use super::summary::table;
use super::{Day, ProjectArguments, problems, shown, variable};
use crate::check::{self, SourceSeen};
use crate::core::{Level, Name, counted};
use crate::error::{Error, Result};
use crate::project::Project;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster check                                     the project in this folder
  roster check --project acme --as-of 2026-06-30   as the night of that day would see it
  roster check --sources                           also: files and columns that are there and not read
  roster check --warnings-as-errors                for a pull request

Reads roster.toml, sql/, and the footers of the extracts; no row. Exit code 2 if there are errors.";

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    pub(super) project: ProjectArguments,
    /// The night to plan for: YYYY-MM-DD, or today in the project's time zone
    #[arg(long, value_name = "DATE", default_value = "today")]
    as_of: Day,
    /// Show what there is of each source, and what is not read of it
    #[arg(long)]
    sources: bool,
    /// Let warnings fail the check too
    #[arg(long)]
    warnings_as_errors: bool,
}

pub(super) async fn check(arguments: CheckArguments) -> Result<u8> {
    let directory = &arguments.project.project;
    let (project, mut found) = Project::read(directory, &variable)?;
    if let Some(project) = &project {
        let as_of = arguments.as_of.as_of(project.config.time_zone)?;
        let checked = check::check(project, as_of).await?;
        found.extend(checked.problems);
        if arguments.sources {
            show_sources(&checked.sources);
        }
    }
    // What the text says wrong, the plan may find wrong again in the same place.
    let mut told = HashSet::new();
    found.retain(|problem| {
        let place = (problem.file.path.clone(), problem.span.clone());
        problem.span.is_empty() || told.insert(place)
    });
    let errors =
        found.iter().any(|problem| problem.level == Level::Error || arguments.warnings_as_errors);
    if errors {
        return Err(Error::Project(found));
    }
    if !found.is_empty() {
        super::output::complain(&problems::render(&found, colours()));
    }
    if let Some(project) = project {
        say(&format!(
            "{}: {}, {}, {}: no errors, {}",
            shown(directory),
            counted(project.config.sources.len(), "source"),
            counted(project.files.len(), "SQL file"),
            counted(project.segmentations().count(), "segmentation"),
            counted(found.len(), "warning")
        ));
    }
    Ok(0)
}

/// Of a source's files and columns that are not read, as many are named.
const NAMED: usize = 10;

fn show_sources(sources: &BTreeMap<Name, SourceSeen>) {
    let mut table = table(&["source", "files", "rows", "size"], 1);
    for (name, SourceSeen { input, .. }) in sources {
        let (files, rows) = (input.files.to_string(), input.rows.to_string());
        table.add_row([name.to_string(), files, rows, size(input.size_bytes)]);
    }
    say(&table.trim_fmt());
    for (name, seen) in sources {
        let columns: Vec<_> = seen.undeclared.iter().cloned().collect();
        for (what, names) in [("files", &seen.passed_over), ("undeclared columns", &columns)] {
            if !names.is_empty() {
                let more = names.len().saturating_sub(NAMED);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let names = names[..names.len().min(NAMED)].join(", ");
                say(&format!("raw.{name}: {what} not read: {names}{more}"));
            }
        }
    }
}
