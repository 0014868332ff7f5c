//! The difference of two nights.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{
    Date32Array, DynComparator, RecordBatch, StringArray, UInt64Array, make_comparator,
    new_null_array,
};
use datafusion::arrow::compute::{SortOptions, interleave, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::error::Result;

use crate::catalog::{SCORE, SEGMENT};
use crate::runs::{batch, constant};
use crate::segment::MemberBatch;

/// What happened to a key in a segmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Was not in the segment, is now.
    Entered,
    /// Was in one segment of an exclusive segmentation, is in another now.
    Moved,
    /// Was in the segment, is not now.
    Left,
}

impl Change {
    /// As the change table says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Moved => "moved",
            Self::Left => "left",
        }
    }
}

/// How many went from one segment to another; None is outside.
pub type Flows = BTreeMap<(Option<String>, Option<String>), i64>;

/// What changed in one segmentation.
#[derive(Debug)]
pub struct Difference {
    /// `<key>, change, segment, previous_segment, score, previous_score`, by key, change and segment.
    pub rows: RecordBatch,
    /// Who stayed is not among them.
    pub flows: Flows,
}

/// The rows of a segmentation on two nights, both by segment, then key.
pub(super) struct Nights<'a> {
    now: &'a MemberBatch,
    before: &'a MemberBatch,
    /// For each row of now where the same key was in the same segment before.
    stays: Vec<Option<usize>>,
}

/// A change with the rows it is about: of now, of before, or both.
#[derive(Clone, Copy)]
struct Event {
    change: Change,
    now: Option<usize>,
    before: Option<usize>,
}

impl<'a> Nights<'a> {
    pub(super) fn new(now: &'a MemberBatch, before: &'a MemberBatch) -> Result<Self> {
        let key = comparator(now, before)?;
        let mut stays = vec![None; now.len()];
        let runs_before = before.runs()?;
        for (label, run) in now.runs()? {
            let Some(theirs) = runs_before.get(label) else { continue };
            let mut at = theirs.start;
            for row in run {
                while at < theirs.end && key(row, at) == Ordering::Greater {
                    at += 1;
                }
                if at < theirs.end && key(row, at) == Ordering::Equal {
                    stays[row] = Some(at);
                }
            }
        }
        Ok(Self { now, before, stays })
    }

    /// First night of the unbroken stay of each row of now; `as_of` for who was not there before.
    pub(super) fn since(&self, as_of: NaiveDate) -> Date32Array {
        let today = as_of.to_epoch_days();
        let before = self.before.since();
        let day = |at: usize| before.map_or(today, |before| before.value(at));
        Date32Array::from_iter_values(self.stays.iter().map(|at| at.map_or(today, day)))
    }

    /// What changed; in an `exclusive` segmentation who left one segment and entered another has moved.
    pub(super) fn difference(&self, key: &FieldRef, exclusive: bool) -> Result<Difference> {
        let runs = self.now.runs()?;
        if self.before.is_empty() && runs.len() <= 1 {
            return self.all_entered(key, runs.into_keys().next());
        }
        let events = self.events(exclusive)?;
        Ok(Difference { rows: self.rows(key, &events)?, flows: self.flows(&events)? })
    }

    /// Of one segment that was not there before: its rows are in the order of the changes already.
    fn all_entered(&self, key: &FieldRef, label: Option<&str>) -> Result<Difference> {
        let (columns, rows) = (self.now.batch().columns(), self.now.len());
        let text = |text: Option<&str>| constant(StringArray::from(vec![text]), rows);
        let columns = vec![
            Arc::clone(&columns[0]),
            text(Some(Change::Entered.as_str()))?,
            text(label)?,
            text(None)?,
            Arc::clone(&columns[2]),
            new_null_array(&DataType::Float64, rows),
        ];
        let rows_of_all = batch(&schema(key), columns)?;
        #[expect(clippy::cast_possible_wrap, reason = "rows are far fewer than 2^63")]
        let flows = label.map(|label| ((None, Some(label.to_owned())), rows as i64));
        Ok(Difference { rows: rows_of_all, flows: flows.into_iter().collect() })
    }

