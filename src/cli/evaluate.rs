//! `roster evaluate`.

use clap::{Args, ValueEnum};

use super::output::{complain, say};
use super::summary::table;
use super::{Day, ProjectArguments};
use crate::error::{Error, Result};
use crate::evaluate::{self, Evaluation, Flow, Part, Score, Segment, Span};
use crate::statistics::Estimate;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster evaluate --from 2026-05-31 --to 2026-06-30
  roster evaluate --from 2026-05-31 --to 2026-06-30 --format json | jq '.scores[].all.auc'
  roster evaluate --from 2026-03-31 --to 2026-06-30    a quarter tells more

It reads what both nights have published and nothing else. An account has left if it was live at
the first night and by the second is not, or is more than 30 days behind the end of its term.
Bounds in brackets are at 95 %. Which columns are revenue, end of the term, satisfaction and
scores, [evaluate] in roster.toml says.";

#[derive(Debug, Args)]
pub(super) struct EvaluateArguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The night whose segments and scores are evaluated, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    from: Day,
    /// The later night that tells what became of them
    #[arg(long, value_name = "DATE")]
    to: Day,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Take nights too that saw inputs as they were later
    #[arg(long)]
    allow_leak: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One object
    Json,
}

pub(super) async fn show(arguments: EvaluateArguments) -> Result<u8> {
    let config = arguments.project.config()?;
    let [from, to] = [arguments.from, arguments.to].map(|day| day.as_of(config.time_zone));
    let span = Span { from: from?.day(), to: to?.day(), allow_leak: arguments.allow_leak };
    let evaluation = evaluate::evaluate(&config, span).await?;
    match arguments.format {
        Format::Table => {
            say(&shown(&evaluation));
            for warning in &evaluation.warnings {
                complain(&format!("warning: {warning}"));
            }
        }
        Format::Json => {
            let json = serde_json::to_string_pretty(&evaluation);
            say(&json.map_err(|error| Error::Bug(format!("evaluate: {error}")))?);
        }
    }
    Ok(0)
}

fn shown(evaluation: &Evaluation) -> String {
    let Evaluation { from, to, accounts, left, .. } = evaluation;
    let mut text = format!("{from} to {to}: {left} of {accounts} accounts left\n\n");
    text += &segments(&evaluation.segments);
    if !evaluation.scores.is_empty() {
        text += "\n\n";
        text += &ranking(&evaluation.scores);
    }
    for score in &evaluation.scores {
        text += "\n\n";
        text += &reliability(score);
    }
    text
}

fn segments(segments: &[Segment]) -> String {
    let header = [
        "segmentation",
        "segment",
        "accounts",
        "logo retention",
        "NRR",
        "GRR",
        "satisfaction",
        "later",
    ];
    let mut table = table(&header, 2);
    for segment in segments {
        table.add_row([
            segment.segmentation.clone(),
            segment.segment.clone(),
            segment.accounts.to_string(),
            percent(segment.logo_retention),
            percent(segment.net_revenue_retention),
            percent(segment.gross_revenue_retention),
            plain(segment.satisfaction_change),
            flows(&segment.flows),
        ]);
    }
    table.trim_fmt()
}

/// Parts of a segment that are told to people; JSON has all of them.
const FLOWS: usize = 3;

fn flows(flows: &[Flow]) -> String {
    let mut largest: Vec<&Flow> = flows.iter().collect();
    largest.sort_by_key(|flow| std::cmp::Reverse(flow.accounts));
    let told = largest.into_iter().take(FLOWS).map(|flow| {
        let to = flow.segment.as_deref().unwrap_or(flow.to);
        let share = flow.share.map_or(0.0, |share| share.value);
        format!("{to} {:.0} %", 100.0 * share)
    });
    told.collect::<Vec<_>>().join(", ")
}

fn ranking(scores: &[Score]) -> String {
    let mut table = table(&["score", "of", "accounts", "left", "AUC", "lift of the top tenth"], 2);
    for score in scores {
        let parts =
            [("all", &score.all), ("term ended", &score.term_ended), ("others", &score.others)];
        for (of, Part { accounts, left, auc, lift }) in parts {
            let row = [accounts.to_string(), left.to_string(), plain(*auc), plain(*lift)];
            table.add_row([score.column.clone(), of.to_owned()].into_iter().chain(row));
        }
    }
    table.trim_fmt()
}

fn reliability(score: &Score) -> String {
    let mut table = table(&[score.column.as_str(), "to", "mean", "accounts", "left"], 0);
    for group in &score.reliability {
        let [lowest, highest, mean] =
            [group.lowest, group.highest, group.mean].map(|score| format!("{score:.1}"));
        table.add_row([lowest, highest, mean, group.accounts.to_string(), percent(group.left)]);
    }
    table.trim_fmt()
}

fn percent(estimate: Option<Estimate>) -> String {
    with_bounds(estimate, |share| format!("{:.1}", 100.0 * share), " %")
}

fn plain(estimate: Option<Estimate>) -> String {
    // Plus 0: of -0.001 the sign would stay.
    with_bounds(estimate, |number| format!("{:.2}", (100.0 * number).round() / 100.0 + 0.0), "")
}

/// Nothing where it is not known.
fn with_bounds(estimate: Option<Estimate>, show: impl Fn(f64) -> String, unit: &str) -> String {
    let Some(Estimate { value, interval }) = estimate else { return String::new() };
    let bounds = interval
        .map_or_else(|| "?".to_owned(), |[low, high]| format!("{}..{}", show(low), show(high)));
    format!("{}{unit} [{bounds}]", show(value))
}
