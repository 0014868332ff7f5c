//! What may be deleted, and what a record must say first.

use std::collections::BTreeSet;

use crate::core::State;

/// The attempts among `candidates` that a record has to name before their files are deleted: never a live one, and none
/// that is named already.
#[must_use]
pub fn plan_vacuum(state: &State, candidates: &BTreeSet<String>) -> BTreeSet<String> {
    let free = candidates.iter().filter(|id| !state.is_live(id) && !state.stale.contains(id));
    free.cloned().collect()
}

/// The state in which `named` are stale for ever.
#[must_use]
pub fn vacuumed(state: &State, named: &BTreeSet<String>, version: u64) -> State {
    let named: Vec<_> = named.iter().cloned().collect();
    state.next(version, state.nights.clone(), &[], &named)
}
