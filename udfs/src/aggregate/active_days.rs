//! `active_days`: on how many days of a window something happened.

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewBuilder, BooleanArray, Int64Array};
use arrow::datatypes::{DataType, Date32Type, Float64Type};
use datafusion::common::{ScalarValue, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Documentation, EmitTo, Expr, GroupsAccumulator};
use datafusion_macros::user_doc;

use super::agreed::Agreed;
use super::definition::{Accumulators, Definition};
use super::one_group::{Groups, array, counted, each_its_own, number, refuse_null};
use crate::args::{Kind, Parameters, whole};
use crate::days::days;

const FUNCTION: &str = "active_days";

const PARAMETERS: Parameters = Parameters {
    function: FUNCTION,
    required: 3,
    all: &[("event_time", Kind::EventDay), ("as_of", Kind::Date), ("window_days", Kind::Number)],
};

/// A leap year.
const MOST_DAYS: u32 = 366;

#[user_doc(
    doc_section(label = "Usage Functions"),
    description = "Distinct days with an event among the last `window_days` up to and with the as-of day. 0 if there is \
                   none; rows without a time are ignored. Of a timestamp, the day in the zone of its type.",
    syntax_example = "active_days(event_time, as_of, window_days)",
    argument(name = "event_time", description = "When it happened: a date or a timestamp."),
    argument(
        name = "as_of",
        description = "The last day of the window, one for all rows of a group."
    ),
    argument(
        name = "window_days",
        description = "How many days, 1 to 366, one for all rows of a group."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ActiveDays;

impl Definition for ActiveDays {
    const PARAMETERS: Parameters = PARAMETERS;
    const NULLABLE: bool = false;

    fn result(_: &[DataType]) -> DataType {
        DataType::Int64
    }

    fn of_no_rows(_: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn check(position: usize, argument: &Expr) -> Result<()> {
        match position {
            1 => refuse_null(FUNCTION, "as_of", argument),
            2 => {
                refuse_null(FUNCTION, "window_days", argument)?;
                number(argument).map_or(Ok(()), |days| checked_window(days).map(drop))
            }
            _ => Ok(()),
        }
    }

    fn state(_: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![
            ("days", DataType::BinaryView),
            ("as_of", DataType::Date32),
            ("window_days", DataType::Float64),
        ]
    }

    fn accumulators(_: &AccumulatorArgs) -> Result<Accumulators> {
        Ok(DayGroups::default().into())
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn checked_window(days: f64) -> Result<usize> {
    Ok(whole(FUNCTION, "window_days", days, 1, MOST_DAYS)? as usize)
}

/// The days before each group's as-of day, one bit each: bit 0 is the as-of day itself.
#[derive(Debug, Clone)]
struct DayBits {
    words: Vec<u64>,
    /// As many as the longest window needs.
    words_a_group: usize,
}

/// Bits of a word, that is days.
const WORD_DAYS: usize = 64;

impl DayBits {
    fn grow(&mut self, groups: usize) {
        self.words.resize(groups * self.words_a_group, 0);
    }

    /// Makes room for days of a window.
    fn widen(&mut self, window_days: usize) {
        let words_a_group = window_days.div_ceil(WORD_DAYS);
        if words_a_group <= self.words_a_group {
            return;
        }
        let added = vec![0; words_a_group - self.words_a_group];
        let groups = self.words.chunks_exact(self.words_a_group);
        self.words = groups.flat_map(|words| words.iter().chain(&added)).copied().collect();
        self.words_a_group = words_a_group;
    }

    fn set(&mut self, group: usize, days_before: usize) {
        let word = group * self.words_a_group + days_before / WORD_DAYS;
        self.words[word] |= 1 << (days_before % WORD_DAYS);
    }

    /// Adds the days of a state.
    fn union(&mut self, group: usize, bytes: &[u8]) -> Result<()> {
        if bytes.len() > MOST_DAYS.div_ceil(8) as usize {
            return internal_err!("{FUNCTION}: {} bytes of days", bytes.len());
        }
        self.widen(bytes.len() * 8);
        let words = &mut self.words[group * self.words_a_group..];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks(8)) {
            let mut other = [0; 8];
            other[..bytes.len()].copy_from_slice(bytes);
            *word |= u64::from_le_bytes(other);
        }
        Ok(())
    }

    /// The words of the first groups, `words_a_group` of each.
    fn take(&mut self, emit_to: EmitTo) -> Vec<u64> {
        let words = match emit_to {
            EmitTo::All => EmitTo::All,
            EmitTo::First(groups) => EmitTo::First(groups * self.words_a_group),
        };
        words.take_needed(&mut self.words)
    }
}

/// Bytes from the as-of day back to the first day with an event: so few for a single one that a view holds them itself.
fn states<'a>(groups: impl ExactSizeIterator<Item = &'a [u64]>) -> ArrayRef {
    let mut states = BinaryViewBuilder::with_capacity(groups.len());
    let mut bytes = Vec::new();
    for words in groups {
        bytes.clear();
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        states.append_value(&bytes[..used]);
    }
    array(states.finish())
}

#[derive(Debug, Clone)]
struct DayGroups {
    days: DayBits,
    as_of: Agreed<i32>,
    window_days: Agreed<f64>,
}

impl Default for DayGroups {
    fn default() -> Self {
        Self {
            days: DayBits { words: Vec::new(), words_a_group: 1 },
            as_of: Agreed::new(FUNCTION, "as_of"),
            window_days: Agreed::new(FUNCTION, "window_days"),
        }
    }
}

impl Groups for DayGroups {
    fn grow(&mut self, groups: usize) {
        self.days.grow(groups);
        self.as_of.grow(groups);
        self.window_days.grow(groups);
    }
}

impl GroupsAccumulator for DayGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let events = days(&values[0])?;
        let as_of = values[1].as_primitive::<Date32Type>();
        let windows = values[2].as_primitive::<Float64Type>();
        let mut checked = None;
        for (row, group) in counted(group_indices, &events, opt_filter) {
            let as_of = self.as_of.see(group, as_of, row)?;
            let window = self.window_days.see(group, windows, row)?;
            let window_days = match checked {
                Some((bits, days)) if bits == window.to_bits() => days,
                _ => checked_window(window)?,
            };
            checked = Some((window.to_bits(), window_days));
            self.days.widen(window_days);
            let days_before = usize::try_from(i64::from(as_of) - i64::from(events.value(row)));
            if let Some(days_before) = days_before.ok().filter(|days| *days < window_days) {
                self.days.set(group, days_before);
            }
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let days = values[0].as_binary_view();
        let as_of = values[1].as_primitive::<Date32Type>();
        let windows = values[2].as_primitive::<Float64Type>();
        for (row, group) in group_indices.iter().enumerate() {
            if as_of.is_null(row) {
                continue;
            }
            self.as_of.see(*group, as_of, row)?;
            self.window_days.see(*group, windows, row)?;
            self.days.union(*group, days.value(row))?;
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.as_of.take(emit_to);
        self.window_days.take(emit_to);
        let days = self.days.take(emit_to);
        let count = |words: &[u64]| words.iter().map(|word| i64::from(word.count_ones())).sum();
        let counts = days.chunks_exact(self.days.words_a_group).map(count);
        Ok(array(Int64Array::from_iter_values(counts)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let days = self.days.take(emit_to);
        Ok(vec![
            states(days.chunks_exact(self.days.words_a_group)),
            self.as_of.state::<Date32Type>(emit_to),
            self.window_days.state::<Float64Type>(emit_to),
        ])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = each_its_own(values);
        let mut groups = Self::default();
        groups.update_batch(values, &rows, opt_filter, rows.len())?;
        groups.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.days.words.capacity() * size_of::<u64>() + self.as_of.size() + self.window_days.size()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arrow::array::{Date32Array, Float64Array};
    use proptest::prelude::*;

    use super::*;

    fn values(events: &[Option<i32>], as_of: i32, window_days: i32) -> Vec<ArrayRef> {
        vec![
            array(Date32Array::from(events.to_vec())),
            array(Date32Array::from(vec![as_of; events.len()])),
            array(Float64Array::from(vec![f64::from(window_days); events.len()])),
        ]
    }

    fn counts(groups: &mut DayGroups, emit_to: EmitTo) -> Vec<i64> {
        groups
            .evaluate(emit_to)
            .unwrap()
            .as_primitive::<arrow::datatypes::Int64Type>()
            .values()
            .to_vec()
    }

    #[test]
    fn a_window_is_open_at_its_start_and_closed_at_the_as_of_day() {
        let mut groups = DayGroups::default();
        let events = [Some(93), Some(94), Some(94), Some(100), Some(101), None];
        groups.update_batch(&values(&events, 100, 7), &[0; 6], None, 1).unwrap();
        assert_eq!(counts(&mut groups, EmitTo::All), [2]); // days 94 and 100
    }

    #[test]
    fn the_first_groups_can_be_emitted_before_the_others_are_complete() {
        let mut groups = DayGroups::default();
        groups
            .update_batch(&values(&[Some(1), Some(1), Some(2)], 9, 9), &[0, 1, 1], None, 3)
            .unwrap();
        assert_eq!(counts(&mut groups, EmitTo::First(1)), [1]);
        groups.update_batch(&values(&[Some(3)], 9, 9), &[0], None, 2).unwrap();
        assert_eq!(counts(&mut groups, EmitTo::All), [3, 0]);
    }

    #[test]
    fn a_window_of_no_days_is_refused() {
        let error = DayGroups::default().update_batch(&values(&[Some(1)], 2, 0), &[0], None, 1);
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("active_days: window_days must be a whole number from 1"),
            "{error}"
        );
    }

    #[test]
    fn groups_may_have_days_and_windows_of_their_own() {
        let mut groups = DayGroups::default();
        groups.update_batch(&values(&[Some(1), Some(2)], 2, 2), &[0, 1], None, 3).unwrap();
        groups.update_batch(&values(&[Some(1), Some(3)], 300, 366), &[2, 2], None, 3).unwrap();
        groups.update_batch(&values(&[Some(1)], 2, 2), &[1], None, 3).unwrap();
        let state = groups.state(EmitTo::All).unwrap();
        groups.merge_batch(&state, &[0, 1, 2], 3).unwrap();
        assert_eq!(counts(&mut groups, EmitTo::All), [1, 2, 2]);
    }

    #[test]
    fn a_group_has_one_as_of_day_and_one_window_also_across_partial_states() {
        let state = |as_of, window| {
            DayGroups::default().convert_to_state(&values(&[Some(1)], as_of, window), None).unwrap()
        };
        for (other, fault) in [
            (state(10, 7), "as_of must be the same"),
            (state(9, 8), "window_days must be the same"),
        ] {
            let mut groups = DayGroups::default();
            groups.merge_batch(&state(9, 7), &[0], 1).unwrap();
            let error = groups.merge_batch(&other, &[0], 1).unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
        }
    }

    proptest! {
        #[test]
        fn distinct_days_of_the_window_are_counted(
            events in proptest::collection::vec(proptest::option::of(0..500_i32), 0..80), window_days in 1..=366_i32,
        ) {
            let as_of = 450;
            let inside = |day: &&i32| (as_of - window_days + 1..=as_of).contains(*day);
            let days = events.iter().flatten().filter(inside).collect::<BTreeSet<_>>().len();
            let mut groups = DayGroups::default();
            groups.update_batch(&values(&events, as_of, window_days), &vec![0; events.len()], None, 1).unwrap();
            prop_assert_eq!(counts(&mut groups, EmitTo::All), [i64::try_from(days).unwrap()]);
        }
    }
}
