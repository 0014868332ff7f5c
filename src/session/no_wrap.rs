//! No number wraps. In `DataFusion` 55 sums, and `+`, `-`, `*` of whole numbers, start again at the other end of their type
//! when they grow too large: a wrong number that looks like any other. Here it is an error of the query.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::utils::take_function_args;
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr::WindowFunctionDefinition;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    AggregateUDF, BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr_common::datum::apply;

use super::calls::replace_calls;
use super::whole_sum::WholeSum;

/// Enough for 64 bits, signed or not. A sum has ten digits more: room for 10^10 rows.
const DIGITS_OF_INT64: DataType = DataType::Decimal128(20, 0);

/// Rewrites plans after the types of their operands are settled. Names and types stay as they are.
#[derive(Debug)]
pub(super) struct NoWrap;

impl AnalyzerRule for NoWrap {
    fn name(&self) -> &'static str {
        "no_wrap"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|plan| {
            check_arithmetic(plan)?.transform_data(widen_sums)
        });
        Ok(plan?.data)
    }
}

fn check_arithmetic(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let checked = expr.transform_up(|expr| checked(expr, &schema))?;
        Ok(checked.update_data(|expr| name.restore(expr)))
    })
}

fn checked(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let whole = |expr: &Expr| Ok::<_, DataFusionError>(expr.get_type(schema)?.is_integer());
    let call = |op, left, right| ScalarUDF::from(Checked::new(op)).call(vec![left, right]);
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::Plus | Operator::Minus | Operator::Multiply),
            right,
        }) if whole(&left)? && whole(&right)? => Transformed::yes(call(op, *left, *right)),
        Expr::Negative(value) if whole(&value)? => {
            let zero = lit(ScalarValue::new_zero(&value.get_type(schema)?)?);
            Transformed::yes(call(Operator::Minus, zero, *value))
        }
        other => Transformed::no(other),
    })
}

/// Arithmetic of whole numbers that fails where the result has no room.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    op: Operator,
    signature: Signature,
}

impl Checked {
    fn new(op: Operator) -> Self {
        Self { op, signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &'static str {
        match self.op {
            Operator::Plus => "checked_add",
            Operator::Minus => "checked_subtract",
            _ => "checked_multiply",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    // The text of a long sum, written again for each of its steps and rules, would take the cube of its length.
    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        arguments.hash(&mut hasher);
        Ok(format!("{}({:016x})", self.name(), hasher.finish()))
    }

    fn display_name(&self, arguments: &[Expr]) -> Result<String> {
        self.schema_name(arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let [left, _] = take_function_args(self.name(), arguments)?;
        Ok(left.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = take_function_args(self.name(), &args.args)?;
        match self.op {
            Operator::Plus => apply(left, right, add),
            Operator::Minus => apply(left, right, sub),
            _ => apply(left, right, mul),
        }
    }
}

/// Adds up in a type that has room for as many rows as there can be; what the total does not fit into fails to be cast back.
fn widen_sums(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    replace_calls(plan, widened)
}

fn widened(call: &Expr, schema: &DFSchema) -> Result<Expr> {
    let mut wide = call.clone().unalias();
    if let Expr::AggregateFunction(sum) = &mut wide
        && sum.func.name() == "sum"
        && !sum.params.distinct
        && let [argument] = sum.params.args.as_slice()
        && argument.get_type(schema)? == DataType::Int64
    {
        sum.func = Arc::new(AggregateUDF::from(WholeSum::default()));
        return Ok(wide.alias(call.schema_name().to_string()));
    }
    let (function, arguments) = match &mut wide {
        Expr::AggregateFunction(sum) => (&sum.func, &mut sum.params.args),
        Expr::WindowFunction(over) => match &over.fun {
            WindowFunctionDefinition::AggregateUDF(function) => (function, &mut over.params.args),
            WindowFunctionDefinition::WindowUDF(_) => return Ok(call.clone()),
        },
        _ => return Ok(call.clone()),
    };
    let [argument] = arguments.as_mut_slice() else { return Ok(call.clone()) };
    if !["sum", "avg"].contains(&function.name()) {
        return Ok(call.clone());
    }
    *argument = match argument.get_type(schema)? {
        whole if whole.is_integer() => cast(argument.clone(), DIGITS_OF_INT64),
        DataType::Duration(_) => cast(cast(argument.clone(), DataType::Int64), DIGITS_OF_INT64),
        DataType::Decimal32(digits, scale) | DataType::Decimal64(digits, scale) => {
            cast(argument.clone(), DataType::Decimal128(digits, scale))
        }
        DataType::Decimal128(digits, scale) if digits > 28 => {
            cast(argument.clone(), DataType::Decimal256(digits, scale))
        }
        _ => return Ok(call.clone()),
    };
    Ok(wide.alias(call.schema_name().to_string()))
}
