//! What an aggregate says of itself, and the function that is made of it.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature,
};

use super::one_group::{Groups, OneGroup};
use crate::args::Parameters;

pub(super) trait Definition: Debug + Eq + Hash + Send + Sync + 'static {
    const PARAMETERS: Parameters;

    const NULLABLE: bool = true;

    /// The type of the result. `types` are those the arguments are read as.
    fn result(types: &[DataType]) -> DataType;

    /// The result without rows.
    fn of_no_rows(result: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(result)
    }

    /// Refuses an argument while the call is planned.
    fn check(position: usize, argument: &Expr) -> Result<()>;

    /// Names and types of a partial state's columns.
    fn state(types: &[DataType]) -> Vec<(&'static str, DataType)>;

    fn accumulators(args: &AccumulatorArgs) -> Result<Accumulators>;

    fn documentation(&self) -> Option<&Documentation>;
}

/// One implementation for one group and for many, so that both give the same bits.
pub(super) struct Accumulators {
    one: Box<dyn Accumulator>,
    many: Box<dyn GroupsAccumulator>,
}

impl<G: Groups> From<G> for Accumulators {
    fn from(groups: G) -> Self {
        Self { one: Box::new(OneGroup(groups.clone())), many: Box::new(groups) }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Aggregate<D> {
    definition: D,
    signature: Signature,
}

pub(super) fn function<D: Definition>(definition: D) -> AggregateUDF {
    Aggregate { definition, signature: D::PARAMETERS.signature() }.into()
}

/// `DataFusion` drops DISTINCT on the way to an aggregate that does not look: refused, as all rows count here.
fn refuse_distinct<D: Definition>(is_distinct: bool) -> Result<()> {
    if is_distinct {
        let function = D::PARAMETERS.function;
        return plan_err!("{function}: DISTINCT has no meaning here, every row counts");
    }
    Ok(())
}

impl<D: Definition> AggregateUDFImpl for Aggregate<D> {
    fn name(&self) -> &'static str {
        D::PARAMETERS.function
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        D::PARAMETERS.coerce(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(D::result(&self.coerce_types(types)?))
    }

    fn is_nullable(&self) -> bool {
        D::NULLABLE
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        D::of_no_rows(data_type)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    /// Looks at the call while it is planned, and leaves it as it is.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|call: AggregateFunction, _| {
            refuse_distinct::<D>(call.params.distinct)?;
            for (position, argument) in call.params.args.iter().enumerate() {
                D::check(position, argument)?;
            }
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        refuse_distinct::<D>(args.is_distinct)?;
        Ok(D::accumulators(&args)?.one)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let types: Vec<_> =
            args.input_fields.iter().map(|field| field.data_type().clone()).collect();
        let columns = D::state(&types).into_iter().map(|(name, data_type)| {
            Arc::new(Field::new(format_state_name(args.name, name), data_type, true))
        });
        Ok(columns.collect())
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(D::accumulators(&args)?.many)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.definition.documentation()
    }
}
