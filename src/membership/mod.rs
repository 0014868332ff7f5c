//! A night's membership against an earlier one: since when, and who entered, moved and left.

mod carried;
mod compare;
mod earlier;
mod published;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use datafusion::arrow::array::{ArrayRef, Date32Array, RecordBatch};
use datafusion::arrow::datatypes::FieldRef;
use datafusion::error::{DataFusionError, Result as EngineResult};

pub use carried::{carry_forward, keep};
pub use compare::{Change, Changes};
pub use earlier::{Committed, Earlier};
pub(crate) use published::decode;
pub use published::{Published, PublishedRows};

use crate::core::{Name, Stale};
use crate::error::{Error, Result};
use crate::segment::Members;
use crate::universe::Universe;

/// A night, computed: what the tables are written from.
#[derive(Debug)]
pub struct Membership {
    /// The night.
    pub as_of: NaiveDate,
    /// The entity key, as published.
    pub key: FieldRef,
    /// All who are counted.
    pub universe: Universe,
    /// By segmentation.
    pub segmentations: BTreeMap<Name, Stays>,
    /// Against the previous night.
    pub change: Changes,
    /// Against the night that was current, where that is another: what followers apply.
    pub feed: Option<Changes>,
    /// Segmentations that are carried forward.
    pub stale: Vec<Stale>,
}

/// The members of a segmentation and since when they are.
#[derive(Debug)]
pub struct Stays {
    /// Who.
    pub members: Members,
    /// First night of each row's unbroken stay.
    pub since: Date32Array,
}

impl Membership {
    /// Compares `members`, one for each segmentation, with the previous night. `stands` is the night that followers hold
    /// when it is not the previous one.
    ///
    /// # Errors
    /// A key of another type than the earlier nights'.
    pub fn new(
        as_of: NaiveDate,
        key: FieldRef,
        universe: Universe,
        members: Vec<Members>,
        previous: &Published,
        stands: Option<&Published>,
        stale: Vec<Stale>,
    ) -> Result<Self> {
        for earlier in [Some(previous), stands].into_iter().flatten() {
            earlier.check_key(&key)?;
        }
        let bug = |error: DataFusionError| Error::Bug(error.strip_backtrace());
        let change = compare::changes(&key, &members, previous).map_err(bug)?;
        let feed = stands.map(|stands| compare::changes(&key, &members, stands));
        let feed = feed.transpose().map_err(bug)?;
        let mut segmentations = BTreeMap::new();
        for members in members {
            let since = compare::since(as_of, &members, previous).map_err(bug)?;
            segmentations.insert(members.segmentation.name.clone(), Stays { members, since });
        }
        Ok(Self { as_of, key, universe, segmentations, change, feed, stale })
    }
}

/// One column of a batch, by name.
fn column(batch: &RecordBatch, name: &str) -> EngineResult<ArrayRef> {
    batch
        .column_by_name(name)
        .cloned()
        .ok_or_else(|| DataFusionError::Execution(format!("a published file has no `{name}`")))
}
