//! The published tables: one file each here, and one line in [`TABLES`].

mod account;
mod buckets;
mod change;
mod chunk;
mod column;
mod drift;
mod feed;
mod membership;
mod row_group;
mod summary;
mod transition;
mod writer;

pub use change::schema as change_schema;
pub use column::{Column, Of};
pub use membership::schema as membership_schema;
pub use writer::TableWriter;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{ArrayRef, Date32Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::error::Result as EngineResult;

use crate::catalog::PreviousTable;
use crate::commit::Attempt;
use crate::core::TableFiles;
use crate::error::{Error, Result};
use crate::membership::{Compared, Membership, Published, Tally};
use crate::runs::constant;
use crate::spool;
use writer::Encoding;

/// Every table that a night publishes.
pub const TABLES: [&Table; 7] = [
    &membership::TABLE,
    &change::TABLE,
    &account::TABLE,
    &summary::TABLE,
    &transition::TABLE,
    &drift::TABLE,
    &feed::TABLE,
];

/// The tables of a night: what is current, unlike the `feed`, which is for followers of the log.
pub fn tables_of_a_night() -> impl Iterator<Item = &'static Table> {
    TABLES.into_iter().filter(|table| table.name != feed::TABLE.name)
}

/// The table that SQL may look back on: the membership of the night before. `night` has all its rows in memory from then
/// on, as long as the table is there.
///
/// # Errors
/// Rows that were set aside on a disk that is gone.
pub fn previous(night: &Published) -> EngineResult<PreviousTable> {
    let mut rows = Vec::new();
    if let Some((as_of, key)) = night.as_of.zip(night.key()) {
        let schema = membership_schema(key);
        for name in night.segmentations.keys() {
            if let Some(members) = night.rows(name)?
                && let Some(since) = members.since()
            {
                let of_one = membership::rows(as_of, name, &members, since, &schema)?;
                let columns = of_one.columns().iter().zip(schema.fields());
                let columns = columns.map(|(column, field)| cast(column, field.data_type()));
                let columns = columns.collect::<Result<_, _>>()?;
                rows.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
            }
        }
    }
    Ok(PreviousTable { rows, ..no_previous() })
}

/// The same without rows: before the first night, or where no query looks back.
#[must_use]
pub fn no_previous() -> PreviousTable {
    let (name, rows) = (membership::TABLE.name, Vec::new());
    PreviousTable { name, schema: membership_schema, rows }
}

/// A published table.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What one of its rows is.
    pub row: &'static str,
    /// Its columns, in order.
    pub columns: &'static [Column],
    /// The columns that order its rows; `KEY` stands for the entity key.
    pub sorted_by: &'static [&'static str],
    /// Whether one key is looked up in it: its file then has a bloom filter.
    looked_up_by_key: bool,
    contents: Contents,
}

/// Where the rows of a table come from.
enum Contents {
    /// Rows for each segmentation, in the order of their names.
    OfSegmentations {
        /// The columns; none where this night does not have the table.
        schema: fn(&Membership) -> Option<SchemaRef>,
        rows: RowsOf,
    },
    /// Rows for some accounts at a time, once all segmentations are through.
    OfAccounts,
}

/// The rows that a table has for one segmentation.
type RowsOf = fn(&Membership, &Compared<'_>, &Tally, &SchemaRef) -> EngineResult<RecordBatch>;

/// Stands for the entity key in a list of columns.
const KEY: &str = "<key>";

/// The column of what else a query returned.
const EVIDENCE: &str = "evidence";

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// By table.
    pub tables: BTreeMap<String, TableFiles>,
    /// By segmentation.
    pub tallies: BTreeMap<String, Tally>,
}

