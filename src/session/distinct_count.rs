//! `count(DISTINCT ..)` of groups, faster. `DataFusion` 55 keeps a set for each group and argument, texts in sets of their own
//! allocation, and counts nothing of it to the memory pool. Here each value is numbered once, for all groups, and a group is a
//! row of bits: days, features, plans and the like are few. What has a higher number is kept in one set of pairs.

use std::collections::HashSet;
use std::fmt::{self, Debug, Formatter};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, StringViewArray, UInt32Array,
    new_empty_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::hash_utils::RandomState;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, ExprSchemable, GroupsAccumulator,
    LogicalPlan, Signature, Volatility, cast,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::calls::replace_calls;
use super::one_group::{Grow, OneGroup};

/// Puts [`DistinctCount`] in the place of the engine's.
#[derive(Debug)]
pub(super) struct FastDistinctCount;

impl AnalyzerRule for FastDistinctCount {
    fn name(&self) -> &'static str {
        "fast_distinct_count"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|plan| match &plan {
            // Without groups there is one set, and the engine's is as good.
            LogicalPlan::Aggregate(aggregate) if !aggregate.group_expr.is_empty() => {
                replace_calls(plan, numbered)
            }
            _ => Ok(Transformed::no(plan)),
        });
        Ok(plan?.data)
    }
}

fn numbered(call: &Expr, schema: &DFSchema) -> Result<Expr> {
    let Expr::AggregateFunction(count) = call.clone().unalias() else { return Ok(call.clone()) };
    let params = &count.params;
    let [argument] = params.args.as_slice() else { return Ok(call.clone()) };
    if count.func.name() != "count" || !params.distinct || !params.order_by.is_empty() {
        return Ok(call.clone());
    }
    let argument = match argument.get_type(schema)? {
        // Views are numbered without a copy of what is short.
        DataType::Utf8 | DataType::LargeUtf8 => cast(argument.clone(), DataType::Utf8View),
        // Whether two floats are one value is the engine's to say.
        known if can_be_numbered(&known) => argument.clone(),
        _ => return Ok(call.clone()),
    };
    let function = Arc::new(AggregateUDF::from(DistinctCount::default()));
    let filter = params.filter.clone();
    let faster =
        AggregateFunction::new_udf(function, vec![argument], false, filter, Vec::new(), None);
    Ok(Expr::AggregateFunction(faster).alias(call.schema_name().to_string()))
}

fn can_be_numbered(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Boolean
                | DataType::Date32
                | DataType::Timestamp(..)
                | DataType::Decimal128(..)
                | DataType::Utf8View
        )
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DistinctCount {
    signature: Signature,
}

impl Default for DistinctCount {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for DistinctCount {
    fn name(&self) -> &'static str {
        "distinct_count"
    }

    fn signature(&self) -> &Signature {
        &self.signature
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

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let values = DataType::List(item(args.input_fields[0].data_type()));
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "values"), values, false))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::new(Groups::new(args.expr_fields[0].data_type())?)))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(args.expr_fields[0].data_type())?))
    }
}

/// An item of a partial state's lists.
fn item(values: &DataType) -> FieldRef {
    Arc::new(Field::new_list_field(values.clone(), false))
}

/// Values that have a bit in each group: as many as the days of a quarter, with room.
const BITS: u32 = u128::BITS;

/// Views that are remembered while a batch is numbered: some times as many as a small set of texts has.
const VIEWS: usize = 1 << VIEW_BITS;
const VIEW_BITS: u32 = 9;

/// Where a view is remembered: the upper bits of its product with the golden ratio (Knuth, The Art of Computer Programming 3,
/// 6.4).
#[expect(clippy::cast_possible_truncation, reason = "the halves of the view, then a few bits")]
fn place(view: u128) -> usize {
    let mixed = (view as u64 ^ (view >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> (u64::BITS - VIEW_BITS)) as usize
}

/// The values of each group, by their numbers.
struct Groups {
    values: DataType,
    numbers: Box<dyn GroupValues>,
    /// The number of each row of a batch.
    of_rows: Vec<usize>,
    bits: Vec<u128>,
    /// Group and number, where that has no bit.
    others: HashSet<(u32, u32), RandomState>,
}

impl Debug for Groups {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { values, bits, others, .. } = self;
        f.debug_struct("Groups")
            .field("values", values)
            .field("bits", bits)
            .field("others", others)
            .finish()
    }
}

impl Groups {
    fn new(values: &DataType) -> Result<Self> {
        Ok(Self {
            values: values.clone(),
            numbers: numbers(values)?,
            of_rows: Vec::new(),
            bits: Vec::new(),
            others: HashSet::default(),
        })
    }

    fn number(&mut self, values: &ArrayRef) -> Result<()> {
        self.of_rows.clear();
        match values.as_string_view_opt() {
            Some(texts) => self.number_texts(values, texts),
            None => self.numbers.intern(std::slice::from_ref(values), &mut self.of_rows),
        }
    }

