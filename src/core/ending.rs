//! How commands end: exit codes for orchestrators, stable codes for scripts.

/// What the process answers.
#[derive(Debug)]
pub struct Exit {
    /// The code, or several that mean the same.
    pub codes: &'static str,
    /// What happened.
    pub means: &'static str,
    /// What an orchestrator does next.
    pub next: &'static str,
}

/// Every exit code.
pub const EXITS: [Exit; 8] = [
    Exit {
        codes: "0",
        means: "done: the night is committed, or this very night already is",
        next: "go on",
    },
    Exit {
        codes: "2",
        means: "wrong input: arguments, SQL, roster.toml, an extract that is not as promised, an audit that stops the \
                night, too little memory; a hold, a damaged log, a gap in the feed",
        next: "alert, do not retry",
    },
    Exit {
        codes: "3",
        means: "a store, the network or a disk; or the outcome of the commit is unknown",
        next: "run the same command again",
    },
    Exit {
        codes: "4",
        means: "committed with stale segmentations; again 4 when repeated",
        next: "alert, go on",
    },
    Exit {
        codes: "5",
        means: "committed under other SQL or inputs, withdrawn by a rollback, or a newer night is current",
        next: "decide: `--replace`",
    },
    Exit {
        codes: "6",
        means: "inputs not ready: late, missing, or changed while they were read; of `status`: nothing committed, or \
                too old",
        next: "retry later",
    },
    Exit { codes: "70", means: "a bug of ours", next: "report it" },
    Exit {
        codes: "130, 143",
        means: "interrupted by SIGINT or SIGTERM, nothing published",
        next: "run it again",
    },
];

/// How a run can end.
#[derive(Debug)]
pub struct Ending {
    /// A stable name; never renamed.
    pub code: &'static str,
    /// What the process answers.
    pub exit_code: u8,
    /// What happened.
    pub means: &'static str,
}

/// A constant for each, and the list of all.
macro_rules! endings {
    ($($name:ident = $code:literal, $exit_code:literal, $means:literal;)*) => {
        $(pub(crate) const $name: Ending = Ending { code: $code, exit_code: $exit_code, means: $means };)*

        /// Every ending of a run.
        pub const ENDINGS: &[Ending] = &[$($name),*];
    };
}

endings! {
    COMMITTED = "committed", 0, "the night is published";
    COMMITTED_STALE = "committed_stale", 4, "the night is published, and some segmentations are those of the night before";
    ALREADY_COMMITTED = "already_committed", 0, "this very night is published already (4 if it has stale segmentations)";
    DRY_RUN = "dry_run", 0, "computed and audited, not published, as asked (4 if some segmentations would be stale)";
    INVALID_PROJECT = "invalid_project", 2, "mistakes in roster.toml or sql/, listed under `problems` (3 or 6 if all of \
        them are about extracts that can not be read or are not ready)";
    QUERY_FAILED = "query_failed", 2, "a query that is fine on paper failed on the data, and the night can not go on without it";
    AUDIT_FAILED = "audit_failed", 2, "audits that stop the night, listed under `audits`";
    INVALID_SETTING = "invalid_setting", 2, "an argument or an environment variable";
    RESOURCES_EXHAUSTED = "resources_exhausted", 2, "too little memory or disk for a query";
    UNUSABLE_LOG = "unusable_log", 2, "the output belongs to something else, or its log can not be understood";
    BAD_EXTRACT = "bad_extract", 2, "a file that is not what roster.toml says, or is damaged";
    HELD = "held", 2, "publication is on hold";
    EXPIRED = "expired", 2, "what is asked for was deleted by `vacuum`";
    STORE_FAILED = "store_failed", 3, "a store said no, or nothing";
    OUTCOME_UNKNOWN = "outcome_unknown", 3, "the commit was sent and nobody can tell whether it arrived; the same command finds out";
    COMMITTED_DIFFERENTLY = "committed_differently", 5, "this night is published under other SQL or inputs";
    WITHDRAWN = "withdrawn", 5, "this night was taken back by a rollback";
    LATE = "late", 5, "a later night is current already";
    INPUTS_NOT_READY = "inputs_not_ready", 6, "an extract is late, half delivered, or changed while it was read";
    INTERRUPTED = "interrupted", 130, "SIGINT; 143 for SIGTERM";
    BUG = "bug", 70, "what can not happen";
}
