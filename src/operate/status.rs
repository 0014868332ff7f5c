//! How the publication stands.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::commit::Log;
use crate::config::Config;
use crate::core::{AsOf, Stale};
use crate::error::Result;

/// The state of a project's publication.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The newest record; none before the first.
    pub version: Option<u64>,
    /// The night that readers see.
    pub current: Option<NaiveDate>,
    /// When the current night ended: the first instant after its day in the project's time zone.
    pub ended_at: Option<DateTime<Utc>>,
    /// When it was published, by the writer's clock.
    pub written_at: Option<DateTime<Utc>>,
    /// Live nights.
    pub nights: usize,
    /// Segmentations that the current night carries forward.
    pub stale: Vec<Stale>,
    /// Why runs may not publish, if they may not.
    pub held: Option<String>,
}

/// Reads how the publication stands.
///
/// # Errors
/// A log that can not be read.
pub async fn status(config: &Config) -> Result<Status> {
    let log = Log::open(config)?;
    let head = log.head().await?;
    let state = head.as_ref().map(|record| record.state.clone()).unwrap_or_default();
    let night = state.current.and_then(|current| AsOf::new(current, config.time_zone));
    let written_at = match state.current_night() {
        Some(night) => log.record(night.version).await?.map(|record| record.written_at),
        None => None,
    };
    Ok(Status {
        version: head.map(|record| record.version),
        current: state.current,
        ended_at: night.map(|night| night.end()),
        written_at,
        nights: state.live().count(),
        stale: state.current_night().map(|night| night.stale.clone()).unwrap_or_default(),
        held: state.held,
    })
}
