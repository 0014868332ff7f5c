//! What may be done on top of a state of the log: the pure part of the commit protocol. `commit` carries it out.

mod forget;
mod rollback;
mod run;
mod vacuum;

pub use forget::forgotten;
pub use rollback::{RollbackPlan, judge_rollback, plan_rollback, rolled_back};
pub use run::{Ground, Plan, Reach, Wish, judge, plan};
pub use vacuum::{plan_vacuum, vacuumed};

use chrono::NaiveDate;

use super::Night;

/// What somebody else's record in my slot means for me.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Nothing: the next slot is mine to try.
    Next,
    /// What I prepared stands on ground that is no more: once more, under a new attempt.
    Restart,
    /// The night is there.
    Done(Night),
    /// The log says already what I wanted to say.
    AlreadySo,
    /// It must not be published any more.
    Refused(Refusal),
}

/// Why something must not be published.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The night is committed under other SQL or inputs.
    Differs(Night),
    /// A rollback withdrew it.
    Withdrawn(Night),
    /// Somebody holds publication, for a reason.
    Held(String),
    /// A newer night is current.
    Late(NaiveDate),
    /// The files of the version to go back to are gone, or about to be.
    Expired(u64),
}
