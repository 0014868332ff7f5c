//! What holds for every aggregate: its answer depends on the rows alone, not on how they arrive.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Date32Array, Float64Array, new_null_array};
use arrow::compute::{concat, filter};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use proptest::prelude::*;

use super::one_group::array;

/// A day, two measures, whether the filter lets it through, its group and the partial state it goes into.
type Row = (Option<i32>, Option<f64>, Option<f64>, Option<bool>, usize, usize);

const GROUPS: usize = 4;
const AS_OF: i32 = 20_000;

enum Argument {
    Day,
    Measure,
    OtherMeasure,
    Constant(ScalarValue),
}

impl Argument {
    fn data_type(&self) -> DataType {
        match self {
            Self::Day => DataType::Date32,
            Self::Measure | Self::OtherMeasure => DataType::Float64,
            Self::Constant(value) => value.data_type(),
        }
    }

    fn array(&self, rows: &[Row]) -> ArrayRef {
        match self {
            Self::Day => array(rows.iter().map(|row| row.0).collect::<Date32Array>()),
            Self::Measure => array(rows.iter().map(|row| row.1).collect::<Float64Array>()),
            Self::OtherMeasure => array(rows.iter().map(|row| row.2).collect::<Float64Array>()),
            Self::Constant(value) => value.to_array_of_size(rows.len()).unwrap(),
        }
    }
}

/// A call of a function.
struct Call {
    function: Arc<AggregateUDF>,
    arguments: Vec<Argument>,
}

/// Every aggregate, called in each way that makes it work differently.
fn calls() -> Vec<Call> {
    use Argument::{Constant, Day, Measure, OtherMeasure};
    let as_of = || Constant(ScalarValue::Date32(Some(AS_OF)));
    let number = |value: f64| Constant(ScalarValue::Float64(Some(value)));
    let unit = |unit: &str| Constant(ScalarValue::Utf8(Some(unit.to_owned())));
    let calls = super::all().into_iter().flat_map(|function| {
        let calls = match function.name() {
            "active_days" => vec![vec![Day, as_of(), number(90.0)]],
            "decayed_sum" => vec![vec![Measure, Day, as_of(), number(7.5)]],
            "purchase_summary" => vec![
                vec![Day, Measure, as_of()],
                vec![Day, Measure, as_of(), unit("week")],
                vec![Day, Measure, as_of(), unit("month")],
            ],
            "quantile_breaks" => vec![vec![Measure, number(5.0)]],
            "retention_gross" | "retention_net" => vec![vec![Measure, OtherMeasure]],
            "rfm" => vec![vec![Day, Measure, as_of()]],
            "usage_trend" => vec![vec![Day, Measure, as_of(), number(30.0)]],
            other => panic!("say with which arguments {other} is to be called"),
        };
        calls.into_iter().map(move |arguments| Call { function: Arc::clone(&function), arguments })
    });
    calls.collect()
}

impl Call {
    fn types(&self) -> Vec<DataType> {
        self.arguments.iter().map(Argument::data_type).collect()
    }

    fn with_args<T>(&self, make: impl FnOnce(AccumulatorArgs) -> T) -> T {
        let types = self.types();
        let field = |data_type: &DataType| -> FieldRef {
            Arc::new(Field::new("", data_type.clone(), true))
        };
        let expressions = self.arguments.iter().enumerate().map(|(at, argument)| {
            let expression: Arc<dyn PhysicalExpr> = match argument {
                Argument::Constant(value) => Arc::new(Literal::new(value.clone())),
                _ => Arc::new(Column::new("", at)),
            };
            expression
        });
        make(AccumulatorArgs {
            return_field: field(&self.function.return_type(&types).unwrap()),
            schema: &Schema::empty(),
            ignore_nulls: false,
            order_bys: &[],
            is_reversed: false,
            name: "",
            is_distinct: false,
            exprs: &expressions.collect::<Vec<_>>(),
            expr_fields: &types.iter().map(field).collect::<Vec<_>>(),
        })
    }

    fn groups(&self) -> Box<dyn GroupsAccumulator> {
        self.with_args(|args| self.function.create_groups_accumulator(args).unwrap())
    }

    fn one(&self) -> Box<dyn Accumulator> {
        self.with_args(|args| self.function.accumulator(args).unwrap())
    }

    fn values(&self, rows: &[Row]) -> Vec<ArrayRef> {
        self.arguments.iter().map(|argument| argument.array(rows)).collect()
    }

    /// All rows at once.
    fn whole(&self, rows: &[Row]) -> ArrayRef {
        let mut groups = self.groups();
        update(groups.as_mut(), self, rows);
        groups.evaluate(EmitTo::All).unwrap()
    }
}

fn group_of(rows: &[Row]) -> Vec<usize> {
    rows.iter().map(|row| row.4).collect()
}

fn filter_of(rows: &[Row]) -> BooleanArray {
    rows.iter().map(|row| row.3).collect()
}

fn update(groups: &mut dyn GroupsAccumulator, call: &Call, rows: &[Row]) {
    let filter = filter_of(rows);
    groups.update_batch(&call.values(rows), &group_of(rows), Some(&filter), GROUPS).unwrap();
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let day = proptest::option::weighted(0.9, AS_OF - 120..AS_OF + 10);
    let measure = || {
        let cents = (-1_000_000..1_000_000_i32).prop_map(|cents| f64::from(cents) / 100.0);
        let wide = (-1.0..1.0, -200..200_i32).prop_map(|(part, power)| part * 10_f64.powi(power));
        proptest::option::weighted(0.9, prop_oneof![4 => cents, 1 => wide, 1 => Just(-0.0)])
    };
    let kept = proptest::option::weighted(0.9, proptest::bool::weighted(0.9));
    proptest::collection::vec((day, measure(), measure(), kept, 0..GROUPS, 0..3_usize), 0..60)
}

