//! What stops a command, grouped by who can do something about it.

use std::fmt::Write as _;

use chrono::NaiveDate;

use crate::core::{
    Audit, AuditOutcome, Ending, Level, Night, Problem, Refusal, TableName, counted, ending,
};

/// The result of everything above `core`.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command ended early. `Display` says where, what, and the next thing to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // ---- the analyst: edit the file named first ----
    /// Mistakes in the project, all of them; shown with their places by the command line.
    #[error("the project has {}", count_problems(.0))]
    Project(Vec<Problem>),
    /// A query that was fine on paper failed on the data.
    #[error("{table} failed ({file}): {cause}\n  {help}")]
    Query {
        /// What was computed.
        table: TableName,
        /// The file to open.
        file: String,
        /// What the engine says.
        cause: String,
        /// The next step.
        help: String,
    },
    /// Audits that must hold did not.
    #[error(
        "{}\nnothing is published; the last committed night is still served\n  {}",
        list_audits(.0),
        after_audits(.0)
    )]
    Audits(Vec<Audit>),

    // ---- the operator: check the platform or its settings ----
    /// A setting of the command line or the environment.
    #[error("{message}\n  {help}")]
    Setting {
        /// What is wrong.
        message: String,
        /// The next step.
        help: String,
    },
    /// Too little memory or disk for a query.
    #[error(
        "{table} needs more memory or disk than it may have: {cause}\n  raise `memory_limit` under \
         [run] in roster.toml, or what the container may have, lower `threads`, or give the spill directory (TMPDIR) more room"
    )]
    Resources {
        /// What was computed.
        table: String,
        /// What the engine says.
        cause: String,
    },
    /// The output root belongs to something else, or its log can not be understood.
    #[error("{message}\n  {help}")]
    Log {
        /// What is wrong.
        message: String,
        /// The next step.
        help: String,
    },
    /// A store said no, or nothing.
    #[error("cannot {doing} {url}: {cause}\n  {help}")]
    Store {
        /// The verb: list, read, write.
        doing: &'static str,
        /// Where, without secrets.
        url: String,
        /// What the store says, without secrets.
        cause: String,
        /// The next step.
        help: &'static str,
    },
    /// The commit was sent, and nobody can tell whether it arrived.
    #[error(
        "the outcome of the commit is unknown: {cause}\n  nothing was deleted; run the same command \
         again, it finds out and finishes"
    )]
    OutcomeUnknown {
        /// What the store says.
        cause: String,
    },

    // ---- whoever delivers the extracts ----
    /// A file that is not what it should be.
    #[error("raw.{source_name}: {file}: {cause}\n  {help}")]
    Extract {
        /// The source.
        source_name: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: String,
        /// The next step.
        help: String,
    },
    /// Late, half delivered, or changed while it was read.
    #[error("raw.{source_name}: {cause}\n  {help}")]
    NotReady {
        /// The source.
        source_name: String,
        /// What is missing.
        cause: String,
        /// The next step.
        help: String,
    },

    // ---- a person decides ----
    /// The log does not let this night in.
    #[error("{}", describe_refusal(*.as_of, .refusal, .differing))]
    Refused {
        /// The night.
        as_of: NaiveDate,
        /// Why.
        refusal: Box<Refusal>,
        /// Parts of the fingerprint that are not what was committed.
        differing: Vec<String>,
    },
    /// SIGINT or SIGTERM.
    #[error("interrupted: nothing was published")]
    Interrupted {
        /// 2 or 15.
        signal: u8,
    },

    // ---- us ----
    /// What can not happen.
    #[error("a bug in Roster: {0}\n  please report it with this message")]
    Bug(String),
}

