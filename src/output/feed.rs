//! `feed`: the change table's rows against the night that was current, where that is not the previous one. Followers of
//! the log apply it; see `core::Feed`.

use super::Table;
use super::change::{SORTED_BY, rows};

pub(super) const TABLE: Table = Table {
    name: "feed",
    sorted_by: SORTED_BY,
    looked_up_by_key: false,
    rows: |night| night.feed.as_ref().map(|feed| Ok(rows(night.as_of, &night.key, feed))),
};
