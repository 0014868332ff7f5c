//! `feed`: the change table's rows against the night that was current, where that is not the previous one. Followers of
//! the log apply it; see `core::Feed`.

use super::Table;
use super::change::{SORTED_BY, columns, rows};

pub(super) const TABLE: Table = Table {
    name: "feed",
    columns,
    sorted_by: SORTED_BY,
    rows: |night, schema| night.feed.as_ref().map(|feed| rows(night.as_of, feed, schema)),
};
