//! Stops runs from publishing, and lets them again.

use super::{Said, author};
use crate::commit::{Exclusivity, Hold, Log, Published, probe, publish};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::run::Host;

/// Holds publication for a reason; without one, releases it.
///
/// # Errors
/// A store that does not take it, or one that leaves the outcome unknown.
pub async fn hold(
    log: &Log,
    config: &Config,
    why: Option<String>,
    exclusivity: Exclusivity,
    host: &dyn Host,
) -> Result<Said> {
    let head = log.head().await?;
    let hold = Hold { author: author(config, host), why };
    let state = head.as_ref().map(|record| record.state.clone()).unwrap_or_default();
    if hold.is_so(&state) {
        return Ok(Said::AlreadySo);
    }
    probe(log, &hold.author.attempt_id, exclusivity).await?;
    match publish(log, head, &hold, exclusivity).await? {
        Published::Committed { record, .. } => Ok(Said::Committed(record)),
        Published::AlreadySo => Ok(Said::AlreadySo),
        other => Err(Error::Bug(format!("a hold came to {other:?}"))),
    }
}