/// Writes the night's tables into the files of `attempt`, one segmentation after the other: one of them is in memory at a
/// time.
///
/// # Errors
/// A store that does not take them.
pub async fn write(night: &Membership, attempt: &Attempt) -> Result<Written> {
    let key = night.key.name();
    let mut open = Vec::new();
    for table in TABLES {
        if let Contents::OfSegmentations { schema, rows } = &table.contents
            && let Some(schema) = schema(night)
        {
            let writer = TableWriter::open(table, key, &schema, attempt)?;
            open.push(Open { table, rows: *rows, schema, encoding: Encoding::begin(writer) });
        }
    }
    let (mut accounts, mut tallies) = (account::Accounts::new(night), BTreeMap::new());
    let filled = fill(night, &open, &mut accounts, &mut tallies).await;
    // All are waited for, whatever failed: what is under way must not put its file behind our back.
    let mut written = Vec::new();
    for Open { table, encoding, .. } in open {
        written.push((table, encoding.end().await));
    }
    filled.map_err(|error| spool::failure(&error))?;
    let writers: Vec<_> =
        written.into_iter().map(|(table, writer)| Ok((table, writer?))).collect::<Result<_>>()?;
    let mut tables = BTreeMap::new();
    for (table, writer) in writers {
        tables.insert(table.name.to_owned(), writer.finish().await?);
    }

    let writer = TableWriter::open(&account::TABLE, key, &accounts.schema(), attempt)?;
    let encoding = Encoding::begin(writer);
    let filled = fill_accounts(accounts, &encoding).await;
    let writer = encoding.end().await;
    filled.map_err(|error| spool::failure(&error))?;
    let writer = writer?;
    tables.insert(account::TABLE.name.to_owned(), writer.finish().await?);
    Ok(Written { tables, tallies })
}

/// A table that is being written.
struct Open {
    table: &'static Table,
    rows: RowsOf,
    schema: SchemaRef,
    encoding: Encoding,
}

/// Hands the rows of each segmentation to all tables that have some of them.
async fn fill<'a>(
    night: &'a Membership,
    open: &[Open],
    accounts: &mut account::Accounts<'a>,
    tallies: &mut BTreeMap<String, Tally>,
) -> EngineResult<()> {
    for name in night.names() {
        let compared = night.compare(name)?;
        let tally = compared.tally()?;
        for table in open {
            let rows = (table.rows)(night, &compared, &tally, &table.schema)?;
            if !table.encoding.write(rows).await {
                return Ok(()); // the table says why
            }
        }
        accounts.add(&compared)?;
        tallies.insert(name.to_owned(), tally);
    }
    Ok(())
}

async fn fill_accounts(accounts: account::Accounts<'_>, encoding: &Encoding) -> EngineResult<()> {
    for rows in accounts.batches() {
        if !encoding.write(rows?).await {
            break; // the table says why
        }
    }
    Ok(())
}

/// Writes only the rows that lead followers to the night of `as_of`: what a rollback brings. `changes` are those of each
/// segmentation.
///
/// # Errors
/// A store that does not take them.
pub async fn write_feed<'a>(
    as_of: NaiveDate,
    since: Option<NaiveDate>,
    key: &FieldRef,
    changes: impl Iterator<Item = (&'a str, EngineResult<RecordBatch>)>,
    attempt: &Attempt,
) -> Result<BTreeMap<String, TableFiles>> {
    let schema = change_schema(key);
    let mut writer = TableWriter::open(&feed::TABLE, key.name(), &schema, attempt)?;
    for (name, changes) in changes {
        let rows = changes.and_then(|changes| change::rows(as_of, since, name, &changes, &schema));
        writer.write(&rows.map_err(|error| spool::failure(&error))?).await?;
    }
    Ok(BTreeMap::from([(feed::TABLE.name.to_owned(), writer.finish().await?)]))
}

/// Begins a published table once more, with the same columns; `key` is the entity key's name.
///
/// # Errors
/// A table that this program does not know.
pub fn rewrite(
    table: &str,
    key: &str,
    schema: &SchemaRef,
    attempt: &Attempt,
) -> Result<TableWriter> {
    let known = TABLES.into_iter().find(|known| known.name == table).ok_or_else(|| Error::Log {
        message: format!("this program does not know the published table `{table}`"),
        help: "run a newer roster".to_owned(),
    })?;
    TableWriter::open(known, key, schema, attempt)
}

fn constant_text(value: &str, rows: usize) -> EngineResult<ArrayRef> {
    constant(StringArray::from_iter_values([value]), rows)
}

fn constant_date(value: Option<NaiveDate>, rows: usize) -> EngineResult<ArrayRef> {
    constant(Date32Array::from(vec![value.map(|day| day.to_epoch_days())]), rows)
}
