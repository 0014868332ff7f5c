//! The functions against results computed by other people's code.
#![cfg(test)] // so that clippy takes the helpers for tests too

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionContext};

use crate::slt::session;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");

async fn golden() -> SessionContext {
    assert!(
        std::path::Path::new(DATA).is_dir(),
        "no golden data at {DATA}: put the shared folder beside the checkout"
    );
    let session = session().unwrap();
    for (table, file) in [
        ("cdnow_quintiles", "cdnow_sample/golden/rfm_quintiles.parquet"),
        ("cdnow_orders", "cdnow_sample/transactions.parquet"),
        ("cdnow_calib", "cdnow_sample/golden/predictions_calib_weeks.parquet"),
        ("cdnow_all", "cdnow_sample/golden/predictions_all_weeks.parquet"),
        ("cdnow_bundled", "cdnow_sample/golden/bundled_summary_predictions.parquet"),
        ("r_quintiles", "r_rfm/golden/rfm_quintiles.parquet"),
        ("cdnow_days_calib", "cdnow_sample/golden/summary_days_calib.parquet"),
        ("cdnow_days_all", "cdnow_sample/golden/summary_days_all.parquet"),
        ("r_scores", "r_rfm/golden/rfm_scores.parquet"),
        ("r_thresholds", "r_rfm/golden/thresholds.parquet"),
    ] {
        let file = format!("{DATA}/{file}");
        session.register_parquet(table, file, ParquetReadOptions::default()).await.unwrap();
    }
    let file = format!("{DATA}/r_rfm/rfm_data_orders.csv");
    session.register_csv("r_orders", file, CsvReadOptions::default()).await.unwrap();
    session
}

/// The integers of a query with one row.
async fn counts(session: &SessionContext, sql: &str) -> Vec<i64> {
    let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 1, "{sql}");
    let row = batches.iter().find(|batch| batch.num_rows() == 1).unwrap();
    row.columns().iter().map(|column| column.as_primitive::<Int64Type>().value(0)).collect()
}

/// How many customers there are, and how many differ in one of `pairs` (ours, golden).
async fn compared(session: &SessionContext, from: &str, pairs: &[(&str, &str)]) -> [i64; 2] {
    let differ: Vec<_> =
        pairs.iter().map(|(ours, golden)| format!("({ours} IS DISTINCT FROM {golden})")).collect();
    let sql =
        format!("SELECT count(*), count(*) FILTER (WHERE {}) FROM ({from})", differ.join(" OR "));
    counts(session, &sql).await.try_into().unwrap()
}

async fn assert_scores(method: &str, golden_method: &str, monetary: &str) {
    let session = golden().await;
    for (table, customers) in [("cdnow_quintiles", 2357), ("r_quintiles", 995)] {
        let scores = format!(
            "SELECT *, quantile_score(recency_days, 5, 'low', '{method}') OVER () AS r, \
                    quantile_score(frequency, 5, 'high', '{method}') OVER () AS f, \
                    quantile_score({monetary}, 5, 'high', '{method}') OVER () AS m \
             FROM {table}"
        );
        let golden = |axis| format!("{axis}_{golden_method}");
        let pairs = [
            ("r", &*golden("r")),
            ("f", &*golden("f")),
            ("m", &*golden("m")),
            ("CAST(rfm_cell(r, f, m) AS INT)", &*golden("rfm")),
        ];
        assert_eq!(
            compared(&session, &scores, &pairs).await,
            [customers, 0],
            "{method} of {table} by {monetary}"
        );
    }
}

const MONETARY: [&str; 3] =
    ["monetary", "monetary_cents", "CAST(monetary_cents AS DECIMAL(38, 0)) / 100"];

#[tokio::test]
async fn percent_rank_scores_equal_the_golden_ones_for_every_customer() {
    for monetary in MONETARY {
        assert_scores("percent_rank", "percent_rank", monetary).await;
    }
}

#[tokio::test]
async fn break_scores_equal_the_golden_ones_for_every_customer() {
    for monetary in MONETARY {
        assert_scores("breaks", "quantile_breaks", monetary).await;
    }
}

/// Not of cents: its +1 means one unit of money.
#[tokio::test]
async fn r_rfm_scores_equal_the_golden_ones_for_every_customer() {
    for monetary in ["monetary", "CAST(monetary_cents AS DECIMAL(38, 0)) / 100"] {
        assert_scores("r_rfm", "r_rfm", monetary).await;
    }
}

