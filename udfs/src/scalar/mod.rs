//! Functions of one row.

mod as_of;
mod as_of_end;
mod health_band;
mod health_score;
mod renewal_window;
mod rfm_cell;
mod rfm_segment;
mod score_between;
mod tier;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub(crate) use as_of::AsOfDay;
pub(crate) use as_of_end::AsOfEnd;

/// All scalar functions, the clock's without a clock.
#[must_use]
pub fn all() -> Vec<Arc<ScalarUDF>> {
    let all: Vec<ScalarUDF> = vec![
        AsOfDay::new(None).into(),
        AsOfEnd::new(None).into(),
        health_band::HealthBand::new().into(),
        health_score::HealthScore::new().into(),
        renewal_window::RenewalWindow::new().into(),
        rfm_cell::RfmCell::new().into(),
        rfm_segment::RfmSegment::new().into(),
        score_between::ScoreBetween::new().into(),
        tier::Tier::new().into(),
    ];
    all.into_iter().map(Arc::new).collect()
}
