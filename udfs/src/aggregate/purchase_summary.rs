//! `purchase_summary`: what models of repeat purchases (BG/NBD and its kin, Gamma-Gamma) are fitted to and asked with.

use std::str::FromStr;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StructArray};
use arrow::datatypes::{DataType, Date32Type, Field, Fields, Float64Type, Int32Type};
use chrono::Datelike;
use datafusion::common::{ScalarValue, exec_datafusion_err, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Documentation, EmitTo, Expr, GroupsAccumulator};
use datafusion_macros::user_doc;

use super::agreed::Agreed;
use super::definition::{Accumulators, Definition};
use super::held::Held;
use super::one_group::{
    Groups, array, constant, counted, each_its_own, list_of, lists, number, refuse_null,
    refuse_variable,
};
use super::sums::{self, Sums};
use crate::args::{Kind, Parameters, finite};
use crate::days::days;
use crate::exact::FloatSum;

const FUNCTION: &str = "purchase_summary";

const PARAMETERS: Parameters = Parameters {
    function: FUNCTION,
    required: 3,
    all: &[
        ("event_time", Kind::EventDay),
        (AMOUNT, Kind::Number),
        ("end", Kind::Date),
        (TIME_UNIT, Kind::Text),
    ],
};

const AMOUNT: &str = "amount";
const TIME_UNIT: &str = "time_unit";