fn rows_in_two_orders() -> impl Strategy<Value = (Vec<Row>, Vec<Row>)> {
    rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))
}

proptest! {
    #[test]
    fn any_order_and_any_partial_states_give_the_same_bits((rows, shuffled) in rows_in_two_orders()) {
        for call in calls() {
            let part = |part| -> Vec<Row> {
                shuffled.iter().filter(|row| row.5 == part).copied().collect()
            };
            let all: Vec<_> = (0..GROUPS).collect();
            let mut merged = call.groups();

            let mut partial = call.groups();
            update(partial.as_mut(), &call, &part(0));
            let state = partial.state(EmitTo::All).unwrap();
            merged.merge_batch(&state, &all, GROUPS).unwrap();

            // As rows that are sorted by group: the first groups leave early.
            update(partial.as_mut(), &call, &part(1));
            let first = partial.state(EmitTo::First(1)).unwrap();
            merged.merge_batch(&first, &all[..1], GROUPS).unwrap();
            let rest = partial.state(EmitTo::All).unwrap();
            merged.merge_batch(&rest, &all[1..], GROUPS).unwrap();

            // As rows that are hardly worth a partial aggregation.
            let rows_alone = part(2);
            let filter = filter_of(&rows_alone);
            let states = call.groups().convert_to_state(&call.values(&rows_alone), Some(&filter));
            merged.merge_batch(&states.unwrap(), &group_of(&rows_alone), GROUPS).unwrap();

            let first = merged.evaluate(EmitTo::First(2)).unwrap();
            let rest = merged.evaluate(EmitTo::All).unwrap();
            let merged = concat(&[&first, &rest]).unwrap();
            prop_assert_eq!(&merged, &call.whole(&rows), "{}", call.function.name());
        }
    }

    #[test]
    fn one_group_alone_gives_the_same_bits_and_can_be_asked_again((rows, shuffled) in rows_in_two_orders()) {
        for call in calls() {
            let whole = call.whole(&rows);
            for group in 0..GROUPS {
                let part = |parts: std::ops::Range<usize>| -> Vec<ArrayRef> {
                    let inside = |row: &&Row| row.4 == group && parts.contains(&row.5);
                    let rows: Vec<_> = shuffled.iter().filter(inside).copied().collect();
                    let kept = filter_of(&rows);
                    call.values(&rows).iter().map(|array| filter(array, &kept).unwrap()).collect()
                };
                let mut partial = call.one();
                partial.update_batch(&part(0..2)).unwrap();
                let mut merged = call.one();
                merged.update_batch(&part(2..3)).unwrap();
                merged.evaluate().unwrap();
                let state = partial.state().unwrap();
                let state: Vec<_> = state.iter().map(|column| column.to_array().unwrap()).collect();
                merged.merge_batch(&state).unwrap();
                let expected = ScalarValue::try_from_array(&whole, group).unwrap();
                prop_assert_eq!(merged.evaluate().unwrap(), expected, "{}", call.function.name());
            }
        }
    }

    #[test]
    fn a_filter_is_as_if_the_rows_were_not_there(rows in rows()) {
        let kept: Vec<_> = rows.iter().filter(|row| row.3 == Some(true)).copied().collect();
        for call in calls() {
            let mut without_filter = call.groups();
            without_filter.update_batch(&call.values(&kept), &group_of(&kept), None, GROUPS).unwrap();
            let answer = without_filter.evaluate(EmitTo::All).unwrap();
            prop_assert_eq!(&answer, &call.whole(&rows), "{}", call.function.name());
        }
    }

    #[test]
    fn what_was_emitted_is_held_no_longer(rows in rows()) {
        for call in calls() {
            let mut groups = call.groups();
            update(groups.as_mut(), &call, &rows);
            prop_assert!(groups.size() >= GROUPS * size_of::<f64>(), "{}", call.function.name());
            groups.state(EmitTo::First(1)).unwrap();
            groups.evaluate(EmitTo::All).unwrap();
            prop_assert_eq!(groups.size(), 0, "{}", call.function.name());
        }
    }
}

#[test]
fn rows_of_nothing_known_are_no_rows() {
    for call in calls() {
        let types = call.types();
        let expected = call.function.default_value(&call.function.return_type(&types).unwrap());
        let expected = expected.unwrap().to_array_of_size(GROUPS).unwrap();
        let unknown = |rows| -> Vec<ArrayRef> {
            let arguments = call.arguments.iter().zip(&types);
            let arrays = arguments.map(|(argument, data_type)| match argument {
                Argument::Constant(value) => value.to_array_of_size(rows).unwrap(),
                _ => new_null_array(data_type, rows),
            });
            arrays.collect()
        };
        for rows in [0, GROUPS] {
            let mut groups = call.groups();
            let each: Vec<_> = (0..rows).collect();
            groups.update_batch(&unknown(rows), &each, None, GROUPS).unwrap();
            let state = groups.state(EmitTo::All).unwrap();
            groups.merge_batch(&state, &[0, 1, 2, 3], GROUPS).unwrap();
            let answer = groups.evaluate(EmitTo::All).unwrap();
            assert_eq!(&answer, &expected, "{} of {rows} rows", call.function.name());

            let mut one = call.one();
            one.update_batch(&unknown(rows)).unwrap();
            let answer = one.evaluate().unwrap().to_array().unwrap();
            assert_eq!(&answer, &expected.slice(0, 1), "{} of {rows} rows", call.function.name());
        }
    }
}
