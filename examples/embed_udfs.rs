//! The functions in a plain `DataFusion` program, nothing of Roster behind them: health and churn of three customers.
//!
//! `cargo run --example embed_udfs`

use std::error::Error;
use std::io::Write;

use arrow::util::pretty::pretty_format_batches;
use chrono::NaiveDate;
use datafusion::prelude::SessionContext;
use datafusion_functions_segmentation::{AsOf, register_all, register_clock};

const HEALTH: &str = "
    WITH customer(name, logins, last_order, paid) AS (VALUES
        ('Ada', 21, DATE '2026-06-28', 1250.00),
        ('Bert', 2, DATE '2026-03-02', 80.00),
        ('Cleo', NULL, DATE '2026-06-30', 4100.00)
    ), scored AS (
        SELECT name,
               health_score({usage: score_between(logins, 0, 20), money: score_between(paid, 0, 1000)},
                            {usage: 3, money: 1}) AS health,
               quantile_score(as_of() - last_order, 3, best => 'low') OVER () AS recency
        FROM customer
    )
    SELECT name, round(health, 1) AS health, health_band(health) AS band, recency FROM scored ORDER BY name";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    Ok(writeln!(std::io::stdout(), "{}", health().await?)?)
}

/// The table that is printed.
pub(crate) async fn health() -> Result<String, Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "any session will do")]
    let mut session = SessionContext::new();
    register_all(&mut session)?;
    let day = NaiveDate::from_ymd_opt(2026, 6, 30).ok_or("no such day")?;
    let night = AsOf::new(day, chrono_tz::Europe::Berlin).ok_or("beyond the calendar")?;
    register_clock(&mut session, night)?;
    let rows = session.sql(HEALTH).await?.collect().await?;
    Ok(pretty_format_batches(&rows)?.to_string())
}
