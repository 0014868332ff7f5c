//! The day of an instant, faster: the engine's cast asks the calendar of the project's zone for each row.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::utils::take_function_args;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion_functions_segmentation::days;

/// Puts [`LocalDay`] in the place of casts.
#[derive(Debug)]
pub(super) struct FastLocalDay;

impl AnalyzerRule for FastLocalDay {
    fn name(&self) -> &'static str {
        "fast_local_day"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(replace_casts)?.data)
    }
}

fn replace_casts(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    // What files say of their values is compared with casts, not with functions.
    if matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_)) {
        return Ok(Transformed::no(plan));
    }
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let replaced = expr.transform_up(|expr| local_day(expr, &schema))?;
        Ok(replaced.update_data(|expr| name.restore(expr)))
    })
}

fn local_day(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(cast)
            if *cast.field.data_type() == DataType::Date32
                && matches!(cast.expr.get_type(schema)?, DataType::Timestamp(_, Some(_))) =>
        {
            let call = ScalarUDF::from(LocalDay::default()).call(vec![*cast.expr]);
            Ok(Transformed::yes(call))
        }
        other => Ok(Transformed::no(other)),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LocalDay {
    signature: Signature,
}

impl Default for LocalDay {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for LocalDay {
    fn name(&self) -> &'static str {
        "local_day"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Date32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [instants] = take_function_args(self.name(), &args.args)?;
        match instants {
            ColumnarValue::Array(instants) => Ok(ColumnarValue::Array(Arc::new(days(instants)?))),
            ColumnarValue::Scalar(instant) => {
                Ok(ColumnarValue::Scalar(instant.cast_to(&DataType::Date32)?))
            }
        }
    }
}
