//! What a run may do on top of a state of the log.

use chrono::NaiveDate;

use super::{Refusal, Verdict};
use crate::core::{Kind, Night, Record, State};

/// What a run wants to publish.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The night.
    pub as_of: NaiveDate,
    /// [`crate::core::Fingerprint::sha256`] of it.
    pub fingerprint: &'a str,
    /// Which nights it may be.
    pub reach: Reach,
}

/// Which nights a run may publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// One that is not committed, and not older than the current night.
    Newest,
    /// One that is not committed, beside the current night if it is older.
    Beside,
    /// Any: it may take the place of a committed night too.
    Replace,
}

/// Where a run stands on a state.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// This very night is committed already.
    Done(Night),
    /// It must not be published.
    Refused(Refusal),
    /// To be computed on this ground; whatever changes it means computing again.
    Compute(Ground),
}

/// What a night is computed on.
#[derive(Debug, Clone, PartialEq)]
pub struct Ground {
    /// The live night before: `since`, `previous.*`, limits.
    pub previous: Option<Night>,
    /// The current night, which the feed leads away from; none if the feed starts from nothing.
    pub stands: Option<Night>,
    /// Whether the night becomes current; a side night has no feed.
    pub advances: bool,
}

/// Where a run stands on `state`.
#[must_use]
pub fn plan(wish: Wish<'_>, state: &State) -> Plan {
    let previous = state.previous_of(wish.as_of);
    let replace = wish.reach == Reach::Replace;
    if let Some(mine) = state.night(wish.as_of) {
        let same = mine.live && mine.fingerprint == wish.fingerprint;
        let same_previous = mine.previous.as_ref() == previous.map(|night| &night.attempt_id);
        // What was carried forward may be mended, or accepted, without another fingerprint.
        if same && (!replace || (same_previous && mine.stale.is_empty())) {
            return Plan::Done(mine.clone());
        }
        if !replace {
            let refusal = if mine.live { Refusal::Differs } else { Refusal::Withdrawn };
            return Plan::Refused(refusal(mine.clone()));
        }
    }
    if let Some(why) = &state.held {
        return Plan::Refused(Refusal::Held(why.clone()));
    }
    let newer = state.current.filter(|current| wish.as_of < *current);
    if let Some(current) = newer.filter(|_| wish.reach == Reach::Newest) {
        return Plan::Refused(Refusal::Late(current));
    }
    Plan::Compute(Ground {
        previous: previous.cloned(),
        stands: state.current_night().cloned(),
        advances: newer.is_none(),
    })
}

/// Judges a record between base and slot; every one of them is asked about, in order, which is all the fencing there is.
#[must_use]
pub fn judge(wish: Wish<'_>, attempt_id: &str, ground: &Ground, record: &Record) -> Verdict {
    let state = &record.state;
    if state.stale.iter().any(|stale| stale == attempt_id) || record.kind == Kind::Forget {
        return Verdict::Restart; // my files are named for deletion, or my rows may hold the key
    }
    if record.kind == Kind::Hold {
        // Even if released since: what I computed is older than the hold.
        return Verdict::Refused(Refusal::Held(state.held.clone().unwrap_or_default()));
    }
    if let Some(night) = state.night(wish.as_of)
        && record.kind == Kind::Run
        && record.as_of == Some(wish.as_of)
    {
        return if night.fingerprint == wish.fingerprint {
            Verdict::Done(night.clone())
        } else {
            Verdict::Refused(Refusal::Differs(night.clone())) // for --replace too: not the night it saw
        };
    }
    match plan(wish, state) {
        Plan::Done(night) => Verdict::Done(night),
        Plan::Refused(refusal) => Verdict::Refused(refusal),
        Plan::Compute(again) if again == *ground => Verdict::Next,
        Plan::Compute(_) => Verdict::Restart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Retained;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 6, day).unwrap()
    }

    fn night(on: u32, fingerprint: &str, previous: Option<&str>) -> Night {
        Night {
            as_of: day(on),
            attempt_id: format!("attempt-{on}"),
            version: u64::from(on),
            live: true,
            fingerprint: fingerprint.to_owned(),
            previous: previous.map(str::to_owned),
            point_in_time: true,
            exit_code: 0,
            manifest_sha256: String::new(),
            stale: Vec::new(),
        }
    }

    fn two_nights() -> State {
        State::default().with_night(night(1, "f", None)).with_night(night(
            3,
            "f",
            Some("attempt-1"),
        ))
    }

    fn wish(on: u32, fingerprint: &str, replace: bool) -> Wish<'_> {
        let reach = if replace { Reach::Replace } else { Reach::Newest };
        Wish { as_of: day(on), fingerprint, reach }
    }

    #[test]
    fn the_same_night_again_is_done_and_another_under_its_name_is_refused() {
        let state = two_nights();
        assert!(matches!(plan(wish(3, "f", false), &state), Plan::Done(_)));
        assert!(matches!(plan(wish(3, "f", true), &state), Plan::Done(_)));
        assert!(matches!(plan(wish(3, "g", false), &state), Plan::Refused(Refusal::Differs(_))));
        assert!(matches!(plan(wish(2, "f", false), &state), Plan::Refused(Refusal::Late(_))));
    }

    #[test]
    fn a_run_stands_on_the_night_below_it_and_leads_away_from_the_current_one() {
        let state = two_nights();
        let Plan::Compute(next) = plan(wish(4, "f", false), &state) else { panic!() };
        assert_eq!((next.previous.unwrap().as_of, next.stands.unwrap().as_of), (day(3), day(3)));
        let Plan::Compute(again) = plan(wish(3, "g", true), &state) else { panic!() };
        assert_eq!((again.previous.unwrap().as_of, again.stands.unwrap().as_of), (day(1), day(3)));
        let Plan::Compute(side) = plan(wish(2, "f", true), &state) else { panic!() };
        assert!(!side.advances);
        let beside = Wish { reach: Reach::Beside, ..wish(2, "f", false) };
        assert!(matches!(plan(beside, &state), Plan::Compute(_)));
        let beside = Wish { reach: Reach::Beside, ..wish(3, "g", false) };
        assert!(matches!(plan(beside, &state), Plan::Refused(Refusal::Differs(_))));
    }

    #[test]
    fn a_hold_refuses_new_nights_but_still_answers_for_committed_ones() {
        let state = State { held: Some("migration".into()), ..two_nights() };
        assert!(matches!(plan(wish(4, "f", false), &state), Plan::Refused(Refusal::Held(_))));
        assert!(matches!(plan(wish(3, "f", false), &state), Plan::Done(_)));
    }

    #[test]
    fn a_replaced_night_is_kept_but_no_longer_live() {
        let mut again = night(3, "g", Some("attempt-1"));
        again.attempt_id = "second".into();
        let state = two_nights().with_night(again);
        let kept = Retained { attempt_id: "attempt-3".into(), since_version: 3 };
        assert_eq!(state.retained, [kept]);
        assert_eq!(state.current_night().unwrap().attempt_id, "second");
    }
}
