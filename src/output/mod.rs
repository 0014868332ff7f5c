//! The published tables: one file each here, and one line in [`TABLES`].

mod account;
mod change;
mod feed;
mod membership;
mod summary;
mod transition;
mod writer;

pub use change::schema as change_schema;
pub use membership::schema as membership_schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{ArrayRef, Date32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use datafusion::error::Result as EngineResult;

use crate::catalog::PreviousTable;
use crate::commit::Attempt;
use crate::core::TableFiles;
use crate::error::{Error, Result};
use crate::membership::{Changes, Membership};

/// Every table that a night publishes.
pub const TABLES: [&Table; 6] = [
    &membership::TABLE,
    &change::TABLE,
    &account::TABLE,
    &summary::TABLE,
    &transition::TABLE,
    &feed::TABLE,
];

/// The tables of a night: what is current, unlike the `feed`, which is for followers of the log.
pub fn tables_of_a_night() -> impl Iterator<Item = &'static Table> {
    TABLES.into_iter().filter(|table| table.name != feed::TABLE.name)
}

/// The table that SQL may look back on: the membership of the night before.
#[must_use]
pub fn previous(rows: Vec<RecordBatch>) -> PreviousTable {
    PreviousTable { name: membership::TABLE.name, schema: membership_schema, rows }
}

/// A published table.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns that order its rows; `KEY` stands for the entity key.
    sorted_by: &'static [&'static str],
    /// Whether one key is looked up in it: its file then has a bloom filter.
    looked_up_by_key: bool,
    /// Its rows; none where this night does not have the table.
    rows: fn(&Membership) -> Option<EngineResult<Rows<'_>>>,
}

/// Stands for the entity key in a list of columns.
const KEY: &str = "<key>";

/// Rows in the order of their table.
struct Rows<'a> {
    schema: SchemaRef,
    batches: Box<dyn Iterator<Item = EngineResult<RecordBatch>> + Send + 'a>,
}

impl<'a> Rows<'a> {
    fn new(
        schema: SchemaRef,
        batches: impl Iterator<Item = EngineResult<RecordBatch>> + Send + 'a,
    ) -> Self {
        Self { schema, batches: Box::new(batches) }
    }
}

/// Writes the night's tables into the files of `attempt`.
///
/// # Errors
/// A store that does not take them.
pub async fn write(night: &Membership, attempt: &Attempt) -> Result<BTreeMap<String, TableFiles>> {
    let mut written = BTreeMap::new();
    for table in TABLES {
        let Some(rows) = (table.rows)(night) else { continue };
        let files = writer::write(table, night.key.name(), rows, attempt).await?;
        written.insert(table.name.to_owned(), files);
    }
    Ok(written)
}

/// Writes only the rows that lead followers to the night of `as_of`: what a rollback brings.
///
/// # Errors
/// A store that does not take them.
pub async fn write_feed(
    as_of: NaiveDate,
    key: &FieldRef,
    changes: &Changes,
    attempt: &Attempt,
) -> Result<BTreeMap<String, TableFiles>> {
    let rows = Ok(change::rows(as_of, key, changes));
    let files = writer::write(&feed::TABLE, key.name(), rows, attempt).await?;
    Ok(BTreeMap::from([(feed::TABLE.name.to_owned(), files)]))
}

/// Writes a published table once more with rows of the same schema; `key` is the entity key's name.
///
/// # Errors
/// A table that this program does not know, or a store that does not take it.
pub async fn rewrite(
    table: &str,
    key: &str,
    rows: Vec<RecordBatch>,
    attempt: &Attempt,
) -> Result<TableFiles> {
    let known = TABLES.into_iter().find(|known| known.name == table);
    let (Some(known), Some(schema)) = (known, rows.first().map(RecordBatch::schema)) else {
        return Err(Error::Log {
            message: format!("this program does not know the published table `{table}`"),
            help: "run a newer roster".to_owned(),
        });
    };
    let rows = Rows::new(schema, rows.into_iter().map(Ok));
    writer::write(known, key, Ok(rows), attempt).await
}

fn text(name: &str, nullable: bool) -> FieldRef {
    Arc::new(Field::new(name, DataType::Utf8, nullable))
}

fn date(name: &str, nullable: bool) -> FieldRef {
    Arc::new(Field::new(name, DataType::Date32, nullable))
}

fn count(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Int64, false))
}

fn number(name: &str) -> FieldRef {
    Arc::new(Field::new(name, DataType::Float64, true))
}

fn constant_text(value: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows)))
}

fn constant_date(value: Option<NaiveDate>, rows: usize) -> ArrayRef {
    let value = value.map(|day| day.to_epoch_days());
    Arc::new(std::iter::repeat_n(value, rows).collect::<Date32Array>())
}
