//! `account`: a row for each key of the universe, with all that is known of it: what a portal or CRM reads.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, Float64Builder, ListArray, RecordBatch, StringBuilder, StructArray,
    UInt32Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::error::Result;

use super::{KEY, Rows, Table, number, text};
use crate::core::MEMBERSHIPS;
use crate::membership::Membership;
use crate::segment::Members;

pub(super) const TABLE: Table = Table {
    name: "account",
    sorted_by: &[KEY],
    looked_up_by_key: true,
    rows: |night| Some(rows(night)),
};

/// Accounts that are made into a batch at a time: their lists are built only then.
const BATCH_ROWS: usize = 8192;

fn rows(night: &Membership) -> Result<Rows<'_>> {
    let accounts = &night.universe.rows;
    let memberships = Memberships::new(night)?;
    let about = accounts.schema();
    let columns = std::iter::once(&night.key).chain(about.fields().iter().skip(1)).cloned();
    let columns = columns.chain(memberships.fields());
    let schema = Arc::new(Schema::new(columns.collect::<Vec<_>>()));

    let of_batches = Arc::clone(&schema);
    let batches = (0..accounts.num_rows()).step_by(BATCH_ROWS).map(move |start| {
        let end = accounts.num_rows().min(start + BATCH_ROWS);
        let mut columns = accounts.slice(start, end - start).columns().to_vec();
        columns.extend(memberships.columns(start..end)?);
        Ok(RecordBatch::try_new(Arc::clone(&of_batches), columns)?)
    });
    Ok(Rows::new(schema, batches))
}

/// Every account's memberships, by segmentation and segment.
struct Memberships<'a> {
    segmentations: Vec<&'a Members>,
    /// Account `i` has those from `starts[i]` to `starts[i + 1]`.
    starts: Vec<usize>,
    /// A segmentation, and a row of its members.
    all: Vec<(u32, u32)>,
}

impl<'a> Memberships<'a> {
    fn new(night: &'a Membership) -> Result<Self> {
        let segmentations: Vec<_> =
            night.segmentations.values().map(|stays| &stays.members).collect();
        let accounts = night.universe.keys();
        let converter = RowConverter::new(vec![SortField::new(accounts.data_type().clone())])?;
        let keys = converter.convert_columns(&[Arc::clone(accounts)])?;
        let index: HashMap<_, _> = keys.iter().zip(0_u32..).collect();
        // Who is not counted has no row here.
        let mut found = Vec::new();
        for (members, segmentation) in segmentations.iter().zip(0..) {
            let keys = converter.convert_columns(&[Arc::clone(members.keys())])?;
            let accounts = keys.iter().map(|key| index.get(&key).copied());
            let known = accounts.zip(0..).filter_map(|(account, row)| Some((account?, row)));
            found.extend(known.map(|(account, row)| (account, segmentation, row)));
        }
        found.sort_unstable();
        let mut starts = vec![0; accounts.len() + 1];
        for (account, ..) in &found {
            starts[*account as usize + 1] += 1;
        }
        let mut start = 0;
        for count in &mut starts {
            start += *count;
            *count = start;
        }
        let all = found.into_iter().map(|(_, segmentation, row)| (segmentation, row)).collect();
        Ok(Self { segmentations, starts, all })
    }

    /// A label for each exclusive segmentation, then the list of all.
    fn fields(&self) -> Vec<FieldRef> {
        let labels = self.segmentations.iter().filter_map(|m| m.segmentation.label_column());
        let labels = labels.map(|name| text(&name, true));
        let item = Arc::new(Field::new_list_field(DataType::Struct(membership()), false));
        let list = Arc::new(Field::new(MEMBERSHIPS, DataType::List(item), false));
        labels.chain([list]).collect()
    }

    /// The same of some accounts.
    fn columns(&self, accounts: Range<usize>) -> Result<Vec<ArrayRef>> {
        let mut columns = Vec::new();
        for (members, segmentation) in self.segmentations.iter().zip(0..) {
            if members.segmentation.exclusive {
                let label = |account| self.of(account).find(|(of, _)| *of == segmentation);
                let rows = accounts.clone().map(|account| label(account).map(|(_, row)| row));
                columns.push(take(members.segments(), &rows.collect::<UInt32Array>(), None)?);
            }
        }
        columns.push(self.lists(accounts)?);
        Ok(columns)
    }

    fn of(&self, account: usize) -> impl Iterator<Item = (u32, u32)> {
        self.all[self.starts[account]..self.starts[account + 1]].iter().copied()
    }

    fn lists(&self, accounts: Range<usize>) -> Result<ArrayRef> {
        let (mut segmentations, mut segments) = (StringBuilder::new(), StringBuilder::new());
        let mut scores = Float64Builder::new();
        let all = &self.all[self.starts[accounts.start]..self.starts[accounts.end]];
        for (segmentation, row) in all {
            let (members, row) = (self.segmentations[*segmentation as usize], *row as usize);
            segmentations.append_value(members.segmentation.name.as_str());
            segments.append_value(members.segments().value(row));
            let score = members.scores();
            scores.append_option(score.is_valid(row).then(|| score.value(row)));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(segmentations.finish()),
            Arc::new(segments.finish()),
            Arc::new(scores.finish()),
        ];
        let lengths = accounts.map(|account| self.of(account).count());
        let item = StructArray::try_new(membership(), columns, None)?;
        let field = Arc::new(Field::new_list_field(item.data_type().clone(), false));
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(field, offsets, Arc::new(item), None)?))
    }
}

/// What the list says of each.
fn membership() -> Fields {
    [text("segmentation", false), text("segment", false), number("score")].into_iter().collect()
}
