//! `feed`: the change table's rows against the night that was current, where that is not the previous one. Followers of
//! the log apply it; see `core::Feed`.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::change::{COLUMNS, SORTED_BY, rows, schema};
use super::{Contents, Table};

pub(super) const TABLE: Table = Table {
    name: "feed",
    row: "An entry, move or exit against the night that was current, where that is not the previous one: after a rollback, \
          or where a current night was replaced. For followers of the log; `roster changes` names it.",
    columns: COLUMNS,
    sorted_by: SORTED_BY,
    looked_up_by_key: false,
    contents: Contents::OfSegmentations {
        schema: |night| night.stands.as_ref().map(|_| schema(&night.key)),
        rows: |night, compared, _, schema| {
            let since = night.stands.as_ref().and_then(|stands| stands.as_of);
            match &compared.feed {
                Some(changes) => rows(night.as_of, since, compared.name, changes, schema),
                None => Ok(RecordBatch::new_empty(SchemaRef::clone(schema))),
            }
        },
    },
};
