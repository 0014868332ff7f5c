//! Does the store keep its promise that of two creators of one object the second fails? All of the commit rests on it.

use object_store::{ObjectStoreExt, PutMode, PutPayload};

use super::Log;
use crate::error::{Error, Result};

/// Who makes sure that a slot of the log is written once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusivity {
    /// The store.
    Store,
    /// The operator, who promises that nobody else writes.
    SingleWriter,
}

/// Creates an object named after `attempt_id` twice; the second must fail. Also the first write of a run: an output that
/// can not be written is told before anything is computed.
///
/// # Errors
/// A store that does not answer or ignores the condition.
pub async fn probe(log: &Log, attempt_id: &str, exclusivity: Exclusivity) -> Result<()> {
    let path = log.root.path(&format!("probe/{attempt_id}"));
    let mode = match exclusivity {
        Exclusivity::Store => PutMode::Create,
        Exclusivity::SingleWriter => PutMode::Overwrite,
    };
    let create = || log.root.store.put_opts(&path, PutPayload::from("probe"), mode.clone().into());
    let first = create().await;
    let second = match (&first, exclusivity) {
        (Ok(_), Exclusivity::Store) => Some(create().await),
        _ => None,
    };
    // Best effort: the object is named after the attempt and means nothing.
    let _ = log.root.store.delete(&path).await;
    log.root.remove_empty_folders(&path);
    match first {
        Ok(_) => {}
        Err(
            object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. },
        ) => {
            return Err(refused(log));
        }
        Err(error) => return Err(log.root.error("write", &path, &error)),
    }
    match second {
        None
        | Some(Err(
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
        )) => Ok(()),
        Some(Ok(_)) => Err(refused(log)),
        Some(Err(error)) => Err(log.root.error("write", &path, &error)),
    }
}

fn refused(log: &Log) -> Error {
    Error::Setting {
        message: format!(
            "the store of {} does not honour create-if-absent (If-None-Match): two runs could overwrite \
             each other's commit",
            log.root.shown
        ),
        help:
            "publish to a store that does, or pass --single-writer if you make sure that never two \
               runs go on at once"
                .to_owned(),
    }
}
