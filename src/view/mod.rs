//! What is published, for readers of other formats: the same files, named once more. A view follows the log, is never
//! read by Roster, and what is missing of it is written by whoever comes next.

#[cfg(feature = "delta")]
mod delta;

#[cfg(not(feature = "delta"))]
mod delta {
    //! Stands for the view in a program without it; roster.toml can not ask for it there.

    use std::future::{Ready, ready};

    use crate::commit::{Exclusivity, Log};
    use crate::error::Result;

    pub(super) fn refresh(_: &Log, _: Exclusivity) -> Ready<Result<()>> {
        ready(Ok(()))
    }

    pub(super) fn problems(_: &Log) -> Ready<Result<Vec<String>>> {
        ready(Ok(Vec::new()))
    }
}

use crate::commit::{Exclusivity, Log};
use crate::config::Config;
use crate::error::Result;

/// Writes what the views that the project asks for lack against the log.
///
/// # Errors
/// A store that does not answer, a log that can not be read, or a view that somebody else has written to.
pub async fn refresh(config: &Config, exclusivity: Exclusivity) -> Result<()> {
    if config.delta {
        delta::refresh(&Log::open(config)?, exclusivity).await?;
    }
    Ok(())
}

/// The same after a commit, which stands whatever becomes of the views: a failure is a warning.
pub async fn follow(config: &Config, exclusivity: Exclusivity) -> Option<String> {
    let error = refresh(config, exclusivity).await.err()?;
    Some(format!(
        "readers of the log find the commit, those of the Delta tables not yet; the next command that writes to \
         the log, or the same run again, makes up for it: {error}"
    ))
}

/// What the views that the project asks for say otherwise than the log.
///
/// # Errors
/// A store that does not answer, or a log that can not be read.
pub async fn problems(config: &Config) -> Result<Vec<String>> {
    match config.delta {
        true => delta::problems(&Log::open(config)?).await,
        false => Ok(Vec::new()),
    }
}
