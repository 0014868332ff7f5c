//! Back to what was current at a version: the nights above it are withdrawn.

use super::{Refusal, Verdict};
use crate::core::{Night, Record, State};

/// Where a rollback stands on a state.
#[derive(Debug, Clone, PartialEq)]
pub enum RollbackPlan {
    /// That night is current.
    AlreadySo,
    /// It can not be had any more.
    Refused(Refusal),
    /// To be prepared: followers are led from `stands` to `target`.
    Compute {
        /// Current again, afterwards.
        target: Night,
        /// Current now.
        stands: Night,
    },
}

/// Where a rollback to `to`, an absolute version, so that a retry is harmless, stands on `state`. None where no night was
/// current there, or none is now.
#[must_use]
pub fn plan_rollback(to: &Record, state: &State) -> Option<RollbackPlan> {
    let (target, stands) = (to.state.current_night()?, state.current_night()?);
    Some(if target.attempt_id == stands.attempt_id {
        RollbackPlan::AlreadySo
    } else if state.is_kept(&target.attempt_id) {
        RollbackPlan::Compute { target: target.clone(), stands: stands.clone() }
    } else {
        RollbackPlan::Refused(Refusal::Expired(to.version))
    })
}

/// Judges a record between base and slot.
#[must_use]
pub fn judge_rollback(
    to: &Record,
    attempt_id: &str,
    planned: &RollbackPlan,
    record: &Record,
) -> Verdict {
    if record.state.stale.iter().any(|stale| stale == attempt_id) {
        return Verdict::Restart; // my feed is named for deletion
    }
    match plan_rollback(to, &record.state) {
        Some(RollbackPlan::AlreadySo) => Verdict::AlreadySo,
        Some(RollbackPlan::Refused(refusal)) => Verdict::Refused(refusal),
        again if again.as_ref() == Some(planned) => Verdict::Next,
        _ => Verdict::Restart,
    }
}

/// The state in which `target` is live again and all above it is withdrawn; the record's own attempt, its feed, is kept.
#[must_use]
pub fn rolled_back(state: &State, target: &Night, attempt_id: &str, version: u64) -> State {
    let others = state.nights.iter().filter(|night| night.as_of != target.as_of).cloned();
    let others =
        others.map(|night| Night { live: night.live && night.as_of < target.as_of, ..night });
    let nights = others.chain([Night { live: true, ..target.clone() }]).collect();
    state.next(version, nights, &[attempt_id.to_owned()], &[])
}