#[user_doc(
    doc_section(label = "RFM Functions"),
    description = "Struct of `frequency` (periods with a purchase after the first one), `recency` (from the first period \
                   with a purchase to the last), `t` (from the first to the one of `end`), all three counted in \
                   `time_unit`, and `monetary` (mean of what was spent in a period, without the first; 0 if there is no \
                   other). Purchases of one period are one purchase. As `summary_data_from_transaction_data` of lifetimes \
                   0.11.3 and `rfm_summary` of pymc-marketing, which take days and weeks; NULL where those have no row, \
                   without a purchase up to `end`. Rows without a time are ignored; a row without an amount is a purchase \
                   and adds nothing, and `monetary` is NULL if no amount after the first period is known. Of a timestamp, \
                   the day in the zone of its type.",
    syntax_example = "purchase_summary(event_time, amount, end, time_unit => 'day')",
    sql_example = "```sql\nSELECT customer, purchase_summary(ordered_at, total, as_of(), 'week')['frequency'] FROM orders GROUP BY customer\n```",
    argument(name = "event_time", description = "When it was bought: a date or a timestamp."),
    argument(name = "amount", description = "What it cost, read as a float."),
    argument(
        name = "end",
        description = "The last day that is known, one for all rows of a group. Purchases in later periods are ignored; those \
                       later in its own period are not."
    ),
    argument(
        name = "time_unit",
        description = "A constant: `day` (if left out), `week` (Monday to Sunday, pandas' `W`) or `month` (of the calendar: \
                       from January 31 to February 1 is 1)."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct PurchaseSummary;

impl Definition for PurchaseSummary {
    const PARAMETERS: Parameters = PARAMETERS;

    fn result(_: &[DataType]) -> DataType {
        DataType::Struct(result_fields())
    }

    fn check(position: usize, argument: &Expr) -> Result<()> {
        match position {
            1 => number(argument).map_or(Ok(()), |it| finite(FUNCTION, AMOUNT, it).map(drop)),
            2 => refuse_null(FUNCTION, "end", argument),
            3 => {
                refuse_variable(FUNCTION, TIME_UNIT, argument)?;
                argument.as_literal().map_or(Ok(()), |unit| Unit::of(unit).map(drop))
            }
            _ => Ok(()),
        }
    }

    fn state(_: &[DataType]) -> Vec<(&'static str, DataType)> {
        vec![
            ("periods", list_of(DataType::Int32)),
            ("first", sums::STATE),
            ("repeat", sums::STATE),
            ("end", DataType::Date32),
        ]
    }

    fn accumulators(args: &AccumulatorArgs) -> Result<Accumulators> {
        let unit = match args.exprs.get(3) {
            Some(argument) => Unit::of(&constant(FUNCTION, TIME_UNIT, argument)?)?,
            None => Unit::Day,
        };
        Ok(SummaryGroups::new(unit).into())
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn result_fields() -> Fields {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Fields::from(vec![
        field("frequency", DataType::Int64),
        field("recency", DataType::Int64),
        field("t", DataType::Int64),
        field("monetary", DataType::Float64),
    ])
}

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Day,
    Week,
    Month,
}

impl FromStr for Unit {
    type Err = DataFusionError;

    fn from_str(unit: &str) -> Result<Self> {
        match unit {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => {
                plan_err!("{FUNCTION}: {TIME_UNIT} must be 'day', 'week' or 'month', got '{unit}'")
            }
        }
    }
}

impl Unit {
    fn of(argument: &ScalarValue) -> Result<Self> {
        match argument.try_as_str().flatten() {
            Some(unit) => unit.parse(),
            None => plan_err!("{FUNCTION}: {TIME_UNIT} must not be NULL"),
        }
    }

    /// The period of a day (since 1970): its number, rising by one from period to period.
    fn period(self, day: i32) -> Result<i32> {
        match self {
            Self::Day => Ok(day),
            // 1970 began with a Thursday: day 4 is the first Monday.
            Self::Week => Ok(day.div_euclid(7) + i32::from(day.rem_euclid(7) >= 4)),
            Self::Month => {
                let date = Date32Type::to_naive_date_opt(day).ok_or_else(|| {
                    exec_datafusion_err!(
                        "{FUNCTION}: days must lie in the calendar, got {day} days after 1970-01-01"
                    )
                })?;
                Ok(date.year() * 12 + date.month0().cast_signed())
            }
        }
    }
}

/// In periods.
struct Summary {
    frequency: i64,
    recency: i64,
    t: i64,
    /// None: not known.
    monetary: Option<f64>,
}

impl Summary {
    /// Of `purchases` periods with a purchase; `repeat` was spent in those after the first.
    fn new(purchases: usize, first: i32, last: i32, end: i32, repeat: Option<&FloatSum>) -> Self {
        let frequency = i64::try_from(purchases - 1).unwrap_or(i64::MAX); // they are distinct i32
        #[expect(clippy::cast_precision_loss, reason = "they are distinct i32")]
        let mean = |sum: &FloatSum| sum.rounded() / frequency as f64;
        Self {
            frequency,
            recency: i64::from(last) - i64::from(first),
            t: i64::from(end) - i64::from(first),
            monetary: if frequency == 0 { Some(0.0) } else { repeat.map(mean) },
        }
    }
}

/// One item per group in each.
#[derive(Debug, Clone)]
struct SummaryGroups {
    unit: Unit,
    /// Those with a purchase, rising.
    periods: Held<Vec<i32>>,
    /// What was spent in the first period, and in all others.
    first: Sums<FloatSum>,
    repeat: Sums<FloatSum>,
    end: Agreed<i32>,
}

impl SummaryGroups {
    fn new(unit: Unit) -> Self {
        Self {
            unit,
            periods: Held::default(),
            first: Sums::default(),
            repeat: Sums::default(),
            end: Agreed::new(FUNCTION, "end"),
        }
    }

    fn see(&mut self, group: usize, period: i32) -> Result<()> {
        let Err(at) = self.periods.get(group).binary_search(&period) else { return Ok(()) };
        if at == 0 {
            // What was spent in the period that was the first until now.
            self.first.move_to(&mut self.repeat, group)?;
        }
        self.periods.change(group, |periods| {
            periods.insert(at, period);
            Ok(())
        })
    }

    /// The sum that purchases of a period belong to.
    fn sums_of(&mut self, group: usize, period: i32) -> &mut Sums<FloatSum> {
        let first = self.periods.get(group).first() == Some(&period);
        if first { &mut self.first } else { &mut self.repeat }
    }
}

impl Groups for SummaryGroups {
    fn grow(&mut self, groups: usize) {
        self.periods.grow(groups);
        self.first.grow(groups);
        self.repeat.grow(groups);
        self.end.grow(groups);
    }
}

impl GroupsAccumulator for SummaryGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let days = days(&values[0])?;
        let amounts = values[1].as_primitive::<Float64Type>();
        let ends = values[2].as_primitive::<Date32Type>();
        for (row, group) in counted(group_indices, &days, opt_filter) {
            let end = self.unit.period(self.end.see(group, ends, row)?)?;
            let period = self.unit.period(days.value(row))?;
            if period > end {
                continue;
            }
            self.see(group, period)?;
            if amounts.is_valid(row) {
                let amount = amounts.value(row);
                self.sums_of(group, period).add(group, FUNCTION, AMOUNT, amount)?;
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
        let lists = values[0].as_list::<i32>();
        let (first, repeat) = (values[1].as_binary_view(), values[2].as_binary_view());
        let ends = values[3].as_primitive::<Date32Type>();
        for (row, group) in group_indices.iter().enumerate() {
            if ends.is_null(row) {
                continue;
            }
            self.end.see(*group, ends, row)?;
            let periods = lists.value(row);
            let periods = periods.as_primitive::<Int32Type>().values();
            for period in periods {
                self.see(*group, *period)?;
            }
            if let Some(period) = periods.first() {
                self.sums_of(*group, *period).merge(*group, first, row)?;
                self.repeat.merge(*group, repeat, row)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.first.take(emit_to);
        let (periods, repeat) = (self.periods.take(emit_to), self.repeat.take(emit_to));
        let ends = self.end.take(emit_to);
        let rows = periods.iter().zip(&repeat).zip(ends).map(|((periods, repeat), end)| {
            let (Some(end), [first, ..]) = (end, &**periods) else { return Ok(None) };
            let (last, end) = (periods[periods.len() - 1], self.unit.period(end)?);
            Ok(Some(Summary::new(periods.len(), *first, last, end, repeat.as_ref())))
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let integers = |field: fn(&Summary) -> i64| {
            array(rows.iter().map(|row| row.as_ref().map(field)).collect::<Int64Array>())
        };
        let monetary = rows.iter().map(|row| row.as_ref().and_then(|row| row.monetary));
        Ok(array(StructArray::try_new(
            result_fields(),
            vec![
                integers(|row| row.frequency),
                integers(|row| row.recency),
                integers(|row| row.t),
                array(monetary.collect::<Float64Array>()),
            ],
            Some(rows.iter().map(Option::is_some).collect()),
        )?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![
            lists::<Int32Type>(self.periods.take(emit_to).into_iter().map(Some)),
            self.first.state(emit_to),
            self.repeat.state(emit_to),
            self.end.state::<Date32Type>(emit_to),
        ])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = each_its_own(values);
        let mut groups = Self::new(self.unit);
        groups.update_batch(values, &rows, opt_filter, rows.len())?;
        groups.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.periods.size() + self.first.size() + self.repeat.size() + self.end.size()
    }
}
