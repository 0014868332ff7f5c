//! One key out of everything that is published.

use std::collections::BTreeSet;

use crate::core::{Forgotten, Night, State};

/// The state in which `rewritten` nights, given with the attempt whose place they take, are without the key, and all
/// `named` attempts that hold it are stale for ever.
#[must_use]
pub fn forgotten(
    state: &State,
    rewritten: &[(String, Night)],
    named: &BTreeSet<String>,
    key: Option<&Forgotten>,
    version: u64,
) -> State {
    let nights = state.nights.iter().map(|night| {
        let new = rewritten.iter().find(|(old, _)| night.live && *old == night.attempt_id);
        new.map_or_else(|| night.clone(), |(_, new)| new.clone())
    });
    let named: Vec<_> = named.iter().cloned().collect();
    let mut next = state.next(version, nights.collect(), &[], &named);
    next.forgotten.extend(key.cloned());
    next
}
