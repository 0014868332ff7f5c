//! Back to the night that was current at a version.

use std::collections::{BTreeMap, BTreeSet};

use super::{Said, author, head};
use crate::commit::{Attempt, Exclusivity, Log, Published as Commit, Rollback, probe, publish};
use crate::config::Config;
use crate::core::{FORMAT, Feed, Manifest, Night, Record, Refusal, RollbackPlan, plan_rollback};
use crate::error::{Error, Result};
use crate::membership::{Published, changes_between};
use crate::output;
use crate::run::Host;
use crate::spool::Spool;

/// Makes the night that was current at version `to` current again, and withdraws every night above it. `exclusive` names
/// the segmentations in which a key moves instead of leaving and entering.
///
/// # Errors
/// A version that does not exist or whose files are gone, or a store that does not take it.
pub async fn rollback(
    log: &Log,
    config: &Config,
    exclusive: &BTreeSet<String>,
    to: u64,
    why: &str,
    exclusivity: Exclusivity,
    host: &dyn Host,
) -> Result<Said> {
    let no_night = |message: String| Error::Setting {
        message,
        help: "`roster log` lists the versions".to_owned(),
    };
    loop {
        let head = head(log).await?;
        let wanted = log.record(to).await?;
        let wanted = wanted.ok_or_else(|| no_night(format!("there is no version {to}")))?;
        let plan = plan_rollback(&wanted, &head.state)
            .ok_or_else(|| no_night(format!("no night was current at version {to}")))?;
        let (target, stands) = match plan {
            RollbackPlan::AlreadySo => return Ok(Said::AlreadySo),
            RollbackPlan::Refused(refusal) => return Err(refused(&wanted, refusal)),
            RollbackPlan::Compute { target, stands } => (target, stands),
        };
        let author = author(config, host);
        probe(log, &author.attempt_id, exclusivity).await?;
        let attempt = Attempt::new(author.attempt_id.clone(), log.root.clone());
        let written = write_feed(config, exclusive, log, &target, &stands, &attempt).await;
        let feed = match written {
            Ok(feed) => feed,
            Err(error) => {
                attempt.discard().await;
                // Somebody may just have deleted those files, and said so in the log.
                let moved = log.head().await?.is_some_and(|now| now.version > head.version);
                match error {
                    Error::Log { .. } if moved => continue,
                    error => return Err(error),
                }
            }
        };
        let why = why.to_owned();
        let rollback = Rollback { author, to: wanted.clone(), target, stands, feed, why };
        match publish(log, Some(head), &rollback, exclusivity).await? {
            Commit::Committed { record, .. } => return Ok(Said::Committed(record)),
            Commit::AlreadySo => {
                attempt.discard().await;
                return Ok(Said::AlreadySo);
            }
            Commit::Refused(refusal) => {
                attempt.discard().await;
                return Err(refused(&wanted, refusal));
            }
            Commit::Restart => attempt.discard().await,
            Commit::Done(night) => {
                return Err(Error::Bug(format!("a rollback came to {night:?}")));
            }
        }
    }
}

/// What leads followers from the night that stands to the target.
async fn write_feed(
    config: &Config,
    exclusive: &BTreeSet<String>,
    log: &Log,
    target: &Night,
    stands: &Night,
    attempt: &Attempt,
) -> Result<Feed> {
    let spool = Spool::default();
    let now = Published::read(log, target, &spool).await?;
    let before = Published::read(log, stands, &spool).await?;
    let key = now.key().filter(|key| *key.name() == config.key).ok_or_else(|| Error::Setting {
        message: format!("the published rows have no key `{}`", config.key),
        help: "set `key` in roster.toml to what it was, or publish to a new output location".into(),
    })?;
    before.check_key(key)?;
    let exclusive = |name: &str| exclusive.contains(name);
    let changes = changes_between(key, &now, &before, &exclusive);
    let tables = output::write_feed(target.as_of, before.as_of, key, changes, attempt).await?;
    let manifest = Manifest {
        format: FORMAT,
        attempt_id: attempt.id.clone(),
        run_key: format!("{}/{}", config.name, target.as_of),
        tables,
        inputs: BTreeMap::new(),
        input_rows: BTreeMap::new(),
    };
    let manifest_sha256 = attempt.write_manifest(&manifest).await?;
    Ok(Feed { attempt_id: attempt.id.clone(), table: "feed".to_owned(), manifest_sha256 })
}

fn refused(wanted: &Record, refusal: Refusal) -> Error {
    let as_of = wanted.state.current.unwrap_or_default();
    Error::Refused { as_of, refusal: Box::new(refusal), differing: Vec::new() }
}
