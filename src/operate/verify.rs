//! Are all files there that the log promises, as they were committed?

use object_store::ObjectStoreExt;
use serde::Serialize;

use super::head;
use crate::commit::Log;
use crate::config::Config;
use crate::core::{File, Record};
use crate::error::Result;
use crate::view;

/// What was looked at, and what is wrong.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// The version whose live nights they are.
    pub version: u64,
    /// Live nights.
    pub nights: usize,
    /// Data files.
    pub files: usize,
    /// Of the data files.
    pub size_bytes: u64,
    /// Each with its file.
    pub problems: Vec<String>,
}

/// Looks at every live file: that it is there with its size, and, if `deep`, with its bytes.
///
/// # Errors
/// A log that can not be read. What is wrong with files is in the answer.
pub async fn verify(config: &Config, deep: bool) -> Result<Verified> {
    let log = Log::open(config)?;
    let Record { version, state, .. } = head(&log).await?;
    let mut verified = Verified { version, ..Verified::default() };
    for night in state.live() {
        verified.nights += 1;
        let manifest = match log.manifest(night).await {
            Ok(manifest) => manifest,
            Err(error) => {
                verified.problems.push(error.to_string());
                continue;
            }
        };
        for file in manifest.tables.values().flat_map(|table| &table.files) {
            verified.files += 1;
            verified.size_bytes += file.size;
            if let Some(problem) = look_at(&log, file, deep).await {
                verified.problems.push(problem);
            }
        }
    }
    verified.problems.extend(view::problems(config).await?);
    Ok(verified)
}

async fn look_at(log: &Log, file: &File, deep: bool) -> Option<String> {
    let path = log.root.path(&file.path);
    let shown = log.root.show(&path);
    let meta = match log.root.store.head(&path).await {
        Ok(meta) => meta,
        Err(error) => return Some(log.root.error("find", &path, &error).to_string()),
    };
    if meta.size != file.size {
        return Some(format!("{shown}: {} bytes, {} were committed", meta.size, file.size));
    }
    if !deep {
        return None;
    }
    log.verify(file).await.err().map(|error| error.to_string())
}
