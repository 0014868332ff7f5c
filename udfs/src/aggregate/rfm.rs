//! `rfm`: recency, frequency and monetary value of each customer, in one pass.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, PrimitiveArray, StructArray, make_array,
    new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Date32Type, Decimal128Type,
    Decimal256Type, Field, FieldRef, Fields, Float64Type, Int64Type, UInt64Type,
};
use datafusion::common::{ScalarValue, exec_datafusion_err, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Documentation, EmitTo, Expr, GroupsAccumulator};
use datafusion_macros::user_doc;

use super::agreed::Agreed;
use super::definition::{Accumulators, Definition};
use super::held::{Heap, Held};
use super::one_group::{Groups, array, counted, counts, number, refuse_null};
use super::sums;
use crate::args::{Kind, Parameters, finite, ticks};
use crate::days::days;
use crate::exact::{Amount, ExactSum, PartialSum};

const FUNCTION: &str = "rfm";

const PARAMETERS: Parameters = Parameters {
    function: FUNCTION,
    required: 3,
    all: &[("event_time", Kind::Instant), (AMOUNT, Kind::Amount), ("as_of", Kind::Date)],
};

const AMOUNT: &str = "amount";

#[user_doc(
    doc_section(label = "RFM Functions"),
    description = "Struct of `recency_days` (from the day of the last event to the as-of day), `frequency` (events), \
                   `monetary` (sum of the amounts, exact: the same bits whatever the order of rows), `first_at` and \
                   `last_at`. Rows without a time are ignored; a row without an amount counts as an event and adds \
                   nothing. Without a single event, frequency is 0 and the rest NULL. Of a timestamp, the day in the \
                   zone of its type.",
    syntax_example = "rfm(event_time, amount, as_of)",
    sql_example = "```sql\nSELECT customer, rfm(ordered_at, total, as_of())['monetary'] FROM orders GROUP BY customer\n```",
    argument(name = "event_time", description = "When it happened: a date or a timestamp."),
    argument(
        name = "amount",
        description = "What it was worth; the sum has the type that `sum` gives."
    ),
    argument(
        name = "as_of",
        description = "The day to count recency from: a date, one for all rows of a group."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Rfm;

impl Definition for Rfm {
    const PARAMETERS: Parameters = PARAMETERS;

    fn result(types: &[DataType]) -> DataType {
        DataType::Struct(result_fields(&types[0], sum_type(&types[1])))
    }

    fn of_no_rows(result: &DataType) -> Result<ScalarValue> {
        let DataType::Struct(fields) = result else {
            return internal_err!("{FUNCTION}: a struct, not {result}");
        };
        let column = |field: &FieldRef| match field.name().as_str() {
            "frequency" => array(Int64Array::from(vec![0])),
            _ => new_null_array(field.data_type(), 1),
        };
        let columns = fields.iter().map(column).collect();
        ScalarValue::try_from_array(&StructArray::try_new(fields.clone(), columns, None)?, 0)
    }

    fn check(position: usize, argument: &Expr) -> Result<()> {
        match position {
            1 => number(argument).map_or(Ok(()), |it| finite(FUNCTION, AMOUNT, it).map(drop)),
            2 => refuse_null(FUNCTION, "as_of", argument),
            _ => Ok(()),
        }
    }

    fn state(types: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![
            ("frequency", DataType::Int64),
            ("monetary", sums::STATE),
            ("first_at", types[0].clone()),
            ("last_at", types[0].clone()),
            ("as_of", DataType::Date32),
        ]
    }

    fn accumulators(args: &AccumulatorArgs) -> Result<Accumulators> {
        let types = Types::of(args);
        Ok(match &types.amount {
            DataType::Int64 => RfmGroups::<Int64Type>::new(types).into(),
            DataType::UInt64 => RfmGroups::<UInt64Type>::new(types).into(),
            DataType::Float64 => RfmGroups::<Float64Type>::new(types).into(),
            DataType::Decimal128(..) => RfmGroups::<Decimal128Type>::new(types).into(),
            DataType::Decimal256(..) => RfmGroups::<Decimal256Type>::new(types).into(),
            other => return internal_err!("{FUNCTION}: amount was coerced to {other}"),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn result_fields(event: &DataType, monetary: DataType) -> Fields {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Fields::from(vec![
        field("recency_days", DataType::Int64),
        field("frequency", DataType::Int64),
        field("monetary", monetary),
        field("first_at", event.clone()),
        field("last_at", event.clone()),
    ])
}

/// The type that `sum` gives.
fn sum_type(amount: &DataType) -> DataType {
    match amount {
        DataType::Decimal128(precision, scale) => {
            DataType::Decimal128(DECIMAL128_MAX_PRECISION.min(precision + 10), *scale)
        }
        DataType::Decimal256(precision, scale) => {
            DataType::Decimal256(DECIMAL256_MAX_PRECISION.min(precision + 10), *scale)
        }
        other => other.clone(),
    }
}

#[derive(Debug, Clone)]
struct Types {
    event: DataType,
    amount: DataType,
}

impl Types {
    fn of(args: &AccumulatorArgs) -> Self {
        let [event, amount] = [0, 1].map(|at| args.expr_fields[at].data_type().clone());
        Self { event, amount }
    }
}

#[derive(Debug)]
struct RfmGroups<A: Amount> {
    types: Types,
    customers: Held<Customer<A::Sum>>,
    as_of: Agreed<i32>,
}

/// Together and on one line of the cache, as each row of another group waits for what is apart.
#[derive(Debug, Default, Clone)]
#[repr(align(64))]
struct Customer<S> {
    frequency: i64,
    /// In the unit of the event's type, as `last_at`; of no meaning while `frequency` is 0.
    first_at: i64,
    last_at: i64,
    monetary: S,
    /// Beside the sum, as an `Option` of it would fill a second line.
    amount_known: bool,
}

impl<S: PartialSum> Heap for Customer<S> {
    fn heap_bytes(&self) -> usize {
        self.monetary.heap_bytes()
    }
}

impl<S> Customer<S> {
    /// None until an amount is known.
    fn monetary(&self) -> Option<&S> {
        self.amount_known.then_some(&self.monetary)
    }

    fn add(&mut self, frequency: i64, first_at: i64, last_at: i64) {
        if self.frequency == 0 {
            (self.first_at, self.last_at) = (first_at, last_at);
        }
        self.frequency += frequency;
        self.first_at = self.first_at.min(first_at);
        self.last_at = self.last_at.max(last_at);
    }
}

/// By hand: a derived one would ask it of `A`, which arrow's types do not give.
impl<A: Amount> Clone for RfmGroups<A> {
    fn clone(&self) -> Self {
        Self {
            types: self.types.clone(),
            customers: self.customers.clone(),
            as_of: self.as_of.clone(),
        }
    }
}

impl<A: Amount> RfmGroups<A> {
    fn new(types: Types) -> Self {
        Self { types, customers: Held::default(), as_of: Agreed::new(FUNCTION, "as_of") }
    }

    /// Frequency, and first and last times that are NULL where there was no event.
    fn events(&self, customers: &[Customer<A::Sum>]) -> Result<[ArrayRef; 3]> {
        let times = |time: fn(&Customer<A::Sum>) -> i64| {
            let known = customers.iter().map(|it| (it.frequency > 0).then(|| time(it)));
            from_ticks(&known.collect(), &self.types.event)
        };
        let frequency = Int64Array::from_iter_values(customers.iter().map(|it| it.frequency));
        Ok([array(frequency), times(|it| it.first_at)?, times(|it| it.last_at)?])
    }
}

fn from_ticks(ticks: &Int64Array, data_type: &DataType) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Date32 => cast(&cast(ticks, &DataType::Int32)?, &DataType::Date32)?,
        _ => make_array(ticks.to_data().into_builder().data_type(data_type.clone()).build()?),
    })
}

impl<A: Amount> Groups for RfmGroups<A> {
    fn grow(&mut self, groups: usize) {
        self.customers.grow(groups);
        self.as_of.grow(groups);
    }
}

impl<A: Amount> GroupsAccumulator for RfmGroups<A> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let times = ticks(&values[0])?;
        let amounts = values[1].as_primitive::<A>();
        let as_of = values[2].as_primitive::<Date32Type>();
        for (row, group) in counted(group_indices, &times, opt_filter) {
            self.customers.fetch(group_indices, row, |it| it.frequency);
            self.as_of.see(group, as_of, row)?;
            let time = times.value(row);
            self.customers.change(group, |customer| {
                customer.add(1, time, time);
                if amounts.is_null(row) {
                    return Ok(());
                }
                customer.amount_known = true;
                customer.monetary.add(FUNCTION, AMOUNT, amounts.value(row))
            })?;
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
        let frequency = values[0].as_primitive::<Int64Type>();
        let sums = values[1].as_binary_view();
        let (first_at, last_at) = (ticks(&values[2])?, ticks(&values[3])?);
        let as_of = values[4].as_primitive::<Date32Type>();
        for (row, group) in group_indices.iter().enumerate() {
            self.customers.fetch(group_indices, row, |it| it.frequency);
            if frequency.value(row) == 0 {
                continue;
            }
            self.as_of.see(*group, as_of, row)?;
            self.customers.change(*group, |customer| {
                customer.add(frequency.value(row), first_at.value(row), last_at.value(row));
                if sums.is_null(row) {
                    return Ok(());
                }
                customer.amount_known = true;
                customer.monetary.merge_bytes(sums.value(row))
            })?;
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let customers = self.customers.take(emit_to);
        let [frequency, first_at, last_at] = self.events(&customers)?;
        let last_days = days(&last_at).map_err(|error| {
            exec_datafusion_err!("{FUNCTION}: event_time must have a day in the calendar: {error}")
        })?;
        let as_of = self.as_of.take(emit_to).into_iter();
        let recency_days = as_of.zip(&last_days).map(|(as_of, last)| {
            as_of.zip(last).map(|(as_of, last)| i64::from(as_of) - i64::from(last))
        });

        let monetary_type = sum_type(&self.types.amount);
        let sums = customers.iter().map(Customer::monetary);
        let totals = sums.map(|sum| sum.map(|sum| sum.total(FUNCTION, AMOUNT, &monetary_type)));
        let monetary = totals.map(Option::transpose).collect::<Result<PrimitiveArray<A>>>()?;

        Ok(array(StructArray::try_new(
            result_fields(&self.types.event, monetary_type.clone()),
            vec![
                array(recency_days.collect::<Int64Array>()),
                frequency,
                array(monetary.with_data_type(monetary_type)),
                first_at,
                last_at,
            ],
            None,
        )?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let customers = self.customers.take(emit_to);
        let [frequency, first_at, last_at] = self.events(&customers)?;
        Ok(vec![
            frequency,
            sums::states(customers.iter().map(Customer::monetary)),
            first_at,
            last_at,
            self.as_of.state::<Date32Type>(emit_to),
        ])
    }

    /// Where no row was worth a group, all of them come by here: the columns as they are, but for the sum. What the times
    /// and days of rows that do not count are is of no meaning.
    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let counts = counts(&values[0], opt_filter);
        let frequency = match &counts {
            Some(counts) => counts.iter().map(|counts| Some(i64::from(counts))).collect(),
            None => Int64Array::from_value(1, values[0].len()),
        };
        let sums =
            sums::state_of_each::<A>(FUNCTION, AMOUNT, values[1].as_primitive(), counts.as_ref())?;
        let [times, as_of] = [0, 2].map(|at| Arc::clone(&values[at]));
        Ok(vec![array(frequency), sums, Arc::clone(&times), times, as_of])
    }

    fn size(&self) -> usize {
        self.customers.size() + self.as_of.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, Decimal128Array, Float64Array, TimestampMicrosecondArray};
    use arrow::datatypes::TimeUnit;

    type Event = (Option<i64>, Option<f64>);

    fn groups() -> RfmGroups<Float64Type> {
        let event = DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Berlin".into()));
        RfmGroups::new(Types { event, amount: DataType::Float64 })
    }

    fn values(events: &[Event]) -> Vec<ArrayRef> {
        let (times, amounts): (Vec<_>, Vec<_>) = events.iter().copied().unzip();
        vec![
            array(TimestampMicrosecondArray::from(times).with_timezone("Europe/Berlin")),
            array(Float64Array::from(amounts)),
            array(Date32Array::from(vec![20_000; events.len()])),
        ]
    }

    fn one_pass(events: &[Event]) -> ArrayRef {
        let mut groups = groups();
        groups.update_batch(&values(events), &vec![0; events.len()], None, 1).unwrap();
        groups.evaluate(EmitTo::All).unwrap()
    }

    fn field<T: arrow::datatypes::ArrowPrimitiveType>(
        result: &ArrayRef,
        name: &str,
    ) -> Option<T::Native> {
        let column = result.as_struct().column_by_name(name).unwrap().as_primitive::<T>().clone();
        column.is_valid(0).then(|| column.value(0))
    }

    #[test]
    fn an_event_without_amount_counts_and_one_without_time_does_not() {
        let result = one_pass(&[(Some(0), None), (None, Some(7.0)), (Some(1), Some(2.5))]);
        assert_eq!(field::<Int64Type>(&result, "frequency"), Some(2));
        assert_eq!(field::<Float64Type>(&result, "monetary"), Some(2.5));
    }

    #[test]
    fn no_known_amount_is_no_sum() {
        let result = one_pass(&[(Some(0), None)]);
        assert_eq!(field::<Float64Type>(&result, "monetary"), None);
    }

    #[test]
    fn recency_counts_from_the_day_in_the_zone_of_the_type() {
        let half_past_eleven_at_night_utc = (23 * 60 + 30) * 60 * 1_000_000;
        let result = one_pass(&[(Some(half_past_eleven_at_night_utc), None)]);
        assert_eq!(field::<Int64Type>(&result, "recency_days"), Some(20_000 - 1));
    }

    #[test]
    fn the_first_groups_can_be_emitted_before_the_others_are_complete() {
        let mut groups = groups();
        let events = [(Some(1), Some(1.0)), (Some(2), Some(2.0)), (Some(3), Some(4.0))];
        groups.update_batch(&values(&events), &[0, 1, 1], None, 3).unwrap();
        let first = groups.evaluate(EmitTo::First(1)).unwrap();
        assert_eq!((first.len(), field::<Float64Type>(&first, "monetary")), (1, Some(1.0)));
        groups.update_batch(&values(&[(Some(9), Some(8.0))]), &[0], None, 2).unwrap();
        let rest = groups.evaluate(EmitTo::All).unwrap();
        assert_eq!((rest.len(), field::<Float64Type>(&rest, "monetary")), (2, Some(14.0)));
        assert_eq!(groups.size(), 0);
    }

    #[test]
    fn a_group_has_one_as_of_day_also_across_partial_states() {
        let mut other = values(&[(Some(1), None)]);
        other[2] = array(Date32Array::from(vec![20_001]));
        let mut groups = groups();
        groups.update_batch(&values(&[(Some(1), None)]), &[0], None, 1).unwrap();
        let state = groups.convert_to_state(&other, None).unwrap();
        let error = groups.merge_batch(&state, &[0], 1).unwrap_err().to_string();
        assert!(
            error.contains(
                "as_of must be the same for all rows of a group, got 2024-10-04 and 2024-10-05"
            ),
            "{error}"
        );
    }

    #[test]
    fn decimals_keep_their_scale_and_gain_ten_digits() {
        let amount = DataType::Decimal128(10, 2);
        let mut groups = RfmGroups::<Decimal128Type>::new(Types {
            event: DataType::Date32,
            amount: amount.clone(),
        });
        let values: Vec<ArrayRef> = vec![
            array(Date32Array::from(vec![1, 2])),
            array(Decimal128Array::from(vec![9_999_999_999, 1]).with_data_type(amount)),
            array(Date32Array::from(vec![3, 3])),
        ];
        groups.update_batch(&values, &[0, 0], None, 1).unwrap();
        let result = groups.evaluate(EmitTo::All).unwrap();
        let monetary = result.as_struct().column_by_name("monetary").unwrap();
        assert_eq!(monetary.data_type(), &DataType::Decimal128(20, 2));
        assert_eq!(monetary.as_primitive::<Decimal128Type>().value(0), 10_000_000_000);
    }

    #[test]
    fn memory_of_every_group_is_accounted_for() {
        let mut groups = groups();
        let events = vec![(Some(1), Some(0.1)); 1000];
        groups.update_batch(&values(&events), &(0..1000).collect::<Vec<_>>(), None, 1000).unwrap();
        assert!(groups.size() >= 1000 * size_of::<Customer<crate::exact::FloatSum>>());
    }
}
