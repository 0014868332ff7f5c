//! Object stores by URL, reads pinned to a version, and what may be said of either.

mod pinned;
mod redact;
mod root;
mod throttle;

pub use pinned::{ChangedWhileRead, PinnedFile, PinnedStore, ScanMeter, pinned_url};
pub use redact::{mask, redact};
pub use root::{Root, advice};
pub use throttle::on_throttling;
