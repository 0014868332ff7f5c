//! Functions of one row.

mod as_of;
mod as_of_end;
mod as_of_start;
mod beta_geometric;
mod churn_probability;
mod clock;
mod expected_purchases_bgnbd;
mod expected_spend_gamma_gamma;
mod feature_adoption;
mod health;
pub(crate) mod health_band;
mod health_explain;
mod health_score;
mod p_alive_bgnbd;
mod p_alive_mbgnbd;
pub(crate) mod renewal_window;
mod rfm_cell;
pub(crate) mod rfm_segment;
mod row_function;
mod score_between;
mod score_by_breaks;
mod score_steps;
mod split;
mod steps;
mod tier;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use row_function::udf;

use crate::AsOf;

/// All scalar functions, the clock's without a clock.
#[must_use]
pub fn all() -> Vec<Arc<ScalarUDF>> {
    let mut all = clock_functions(None);
    all.extend([
        udf(churn_probability::ChurnProbability),
        udf(expected_purchases_bgnbd::ExpectedPurchasesBgnbd),
        udf(expected_spend_gamma_gamma::ExpectedSpendGammaGamma),
        udf(feature_adoption::FeatureAdoption),
        udf(health_band::HealthBand),
        udf(health_explain::HealthExplain),
        udf(health_score::HealthScore),
        udf(p_alive_bgnbd::PAliveBgnbd),
        udf(p_alive_mbgnbd::PAliveMbgnbd),
        udf(renewal_window::RenewalWindow),
        udf(rfm_cell::RfmCell),
        udf(rfm_segment::RfmSegment),
        udf(score_between::ScoreBetween),
        udf(score_by_breaks::ScoreByBreaks),
        udf(score_steps::ScoreSteps),
        udf(split::Split),
        udf(tier::Tier),
    ]);
    all.into_iter().map(Arc::new).collect()
}

/// The functions that ask the clock; without one they are refused where they are used.
pub(crate) fn clock_functions(clock: Option<AsOf>) -> Vec<ScalarUDF> {
    vec![
        clock::udf(as_of::AsOfDay, clock),
        clock::udf(as_of_end::AsOfEnd, clock),
        clock::udf(as_of_start::AsOfStart, clock),
    ]
}
