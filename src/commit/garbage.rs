//! Files of attempts: what there is, and taking it away.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FsPath, PathBuf};

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt, PutPayload};

use super::{DELTA_LOG, Log};
use crate::error::{Error, Result};

/// The files of one attempt.
#[derive(Debug, Clone, Default)]
pub struct Garbage {
    /// Where they are.
    pub paths: Vec<Path>,
    /// All together.
    pub size_bytes: u64,
    /// When the last of them was written, by the store's clock.
    pub newest: DateTime<Utc>,
}

/// All attempts that have files, by id, at a time of the store's clock.
#[derive(Debug, Default)]
pub struct Listing {
    /// By attempt id.
    pub attempts: BTreeMap<String, Garbage>,
    /// What a probe left behind: nothing refers to it, whatever becomes of its attempt.
    pub probes: Vec<ObjectMeta>,
    /// When it was listed.
    pub now: DateTime<Utc>,
}

/// Lists data, manifests and probes below the output root. `marker` names an object that is written to read the store's
/// clock: no other clock says how old a file is.
///
/// # Errors
/// A store that does not answer.
pub async fn list_attempts(log: &Log, marker: &str) -> Result<Listing> {
    let mut listing = Listing { now: store_time(log, marker).await?, ..Listing::default() };
    listing.probes = list(log, &log.root.path("probe")).await?;
    for folder in ["tables", "attempts"] {
        let prefix = log.root.path(folder);
        for meta in list(log, &prefix).await? {
            // tables/<table>/<attempt>/..., attempts/<attempt>/...
            let below = meta.location.prefix_match(&prefix).into_iter().flatten();
            let position = usize::from(folder == "tables");
            let attempt = below.map(|part| part.as_ref().to_owned()).nth(position);
            // A view is rebuilt from the log, and never garbage.
            let Some(attempt) = attempt.filter(|name| name != DELTA_LOG) else { continue };
            let garbage = listing.attempts.entry(attempt).or_default();
            garbage.size_bytes += meta.size;
            garbage.newest = garbage.newest.max(meta.last_modified);
            garbage.paths.push(meta.location);
        }
    }
    Ok(listing)
}

async fn list(log: &Log, prefix: &Path) -> Result<Vec<ObjectMeta>> {
    match log.root.store.list(Some(prefix)).try_collect().await {
        Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
        listed => listed.map_err(|error| log.root.error("list", prefix, &error)),
    }
}

async fn store_time(log: &Log, marker: &str) -> Result<DateTime<Utc>> {
    let path = log.root.path(&format!("probe/{marker}"));
    let time = async {
        log.root.store.put(&path, PutPayload::from("time")).await?;
        let meta = log.root.store.head(&path).await?;
        log.root.store.delete(&path).await?;
        log.root.remove_empty_folders(&path);
        Ok(meta.last_modified)
    };
    time.await.map_err(|error| log.root.error("write", &path, &error))
}

/// Deletes the files of attempts; if a time is given, also what is older and was left behind by probes and, on local
/// disks, half written by writers that were killed.
///
/// # Errors
/// A file that can not be deleted; one that is gone already is as wanted.
pub async fn delete_attempts(
    log: &Log,
    listing: &Listing,
    attempts: &BTreeSet<String>,
    before: Option<DateTime<Utc>>,
) -> Result<()> {
    let files = attempts.iter().filter_map(|id| listing.attempts.get(id)).flat_map(|g| &g.paths);
    let old = |probe: &&ObjectMeta| before.is_some_and(|before| probe.last_modified < before);
    for path in files.chain(listing.probes.iter().filter(old).map(|probe| &probe.location)) {
        match log.root.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {
                log.root.remove_empty_folders(path);
            }
            Err(error) => return Err(log.root.error("delete", path, &error)),
        }
    }
    let Some((root, before)) = log.root.local.clone().zip(before) else { return Ok(()) };
    let deleted = tokio::task::spawn_blocking(move || {
        // Whatever else lies in the output root is not ours.
        let folders = ["tables", "attempts", "log", "probe"];
        folders.iter().try_for_each(|folder| delete_half_written(&root.join(folder), before))
    });
    let deleted = deleted.await;
    match deleted {
        Ok(Ok(())) => Ok(()),
        Ok(Err((path, error))) => Err(Error::Store {
            doing: "delete",
            url: path.display().to_string(),
            cause: error.to_string(),
            help: "check the folder's permissions, then run the same command again",
        }),
        Err(error) => Err(Error::Bug(error.to_string())),
    }
}

/// The local store makes a folder, writes `name#1` and hides it from its lists; a killed writer leaves both there.
fn delete_half_written(
    folder: &FsPath,
    before: DateTime<Utc>,
) -> Result<(), (PathBuf, std::io::Error)> {
    let at = |error| (folder.to_owned(), error);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(error)),
    };
    for entry in entries {
        let entry = entry.map_err(at)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(at)?);
        let modified =
            || entry.metadata().and_then(|meta| meta.modified()).map(DateTime::<Utc>::from);
        if kind.is_dir() {
            let old = modified().map_err(at)? < before;
            delete_half_written(&path, before)?;
            if old {
                let _ = std::fs::remove_dir(&path); // only if nothing is in it
            }
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let half = name.rsplit_once('#').is_some_and(|(_, number)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        if kind.is_file() && half && modified().map_err(at)? < before {
            std::fs::remove_file(&path).map_err(at)?;
        }
    }
    Ok(())
}
