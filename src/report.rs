//! What a run did, for machines (JSON) and for the table on a terminal.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;

use crate::core::{Audit, Position, Problem, Stale, TableFiles};
use crate::error::Error;
use crate::membership::{Change, Tally};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The night is published.
    Committed,
    /// It was already, the same.
    AlreadyCommitted,
    /// Computed and audited, not published: as asked.
    DryRun,
    /// Nothing was published.
    Failed,
}

/// The report of one run.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// How it ended.
    pub outcome: Outcome,
    /// Stable name of the ending: the outcome's, or the error's.
    pub code: String,
    /// What the process answers.
    pub exit_code: u8,
    /// The project's name; none where roster.toml can not be read.
    pub project: Option<String>,
    /// The night.
    pub as_of: NaiveDate,
    /// The commit.
    pub version: Option<u64>,
    /// Whose files the night is.
    pub attempt_id: Option<String>,
    /// The night it is compared with.
    pub previous_as_of: Option<NaiveDate>,
    /// Whether it is, or would be, the current night; otherwise a side night.
    pub advances: Option<bool>,
    /// Whether all inputs were seen as they were that night.
    pub point_in_time: Option<bool>,
    /// What was read, by source.
    pub inputs: BTreeMap<String, InputReport>,
    /// By name.
    pub segmentations: Vec<SegmentationReport>,
    /// Segmentations that are carried forward from the night before, and why.
    pub stale: Vec<Stale>,
    /// What was written, by table.
    pub tables: BTreeMap<String, TableReport>,
    /// Audits that found something.
    pub audits: Vec<Audit>,
    /// Worth a look.
    pub warnings: Vec<String>,
    /// Why it failed.
    pub error: Option<ErrorReport>,
}

/// A source's files.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct InputReport {
    /// How many.
    pub files: usize,
    /// In them, before the night's cut.
    pub rows: u64,
    /// Of the files.
    pub size_bytes: u64,
}

/// A table's file.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TableReport {
    /// In it.
    pub rows: u64,
    /// Of the file.
    pub size_bytes: u64,
}

/// A segmentation's numbers.
#[derive(Debug, Clone, Serialize)]
pub struct SegmentationReport {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// Distinct keys.
    pub members: i64,
    /// Changes against the previous night.
    pub entered: i64,
    /// From one of its segments to another.
    pub moved: i64,
    /// Out of it, or of one of several segments.
    pub left: i64,
    /// Rows by label.
    pub segments: BTreeMap<String, i64>,
}

/// Why a run failed.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorReport {
    /// What is wrong, and the next step.
    pub message: String,
    /// Mistakes in the project's files.
    pub problems: Vec<ProblemReport>,
}

/// A mistake in a file.
#[derive(Debug, Clone, Serialize)]
pub struct ProblemReport {
    /// Stable name.
    pub code: &'static str,
    /// Relative to the project.
    pub file: String,
    /// Where it stands.
    #[serde(flatten)]
    pub position: Position,
    /// What is wrong.
    pub message: String,
    /// The next step.
    pub help: String,
}

impl From<&Problem> for ProblemReport {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code,
            file: problem.file.path.display().to_string(),
            position: problem.position(),
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }
}

impl RunReport {
    /// The report of a run that has only begun.
    #[must_use]
    pub fn new(project: Option<String>, as_of: NaiveDate) -> Self {
        Self {
            outcome: Outcome::Failed,
            code: String::new(),
            exit_code: 0,
            project,
            as_of,
            version: None,
            attempt_id: None,
            previous_as_of: None,
            advances: None,
            point_in_time: None,
            inputs: BTreeMap::new(),
            segmentations: Vec::new(),
            stale: Vec::new(),
            tables: BTreeMap::new(),
            audits: Vec::new(),
            warnings: Vec::new(),
            error: None,
        }
    }

    /// The report of a run that failed.
    #[must_use]
    pub fn failed(project: Option<String>, as_of: NaiveDate, error: &Error) -> Self {
        let problems = match error {
            Error::Project(problems) => problems.iter().map(ProblemReport::from).collect(),
            _ => Vec::new(),
        };
        let audits = match error {
            Error::Audits(audits) => audits.clone(),
            _ => Vec::new(),
        };
        Self {
            audits,
            error: Some(ErrorReport { message: error.to_string(), problems }),
            ..Self::new(project, as_of).ended(Outcome::Failed, error.code(), error.exit_code())
        }
    }

    /// The same, ended.
    #[must_use]
    pub fn ended(self, outcome: Outcome, code: &str, exit_code: u8) -> Self {
        Self { outcome, code: code.to_owned(), exit_code, ..self }
    }

    /// Adds what the segmentations came to. One that is no more is told where members have left it.
    pub fn count(&mut self, tallies: BTreeMap<String, Tally>) {
        for (name, tally) in
            tallies.into_iter().filter(|(_, tally)| tally.exists || !tally.flows.is_empty())
        {
            let [entered, moved, left] =
                [Change::Entered, Change::Moved, Change::Left].map(|change| tally.count(change));
            let Tally { title, members, segments, .. } = tally;
            let report =
                SegmentationReport { name, title, members, entered, moved, left, segments };
            self.segmentations.push(report);
        }
    }
}

impl From<&TableFiles> for TableReport {
    fn from(table: &TableFiles) -> Self {
        let rows = table.files.iter().map(|file| file.rows).sum();
        Self { rows, size_bytes: table.files.iter().map(|file| file.size).sum() }
    }
}
