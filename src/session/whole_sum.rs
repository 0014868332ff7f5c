//! The sum of whole numbers, with the digits that it may need. `DataFusion` 55 adds up in 64 bits; a cast to decimals before it
//! would write 16 bytes for each row.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::one_group::{Grow, OneGroup};

/// What the sum of a decimal of 20 digits has: room for 10^10 rows of 64 bits.
const SUM: DataType = DataType::Decimal128(30, 0);

/// `sum` of Int64.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct WholeSum {
    signature: Signature,
}

impl Default for WholeSum {
    fn default() -> Self {
        Self { signature: Signature::exact(vec![DataType::Int64], Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for WholeSum {
    fn name(&self) -> &'static str {
        "whole_sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(SUM)
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(&SUM)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "sum"), SUM, true))])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::new(Sums::default())))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Sums::default()))
    }
}

/// The sum of each group; none without a number.
#[derive(Debug, Default)]
struct Sums {
    sums: Vec<i128>,
    known: Vec<bool>,
}

impl Sums {
    fn add(&mut self, group: usize, number: i128) {
        self.sums[group] += number;
        self.known[group] = true;
    }

    fn add_all<'a>(
        &mut self,
        numbers: impl Fn(usize) -> i128,
        nulls: Option<&NullBuffer>,
        groups: impl Iterator<Item = &'a usize>,
        filter: Option<&BooleanArray>,
    ) {
        for (row, group) in groups.enumerate() {
            let known = nulls.is_none_or(|nulls| nulls.is_valid(row));
            let wanted = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if known && wanted {
                self.add(*group, numbers(row));
            }
        }
    }
}

impl Grow for Sums {
    fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.known.resize(groups, false);
    }
}

impl GroupsAccumulator for Sums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let numbers = values[0].as_primitive::<Int64Type>();
        let number = |row| i128::from(numbers.value(row));
        self.add_all(number, numbers.nulls(), group_indices.iter(), opt_filter);
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let sums = values[0].as_primitive::<Decimal128Type>();
        self.add_all(|row| sums.value(row), sums.nulls(), group_indices.iter(), None);
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = emit_to.take_needed(&mut self.sums);
        let known = NullBuffer::from(emit_to.take_needed(&mut self.known));
        let sums = Decimal128Array::new(sums.into(), Some(known));
        Ok(Arc::new(sums.with_data_type(SUM)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows: Vec<_> = (0..values[0].len()).collect();
        let mut sums = Self::default();
        sums.update_batch(values, &rows, opt_filter, rows.len())?;
        sums.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.known.capacity()
    }
}
