//! `account`: a row for each key of the universe, with all that is known of it: what a portal or CRM reads.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::array::{
    ArrayRef, DictionaryArray, Float64Array, ListArray, RecordBatch, StringArray, StructArray,
    UInt32Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::error::Result;

use super::buckets::{Bucket, Buckets, Entry};
use super::column::{Column, KEY_COLUMN, Of};
use super::{Contents, KEY, Table};
use crate::core::{MEMBERSHIPS, Name, Segmentation};
use crate::membership::{Compared, Membership};
use crate::runs::{as_they_are, batch};

pub(super) const TABLE: Table = Table {
    name: "account",
    row: "A key of the universe, with all that is known of it: what a portal or CRM reads.",
    columns: COLUMNS,
    sorted_by: &[KEY],
    looked_up_by_key: true,
    contents: Contents::OfAccounts,
};

/// Memberships of a batch at most: with some hundred segmentations an account's list is the most of it.
const BATCH_MEMBERSHIPS: usize = 64 << 10;

const COLUMNS: &[Column] = &[
    KEY_COLUMN,
    Column {
        name: "<columns of the universe>",
        of: Of::Project,
        nullable: true,
        meaning: "Every column of the universe table, but for personal ones.",
    },
    Column::text(
        "segment_<name>",
        "A column for each exclusive segmentation: the key's label in it; NULL where it has none.",
    )
    .or_null(),
    Column {
        name: MEMBERSHIPS,
        of: Of::Memberships,
        nullable: false,
        meaning: "All segments that the key is in, by segmentation and segment; empty where it is in none.",
    },
];

/// The memberships of all accounts, gathered segmentation by segmentation.
pub(super) struct Accounts<'a> {
    night: &'a Membership,
    segmentations: Vec<&'a Segmentation>,
    /// Of all segmentations, as far as somebody has them, each with its segmentation's number.
    labels: Vec<(u32, String)>,
    buckets: Buckets,
}

impl<'a> Accounts<'a> {
    pub(super) fn new(night: &'a Membership) -> Self {
        let (accounts, segmentations) = (night.universe.keys().len(), night.segmentations.len());
        let buckets = Buckets::new(accounts, segmentations);
        Self { night, segmentations: Vec::new(), labels: Vec::new(), buckets }
    }

    /// Adds the members of a segmentation; who is not counted has no row here.
    pub(super) fn add(&mut self, compared: &Compared<'a>) -> Result<()> {
        let Some((members, rows)) = &compared.members else { return Ok(()) };
        let segmentation = number(self.segmentations.len());
        let places = self.night.universe.places(rows)?;
        let scores = rows.scores();
        for (name, run) in rows.runs()? {
            let label = number(self.labels.len());
            self.labels.push((segmentation, name.to_owned()));
            for row in run {
                if let Some(account) = places[row] {
                    let score = scores.is_valid(row).then(|| scores.value(row));
                    self.buckets.push(account, Entry { label, score })?;
                }
            }
        }
        self.segmentations.push(&members.segmentation);
        Ok(())
    }

    /// What is known of each account, a label for each exclusive segmentation, then the list of all.
    pub(super) fn schema(&self) -> SchemaRef {
        let about = self.night.universe.schema();
        let columns =
            std::iter::once(&self.night.key).chain(about.fields().iter().skip(1)).cloned();
        let labels = self.segmentations.iter().filter_map(|known| known.label_column());
        let labels = labels.map(|name| Arc::new(Field::new(name, DataType::Utf8, true)));
        let item = Arc::new(Field::new_list_field(DataType::Struct(membership()), false));
        let list: FieldRef = Arc::new(Field::new(MEMBERSHIPS, DataType::List(item), false));
        Arc::new(Schema::new(columns.chain(labels).chain([list]).collect::<Vec<_>>()))
    }