#[tokio::test]
async fn r_rfm_scores_and_segments_equal_those_of_the_r_package() {
    let session = golden().await;
    let scores = "SELECT *, quantile_score(recency_days, 5, 'low', 'r_rfm') OVER () AS r, \
                         quantile_score(transaction_count, 5, 'high', 'r_rfm') OVER () AS f, \
                         quantile_score(amount, 5, 'high', 'r_rfm') OVER () AS m \
                  FROM r_scores";
    let pairs = [
        ("r", "recency_score"),
        ("f", "frequency_score"),
        ("m", "monetary_score"),
        ("rfm_segment(r, f, m, 'r_rfm')", "segment_readme"),
    ];
    assert_eq!(compared(&session, scores, &pairs).await, [995, 0]);
}

/// The object `key` of a JSON file.
fn json(file: &str, key: &str) -> serde_json::Value {
    let text = std::fs::read_to_string(format!("{DATA}/{file}")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()[key].take()
}

#[tokio::test]
async fn scores_by_published_breaks_equal_the_golden_ones_for_every_customer() {
    let session = golden().await;
    for (table, file, customers) in [
        ("cdnow_quintiles", "cdnow_sample/golden/rfm_quintiles.json", 2357),
        ("r_quintiles", "r_rfm/golden/rfm_quintiles.json", 995),
    ] {
        let breaks = |axis| json(file, axis)["breaks"].to_string();
        let scores = format!(
            "SELECT *, score_by_breaks(recency_days, {}, 'low') AS r, \
                    score_by_breaks(frequency, {}) AS f, score_by_breaks(monetary, {}) AS m \
             FROM {table}",
            breaks("r"),
            breaks("f"),
            breaks("m")
        );
        let pairs =
            [("r", "r_quantile_breaks"), ("f", "f_quantile_breaks"), ("m", "m_quantile_breaks")];
        assert_eq!(compared(&session, &scores, &pairs).await, [customers, 0], "{table}");
    }
}

/// The values of `names` in a set of fitted parameters, as arguments.
fn parameters(set: &str, names: &[&str]) -> String {
    let fitted = json("cdnow_sample/golden/parameters.json", set);
    names.iter().map(|name| fitted[name].to_string()).collect::<Vec<_>>().join(", ")
}

const BETA_GEOMETRIC: [&str; 4] = ["r", "alpha", "a", "b"];

/// How many customers of `table` differ by more than 1e-9 in one of `pairs` (ours, golden), relative to the golden.
async fn far(session: &SessionContext, table: &str, pairs: &[(String, &str)]) -> [i64; 2] {
    let near: Vec<_> = pairs
        .iter()
        .map(|(ours, golden)| (format!("abs({ours} - {golden}) <= 1e-9 * {golden}"), "true"))
        .collect();
    let near: Vec<_> = near.iter().map(|(near, yes)| (near.as_str(), *yes)).collect();
    compared(session, &format!("SELECT * FROM {table}"), &near).await
}

#[tokio::test]
async fn purchase_models_equal_lifetimes_for_every_customer() {
    let session = golden().await;
    for (table, bgnbd, gamma_gamma) in [
        ("cdnow_calib", "bgnbd_sample_calib_weeks", "gammagamma_sample_calib"),
        ("cdnow_all", "bgnbd_sample_all_weeks", "gammagamma_sample_all"),
        ("cdnow_bundled", "bgnbd_bundled_summary", "gammagamma_bundled_summary"),
    ] {
        let history = format!("frequency, recency, \"T\", {}", parameters(bgnbd, &BETA_GEOMETRIC));
        let spends = parameters(gamma_gamma, &["p", "q", "v"]);
        let pairs = [
            (format!("p_alive_bgnbd({history})"), "p_alive_bgnbd"),
            (format!("expected_purchases_bgnbd(39, {history})"), "expected_purchases_39w_bgnbd"),
            (
                format!("expected_spend_gamma_gamma(frequency, monetary_value, {spends})"),
                "expected_avg_profit_gg",
            ),
        ];
        assert_eq!(far(&session, table, &pairs).await, [2357, 0], "{table}");
    }
}

#[tokio::test]
async fn p_alive_of_mbgnbd_equals_lifetimes_for_every_customer() {
    let fitted = parameters("mbgnbd_bundled_summary", &BETA_GEOMETRIC);
    let ours = format!("p_alive_mbgnbd(frequency, recency, \"T\", {fitted})");
    let session = golden().await;
    assert_eq!(far(&session, "cdnow_bundled", &[(ours, "p_alive_mbgnbd")]).await, [2357, 0]);
}

#[tokio::test]
async fn rfm_of_cdnow_equals_the_golden_summary() {
    let session = golden().await;
    let ours = "SELECT q.*, cents, money, exact FROM cdnow_quintiles AS q FULL JOIN \
                (SELECT customer_id, rfm(order_date, amount_cents, DATE '1998-06-30') AS cents, \
                        rfm(order_date, amount, DATE '1998-06-30') AS money, \
                        rfm(order_date, dollars, DATE '1998-06-30') AS exact \
                 FROM (SELECT *, CAST(amount AS DECIMAL(10, 2)) AS dollars FROM cdnow_orders) \
                 GROUP BY customer_id) USING (customer_id)";
    let pairs = [
        ("cents['recency_days']", "recency_days"),
        ("cents['frequency']", "frequency_rows"),
        ("cents['monetary']", "monetary_cents"),
        ("exact['monetary'] * 100", "monetary_cents"),
        ("abs(money['monetary'] - monetary) <= 1e-9 * monetary", "true"),
        ("money['first_at']", "first_order"),
        ("money['last_at']", "last_order"),
    ];
    assert_eq!(compared(&session, ours, &pairs).await, [2357, 0]);
}

#[tokio::test]
async fn rfm_of_the_r_orders_equals_the_r_package() {
    let session = golden().await;
    let ours = "SELECT s.*, o FROM r_scores AS s FULL JOIN \
                (SELECT customer_id, rfm(order_date, revenue, DATE '2006-12-31') AS o \
                 FROM r_orders GROUP BY customer_id) USING (customer_id)";
    let pairs = [
        ("o['recency_days']", "recency_days"),
        ("o['frequency']", "transaction_count"),
        ("o['monetary']", "amount"),
    ];
    assert_eq!(compared(&session, ours, &pairs).await, [995, 0]);
}

#[tokio::test]
async fn purchase_summaries_in_days_equal_those_of_lifetimes() {
    let session = golden().await;
    for (golden, end) in [("cdnow_days_calib", "1997-09-30"), ("cdnow_days_all", "1998-06-30")] {
        let ours = format!(
            "SELECT g.*, cents, money FROM {golden} AS g FULL JOIN \
             (SELECT customer_id, purchase_summary(order_date, amount_cents, DATE '{end}') AS cents, \
                     purchase_summary(order_date, amount, DATE '{end}') AS money \
              FROM cdnow_orders GROUP BY customer_id) USING (customer_id)"
        );
        let pairs = [
            ("cents['frequency']", "frequency"),
            ("cents['recency']", "recency"),
            ("cents['t']", "\"T\""),
            ("abs(money['monetary'] - monetary_value) <= 1e-9 * monetary_value", "true"),
            ("abs(cents['monetary'] / 100 - monetary_value) <= 1e-9 * monetary_value", "true"),
        ];
        assert_eq!(compared(&session, &ours, &pairs).await, [2357, 0], "{golden}");
    }
}

/// What lifetimes 0.11.3 (pandas 2.3.3) answers with freq='W' for `cdnow_orders`, summed over the customers.
#[tokio::test]
async fn purchase_summaries_in_weeks_add_up_to_those_of_lifetimes() {
    let session = golden().await;
    for (end, frequency, recency, t, monetary) in [
        ("1997-09-30", 2248.0, 16_580.0, 77_748.0, 35_559.252_340_659_94),
        ("1998-06-30", 4004.0, 43_920.0, 169_671.0, 42_918.752_244_706_644),
    ] {
        let ours = format!(
            "SELECT unnest([sum(s['frequency']), sum(s['recency']), sum(s['t']), sum(s['monetary'])]) \
             FROM (SELECT purchase_summary(order_date, amount, DATE '{end}', 'week') AS s \
                   FROM cdnow_orders GROUP BY customer_id)"
        );
        assert_near(&floats(&session, &ours).await, &[frequency, recency, t, monetary]);
    }
}

/// The floats of a query's one column.
async fn floats(session: &SessionContext, sql: &str) -> Vec<f64> {
    one_batch(session, sql).await.column(0).as_primitive::<Float64Type>().values().to_vec()
}

fn assert_near(ours: &[f64], golden: &[f64]) {
    let near = |(ours, golden): (&f64, &f64)| (ours - golden).abs() <= 1e-9 * golden.abs();
    assert!(
        ours.len() == golden.len() && ours.iter().zip(golden).all(near),
        "{ours:?}, golden {golden:?}"
    );
}

#[tokio::test]
async fn breaks_equal_those_of_numpy() {
    let session = golden().await;
    for (table, folder) in [("cdnow_quintiles", "cdnow_sample"), ("r_quintiles", "r_rfm")] {
        let file = format!("{folder}/golden/rfm_quintiles.json");
        for (axis, column) in [("r", "recency_days"), ("f", "frequency"), ("m", "monetary")] {
            let golden: Vec<f64> =
                serde_json::from_value(json(&file, axis)["breaks"].take()).unwrap();
            let ours = format!("SELECT unnest(quantile_breaks({column}, 5)) FROM {table}");
            assert_near(&floats(&session, &ours).await, &golden);
        }
    }
}

/// Its steps begin one above the breaks.
#[tokio::test]
async fn breaks_equal_those_of_the_r_package() {
    let session = golden().await;
    for (column, golden) in [
        ("recency_days", "recency_lower"),
        ("transaction_count", "frequency_lower"),
        ("amount", "monetary_lower"),
    ] {
        let ours = format!("SELECT unnest(quantile_breaks({column}, 5)) FROM r_scores");
        let golden = format!("SELECT {golden} - 1 FROM r_thresholds ORDER BY 1 OFFSET 1");
        assert_near(&floats(&session, &ours).await, &floats(&session, &golden).await);
    }
}

#[tokio::test]
async fn breaks_below_a_value_give_the_golden_score_of_every_customer() {
    let session = golden().await;
    for (table, customers) in [("cdnow_quintiles", 2357), ("r_quintiles", 995)] {
        let scores = format!(
            "SELECT m_quantile_breaks, 1 + count(*) FILTER (WHERE at < monetary) AS score \
             FROM {table} CROSS JOIN (SELECT unnest(quantile_breaks(monetary, 5)) AS at FROM {table}) \
             GROUP BY customer_id, m_quantile_breaks"
        );
        let pairs = [("score", "m_quantile_breaks")];
        assert_eq!(compared(&session, &scores, &pairs).await, [customers, 0], "{table}");
    }
}

/// Batches of 7 rows over 5 threads go through partial states, and the descending order through another order of sums;
/// the last sends every row as a state of its own.
#[tokio::test]
async fn rfm_gives_the_same_bits_for_any_batch_size_number_of_threads_and_order() {
    let mut results = Vec::new();
    for (batch_size, threads, probe_rows, order) in
        [(8192, 1, 100_000, "amount"), (7, 5, 100_000, "amount DESC"), (100, 3, 1, "customer_id")]
    {
        let session = golden().await;
        for (option, value) in [
            ("batch_size", batch_size.to_string()),
            ("target_partitions", threads.to_string()),
            ("skip_partial_aggregation_probe_rows_threshold", probe_rows.to_string()),
            ("skip_partial_aggregation_probe_ratio_threshold", "0".to_owned()),
        ] {
            let sql = format!("SET datafusion.execution.{option} = {value}");
            session.sql(&sql).await.unwrap().collect().await.unwrap();
        }
        let sql = format!(
            "SELECT cds, rfm(order_date, amount / 3, DATE '1998-06-30') AS summary \
             FROM (SELECT * FROM cdnow_orders ORDER BY {order} LIMIT 100000) \
             GROUP BY cds ORDER BY cds"
        );
        results.push(one_batch(&session, &sql).await);
    }
    assert!(results[0].num_rows() > 5 && results[0].column(1).null_count() == 0);
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

pub(crate) async fn one_batch(session: &SessionContext, sql: &str) -> RecordBatch {
    let frame = session.sql(sql).await.unwrap();
    let schema = frame.schema().inner().clone();
    concat_batches(&schema, &frame.collect().await.unwrap()).unwrap()
}
