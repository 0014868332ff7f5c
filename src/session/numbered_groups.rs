//! The first half of a GROUP BY of numbered texts: a number is a place in an array, and a hash table needs not be asked for
//! the group of each row.

use std::any::Any;
use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::utils::take_function_args;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{
    ColumnarValue, EmitTo, GroupsAccumulator, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{
    AggregateExec, AggregateMode, aggregate_expressions, evaluate_many,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt, stream};

/// Says of its argument that it is a number of a text: small, and as many as there are texts. The value stays what it is.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct NumberOfText {
    signature: Signature,
}

impl Default for NumberOfText {
    fn default() -> Self {
        Self { signature: Signature::exact(vec![DataType::UInt32], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for NumberOfText {
    fn name(&self) -> &'static str {
        "number_of_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [number] = take_function_args(self.name(), args.args)?;
        Ok(number)
    }
}

/// Puts [`NumberedGroups`] in the place of partial aggregations by a number.
#[derive(Debug)]
pub(super) struct GroupByNumber;

impl PhysicalOptimizerRule for GroupByNumber {
    fn name(&self) -> &'static str {
        "group_by_number"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let numbered = plan.transform_up(|node| {
            Ok(match node.downcast_ref::<AggregateExec>().filter(|it| is_by_number(it)) {
                Some(aggregate) => {
                    Transformed::yes(Arc::new(NumberedGroups { aggregate: aggregate.clone() }) as _)
                }
                None => Transformed::no(node),
            })
        });
        numbered.data()
    }
}

fn is_by_number(aggregate: &AggregateExec) -> bool {
    let [(key, _)] = aggregate.group_expr().expr() else { return false };
    let function = key.downcast_ref::<ScalarFunctionExpr>().map(ScalarFunctionExpr::fun);
    let is_number =
        function.is_some_and(|it| (it.inner().as_ref() as &dyn Any).is::<NumberOfText>());
    is_number
        && *aggregate.mode() == AggregateMode::Partial
        && !aggregate.group_expr().has_grouping_set()
        && aggregate.limit_options().is_none()
        && aggregate
            .aggr_expr()
            .iter()
            .all(|call| call.groups_accumulator_supported() && call.order_bys().is_empty())
}

/// A partial aggregation by the number of a text.
#[derive(Debug)]
struct NumberedGroups {
    aggregate: AggregateExec,
}

impl DisplayAs for NumberedGroups {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Numbered")?;
        self.aggregate.fmt_as(kind, f)
    }
}

impl ExecutionPlan for NumberedGroups {
    fn name(&self) -> &'static str {
        "NumberedGroups"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.aggregate.children()
    }

    fn apply_expressions(
        &self,
        apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.aggregate.apply_expressions(apply)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let aggregate = Arc::new(self.aggregate.clone()).replace_children(children, options)?;
        Ok(match aggregate.downcast_ref::<AggregateExec>() {
            Some(aggregate) => Arc::new(Self { aggregate: aggregate.clone() }),
            None => aggregate,
        })
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.aggregate.input().execute(partition, Arc::clone(&context))?;
        let groups = Groups::new(&self.aggregate, partition, &context)?;
        let batch_size = context.session_config().batch_size();
        // What is ready to go, the last first; and whether the input is at its end.
        let state = (input, groups, Vec::new(), false);
        let states = stream::try_unfold(state, move |state| async move {
            let (mut input, mut groups, mut ready, mut ended) = state;
            loop {
                if let Some(batch) = ready.pop() {
                    return Ok(Some((batch, (input, groups, ready, ended))));
                }
                if ended {
                    return Ok(None);
                }
                let whole = match input.next().await.transpose()? {
                    Some(batch) => groups.add(&batch)?,
                    None => {
                        ended = true;
                        groups.take()?
                    }
                };
                if let Some(whole) = whole {
                    let starts = (0..whole.num_rows()).step_by(batch_size).rev();
                    let rows = |start: usize| batch_size.min(whole.num_rows() - start);
                    ready = starts.map(|start| whole.slice(start, rows(start))).collect();
                }
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), states)))
    }
}

/// No group yet.
const NONE: u32 = u32::MAX;

