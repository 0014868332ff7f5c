//! The difference of two nights.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, RecordBatch, StringArray, UInt64Array, new_empty_array,
};
use datafusion::arrow::compute::{interleave, take};
use datafusion::arrow::datatypes::{DataType, Date32Type, Field, FieldRef, Schema, SchemaRef};
use datafusion::arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::error::Result;

use super::{Published, PublishedRows};
use crate::catalog::{SCORE, SEGMENT};
use crate::segment::Members;

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

/// The changes against an earlier night.
#[derive(Debug)]
pub struct Changes {
    /// The earlier night; none before the first.
    pub since: Option<NaiveDate>,
    /// By segmentation, those without any left out: `<key>, change, segment, previous_segment, score, previous_score`,
    /// by key, change and segment.
    pub segmentations: BTreeMap<String, RecordBatch>,
}

impl Changes {
    /// How often a change happened in a segmentation.
    #[must_use]
    pub fn count(&self, segmentation: &str, change: Change) -> usize {
        let changes = self.segmentations.get(segmentation).map(|batch| batch.column(1));
        let words = changes.into_iter().flat_map(|words| words.as_string::<i32>().iter());
        words.filter(|word| *word == Some(change.as_str())).count()
    }

    /// How many went from one segment to another; None is outside. Who stayed is not among them.
    #[must_use]
    pub fn flows(&self, segmentation: &str) -> BTreeMap<(Option<&str>, Option<&str>), i64> {
        let mut flows = BTreeMap::new();
        if let Some(batch) = self.segmentations.get(segmentation) {
            let [to, from] = [2, 3].map(|column| batch.column(column).as_string::<i32>());
            for way in from.iter().zip(to) {
                *flows.entry(way).or_default() += 1;
            }
        }
        flows
    }
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

/// One night's rows of one segmentation.
struct Side {
    keys: ArrayRef,
    segments: ArrayRef,
    scores: ArrayRef,
    by_key: Rows,
    by_stay: Rows,
}

impl Side {
    fn new(keys: &ArrayRef, segments: &ArrayRef, scores: ArrayRef) -> Result<Self> {
        let (key, text) = (keys.data_type().clone(), segments.data_type().clone());
        let columns = [Arc::clone(keys), Arc::clone(segments)];
        let fields = vec![SortField::new(key.clone()), SortField::new(text)];
        let by_stay = RowConverter::new(fields)?.convert_columns(&columns)?;
        let by_key =
            RowConverter::new(vec![SortField::new(key)])?.convert_columns(&columns[..1])?;
        let [keys, segments] = columns;
        Ok(Self { keys, segments, scores, by_key, by_stay })
    }

    fn now(members: &Members) -> Result<Self> {
        let rows = &members.rows;
        Self::new(rows.column(0), rows.column(1), Arc::clone(rows.column(2)))
    }

    fn published(rows: &PublishedRows, key: &str) -> Result<Self> {
        let keys = rows.column(key)?;
        Self::new(&keys, &rows.column(SEGMENT)?, rows.column(SCORE)?)
    }

    /// Where each stay, a key in a segment, stands.
    fn stays(&self) -> HashMap<Row<'_>, usize> {
        self.by_stay.iter().enumerate().map(|(index, stay)| (stay, index)).collect()
    }
}

/// First night of the unbroken stay of each member.
pub(super) fn since(
    as_of: NaiveDate,
    members: &Members,
    previous: &Published,
) -> Result<Date32Array> {
    let today = as_of.to_epoch_days();
    let Some(rows) = previous.segmentations.get(members.segmentation.name.as_str()) else {
        return Ok(Date32Array::from_value(today, members.rows.num_rows()));
    };
    let before = Side::published(rows, members.rows.schema().field(0).name())?;
    let (now, stays) = (Side::now(members)?, before.stays());
    let since = rows.column("since")?;
    let since = since.as_primitive::<Date32Type>();
    let days = now.by_stay.iter().map(|stay| stays.get(&stay).map_or(today, |at| since.value(*at)));
    Ok(Date32Array::from_iter_values(days))
}

/// What changed in every segmentation that is there now or was there before.
pub(super) fn changes(key: &FieldRef, members: &[Members], before: &Published) -> Result<Changes> {
    let now: BTreeMap<_, _> =
        members.iter().map(|members| (members.segmentation.name.as_str(), members)).collect();
    let exclusive =
        |name: &str| now.get(name).is_some_and(|members| members.segmentation.exclusive);
    let side = |name: &str| now.get(name).map(|members| Side::now(members)).transpose();
    differences(key, now.keys().copied(), &side, before, &exclusive)
}

impl Changes {
    /// What leads from one published night to another; `exclusive` says of which segmentations a key has one label only.
    ///
    /// # Errors
    /// Files without the columns of the membership table.
    pub fn between(
        key: &FieldRef,
        now: &Published,
        before: &Published,
        exclusive: &dyn Fn(&str) -> bool,
    ) -> Result<Self> {
        let names = now.segmentations.keys().map(String::as_str);
        let side = |name: &str| {
            now.segmentations.get(name).map(|rows| Side::published(rows, key.name())).transpose()
        };
        differences(key, names, &side, before, exclusive)
    }
}

