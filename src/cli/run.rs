//! `roster run`.

use clap::Args;

use super::host::{Terminal, interrupted, size};
use super::output::say;
use super::summary::table;
use super::{Day, ProjectArguments, WriterArguments, problems, summary};
use crate::core::{AsOf, Reach};
use crate::error::{Error, Result};
use crate::foresee::{Foreseen, foresee};
use crate::project::Project;
use crate::report::RunReport;
use crate::run::{self, Order};

pub(super) const EXAMPLES: &str = "\
Examples:
  roster run --as-of 2026-06-30                    publish the night of that day
  roster run --as-of 2026-06-30 --plan             what would be read and written
  roster run --as-of 2026-06-30 --dry-run          compute and audit, publish nothing
  roster run --as-of 2026-06-30 --replace          recompute a committed night
  roster run --as-of 2026-06-30 --select renewal_due --dry-run         one segmentation, looked at
  roster run --as-of 2026-06-30 --select tag:sales --replace           some of a committed night, the rest stays
  roster run --as-of 2026-06-30 --accept segment.health:max_change   let one audit pass, this once
  roster run --as-of today --json > report.json    for an orchestrator

The same command again is harmless: a committed night is answered with 0. Exit codes: roster --help";

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) project: ProjectArguments,
    /// The night: YYYY-MM-DD, or today in the project's time zone
    #[arg(long, value_name = "DATE")]
    as_of: Day,
    /// Compute and audit, publish nothing
    #[arg(long)]
    dry_run: bool,
    /// Tell what would be read and written, compute nothing
    #[arg(long, conflicts_with_all = ["dry_run", "accept"])]
    plan: bool,
    /// Recompute a committed night, or publish one that is older than the current
    #[arg(long)]
    replace: bool,
    /// Publish this night although that audit found something, as the report names it; may be given several times
    #[arg(long, value_name = "AUDIT")]
    accept: Vec<String>,
    /// Compute these segmentations alone: a name, +name (with what it reads), name+ (with what reads it), tag:x, owner:x;
    /// may be given several times. With --dry-run, or with --replace on a committed night, whose others stay
    #[arg(long, value_name = "WHICH")]
    select: Vec<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Show values of the data in errors
    #[arg(long)]
    show_values: bool,
    #[command(flatten)]
    writer: WriterArguments,
}

pub(super) async fn run(arguments: RunArguments) -> u8 {
    let (project, as_of) = match prepare(&arguments) {
        Ok(prepared) => prepared,
        Err((day, error)) => return told(&arguments, None, day, Err(error)),
    };
    let order = Order {
        as_of,
        dry_run: arguments.dry_run || arguments.plan,
        reach: if arguments.replace { Reach::Replace } else { Reach::Newest },
        show_values: arguments.show_values,
        accept: &arguments.accept,
        exclusivity: arguments.writer.exclusivity(),
    };
    let host = Terminal::new(false);
    if arguments.plan {
        let foreseen = foresee(&project, order, &host).await;
        host.finish();
        return match foreseen.and_then(|foreseen| told_ahead(&foreseen, arguments.json)) {
            Ok(()) => 0,
            Err(error) => told(&arguments, Some(&project), as_of.day(), Err(error)),
        };
    }
    let ended = run::run(&project, order, &host, interrupted()).await;
    host.finish();
    told(&arguments, Some(&project), as_of.day(), ended)
}

/// Tells what a run would do.
fn told_ahead(foreseen: &Foreseen, json: bool) -> Result<()> {
    if json {
        let json = serde_json::to_string_pretty(foreseen);
        say(&json.map_err(|error| Error::Bug(format!("plan: {error}")))?);
        return Ok(());
    }
    let mut table = table(&["source", "files", "rows", "size", "to read at most"], 1);
    for (name, source) in &foreseen.sources {
        let input = source.input;
        table.add_row([
            name.clone(),
            input.files.to_string(),
            input.rows.to_string(),
            size(input.size_bytes),
            size(source.scan_bytes),
        ]);
    }
    say(&table.trim_fmt());
    let Foreseen { as_of, version, segmentations, tables, .. } = foreseen;
    say(&format!(
        "\n{} segmentations: {}\n{} tables: {}\n",
        segmentations.len(),
        segmentations.join(", "),
        tables.len(),
        tables.join(", ")
    ));
    let against = match foreseen.previous_as_of {
        Some(previous) => format!("compared with {previous}"),
        None => "the first night".to_owned(),
    };
    let beside = if foreseen.advances { "" } else { ", beside the current night" };
    say(&match foreseen.committed {
        Some(version) => {
            format!("the night of {as_of} is committed as version {version}: a run changes nothing")
        }
        None => format!("the night of {as_of} would be version {version}, {against}{beside}"),
    });
    Ok(())
}

fn prepare(
    arguments: &RunArguments,
) -> std::result::Result<(Project, AsOf), (chrono::NaiveDate, Error)> {
    // Until the project says whose day it is, today is UTC's.
    let day = match arguments.as_of {
        Day::Date(day) => day,
        Day::Today => super::now().date_naive(),
    };
    let mut project = arguments.project.load().map_err(|error| (day, error))?;
    if !arguments.select.is_empty() {
        if !arguments.dry_run && !arguments.replace && !arguments.plan {
            let message = "--select alone would publish a night without its other segmentations";
            let help = "add --dry-run to look, or --replace to publish into a committed night";
            let error = Error::Setting { message: message.to_owned(), help: help.to_owned() };
            return Err((day, error));
        }
        project = project.select(&arguments.select).map_err(|error| (day, error))?;
    }
    let as_of = arguments.as_of.as_of(project.config.time_zone).map_err(|error| (day, error))?;
    Ok((project, as_of))
}

/// Tells how a run ended: as JSON, or as a table and a reason.
fn told(
    arguments: &RunArguments,
    project: Option<&Project>,
    day: chrono::NaiveDate,
    ended: Result<RunReport>,
) -> u8 {
    let report = ended.unwrap_or_else(|error| {
        problems::show_error(&error);
        RunReport::failed(project.map(|project| project.config.name.to_string()), day, &error)
    });
    summary::show_stale(&report);
    if arguments.json {
        match serde_json::to_string_pretty(&report) {
            Ok(json) => say(&json),
            Err(error) => problems::show_error(&Error::Bug(format!("report: {error}"))),
        }
    } else if report.error.is_none() {
        summary::show(&report);
    }
    report.exit_code
}
