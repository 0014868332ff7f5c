//! SQL functions for customer health, churn and RFM, for any Apache `DataFusion` session.
//!
//! They know no session: [`register_all`] adds them to one, [`register_clock`] tells `as_of()` which night it is.
//! What each means is in its documentation (`ScalarUDF::documentation` and so on), and with examples in
//! `tests/slt/functions`.

mod aggregate;
mod args;
mod as_of;
mod exact;
mod scalar;
mod window;

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::ScalarUDF;

pub use aggregate::all as all_aggregate;
pub use as_of::AsOf;
pub use scalar::all as all_scalar;
pub use window::all as all_window;

/// The version of the functions' meaning: part of what a result was computed from.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Adds every function. `as_of()` and `as_of_end()` are refused in a query until [`register_clock`], called after this,
/// replaces them.
///
/// # Errors
/// A registry that takes no functions.
pub fn register_all(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in all_scalar() {
        registry.register_udf(function)?;
    }
    for function in all_aggregate() {
        registry.register_udaf(function)?;
    }
    for function in all_window() {
        registry.register_udwf(function)?;
    }
    Ok(())
}

/// Binds `as_of()` and `as_of_end()`: queries planned from now on hold their values as literals.
///
/// # Errors
/// A registry that takes no functions.
pub fn register_clock(registry: &mut dyn FunctionRegistry, as_of: AsOf) -> Result<()> {
    registry.register_udf(Arc::new(ScalarUDF::from(scalar::AsOfDay::new(Some(as_of)))))?;
    registry.register_udf(Arc::new(ScalarUDF::from(scalar::AsOfEnd::new(Some(as_of)))))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_documented_down_to_its_arguments() {
        let documented = |name: &str,
                          names: Option<&Vec<String>>,
                          arguments: Option<Vec<String>>| {
            assert_eq!(names.cloned().unwrap_or_default(), arguments.unwrap_or_default(), "{name}");
        };
        let arguments = |doc: Option<&datafusion::logical_expr::Documentation>| {
            let doc = doc.expect("a function without documentation");
            doc.arguments.as_ref().map(|all| all.iter().map(|(name, _)| name.clone()).collect())
        };
        for f in all_scalar() {
            documented(
                f.name(),
                f.signature().parameter_names.as_ref(),
                arguments(f.documentation()),
            );
        }
        for f in all_aggregate() {
            documented(
                f.name(),
                f.signature().parameter_names.as_ref(),
                arguments(f.documentation()),
            );
        }
        for f in all_window() {
            documented(
                f.name(),
                f.signature().parameter_names.as_ref(),
                arguments(f.documentation()),
            );
        }
    }
}
