//! `active_days`: on how many days of a window something happened.

use std::sync::Arc;

use arrow::array::Date32Array;
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Int32Array, Int64Array};
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef, Float64Type, Int32Type};
use datafusion::common::{ScalarValue, exec_err, internal_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, Signature,
};
use datafusion_macros::user_doc;

use super::one_group::{
    Groups, OneGroup, array, as_of_day, checked_when_planned, counted, each_its_own,
    refuse_distinct, same_as_of,
};
use crate::args::{Kind, Parameters, whole};

const FUNCTION: &str = "active_days";

const PARAMETERS: Parameters = Parameters {
    function: FUNCTION,
    required: 3,
    all: &[("event_time", Kind::Day), ("as_of", Kind::Date), ("window_days", Kind::Number)],
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
pub(crate) struct ActiveDays {
    signature: Signature,
}

impl ActiveDays {
    pub(crate) fn new() -> Self {
        Self { signature: PARAMETERS.signature() }
    }
}

impl AggregateUDFImpl for ActiveDays {
    fn name(&self) -> &'static str {
        FUNCTION
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        PARAMETERS.coerce(types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(checked_when_planned(FUNCTION, |position, constant| match (position, constant) {
            (1 | 2, constant) if constant.is_null() => {
                plan_err!("{FUNCTION}: {} must not be NULL", PARAMETERS.all[position].0)
            }
            (2, ScalarValue::Float64(Some(days))) => checked_window(*days).map(drop),
            _ => Ok(()),
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        refuse_distinct(FUNCTION, args.is_distinct)?;
        Ok(Box::new(OneGroup(DayGroups::default())))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name, data_type| {
            Arc::new(Field::new(format_state_name(args.name, name), data_type, true))
        };
        Ok(vec![
            field("days", DataType::Binary),
            field("as_of", DataType::Date32),
            field("window_days", DataType::Int32),
        ])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(DayGroups::default()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn checked_window(days: f64) -> Result<i32> {
    Ok(whole(FUNCTION, "window_days", days, 1, MOST_DAYS)?.cast_signed())
}

/// The days before the as-of day, one bit each: bit 0 is the as-of day itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct DayBits([u64; 6]);

impl DayBits {
    fn set(&mut self, days_before: i64, window_days: i32) {
        if (0..i64::from(window_days)).contains(&days_before)
            && let Some(word) =
                usize::try_from(days_before / 64).ok().and_then(|at| self.0.get_mut(at))
        {
            *word |= 1 << (days_before % 64);
        }
    }

    fn union(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    fn count(self) -> i64 {
        self.0.iter().map(|word| i64::from(word.count_ones())).sum()
    }

    fn bytes(self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<8>() else { return None };
        let words: [[u8; 8]; 6] = words.try_into().ok()?;
        Some(Self(words.map(u64::from_le_bytes)))
    }
}

#[derive(Debug, Default, Clone)]
struct DayGroups {
    days: Vec<DayBits>,
    as_of: Vec<i32>,
    /// 0 until a row counts.
    window_days: Vec<i32>,
}

impl DayGroups {
    fn see(&mut self, group: usize, as_of: i32, window_days: i32) -> Result<()> {
        let seen = self.window_days[group];
        if seen == 0 {
            self.as_of[group] = as_of;
            self.window_days[group] = window_days;
            return Ok(());
        }
        if seen != window_days {
            return exec_err!(
                "{FUNCTION}: window_days must be the same for all rows of a group, got {seen} and {window_days}"
            );
        }
        same_as_of(FUNCTION, self.as_of[group], as_of)
    }
}

impl Groups for DayGroups {
    fn grow(&mut self, groups: usize) {
        self.days.resize(groups, DayBits::default());
        self.as_of.resize(groups, 0);
        self.window_days.resize(groups, 0);
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
        let events = values[0].as_primitive::<Date32Type>();
        let windows = values[2].as_primitive::<Float64Type>();
        for (row, group) in group_indices.iter().enumerate() {
            if !counted(events, opt_filter, row) {
                continue;
            }
            let as_of = as_of_day(FUNCTION, &values[1], row)?;
            if windows.is_null(row) {
                return exec_err!("{FUNCTION}: window_days must not be NULL");
            }
            let window_days = checked_window(windows.value(row))?;
            self.see(*group, as_of, window_days)?;
            let days_before = i64::from(as_of) - i64::from(events.value(row));
            self.days[*group].set(days_before, window_days);
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
        let days = values[0].as_binary::<i32>();
        let windows = values[2].as_primitive::<Int32Type>();
        for (row, group) in group_indices.iter().enumerate() {
            if windows.is_null(row) {
                continue;
            }
            self.see(*group, as_of_day(FUNCTION, &values[1], row)?, windows.value(row))?;
            let days = DayBits::from_bytes(days.value(row));
            let days = days.ok_or_else(|| internal_datafusion_err!("not 48 bytes of days"))?;
            self.days[*group].union(days);
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        emit_to.take_needed(&mut self.as_of);
        emit_to.take_needed(&mut self.window_days);
        let days = emit_to.take_needed(&mut self.days).into_iter().map(DayBits::count);
        Ok(array(Int64Array::from_iter_values(days)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let days = emit_to.take_needed(&mut self.days);
        let as_of = emit_to.take_needed(&mut self.as_of);
        let windows = emit_to.take_needed(&mut self.window_days);
        let as_of =
            as_of.into_iter().zip(&windows).map(|(day, window)| (*window > 0).then_some(day));
        Ok(vec![
            array(BinaryArray::from_iter_values(days.into_iter().map(DayBits::bytes))),
            array(as_of.collect::<Date32Array>()),
            array(windows.iter().map(|days| (*days > 0).then_some(*days)).collect::<Int32Array>()),
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
        self.days.capacity() * size_of::<DayBits>()
            + (self.as_of.capacity() + self.window_days.capacity()) * size_of::<i32>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn values(events: &[Option<i32>], as_of: i32, window_days: i32) -> Vec<ArrayRef> {
        vec![
            array(Date32Array::from(events.to_vec())),
            array(Date32Array::from(vec![as_of; events.len()])),
            array(arrow::array::Float64Array::from(vec![f64::from(window_days); events.len()])),
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
    fn rows_the_filter_does_not_let_through_do_not_count() {
        let mut groups = DayGroups::default();
        let filter = BooleanArray::from(vec![Some(true), Some(false), None]);
        let events = [Some(98), Some(99), Some(100)];
        groups.update_batch(&values(&events, 100, 7), &[0; 3], Some(&filter), 1).unwrap();
        assert_eq!(counts(&mut groups, EmitTo::All), [1]);
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
        fn any_split_into_partial_states_counts_the_same_days(
            events in proptest::collection::vec(proptest::option::of(0..500_i32), 0..80),
            cut in 0..80_usize, window_days in 1..=366_i32,
        ) {
            let as_of = 450;
            let inside = |day: &&i32| (as_of - window_days + 1..=as_of).contains(*day);
            let days = events.iter().flatten().filter(inside).collect::<BTreeSet<_>>().len();

            let (left, right) = events.split_at(cut.min(events.len()));
            let mut merged = DayGroups::default();
            let mut partial = DayGroups::default();
            partial.update_batch(&values(right, as_of, window_days), &vec![0; right.len()], None, 1).unwrap();
            merged.merge_batch(&partial.state(EmitTo::All).unwrap(), &[0], 1).unwrap();
            let rows = partial.convert_to_state(&values(left, as_of, window_days), None).unwrap();
            merged.merge_batch(&rows, &vec![0; left.len()], 1).unwrap();
            prop_assert_eq!(counts(&mut merged, EmitTo::All), [i64::try_from(days).unwrap()]);
        }
    }
}