    /// Equal views of a batch are one text, and a file's dictionary gives out the same view again and again: what is known by
    /// its view is not hashed and compared once more.
    fn number_texts(&mut self, values: &ArrayRef, texts: &StringViewArray) -> Result<()> {
        let mut seen = vec![(0_u128, u32::MAX); VIEWS];
        let mut first_rows = Vec::new();
        for (row, view) in (0..).zip(texts.views()) {
            if texts.is_null(row as usize) {
                self.of_rows.push(0); // what stands there is no text, and nobody asks for it
                continue;
            }
            let known = &mut seen[place(*view)];
            if *known != (*view, known.1) || known.1 == u32::MAX {
                #[expect(clippy::cast_possible_truncation, reason = "rows of a batch")]
                let nth = first_rows.len() as u32;
                *known = (*view, nth);
                first_rows.push(row);
            }
            self.of_rows.push(known.1 as usize);
        }
        let mut numbers = Vec::new();
        if first_rows.is_empty() {
            return Ok(());
        }
        let firsts = take(values, &UInt32Array::from(first_rows), None)?;
        self.numbers.intern(&[firsts], &mut numbers)?;
        self.of_rows.iter_mut().for_each(|nth| *nth = numbers[*nth]);
        Ok(())
    }

    /// Adds the value of a row to a group.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "groups and values are fewer than 2^32: they are in memory"
    )]
    fn add(&mut self, group: usize, row: usize) {
        let number = self.of_rows[row] as u32;
        if number < BITS {
            self.bits[group] |= 1 << number;
        } else {
            self.others.insert((group as u32, number));
        }
    }

    /// What the first groups have, by group; the others move up.
    fn take(&mut self, emit_to: EmitTo) -> (Vec<u128>, Vec<(u32, u32)>) {
        let bits = emit_to.take_needed(&mut self.bits);
        #[expect(clippy::cast_possible_truncation, reason = "as in `add`")]
        let emitted = bits.len() as u32;
        let all = std::mem::take(&mut self.others).into_iter();
        let (others, stay): (Vec<_>, Vec<_>) = all.partition(|(group, _)| *group < emitted);
        self.others = stay.into_iter().map(|(group, number)| (group - emitted, number)).collect();
        (bits, others)
    }

    /// All values, by number.
    fn all_values(&mut self) -> Result<ArrayRef> {
        if self.numbers.is_empty() {
            return Ok(new_empty_array(&self.values));
        }
        let values = self.numbers.emit(EmitTo::All)?.swap_remove(0);
        self.numbers = numbers(&self.values)?;
        self.number(&values)?; // as they were
        Ok(values)
    }
}

fn numbers(values: &DataType) -> Result<Box<dyn GroupValues>> {
    let schema = Schema::new(vec![Field::new("value", values.clone(), true)]);
    new_group_values(Arc::new(schema), &GroupOrdering::None)
}

