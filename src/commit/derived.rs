//! Objects that say again what the log says, for readers who do not know it. Losing them loses nothing.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutPayload};

use super::sync::sync;
use super::{Exclusivity, Log};
use crate::error::Result;

/// The folder of a table in which Delta readers find its log.
pub const DELTA_LOG: &str = "_delta_log";

/// Creates an object that was not there a moment ago; what is there now is the answer, whoever wrote it.
///
/// # Errors
/// A store that does not take it, or does not tell what is there.
pub async fn create(
    log: &Log,
    path: &Path,
    bytes: Bytes,
    exclusivity: Exclusivity,
) -> Result<Bytes> {
    let mode = match exclusivity {
        Exclusivity::Store => PutMode::Create,
        Exclusivity::SingleWriter => PutMode::Overwrite,
    };
    let put = log.root.store.put_opts(path, PutPayload::from(bytes.clone()), mode.into()).await;
    let Err(error) = put else {
        sync(&log.root, path).await?;
        return Ok(bytes);
    };
    // Whatever it says, it may have been applied.
    let there = log.bytes(path).await?;
    there.ok_or_else(|| log.root.error("write", path, &error))
}

/// Writes an object, whatever is there.
///
/// # Errors
/// A store that does not take it.
pub async fn overwrite(log: &Log, path: &Path, bytes: Bytes) -> Result<()> {
    let put = log.root.store.put(path, PutPayload::from(bytes)).await;
    put.map_err(|error| log.root.error("write", path, &error))?;
    sync(&log.root, path).await
}
