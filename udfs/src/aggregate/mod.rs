//! Functions of a group of rows.

mod active_days;
mod agreed;
mod decayed_sum;
mod definition;
mod held;
mod one_group;
#[cfg(test)]
mod properties;
mod purchase_summary;
mod quantile_breaks;
mod retention;
mod retention_gross;
mod retention_net;
mod rfm;
mod sums;
mod usage_trend;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

use definition::function;

/// All aggregate functions.
#[must_use]
pub fn all() -> Vec<Arc<AggregateUDF>> {
    let all: [AggregateUDF; _] = [
        function(active_days::ActiveDays),
        function(decayed_sum::DecayedSum),
        function(purchase_summary::PurchaseSummary),
        function(quantile_breaks::QuantileBreaks),
        function(retention_gross::RetentionGross),
        function(retention_net::RetentionNet),
        function(rfm::Rfm),
        function(usage_trend::UsageTrend),
    ];
    all.into_iter().map(Arc::new).collect()
}
