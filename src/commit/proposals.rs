//! What can be said in the log: a night, a rollback, a hold and its release, what is to be
//! deleted or forgotten.

use std::collections::BTreeSet;

use super::Proposal;
use crate::core::{
    Audit, Author, Feed, Fingerprint, Forgotten, Ground, Kind, Night, Reach, Record, RollbackPlan,
    RunKey, Stale, State, Verdict, Wish, forgotten, judge, judge_rollback, rolled_back, vacuumed,
};

/// A night that is written and audited.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who computed it; the attempt whose files it is.
    pub author: Author,
    /// The project and the night.
    pub run_key: RunKey,
    /// Which nights it may be.
    pub reach: Reach,
    /// What it was computed on.
    pub ground: Ground,
    /// Of a night that becomes current: the rows for followers.
    pub feed: Option<Feed>,
    /// Whether all inputs were seen as they were that night.
    pub point_in_time: bool,
    /// What it was computed from.
    pub fingerprint: Fingerprint,
    /// What its audits found.
    pub audits: Vec<Audit>,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// Segmentations that are carried forward.
    pub stale: Vec<Stale>,
}

impl Proposal for Draft {
    fn record(&self, base: Option<&Record>) -> Record {
        let previous = self.ground.previous.as_ref().map(|night| night.attempt_id.clone());
        let night = Night {
            as_of: self.run_key.as_of,
            attempt_id: self.author.attempt_id.clone(),
            version: Record::version_after(base),
            live: true,
            fingerprint: self.fingerprint.sha256.clone(),
            previous: previous.clone(),
            point_in_time: self.point_in_time,
            exit_code: Stale::exit_code(&self.stale),
            manifest_sha256: self.manifest_sha256.clone(),
            stale: self.stale.clone(),
        };
        let state = state_of(base).with_night(night);
        Record {
            run_key: Some(self.run_key.to_string()),
            as_of: Some(self.run_key.as_of),
            replace: self.reach == Reach::Replace,
            advances: self.ground.advances,
            previous,
            feed: self.feed.clone(),
            point_in_time: Some(self.point_in_time),
            fingerprint: Some(self.fingerprint.clone()),
            audits: self.audits.iter().map(Audit::without_keys).collect(),
            ..Record::new(Kind::Run, &self.author, base, state)
        }
    }

    fn judge(&self, foreign: &Record) -> Verdict {
        let (as_of, fingerprint) = (self.run_key.as_of, self.fingerprint.sha256.as_str());
        let wish = Wish { as_of, fingerprint, reach: self.reach };
        judge(wish, &self.author.attempt_id, &self.ground, foreign)
    }
}

/// Back to the night that was current at a version; its feed is written.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// Who does it; the attempt whose feed it brings.
    pub author: Author,
    /// The record whose current night is wanted.
    pub to: Record,
    /// What was found when it was prepared.
    pub target: Night,
    /// What was current then.
    pub stands: Night,
    /// The feed.
    pub feed: Feed,
    /// The reason.
    pub why: String,
}

impl Proposal for Rollback {
    fn record(&self, base: Option<&Record>) -> Record {
        let version = Record::version_after(base);
        let state = rolled_back(&state_of(base), &self.target, &self.author.attempt_id, version);
        Record {
            to: Some(self.to.version),
            why: Some(self.why.clone()),
            feed: Some(self.feed.clone()),
            ..Record::new(Kind::Rollback, &self.author, base, state)
        }
    }

    fn judge(&self, foreign: &Record) -> Verdict {
        let (target, stands) = (self.target.clone(), self.stands.clone());
        let planned = RollbackPlan::Compute { target, stands };
        judge_rollback(&self.to, &self.author.attempt_id, &planned, foreign)
    }
}

/// Stops runs from publishing, for a reason; without one, lets them publish again.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Who does it.
    pub author: Author,
    /// The reason; none releases.
    pub why: Option<String>,
}

impl Hold {
    /// Whether a state says so already.
    #[must_use]
    pub fn is_so(&self, state: &State) -> bool {
        state.held.is_some() == self.why.is_some()
    }
}

impl Proposal for Hold {
    fn record(&self, base: Option<&Record>) -> Record {
        let state = State { held: self.why.clone(), ..state_of(base) };
        let kind = if self.why.is_some() { Kind::Hold } else { Kind::Release };
        Record { why: self.why.clone(), ..Record::new(kind, &self.author, base, state) }
    }

    fn judge(&self, foreign: &Record) -> Verdict {
        if self.is_so(&foreign.state) { Verdict::AlreadySo } else { Verdict::Next }
    }
}

/// Names attempts whose files are to be deleted.
#[derive(Debug, Clone)]
pub struct Vacuum {
    /// Who does it.
    pub author: Author,
    /// Attempts that no record names yet.
    pub named: BTreeSet<String>,
}

impl Proposal for Vacuum {
    fn record(&self, base: Option<&Record>) -> Record {
        let state = vacuumed(&state_of(base), &self.named, Record::version_after(base));
        Record::new(Kind::Vacuum, &self.author, base, state)
    }

    /// What it names depends on all of the state.
    fn judge(&self, _: &Record) -> Verdict {
        Verdict::Restart
    }
}

/// Takes a key out of everything that is published.
#[derive(Debug, Clone)]
pub struct Forget {
    /// Who does it.
    pub author: Author,
    /// Live nights without the key, each with the attempt whose place it takes.
    pub rewritten: Vec<(String, Night)>,
    /// Attempts that hold the key.
    pub named: BTreeSet<String>,
    /// The key, unless the log knows it already.
    pub key: Option<Forgotten>,
}

impl Proposal for Forget {
    fn record(&self, base: Option<&Record>) -> Record {
        let (state, version) = (state_of(base), Record::version_after(base));
        let state = forgotten(&state, &self.rewritten, &self.named, self.key.as_ref(), version);
        Record::new(Kind::Forget, &self.author, base, state)
    }

    /// What it names and rewrites depends on all of the state.
    fn judge(&self, _: &Record) -> Verdict {
        Verdict::Restart
    }
}

fn state_of(base: Option<&Record>) -> State {
    base.map(|record| record.state.clone()).unwrap_or_default()
}
