//! A run's report as a table.

use comfy_table::{CellAlignment, Table, presets};

use super::output::{complain, say};
use crate::core::AuditOutcome;
use crate::report::{Outcome, RunReport};

/// A table in the one look that all commands share; the columns from `numbers` on stand to the right.
pub(super) fn table(header: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header.iter().copied());
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= numbers {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Says what a run came to: the table on standard output, what needs a look on standard error.
pub(super) fn show(report: &RunReport) {
    if !report.segmentations.is_empty() {
        let mut table = table(&["segmentation", "members", "entered", "moved", "left"], 1);
        for segmentation in &report.segmentations {
            let numbers =
                [segmentation.members, segmentation.entered, segmentation.moved, segmentation.left];
            let numbers = numbers.map(|number| number.to_string());
            table.add_row([segmentation.name.clone()].into_iter().chain(numbers));
        }
        say(&table.trim_fmt());
    }
    for warning in &report.warnings {
        complain(&format!("warning: {warning}"));
    }
    for audit in &report.audits {
        let word = match audit.outcome {
            AuditOutcome::Warned => "warning",
            AuditOutcome::Accepted => "accepted",
            AuditOutcome::Failed => continue, // the night, or a stale segmentation, has said so
        };
        complain(&format!("{word}: {} ({}): {}", audit.of, audit.rule, audit.message));
    }
    say(&last_line(report));
}

/// Says which segmentations are not of this night, whatever the output: exit code 4 never comes without a reason.
pub(super) fn show_stale(report: &RunReport) {
    for stale in &report.stale {
        let (name, since, because) = (&stale.segmentation, stale.since, &stale.because);
        let members = match report.previous_as_of {
            Some(_) => "its members of before are kept",
            None => "without members, as no night is before",
        };
        complain(&format!("{name} is stale since {since}, {members}: {because}"));
    }
}

fn last_line(report: &RunReport) -> String {
    let night = report.as_of;
    let against = match report.previous_as_of {
        Some(previous) => format!("compared with {previous}"),
        None => "the first night".to_owned(),
    };
    let version = report.version.unwrap_or_default();
    let against = match report.stale.len() {
        0 => against,
        stale => format!("{against}, {stale} stale"),
    };
    match report.outcome {
        Outcome::Committed if report.advances == Some(false) => {
            format!("night of {night} committed as version {version}, a side night, {against}")
        }
        Outcome::Committed => format!("night of {night} committed as version {version}, {against}"),
        Outcome::AlreadyCommitted => {
            format!("night of {night} is committed already, as version {version}")
        }
        Outcome::DryRun => {
            format!("night of {night} computed and audited, {against}; not published")
        }
        Outcome::Failed => format!("night of {night} failed"),
    }
}