impl Error {
    /// The process's exit code: what an orchestrator does next.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            // What a person has to mend counts more than what may come by itself.
            Self::Project(problems) => {
                let codes = problems.iter().filter(|problem| problem.level == Level::Error);
                codes
                    .map(|problem| problem.exit_code)
                    .min_by_key(|code| (*code != 2, *code))
                    .unwrap_or(2)
            }
            Self::Interrupted { signal } => 128 + signal,
            other => other.ending().exit_code,
        }
    }

    /// A stable name for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.ending().code
    }

    fn ending(&self) -> &'static Ending {
        match self {
            Self::Project(_) => &ending::INVALID_PROJECT,
            Self::Query { .. } => &ending::QUERY_FAILED,
            Self::Audits(_) => &ending::AUDIT_FAILED,
            Self::Setting { .. } => &ending::INVALID_SETTING,
            Self::Resources { .. } => &ending::RESOURCES_EXHAUSTED,
            Self::Log { .. } => &ending::UNUSABLE_LOG,
            Self::Extract { .. } => &ending::BAD_EXTRACT,
            Self::Store { .. } => &ending::STORE_FAILED,
            Self::OutcomeUnknown { .. } => &ending::OUTCOME_UNKNOWN,
            Self::NotReady { .. } => &ending::INPUTS_NOT_READY,
            Self::Refused { refusal, .. } => match **refusal {
                Refusal::Differs(_) => &ending::COMMITTED_DIFFERENTLY,
                Refusal::Withdrawn(_) => &ending::WITHDRAWN,
                Refusal::Held(_) => &ending::HELD,
                Refusal::Late(_) => &ending::LATE,
                Refusal::Expired(_) => &ending::EXPIRED,
            },
            Self::Interrupted { .. } => &ending::INTERRUPTED,
            Self::Bug(_) => &ending::BUG,
        } // No `_` arm: whoever adds a variant decides.
    }
}

fn count_problems(problems: &[Problem]) -> String {
    let count = |level| problems.iter().filter(|problem| problem.level == level).count();
    match (count(Level::Error), count(Level::Warning)) {
        // Whoever wants warnings to count is told of them.
        (0, warnings) => counted(warnings, "warning"),
        (errors, _) => counted(errors, "error"),
    }
}

/// What to do about failed audits, with the first that could be accepted.
fn after_audits(audits: &[Audit]) -> String {
    let mut failed = audits.iter().filter(|audit| audit.outcome == AuditOutcome::Failed);
    match failed.find(|audit| audit.can_be_accepted()) {
        Some(audit) => format!(
            "mend what they name, or let one pass this once: `roster run --accept {}`",
            audit.id()
        ),
        None => "mend what they name, then run again".to_owned(),
    }
}

fn list_audits(audits: &[Audit]) -> String {
    let mut text = String::from("failed audits:");
    for audit in audits.iter().filter(|audit| audit.outcome == AuditOutcome::Failed) {
        let _ = write!(text, "\n  {} ({}): {}", audit.of, audit.rule, audit.message);
    }
    text
}

fn describe_refusal(as_of: NaiveDate, refusal: &Refusal, differing: &[String]) -> String {
    let version = |night: &Night| format!("version {}", night.version);
    match refusal {
        Refusal::Differs(night) => {
            let parts = if differing.is_empty() {
                String::new()
            } else {
                format!("; not the same: {}", differing.join(", "))
            };
            format!(
                "the night of {as_of} is committed ({}) under other SQL or inputs{parts}\n  \
                 `--replace` recomputes it; without it the committed night stays",
                version(night)
            )
        }
        Refusal::Withdrawn(night) => format!(
            "the night of {as_of} ({}) was withdrawn by a rollback\n  `--replace` brings it back, recomputed",
            version(night)
        ),
        Refusal::Held(why) => format!(
            "publication is on hold: {why}\n  release the hold, then run the same command again"
        ),
        Refusal::Expired(version) => format!(
            "the night of {as_of} as of version {version} can not be had any more: its files are deleted, or \
             named for deletion\n  roll back to a later version: `roster log` lists them"
        ),
        Refusal::Late(current) => format!(
            "the night of {as_of} came late: {current} is current already\n  `--replace` publishes it \
             beside the current night, found by its date"
        ),
    }
}