impl Grow for Groups {
    fn grow(&mut self, groups: usize) {
        self.bits.resize(groups, 0);
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        self.number(&values[0])?;
        let nulls = values[0].logical_nulls();
        let rows = group_indices.iter().enumerate();
        if nulls.is_none() && opt_filter.is_none() {
            rows.for_each(|(row, group)| self.add(*group, row));
            return Ok(());
        }
        for (row, group) in rows {
            let known = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            let wanted = opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if known && wanted {
                self.add(*group, row);
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
        self.number(lists.values())?;
        for (group, range) in group_indices.iter().zip(lists.offsets().windows(2)) {
            #[expect(clippy::cast_sign_loss, reason = "offsets")]
            let rows: Range<usize> = range[0] as usize..range[1] as usize;
            rows.for_each(|row| self.add(*group, row));
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (bits, others) = self.take(emit_to);
        let mut counts: Vec<_> = bits.iter().map(|bits| i64::from(bits.count_ones())).collect();
        for (group, _) in others {
            counts[group as usize] += 1;
        }
        Ok(Arc::new(Int64Array::from(counts)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let values = self.all_values()?;
        let (bits, mut others) = self.take(emit_to);
        others.sort_unstable();
        let (mut picked, mut lengths) = (Vec::new(), Vec::with_capacity(bits.len()));
        let mut others = others.into_iter().peekable();
        for (group, mut bits) in (0..).zip(bits) {
            let before = picked.len();
            while bits != 0 {
                picked.push(bits.trailing_zeros());
                bits &= bits - 1;
            }
            while let Some((_, number)) = others.next_if(|(of, _)| *of == group) {
                picked.push(number);
            }
            lengths.push(picked.len() - before);
        }
        let values = take(&values, &UInt32Array::from(picked), None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(vec![Arc::new(ListArray::try_new(item(&self.values), offsets, values, None)?)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows: Vec<_> = (0..values[0].len()).collect();
        let mut groups = Self::new(&self.values)?;
        groups.update_batch(values, &rows, opt_filter, rows.len())?;
        groups.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.numbers.size()
            + self.of_rows.capacity() * size_of::<usize>()
            + self.bits.capacity() * size_of::<u128>()
            + self.others.capacity() * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use datafusion::arrow::array::{
        Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    };
    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::datasource::MemTable;
    use datafusion::prelude::{SessionConfig, SessionContext};
    use proptest::prelude::*;
    use tokio::runtime::Runtime;

    use super::*;

    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

    type Row = (Option<u8>, Option<u16>);

    /// Nothing, what a view holds itself, and more than that.
    fn text(value: u16) -> String {
        match value % 3 {
            0 if value == 0 => String::new(),
            0 => format!("a value, and not a short one: {value}"),
            _ => value.to_string(),
        }
    }

    /// `g, v`, and `v` in other types.
    fn batch(rows: &[Row]) -> RecordBatch {
        let groups: Int64Array = rows.iter().map(|(group, _)| group.map(i64::from)).collect();
        let values = || rows.iter().map(|(_, value)| *value);
        let numbers: Int64Array = values().map(|value| value.map(i64::from)).collect();
        let texts: StringArray = values().map(|value| value.map(text)).collect();
        let days: Date32Array = values().map(|value| value.map(i32::from)).collect();
        let floats: Float64Array = values().map(|value| value.map(f64::from)).collect();
        let columns: [(&str, ArrayRef); 5] = [
            ("g", Arc::new(groups)),
            ("v", Arc::new(numbers)),
            ("t", Arc::new(texts)),
            ("d", Arc::new(days)),
            ("f", Arc::new(floats)),
        ];
        let columns = columns.map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    /// Small batches of three threads: groups meet in partial states, and rows pass as states of their own.
    fn answer(rows: &[Row], sql: &str, faster: bool) -> String {
        let config = SessionConfig::new().with_target_partitions(3).with_batch_size(16);
        #[expect(clippy::disallowed_methods, reason = "one with the rule, one without")]
        let context = SessionContext::new_with_config(config);
        if faster {
            context.add_analyzer_rule(Arc::new(FastDistinctCount));
        }
        let schema = batch(&[]).schema();
        // A table has partitions even without rows.
        let partition = |at| rows.chunks(50).skip(at).step_by(3).map(batch).collect();
        context
            .register_table(
                "t",
                Arc::new(MemTable::try_new(schema, (0..3).map(partition).collect()).unwrap()),
            )
            .unwrap();
        RUNTIME.block_on(async {
            let frame = context.sql(sql).await.unwrap();
            let schema = Arc::new(frame.schema().as_arrow().clone());
            let rows = concat_batches(&schema, &frame.collect().await.unwrap()).unwrap();
            pretty_format_batches(&[rows]).unwrap().to_string()
        })
    }

    const SQL: &str = "SELECT g, count(DISTINCT v) AS a, count(DISTINCT t), count(DISTINCT d) FILTER (WHERE v % 2 = 1) AS b, \
                       count(DISTINCT v > 7) AS c, count(DISTINCT f), sum(v) FROM t GROUP BY g ORDER BY g";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))] // each plans two queries

        #[test]
        fn groups_have_as_many_values_as_the_engine_finds(
            rows in prop::collection::vec((prop::option::of(0..20_u8), prop::option::of(0..300_u16)), 0..1000),
        ) {
            prop_assert_eq!(answer(&rows, SQL, true), answer(&rows, SQL, false));
        }
    }

    #[test]
    fn without_rows_there_is_no_group() {
        assert_eq!(answer(&[], SQL, true), answer(&[], SQL, false));
    }

    #[test]
    fn one_group_that_the_optimizer_finds_is_counted_too() {
        let sql = "SELECT count(DISTINCT v) AS v FROM t GROUP BY 1 + 1";
        let rows = [(None, Some(1)), (None, Some(1)), (None, None), (None, Some(2))];
        assert_eq!(answer(&rows, sql, true), answer(&rows, sql, false));
    }

    #[test]
    fn the_first_groups_can_be_emitted_before_the_others_are_complete() {
        let mut groups = Groups::new(&DataType::Int64).unwrap();
        let values = |range: Range<i64>| -> Vec<ArrayRef> {
            vec![Arc::new(Int64Array::from_iter_values(range))]
        };
        let of_two: Vec<_> = (0..200).map(|value| value % 2).collect();
        groups.update_batch(&values(0..200), &of_two, None, 2).unwrap();
        let first = groups.state(EmitTo::First(1)).unwrap();
        groups.merge_batch(&first, &[0], 1).unwrap(); // even numbers to the odd ones
        let counts = groups.evaluate(EmitTo::All).unwrap();
        assert_eq!(*counts, *(Arc::new(Int64Array::from(vec![200])) as ArrayRef));
    }
}
