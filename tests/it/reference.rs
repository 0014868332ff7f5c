//! The reference project: on the edges of its bands, and without what is optional.
#![cfg(test)] // so that clippy takes the helpers for tests too

mod edges;
mod subsets;