    fn events(&self, exclusive: bool) -> Result<Vec<Event>> {
        let mut stayed = vec![false; self.before.len()];
        self.stays.iter().flatten().for_each(|at| stayed[*at] = true);
        let entered = (0..self.now.len()).filter(|row| self.stays[*row].is_none()).collect();
        let left = (0..self.before.len()).filter(|row| !stayed[*row]).collect();
        let (entered, left) = (by_key(self.now, entered)?, by_key(self.before, left)?);

        let key = comparator(self.now, self.before)?;
        let mut events = Vec::with_capacity(entered.len() + left.len());
        let exit = |at: usize| Event { change: Change::Left, now: None, before: Some(at) };
        let mut exits = left.iter().copied().peekable();
        for same_key in entered.chunk_by(|a, b| a.1 == b.1) {
            let (first, _) = same_key[0];
            while let Some((at, _)) = exits.next_if(|(at, _)| key(first, *at) == Ordering::Greater)
            {
                events.push(exit(at));
            }
            let mut from = Vec::new();
            while let Some((at, _)) = exits.next_if(|(at, _)| key(first, *at) == Ordering::Equal) {
                from.push(at);
            }
            // A segmentation that only now became exclusive may have had several labels of a key: those are exits.
            let moved = match from.as_slice() {
                [from] if exclusive => Some(*from),
                _ => None,
            };
            let change = if moved.is_some() { Change::Moved } else { Change::Entered };
            let arrivals =
                same_key.iter().map(|(row, _)| Event { change, now: Some(*row), before: moved });
            events.extend(arrivals);
            if moved.is_none() {
                events.extend(from.into_iter().map(exit));
            }
        }
        events.extend(exits.map(|(at, _)| exit(at)));
        Ok(events)
    }

    fn rows(&self, key: &FieldRef, events: &[Event]) -> Result<RecordBatch> {
        let (now, before) = (self.now.batch(), self.before.batch());
        let picked = |index: fn(&Event) -> Option<usize>| -> UInt64Array {
            events.iter().map(|event| index(event).map(|index| index as u64)).collect()
        };
        let (rows_now, rows_before) = (picked(|event| event.now), picked(|event| event.before));
        let places: Vec<_> = events
            .iter()
            .map(|event| match (event.now, event.before) {
                (Some(index), _) => (0, index),
                (None, index) => (1, index.unwrap_or_default()),
            })
            .collect();
        let words = events.iter().map(|event| event.change.as_str());
        Ok(RecordBatch::try_new(
            schema(key),
            vec![
                interleave(&[now.column(0), before.column(0)], &places)?,
                Arc::new(StringArray::from_iter_values(words)),
                take(now.column(1), &rows_now, None)?,
                take(before.column(1), &rows_before, None)?,
                take(now.column(2), &rows_now, None)?,
                take(before.column(2), &rows_before, None)?,
            ],
        )?)
    }

    fn flows(&self, events: &[Event]) -> Result<Flows> {
        let ((labels_now, now), (labels_before, before)) =
            (labels(self.now)?, labels(self.before)?);
        let mut flows: BTreeMap<_, i64> = BTreeMap::new();
        for event in events {
            let way = (event.before.map(|row| before[row]), event.now.map(|row| now[row]));
            *flows.entry(way).or_default() += 1;
        }
        let named = flows.into_iter().map(|((from, to), accounts)| {
            let from = from.map(|label| labels_before[label].to_owned());
            ((from, to.map(|label| labels_now[label].to_owned())), accounts)
        });
        Ok(named.collect())
    }
}

/// The labels, and which of them each row has.
fn labels(rows: &MemberBatch) -> Result<(Vec<&str>, Vec<usize>)> {
    let mut of_rows = vec![0; rows.len()];
    let runs = rows.runs()?;
    for (label, run) in runs.values().enumerate() {
        of_rows[run.clone()].fill(label);
    }
    Ok((runs.into_keys().collect(), of_rows))
}

/// Rows in the order of their keys, those of one key in their own; each with the number of its key among them.
fn by_key(of: &MemberBatch, mut rows: Vec<usize>) -> Result<Vec<(usize, usize)>> {
    let key = comparator(of, of)?;
    rows.sort_by(|a, b| key(*a, *b));
    let mut last = None;
    let mut number = 0;
    let numbered = rows.into_iter().map(|row| {
        if last.replace(row).is_some_and(|last| key(last, row) != Ordering::Equal) {
            number += 1;
        }
        (row, number)
    });
    Ok(numbered.collect())
}

/// Compares keys of one side with keys of the other.
fn comparator(left: &MemberBatch, right: &MemberBatch) -> Result<DynComparator> {
    Ok(make_comparator(left.keys(), right.keys(), SortOptions::default())?)
}

fn schema(key: &FieldRef) -> SchemaRef {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let number = |name: &str| Field::new(name, DataType::Float64, true);
    Arc::new(Schema::new(vec![
        key.as_ref().clone(),
        text("change", false),
        text(SEGMENT, true),
        text("previous_segment", true),
        number(SCORE),
        number("previous_score"),
    ]))
}
