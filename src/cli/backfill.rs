//! `roster backfill`.

use chrono::NaiveDate;
use clap::Args;
use futures::FutureExt;

use super::host::{Terminal, interrupted};
use super::output::{complain, say};
use super::{ProjectArguments, WriterArguments, summary};
use crate::backfill::{Filled, backfill};
use crate::core::{AsOf, Reach, Refusal};
use crate::error::{Error, Result};
use crate::report::Outcome;
use crate::run::Order;

/// The exit code of nights that are committed differently: a person decides.
const DIFFERS: u8 = 5;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster backfill --from 2026-01-01 --to 2026-05-31           every night that is not committed yet
  roster backfill --from 2026-01-01 --to 2026-05-31 --jobs 4  four computed at once, published in order

The same command again goes on where it stopped. A run of a later night beside it starts again with each night that is
published below it, and may come too late: let the backfill end first. Nights that are committed under other SQL or inputs stay, and the exit
code is 5; --replace recomputes them. Nights before the current one are side nights: found by their date.";

#[derive(Debug, Args)]
pub(super) struct BackfillArguments {
    #[command(flatten)]
    pub(super) project: ProjectArguments,
    #[command(flatten)]
    writer: WriterArguments,
    /// The first night
    #[arg(long, value_name = "DATE")]
    from: NaiveDate,
    /// The last night
    #[arg(long, value_name = "DATE")]
    to: NaiveDate,
    /// Nights computed at once; each takes memory of its own
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Recompute nights that are committed under other SQL or inputs
    #[arg(long)]
    replace: bool,
}

pub(super) async fn fill(arguments: BackfillArguments) -> Result<u8> {
    let project = arguments.project.load()?;
    let (from, to) = (arguments.from, arguments.to);
    let as_of = AsOf::new(from, project.config.time_zone).filter(|_| from <= to);
    let as_of = as_of.ok_or_else(|| Error::Setting {
        message: format!("there is no night from {from} to {to}"),
        help: "--from is the first night, --to the last".to_owned(),
    })?;
    let order = Order {
        as_of,
        dry_run: false,
        reach: if arguments.replace { Reach::Replace } else { Reach::Beside },
        show_values: false,
        accept: &[],
        exclusivity: arguments.writer.exclusivity(),
    };
    let host = Terminal::new(true);
    let (mut differs, mut answer) = (0, 0);
    let told = |day: NaiveDate, filled: Filled| match filled {
        Filled::Committed(report) => {
            let version = report.version.unwrap_or_default();
            answer = answer.max(report.exit_code); // 4 where something was carried forward
            say(&match report.outcome {
                Outcome::AlreadyCommitted => format!("{day}  version {version}  already committed"),
                _ => format!("{day}  version {version}"),
            });
            summary::show_stale(&report);
            for warning in &report.warnings {
                complain(&format!("warning: {day}: {warning}"));
            }
        }
        Filled::Kept(refusal) => {
            differs += 1;
            say(&match refusal {
                Refusal::Withdrawn(_) => format!("{day}  kept: withdrawn by a rollback"),
                _ => format!("{day}  kept: committed under other SQL or inputs"),
            });
        }
    };
    let jobs = arguments.jobs.max(1);
    let signal = interrupted().shared();
    let filled = Box::pin(backfill(&project, (from, to), jobs, order, &host, signal, told)).await;
    match filled {
        Ok(()) => {}
        Err(error @ Error::Interrupted { .. }) => {
            complain("interrupted: the nights above are published; the same command goes on");
            return Ok(error.exit_code());
        }
        Err(error) => return Err(error),
    }
    // What a person has to decide counts more than what was carried forward.
    Ok(if differs > 0 { DIFFERS } else { answer })
}
