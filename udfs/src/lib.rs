//! Functions.
mod as_of;
pub use as_of::AsOf;
