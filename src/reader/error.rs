//! What stops a reader.

use chrono::NaiveDate;

use crate::commit::Log;
use crate::error::Error;

/// The result of a read.
pub type Result<T, E = ReadError> = std::result::Result<T, E>;

/// Why a read ended early, by what the reader does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Read [`super::Reader::latest`] whole, and go on from its version.
    ResolveAgain,
    /// The same call later.
    Retry,
    /// Somebody has to look.
    Stop,
}

/// Why a read ended early. `Display` says what, and the next thing to do.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No feed leads on from the token: read [`super::Reader::latest`] whole, go on from its version.
    #[error(
        "the feed has a gap at version {version}: {why}\n  read the current night whole (roster resolve --table \
         membership --version {newest}) and go on with --since {newest}"
    )]
    Gap {
        /// Where.
        version: u64,
        /// What happened there.
        why: &'static str,
        /// The newest version when it was asked for.
        newest: u64,
    },
    /// The files were deleted, as a later record said they would be: resolve again.
    #[error(
        "the night of {as_of} as of version {version} can not be read any more: its files are past retention or were \
         rewritten\n  resolve again: read the current night, or that of the day"
    )]
    Expired {
        /// The version that was pinned.
        version: u64,
        /// Its night.
        as_of: NaiveDate,
    },
    /// Nothing is published, or not what was asked for.
    #[error("{message}\n  {help}")]
    NotThere {
        /// What is not there.
        message: String,
        /// The next step.
        help: String,
    },
    /// A store that does not answer, a log or file that is not what it should be.
    #[error(transparent)]
    Other(#[from] Error),
}

impl ReadError {
    /// What to do about it.
    #[must_use]
    pub fn next(&self) -> Next {
        match self {
            Self::Gap { .. } | Self::Expired { .. } => Next::ResolveAgain,
            Self::Other(Error::Store { .. }) => Next::Retry,
            Self::NotThere { .. } | Self::Other(_) => Next::Stop,
        }
    }

    /// As a command of the program reports it. Not `From`: a second way into `Error` would make `?` ask for types.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Other(error) => error,
            other => {
                let text = other.to_string();
                let (message, help) = text.split_once("\n  ").unwrap_or((&text, ""));
                Error::Setting { message: message.to_owned(), help: help.to_owned() }
            }
        }
    }
}

/// Whether the log has named the attempt for deletion: then a file of it that is missing is nothing to worry about.
pub(super) async fn named_stale(log: &Log, attempt_id: &str) -> bool {
    let head = log.head().await.ok().flatten();
    head.is_some_and(|head| head.state.stale.iter().any(|stale| stale == attempt_id))
}
