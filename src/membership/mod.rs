//! A night's membership against an earlier one: since when, and who entered, moved and left.

mod carried;
mod compare;
mod drift;
mod earlier;
mod published;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use datafusion::arrow::array::{Date32Array, RecordBatch};
use datafusion::arrow::datatypes::FieldRef;
use datafusion::error::Result as EngineResult;

pub use carried::{carry_forward, keep};
pub use compare::{Change, Difference, Flows};
pub use drift::Drift;
pub use earlier::{Committed, Earlier};
pub use published::Published;
pub(crate) use published::reader;

use compare::Nights;

use crate::core::{Name, Stale};
use crate::segment::{MemberBatch, Members};
use crate::universe::Universe;

/// A night, computed: what the tables are written from, one segmentation after the other.
#[derive(Debug)]
pub struct Membership {
    /// The night.
    pub as_of: NaiveDate,
    /// The entity key, as published.
    pub key: FieldRef,
    /// All who are counted.
    pub universe: Universe,
    /// By segmentation.
    pub segmentations: BTreeMap<Name, Members>,
    /// The night before.
    pub previous: Published,
    /// The night that was current, where that is another: followers come from it.
    pub stands: Option<Published>,
    /// Segmentations that are carried forward.
    pub stale: Vec<Stale>,
}

/// What became of one segmentation.
#[derive(Debug)]
pub struct Compared<'a> {
    /// Its name.
    pub name: &'a str,
    /// It, and its rows; none where there is no such segmentation any more.
    pub members: Option<(&'a Members, MemberBatch)>,
    /// First night of each row's unbroken stay.
    pub since: Date32Array,
    /// Against the previous night.
    pub change: Difference,
    /// Against the night that followers hold, where that is not the previous one:
    /// `<key>, change, segment, previous_segment, score, previous_score`.
    pub feed: Option<RecordBatch>,
}

/// What a segmentation came to, in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// Whether it is there, and not only was.
    pub exists: bool,
    /// What it is called.
    pub title: Option<String>,
    /// Keys with a label.
    pub members: i64,
    /// Rows by label, labels without rows included as far as they are known.
    pub segments: BTreeMap<String, i64>,
    /// Who went where.
    pub flows: Flows,
}

impl Membership {
    /// Every segmentation that is there now or was there on a night to compare with.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let now = self.segmentations.keys().map(Name::as_str);
        let earlier = [Some(&self.previous), self.stands.as_ref()].into_iter().flatten();
        now.chain(earlier.flat_map(|night| night.segmentations.keys().map(String::as_str)))
            .collect()
    }

    /// What all segmentations come to.
    ///
    /// # Errors
    /// As [`Membership::compare`].
    pub fn tallies(&self) -> EngineResult<BTreeMap<String, Tally>> {
        let names = self.names().into_iter();
        names.map(|name| Ok((name.to_owned(), self.compare(name)?.tally()?))).collect()
    }

    /// Compares one segmentation with the earlier nights.
    ///
    /// # Errors
    /// Rows that were set aside on a disk that is gone; keys that can not be compared: a bug.
    pub fn compare<'a>(&'a self, name: &'a str) -> EngineResult<Compared<'a>> {
        let nobody = || MemberBatch::nobody(&self.key);
        let members = self.segmentations.iter().find(|(known, _)| known.as_str() == name);
        let members = match members {
            Some((_, members)) => Some((members, members.read()?)),
            None => None,
        };
        let exclusive = members.as_ref().is_some_and(|(members, _)| members.segmentation.exclusive);
        let now = members.as_ref().map_or_else(nobody, |(_, rows)| rows.clone());
        let before = self.previous.rows(name)?.unwrap_or_else(nobody);
        let nights = Nights::new(&now, &before)?;
        let (since, change) = (nights.since(self.as_of), nights.difference(&self.key, exclusive)?);
        let feed = match &self.stands {
            None => None,
            Some(stands) => {
                let before = stands.rows(name)?.unwrap_or_else(nobody);
                Some(Nights::new(&now, &before)?.difference(&self.key, exclusive)?.rows)
            }
        };
        Ok(Compared { name, members, since, change, feed })
    }
}

/// What leads from one published night to another, a batch for each segmentation that one of them has; `exclusive` says
/// in which of them a key has one label only.
pub fn changes_between<'a>(
    key: &'a FieldRef,
    now: &'a Published,
    before: &'a Published,
    exclusive: &'a (dyn Fn(&str) -> bool + Send + Sync),
) -> impl Iterator<Item = (&'a str, EngineResult<RecordBatch>)> + Send + 'a {
    let names = now.segmentations.keys().chain(before.segmentations.keys());
    let names: BTreeSet<_> = names.map(String::as_str).collect();
    names.into_iter().map(move |name| {
        let rows = |night: &Published| -> EngineResult<MemberBatch> {
            Ok(night.rows(name)?.unwrap_or_else(|| MemberBatch::nobody(key)))
        };
        let difference = || -> EngineResult<RecordBatch> {
            let (now, before) = (rows(now)?, rows(before)?);
            Ok(Nights::new(&now, &before)?.difference(key, exclusive(name))?.rows)
        };
        (name, difference())
    })
}

impl Compared<'_> {
    /// The numbers.
    ///
    /// # Errors
    /// Keys that can not be compared: a bug.
    pub fn tally(&self) -> EngineResult<Tally> {
        let flows = self.change.flows.clone();
        let Some((members, rows)) = &self.members else {
            let segments = BTreeMap::new();
            return Ok(Tally { exists: false, title: None, members: 0, segments, flows });
        };
        let segments = members.counts(rows)?;
        // Whoever has one label only is there once.
        let once = members.segmentation.exclusive || segments.len() == 1;
        let title = members.segmentation.title.clone();
        let members = if once { rows.len() } else { rows.distinct_keys()? };
        #[expect(clippy::cast_possible_wrap, reason = "rows are far fewer than 2^63")]
        let members = members as i64;
        Ok(Tally { exists: true, title, members, segments, flows })
    }
}

impl Tally {
    /// How often a change happened.
    #[must_use]
    pub fn count(&self, change: Change) -> i64 {
        let of = |way: &(Option<String>, Option<String>)| match way {
            (None, _) => Change::Entered,
            (_, None) => Change::Left,
            _ => Change::Moved,
        };
        self.flows.iter().filter(|(way, _)| of(way) == change).map(|(_, accounts)| accounts).sum()
    }
}
