//! The commit log: read by all, written here only. COMMIT.md holds the protocol, `core::protocol` its judgements.

mod attempt;
mod derived;
mod garbage;
mod log;
mod probe;
mod proposals;
mod publish;
mod sync;

pub use attempt::{Attempt, Upload};
pub use derived::{DELTA_LOG, create, overwrite};
pub use garbage::{Garbage, Listing, delete_attempts, list_attempts};
pub use log::{LATEST, Log};
pub use probe::{Exclusivity, probe};
pub use proposals::{Draft, Forget, Hold, Rollback, Vacuum};
pub use publish::{Proposal, Published, publish};