fn differences<'a>(
    key: &FieldRef,
    names: impl Iterator<Item = &'a str>,
    now: &dyn Fn(&str) -> Result<Option<Side>>,
    before: &'a Published,
    exclusive: &dyn Fn(&str) -> bool,
) -> Result<Changes> {
    let names: BTreeSet<_> = names.chain(before.segmentations.keys().map(String::as_str)).collect();
    let mut segmentations = BTreeMap::new();
    for name in names {
        let rows = before.segmentations.get(name);
        let before = rows.map(|rows| Side::published(rows, key.name())).transpose()?;
        let batch = difference(key, now(name)?.as_ref(), before.as_ref(), exclusive(name))?;
        if batch.num_rows() > 0 {
            segmentations.insert(name.to_owned(), batch);
        }
    }
    Ok(Changes { since: before.as_of, segmentations })
}

/// A change with the rows it is about: of now, of before, or both.
#[derive(Clone, Copy)]
struct Event {
    change: Change,
    now: Option<usize>,
    before: Option<usize>,
}

fn difference(
    key: &FieldRef,
    now: Option<&Side>,
    before: Option<&Side>,
    exclusive: bool,
) -> Result<RecordBatch> {
    let stays_now = now.map(Side::stays).unwrap_or_default();
    let stays_before = before.map(Side::stays).unwrap_or_default();
    let unmatched = |mine: &HashMap<Row<'_>, usize>, other: &HashMap<Row<'_>, usize>| {
        let unmatched = mine.iter().filter(|(stay, _)| !other.contains_key(stay));
        unmatched.map(|(_, index)| *index).collect::<BTreeSet<_>>()
    };
    let entered = unmatched(&stays_now, &stays_before);
    let left = unmatched(&stays_before, &stays_now);

    let mut moved_from: HashMap<usize, usize> = HashMap::new();
    if let (true, Some(now), Some(before)) = (exclusive, now, before) {
        // A segmentation that only now became exclusive may have had several labels of a key: those are exits.
        let mut by_key: HashMap<Row<'_>, Vec<usize>> = HashMap::new();
        for index in &left {
            by_key.entry(before.by_key.row(*index)).or_default().push(*index);
        }
        for index in &entered {
            if let Some([from]) = by_key.get(&now.by_key.row(*index)).map(Vec::as_slice) {
                moved_from.insert(*index, *from);
            }
        }
    }
    let moved_away: BTreeSet<_> = moved_from.values().copied().collect();
    let arrivals = entered.iter().map(|index| {
        let from = moved_from.get(index).copied();
        let change = if from.is_some() { Change::Moved } else { Change::Entered };
        Event { change, now: Some(*index), before: from }
    });
    let exits = left.difference(&moved_away);
    let exits = exits.map(|index| Event { change: Change::Left, now: None, before: Some(*index) });
    let mut events: Vec<_> = arrivals.chain(exits).collect();
    let key_of = |event: &Event| match (event.now.zip(now), event.before.zip(before)) {
        (Some((index, now)), _) => Some(now.by_key.row(index)),
        (None, Some((index, before))) => Some(before.by_key.row(index)),
        (None, None) => None,
    };
    // Rows stand by segment on both sides, so that their index orders segments.
    events.sort_by(|a, b| {
        key_of(a)
            .cmp(&key_of(b))
            .then_with(|| (a.change, a.now, a.before).cmp(&(b.change, b.now, b.before)))
    });
    to_batch(key, &events, now, before)
}

fn to_batch(
    key: &FieldRef,
    events: &[Event],
    now: Option<&Side>,
    before: Option<&Side>,
) -> Result<RecordBatch> {
    let column = |side: Option<&Side>, values: fn(&Side) -> &ArrayRef, empty: &DataType| {
        side.map_or_else(|| new_empty_array(empty), |side| Arc::clone(values(side)))
    };
    let picked = |index: fn(&Event) -> Option<usize>| -> UInt64Array {
        events.iter().map(|event| index(event).map(|index| index as u64)).collect()
    };
    let (rows_now, rows_before) = (picked(|event| event.now), picked(|event| event.before));
    let keys = [now, before].map(|side| column(side, |side| &side.keys, key.data_type()));
    let places: Vec<_> = events
        .iter()
        .map(|event| match (event.now, event.before) {
            (Some(index), _) => (0, index),
            (None, index) => (1, index.unwrap_or_default()),
        })
        .collect();
    let words = events.iter().map(|event| event.change.as_str());
    let text = DataType::Utf8;
    let number = DataType::Float64;
    Ok(RecordBatch::try_new(
        schema(key),
        vec![
            interleave(&[&keys[0], &keys[1]], &places)?,
            Arc::new(StringArray::from_iter_values(words)),
            take(&column(now, |side| &side.segments, &text), &rows_now, None)?,
            take(&column(before, |side| &side.segments, &text), &rows_before, None)?,
            take(&column(now, |side| &side.scores, &number), &rows_now, None)?,
            take(&column(before, |side| &side.scores, &number), &rows_before, None)?,
        ],
    )?)
}
