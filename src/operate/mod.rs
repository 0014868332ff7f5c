//! What people do to a log beside running nights.

mod changes;
mod forget;
mod hold;
mod rollback;
mod status;
mod vacuum;
mod verify;

pub use changes::{ChangeSet, changes};
pub use forget::{Erased, forget};
pub use hold::hold;
pub use rollback::rollback;
pub use status::{Status, status};
pub use vacuum::{Swept, vacuum};
pub use verify::{Verified, verify};

use crate::commit::Log;
use crate::config::Config;
use crate::core::{Author, Record};
use crate::error::{Error, Result};
use crate::run::{Host, PRODUCER};

/// What became of a word said in the log.
#[derive(Debug)]
pub enum Said {
    /// It is this record.
    Committed(Box<Record>),
    /// The log said so already.
    AlreadySo,
}

fn author(config: &Config, host: &dyn Host) -> Author {
    Author {
        project: config.name.to_string(),
        attempt_id: host.attempt_id(),
        producer: PRODUCER.to_owned(),
        written_at: host.now(),
    }
}

/// The newest record of a log that has one.
async fn head(log: &Log) -> Result<Record> {
    let head = log.head().await?;
    head.ok_or_else(|| Error::Setting {
        message: "nothing is committed yet".to_owned(),
        help: "run a night first: roster run".to_owned(),
    })
}
