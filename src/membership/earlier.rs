//! The nights that a run is compared with.

use chrono::NaiveDate;

use super::Published;
use crate::commit::Log;
use crate::core::{Forgotten, Ground, Layer, Night, Segmentation, State};
use crate::error::Result;
use crate::project::Selection;
use crate::spool::Spool;

/// Earlier nights, as a run of one needs them.
#[derive(Debug)]
pub struct Earlier {
    /// The one before.
    pub previous: Published,
    /// The one that followers hold, where it is not the previous one.
    pub stands: Option<Published>,
    /// The night itself as it is committed, where a run is about some of its segmentations.
    pub committed: Option<Committed>,
    /// Keys that must not come back.
    pub forgotten: Vec<Forgotten>,
}

/// A night that a selected run goes into.
#[derive(Debug)]
pub struct Committed {
    /// What the log says of it.
    pub night: Night,
    /// Its rows.
    pub published: Published,
    /// The segmentations of the project that it has, with or without members, and that stay.
    pub kept: Vec<Segmentation>,
}

impl Earlier {
    /// Reads those of the night of `as_of`. A selected run of a night that is not committed can only be looked at, and is
    /// compared about the chosen segmentations alone.
    ///
    /// # Errors
    /// Files that are missing, or not those that were committed.
    pub async fn read(
        log: &Log,
        ground: &Ground,
        state: &State,
        as_of: NaiveDate,
        selection: Option<&Selection>,
        spool: &Spool,
    ) -> Result<Self> {
        let mut previous = match &ground.previous {
            Some(night) => Published::read(log, night, spool).await?,
            None => Published::default(),
        };
        let stands = ground.stands.as_ref().filter(|_| ground.advances);
        let stands = match stands.filter(|night| ground.previous.as_ref() != Some(night)) {
            Some(night) => Some(Published::read(log, night, spool).await?),
            None => None,
        };
        let mut committed = None;
        if let Some(selection) = selection {
            committed = match state.live().find(|night| night.as_of == as_of) {
                Some(night) => Some(Committed::read(log, night, selection, spool).await?),
                None => {
                    previous.segmentations.retain(|name, _| !selection.keeps(name));
                    None
                }
            };
        }
        Ok(Self { previous, stands, committed, forgotten: state.forgotten.clone() })
    }
}

impl Committed {
    async fn read(log: &Log, night: &Night, selection: &Selection, spool: &Spool) -> Result<Self> {
        let record = log.record(night.version).await?;
        let parts = record.and_then(|record| record.fingerprint).map(|known| known.parts);
        let parts = parts.unwrap_or_default();
        let folder = Layer::Segment.folder();
        let there =
            |kept: &&Segmentation| parts.contains_key(&format!("sql/{folder}/{}.sql", kept.name));
        let kept = selection.kept.iter().filter(there).cloned().collect();
        let published = Published::read(log, night, spool).await?;
        Ok(Self { night: night.clone(), published, kept })
    }
}