struct Groups {
    aggregate: AggregateExec,
    arguments: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    /// The group of each number.
    of_numbers: Vec<u32>,
    /// The number of each group, of which one may be NULL.
    numbers: Vec<Option<u32>>,
    of_null: u32,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    /// The groups of a batch's rows.
    of_rows: Vec<usize>,
    memory: MemoryReservation,
}

impl Groups {
    fn new(aggregate: &AggregateExec, partition: usize, context: &TaskContext) -> Result<Self> {
        let memory = MemoryConsumer::new(format!("groups by number [{partition}]"))
            // Under pressure it puts out what it has so far.
            .with_can_spill(true)
            .register(context.memory_pool());
        Ok(Self {
            arguments: aggregate_expressions(aggregate.aggr_expr(), aggregate.mode(), 1)?,
            of_numbers: Vec::new(),
            numbers: Vec::new(),
            of_null: NONE,
            accumulators: accumulators(aggregate)?,
            of_rows: Vec::new(),
            memory,
            aggregate: aggregate.clone(),
        })
    }

    /// Adds a batch. What there is so far comes back when there is no memory for more.
    fn add(&mut self, batch: &RecordBatch) -> Result<Option<RecordBatch>> {
        let rows = batch.num_rows();
        let [(key, _)] = self.aggregate.group_expr().expr() else { return Ok(None) };
        let key = key.evaluate(batch)?.into_array(rows)?;
        self.find(key.as_primitive());
        let values = evaluate_many(&self.arguments, batch)?;
        let filters = self.aggregate.filter_expr();
        for ((accumulator, values), filter) in
            self.accumulators.iter_mut().zip(&values).zip(filters)
        {
            let filter = match filter {
                Some(filter) => Some(filter.evaluate(batch)?.into_array(rows)?),
                None => None,
            };
            let filter = filter.as_ref().map(|filter| as_boolean_array(filter)).transpose()?;
            accumulator.update_batch(values, &self.of_rows, filter, self.numbers.len())?;
        }
        match self.memory.try_resize(self.size()) {
            Ok(()) => Ok(None),
            Err(DataFusionError::ResourcesExhausted(_)) => self.take(),
            Err(error) => Err(error),
        }
    }

    /// Writes down the group of each row.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "there are no more groups than numbers of 32 bits"
    )]
    fn find(&mut self, keys: &UInt32Array) {
        let most = keys.iter().flatten().max().map_or(0, |number| number as usize + 1);
        if self.of_numbers.len() < most {
            self.of_numbers.resize(most, NONE);
        }
        self.of_rows.clear();
        let groups = keys.iter().map(|number| {
            let group = match number {
                Some(number) => &mut self.of_numbers[number as usize],
                None => &mut self.of_null,
            };
            if *group == NONE {
                *group = self.numbers.len() as u32;
                self.numbers.push(number);
            }
            *group as usize
        });
        self.of_rows.extend(groups);
    }

    /// The states of all groups so far; a number that comes back later has another group.
    fn take(&mut self) -> Result<Option<RecordBatch>> {
        if self.numbers.is_empty() {
            return Ok(None);
        }
        let numbers = UInt32Array::from(std::mem::take(&mut self.numbers));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(numbers)];
        for accumulator in &mut self.accumulators {
            columns.extend(accumulator.state(EmitTo::All)?);
        }
        self.accumulators = accumulators(&self.aggregate)?;
        self.of_numbers = Vec::new();
        self.of_null = NONE;
        self.memory.resize(self.size());
        Ok(Some(RecordBatch::try_new(self.aggregate.schema(), columns)?))
    }

    fn size(&self) -> usize {
        self.of_numbers.capacity() * size_of::<u32>()
            + self.numbers.capacity() * size_of::<Option<u32>>()
            + self.of_rows.capacity() * size_of::<usize>()
            + self.accumulators.iter().map(|it| it.size()).sum::<usize>()
    }
}

fn accumulators(aggregate: &AggregateExec) -> Result<Vec<Box<dyn GroupsAccumulator>>> {
    aggregate.aggr_expr().iter().map(|call| call.create_groups_accumulator()).collect()
}
