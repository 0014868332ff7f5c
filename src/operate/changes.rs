//! The change feed across nights: what a follower that holds version `since` applies, in order.

use crate::commit::Log;
use crate::config::Config;
use crate::error::Result;
pub use crate::reader::ChangeSet;
use crate::reader::{Changes, ReadError, Reader};

/// All change sets behind version `since`, contiguous; and the version they lead to, the next token.
///
/// # Errors
/// A token that is no version, or a feed whose files are gone: the follower has to read the current night again.
pub async fn changes(config: &Config, since: u64) -> Result<(Vec<ChangeSet>, u64)> {
    let changes = Reader::of(Log::open(config)?).changes(since).await;
    let Changes { sets, token } = changes.map_err(ReadError::into_error)?;
    Ok((sets, token))
}
