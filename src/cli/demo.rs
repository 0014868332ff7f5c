//! `roster demo`.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::Args;

use super::host::{Terminal, interrupted, size};
use super::output::{complain, say};
use super::starter::{cannot_write, check_empty, settings, write_project};
use super::{shown, summary, variable};
use crate::commit::Exclusivity;
use crate::core::{AsOf, Reach};
use crate::demo::Company;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::run::{self, Order};

pub(super) const EXAMPLES: &str = "\
Examples:
  roster demo                                      1,000 accounts in ./roster-demo
  roster demo acme --accounts 200 --seed 7         another company; the same seed makes the same bytes
  roster demo acme --silent-churn                  leavers who show no sign: what no score can find

Afterwards the folder is a project like any other: look into its roster.toml and sql/.";

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Where to make it; must be empty or not there yet
    #[arg(value_name = "DIR", default_value = "roster-demo")]
    directory: PathBuf,
    /// How many accounts the company has had
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    accounts: u32,
    /// Another seed makes another company
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Accounts leave without their usage falling before
    #[arg(long)]
    silent_churn: bool,
    /// Make the extracts and the project, run no night
    #[arg(long)]
    no_run: bool,
}

pub(super) async fn demo(arguments: DemoArguments) -> Result<u8> {
    let directory = &arguments.directory;
    make(&arguments)?;
    let project = Project::load(directory, &variable)?;
    if arguments.no_run {
        say(&format!("made {}", shown(directory)));
        return Ok(0);
    }
    for (month, day) in [(5, 31), (6, 30)] {
        let day = NaiveDate::from_ymd_opt(2026, month, day);
        let as_of = day.and_then(|day| AsOf::new(day, project.config.time_zone));
        let as_of = as_of.ok_or_else(|| Error::Bug("a night of the demo".to_owned()))?;
        say(&format!("\n$ roster run --project {} --as-of {}", shown(directory), as_of.day()));
        let host = Terminal::new(false);
        let exclusivity = Exclusivity::Store;
        let order = Order {
            as_of,
            dry_run: false,
            reach: Reach::Newest,
            show_values: false,
            accept: &[],
            exclusivity,
        };
        let ended = run::run(&project, order, &host, interrupted()).await;
        host.finish();
        summary::show(&ended?);
    }
    let name = shown(directory);
    say(&format!(
        "\nLook around:\n  {name}/sql/segments/            what was asked, in plain SQL\n  roster log --project {name}\n  \
         roster resolve --project {name} --table membership --format paths"
    ));
    Ok(0)
}

/// Writes the extracts and the project over them.
fn make(arguments: &DemoArguments) -> Result<()> {
    let directory = &arguments.directory;
    check_empty(directory, "roster demo")?;
    complain(&format!(
        "making a company of {} accounts in {}",
        arguments.accounts,
        shown(directory)
    ));
    let company = Company {
        accounts: usize::try_from(arguments.accounts).unwrap_or(usize::MAX),
        seed: arguments.seed,
        churn_shows: !arguments.silent_churn,
    };
    let extracts = directory.join("extracts");
    let mut written = Vec::new();
    company
        .write(&extracts, &mut |table, rows| written.push((table.to_owned(), rows)))
        .map_err(|error| cannot_write(&extracts, &error.to_string()))?;
    write_project(directory, settings())?;
    let mut table = summary::table(&["extract", "rows", "size"], 1);
    for (name, rows) in written {
        let bytes = folder_size(&extracts.join(&name));
        table.add_row([name, rows.to_string(), size(bytes)]);
    }
    say(&table.trim_fmt());
    Ok(())
}

fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
