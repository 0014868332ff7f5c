//! Functions of a row among the rows of its partition.

mod quantile_score;

use std::sync::Arc;

use datafusion::logical_expr::WindowUDF;

/// All window functions.
#[must_use]
pub fn all() -> Vec<Arc<WindowUDF>> {
    let all: Vec<WindowUDF> = vec![quantile_score::QuantileScore::new().into()];
    all.into_iter().map(Arc::new).collect()
}