    /// The rows, once all segmentations are there.
    ///
    /// # Errors
    /// A spill file that is gone.
    pub(super) fn batches(mut self) -> impl Iterator<Item = Result<RecordBatch>> + Send + 'a {
        let (schema, texts) = (self.schema(), self.texts());
        let accounts = self.night.universe.keys().len();
        let (mut start, mut bucket) = (0, None);
        std::iter::from_fn(move || {
            let left = accounts.checked_sub(start).filter(|left| *left > 0)?;
            let within = start % self.buckets.accounts;
            if within == 0 {
                bucket = Some(self.buckets.take(start / self.buckets.accounts));
            }
            let rows = match bucket.as_ref()? {
                Ok(bucket) => {
                    let taken = bucket.accounts_with(within, BATCH_MEMBERSHIPS).min(left);
                    let rows = self.night.universe.about(start..start + taken);
                    start += taken;
                    rows.and_then(|rows| self.batch(&schema, &texts, &rows, bucket, within))
                }
                Err(_) => bucket.take()?.map(|_| RecordBatch::new_empty(Arc::clone(&schema))),
            };
            Some(rows)
        })
    }

    fn texts(&self) -> Texts {
        let names = self.labels.iter().map(|(of, _)| &self.segmentations[*of as usize].name);
        Texts {
            segmentations: Arc::new(StringArray::from_iter_values(names.map(Name::as_str))),
            labels: Arc::new(StringArray::from_iter_values(
                self.labels.iter().map(|(_, label)| label),
            )),
        }
    }

    /// Some accounts, the first of which is the account `first` of its bucket.
    fn batch(
        &self,
        schema: &SchemaRef,
        texts: &Texts,
        about: &RecordBatch,
        bucket: &Bucket,
        first: usize,
    ) -> Result<RecordBatch> {
        let accounts = first..first + about.num_rows();
        let mut columns = about.columns().to_vec();
        for (nth, segmentation) in (0..).zip(&self.segmentations) {
            if segmentation.exclusive {
                let label = |account| {
                    let mut all = bucket.of(account..account + 1);
                    let of_it = |entry: &&Entry| self.labels[entry.label as usize].0 == nth;
                    all.find(of_it).map(|entry| entry.label)
                };
                let of_accounts = accounts.clone().map(label).collect::<UInt32Array>();
                columns.push(take(&texts.labels, &of_accounts, None)?);
            }
        }
        columns.push(lists(texts, bucket, accounts)?);
        batch(schema, columns)
    }
}

/// By the number of a label: its segmentation's name, and itself.
struct Texts {
    segmentations: ArrayRef,
    labels: ArrayRef,
}

/// Memberships of some accounts; their texts are there by number.
fn lists(texts: &Texts, bucket: &Bucket, accounts: Range<usize>) -> Result<ArrayRef> {
    let entries = || bucket.of(accounts.clone());
    let labels: UInt32Array = entries().map(|entry| Some(entry.label)).collect();
    let numbered = |texts: &ArrayRef| -> Result<ArrayRef> {
        Ok(Arc::new(DictionaryArray::try_new(labels.clone(), Arc::clone(texts))?))
    };
    let scores: Float64Array = entries().map(|entry| entry.score).collect();
    let columns = vec![numbered(&texts.segmentations)?, numbered(&texts.labels)?, Arc::new(scores)];
    let item = StructArray::try_new(as_they_are(&membership(), &columns), columns, None)?;
    let field = Arc::new(Field::new_list_field(item.data_type().clone(), false));
    let lengths = accounts.map(|account| bucket.of(account..account + 1).len());
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(field, offsets, Arc::new(item), None)?))
}

/// What the list says of each.
fn membership() -> Fields {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    Fields::from(vec![
        text("segmentation"),
        text("segment"),
        Field::new("score", DataType::Float64, true),
    ])
}

#[expect(clippy::cast_possible_truncation, reason = "segmentations and labels of a project")]
fn number(so_far: usize) -> u32 {
    so_far as u32
}
