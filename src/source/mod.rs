//! Extracts: listed once, pinned, checked by their footers, and shown to SQL as they were on the night.

mod contradiction;
mod cut;
mod decode;
mod dictionaries;
mod instants;
mod list;
mod numbers;
mod read;
mod schema;
mod table;

pub use cut::as_of_night;
pub use decode::is_decoding;
pub use list::{Listed, Listing, list};
pub use numbers::{Numbers, text_of};
pub use read::{find_broken_file, read_error, read_footers, store_error};
pub use schema::{Footer, published_type};
pub use table::{PinnedSchema, PinnedTable, PinnedTableFile};

use chrono::{DateTime, Utc};

use crate::config::Source;
use crate::core::{AsOf, Input};
use crate::error::Result;
use crate::store::PinnedStore;
use datafusion::prelude::SessionContext;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A file costs two requests, and a row group one of each column: 1,000 of them are seconds at 50 ms a request.
const MANY_PIECES: u64 = 1000;
/// Below this a request takes longer to answer than its bytes to arrive, at 100 MB/s and 10 ms.
const SMALL_PIECE_BYTES: u64 = 1 << 20;
/// What to do about it.
pub const SMALL_PIECES_HELP: &str =
    "write fewer and larger files, with row groups of some 100,000 rows";

/// A source on a night: its files pinned, its schema known.
#[derive(Debug)]
pub struct Pinned {
    /// The files as a table; none of its rows are cut yet.
    pub table: Arc<PinnedTable>,
    /// What goes into the manifest and the fingerprint.
    pub inputs: Vec<Input>,
    /// When the newest file was written; none without files.
    pub newest_file: Option<DateTime<Utc>>,
    /// Rows in the files, before any cut.
    pub rows: u64,
    /// Row groups in the files.
    row_groups: usize,
    /// Columns of the files that are not declared, and so not read.
    pub undeclared: BTreeSet<String>,
}

impl Pinned {
    /// Whether the night is seen as it was: a source without a past must not have been written after the night was over
    /// by more than a day.
    #[must_use]
    pub fn point_in_time(&self, source: &Source, as_of: AsOf) -> bool {
        let day_after = as_of.end() + chrono::TimeDelta::days(1);
        !source.is_current_state() || self.newest_file.is_none_or(|newest| newest <= day_after)
    }

    /// Compressed bytes of all files.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.inputs.iter().map(|file| file.size).sum()
    }

    /// What to know of an extract in so many small pieces that they cost more than their rows.
    #[must_use]
    pub fn in_small_pieces(&self, source: &Source) -> Option<String> {
        let pieces = self.row_groups as u64;
        (pieces >= MANY_PIECES && self.size_bytes() / pieces < SMALL_PIECE_BYTES).then(|| {
            format!(
                "raw.{} comes in {pieces} row groups of {} files, {} KiB each on average",
                source.name,
                self.inputs.len(),
                self.size_bytes() / pieces / 1024
            )
        })
    }
}

/// A source that is not there, or not looked at: its declared columns, without rows.
#[must_use]
pub fn absent(source: &Source) -> Pinned {
    let table = Arc::new(PinnedTable::new(schema::declared_schema(source), Vec::new()));
    Pinned {
        table,
        inputs: Vec::new(),
        newest_file: None,
        rows: 0,
        row_groups: 0,
        undeclared: BTreeSet::new(),
    }
}

/// Pins the listed files of a source and checks their footers.
///
/// # Errors
/// A file that is not Parquet, or files whose schemas do not agree.
pub async fn pin(
    source: &Source,
    listed: Vec<Listed>,
    store: &PinnedStore,
    context: &SessionContext,
) -> Result<Pinned> {
    let inputs = listed.iter().map(Listed::input).collect();
    let newest_file = listed.iter().map(|file| file.meta.last_modified).max();
    let files: Vec<_> = listed
        .into_iter()
        .map(|file| {
            let meta = store.pin(source.name.as_str(), &file.root, file.meta);
            PinnedTableFile { meta, partitions: file.partitions }
        })
        .collect();
    let footers = read_footers(source, files, store, context).await?;
    let schema = schema::table_schema(source, &footers, store)?;
    let rows = footers.iter().map(|footer| footer.rows).sum();
    let row_groups = footers.iter().map(|footer| footer.row_groups).sum();
    let undeclared = schema::undeclared(source, &footers);
    let table = Arc::new(PinnedTable::new(schema, footers));
    Ok(Pinned { table, inputs, newest_file, rows, row_groups, undeclared })
}
