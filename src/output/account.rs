//! `account`: a row for each key of the universe, with all that is known of it: what a portal or CRM reads.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::array::{
    ArrayRef, Float64Builder, ListArray, RecordBatch, StringArray, StringBuilder, StructArray,
    UInt32Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::error::Result;

use super::buckets::{Bucket, Buckets, Entry};
use super::column::{Column, KEY_COLUMN, Of};
use super::{Contents, KEY, Table};
use crate::core::{MEMBERSHIPS, Segmentation};
use crate::membership::{Compared, Membership};

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
    /// Each with its labels, as far as somebody has them.
    segmentations: Vec<(&'a Segmentation, StringArray)>,
    buckets: Buckets,
}

impl<'a> Accounts<'a> {
    pub(super) fn new(night: &'a Membership) -> Self {
        let (accounts, segmentations) = (night.universe.keys().len(), night.segmentations.len());
        let buckets = Buckets::new(accounts, segmentations);
        Self { night, segmentations: Vec::new(), buckets }
    }

    /// Adds the members of a segmentation; who is not counted has no row here.
    pub(super) fn add(&mut self, compared: &Compared<'a>) -> Result<()> {
        let Some((members, rows)) = &compared.members else { return Ok(()) };
        #[expect(clippy::cast_possible_truncation, reason = "files of a project")]
        let segmentation = self.segmentations.len() as u32;
        let places = self.night.universe.places(rows)?;
        let (runs, scores) = (rows.runs()?, rows.scores());
        for (label, run) in (0..).zip(runs.values()) {
            for row in run.clone() {
                if let Some(account) = places[row] {
                    let score = scores.is_valid(row).then(|| scores.value(row));
                    self.buckets.push(account, Entry { segmentation, label, score })?;
                }
            }
        }
        let labels = StringArray::from_iter_values(runs.keys());
        self.segmentations.push((&members.segmentation, labels));
        Ok(())
    }

    /// What is known of each account, a label for each exclusive segmentation, then the list of all.
    pub(super) fn schema(&self) -> SchemaRef {
        let about = self.night.universe.schema();
        let columns =
            std::iter::once(&self.night.key).chain(about.fields().iter().skip(1)).cloned();
        let labels = self.segmentations.iter().filter_map(|(known, _)| known.label_column());
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
        let schema = self.schema();
        let accounts = self.night.universe.keys().len();
        let (mut start, mut bucket) = (0, None);
        std::iter::from_fn(move || {
            let left = accounts.checked_sub(start).filter(|left| *left > 0)?;
            let within = start % self.buckets.accounts;
            if within == 0 {
                bucket = Some(self.buckets.take(start / self.buckets.accounts));
            }
            let batch = match bucket.as_ref()? {
                Ok(bucket) => {
                    let taken = bucket.accounts_with(within, BATCH_MEMBERSHIPS).min(left);
                    let rows = self.night.universe.about(start..start + taken);
                    start += taken;
                    rows.and_then(|rows| self.batch(&schema, &rows, bucket, within))
                }
                Err(_) => bucket.take()?.map(|_| RecordBatch::new_empty(Arc::clone(&schema))),
            };
            Some(batch)
        })
    }

    /// Some accounts, the first of which is the account `first` of its bucket.
    fn batch(
        &self,
        schema: &SchemaRef,
        about: &RecordBatch,
        bucket: &Bucket,
        first: usize,
    ) -> Result<RecordBatch> {
        let accounts = first..first + about.num_rows();
        let mut columns = about.columns().to_vec();
        for (nth, (segmentation, labels)) in (0..).zip(&self.segmentations) {
            if segmentation.exclusive {
                let label = |account| {
                    let mut all = bucket.of(account..account + 1);
                    all.find(|entry| entry.segmentation == nth).map(|entry| entry.label)
                };
                let of_accounts = accounts.clone().map(label).collect::<UInt32Array>();
                columns.push(take(labels, &of_accounts, None)?);
            }
        }
        columns.push(self.lists(bucket, accounts)?);
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }

    fn lists(&self, bucket: &Bucket, accounts: Range<usize>) -> Result<ArrayRef> {
        let (mut segmentations, mut segments) = (StringBuilder::new(), StringBuilder::new());
        let mut scores = Float64Builder::new();
        for entry in bucket.of(accounts.clone()) {
            let (segmentation, labels) = &self.segmentations[entry.segmentation as usize];
            segmentations.append_value(segmentation.name.as_str());
            segments.append_value(labels.value(entry.label as usize));
            scores.append_option(entry.score);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(segmentations.finish()),
            Arc::new(segments.finish()),
            Arc::new(scores.finish()),
        ];
        let item = StructArray::try_new(membership(), columns, None)?;
        let field = Arc::new(Field::new_list_field(item.data_type().clone(), false));
        let lengths = accounts.map(|account| bucket.of(account..account + 1).len());
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(field, offsets, Arc::new(item), None)?))
    }
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
