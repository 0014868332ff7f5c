//! Functions of a group of rows.

mod active_days;
mod one_group;
mod rfm;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

/// All aggregate functions.
#[must_use]
pub fn all() -> Vec<Arc<AggregateUDF>> {
    let all: Vec<AggregateUDF> =
        vec![active_days::ActiveDays::new().into(), rfm::Rfm::new().into()];
    all.into_iter().map(Arc::new).collect()
}
