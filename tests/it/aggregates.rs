//! The aggregates in SQL: types, windows and little memory.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::util::pretty::pretty_format_batches;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_functions_segmentation::{all_aggregate, register_all};

use crate::golden::one_batch;
use crate::slt::session;

/// A call of every aggregate; `{x}` and `{y}` are measures, `{t}` is a day, `{d}` the as-of day, `{n}` a number of the
/// call's own, `{u}` a unit of time, and `{o}` what comes behind. Answers do not depend on the types of these.
const CALLS: [&str; 8] = [
    "active_days({t}, {d}, {n}){o}",
    "decayed_sum({x}, {t}, {d}, {n}){o}",
    "purchase_summary({t}, {x}, {d}, {u}){o}",
    "quantile_breaks({x}, {n}){o}",
    "retention_gross({x}, {y}){o}",
    "retention_net({x}, {y}){o}",
    "[rfm({t}, {x}, {d}){o}['recency_days']::DOUBLE, rfm({t}, {x}, {d}){o}['frequency']::DOUBLE, \
      rfm({t}, {x}, {d}){o}['monetary']::DOUBLE]",
    "usage_trend({t}, {x}, {d}, {n}){o}",
];

/// All of them, in a list for SELECT, with columns of `EVENTS` and constants where nothing else is said.
fn calls(replaced: &[(&str, &str)]) -> String {
    let plain = [
        ("{x}", "x"),
        ("{y}", "y"),
        ("{t}", "t"),
        ("{d}", "DATE '2026-06-30'"),
        ("{n}", "9"),
        ("{u}", "'week'"),
        ("{o}", ""),
    ];
    let named = CALLS.iter().enumerate().map(|(at, call)| format!("{call} AS answer_{at}"));
    let all = named.collect::<Vec<_>>().join(", ");
    replaced.iter().chain(&plain).fold(all, |calls, (from, to)| calls.replace(from, to))
}

#[test]
fn every_aggregate_is_called_here() {
    for function in all_aggregate() {
        let call = format!("{}(", function.name());
        assert!(CALLS.iter().any(|calls| calls.contains(&call)), "{call}");
    }
}

const EVENTS: &str = "(SELECT column1 AS id, column2 AS k, column3::DATE AS t, column4 AS x, column5 AS y FROM VALUES \
    (1, 'a', '2026-06-30', 10, 12), (2, 'a', '2026-06-24', 7, NULL), (3, 'a', '2026-06-24', 1, 1), (4, 'a', NULL, 5, 5), \
    (5, 'a', '2026-06-16', NULL, 3), (6, 'b', '2026-05-31', 0, 8), (7, 'b', '2026-06-20', 100, 3), (8, 'b', '2026-06-22', 3, 2), \
    (9, 'b', '2026-07-04', 4, 0), (10, 'c', NULL, NULL, NULL))";

async fn answer(session: &SessionContext, sql: &str) -> String {
    pretty_format_batches(&[one_batch(session, sql).await]).unwrap().to_string()
}

async fn by_key(session: &SessionContext, replaced: &[(&str, &str)]) -> String {
    let sql = format!("SELECT k, {} FROM {EVENTS} GROUP BY k ORDER BY k", calls(replaced));
    answer(session, &sql).await
}

#[tokio::test]
async fn the_encoding_of_a_number_does_not_matter() {
    let session = session().unwrap();
    let expected = by_key(&session, &[]).await;
    for encoding in [
        "Int8",
        "Int16",
        "Int32",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Float16",
        "Float32",
        "Float64",
        "Decimal32(7, 2)",
        "Decimal64(15, 2)",
        "Decimal128(20, 3)",
        "Decimal256(50, 3)",
        "Dictionary(Int32, Int64)",
        "Dictionary(UInt8, Float32)",
        "Dictionary(Int16, Decimal128(20, 3))",
        "Dictionary(Int16, Decimal256(50, 3))",
    ] {
        let [x, y, n] = ["x", "y", "9"].map(|it| format!("arrow_cast({it}, '{encoding}')"));
        let replaced = [("{x}", &*x), ("{y}", &*y), ("{n}", &*n)];
        assert_eq!(by_key(&session, &replaced).await, expected, "{encoding}");
    }
}

#[tokio::test]
async fn the_encoding_of_a_day_or_a_text_does_not_matter() {
    let session = session().unwrap();
    let expected = by_key(&session, &[]).await;
    let mut encodings = vec!["Date64".to_owned(), "Dictionary(Int32, Date32)".to_owned()];
    for unit in ["Second", "Millisecond", "Microsecond", "Nanosecond"] {
        for zone in ["None", "Some(\"UTC\")", "Some(\"Europe/Berlin\")", "Some(\"-11:00\")"] {
            encodings.push(format!("Timestamp({unit}, {zone})"));
        }
    }
    for encoding in encodings {
        let t = format!("arrow_cast(t, '{encoding}')");
        assert_eq!(by_key(&session, &[("{t}", &t)]).await, expected, "{encoding}");
    }
    for encoding in ["Date64", "Dictionary(Int32, Date32)"] {
        let d = format!("arrow_cast(DATE '2026-06-30', '{encoding}')");
        assert_eq!(by_key(&session, &[("{d}", &d)]).await, expected, "{encoding}");
    }
    for encoding in ["LargeUtf8", "Utf8View", "Dictionary(Int32, Utf8)"] {
        let u = format!("arrow_cast('week', '{encoding}')");
        assert_eq!(by_key(&session, &[("{u}", &u)]).await, expected, "{encoding}");
    }
}

#[tokio::test]
async fn constants_are_columns_of_one_value() {
    let session = session().unwrap();
    let from = "FROM (SELECT 7 AS x, 8 AS y, DATE '2026-06-24' AS t FROM VALUES (1), (2))";
    let constants = [("{x}", "7"), ("{y}", "8"), ("{t}", "DATE '2026-06-24'")];
    let columns = answer(&session, &format!("SELECT {} {from}", calls(&[]))).await;
    let literals = answer(&session, &format!("SELECT {} {from}", calls(&constants))).await;
    assert_eq!(literals, columns);
}

#[tokio::test]
async fn untyped_null_is_not_known_as_a_null_of_a_type_is() {
    let session = session().unwrap();
    let nulls = [("{x}", "NULL"), ("{y}", "NULL"), ("{t}", "NULL")];
    let typed = [("{x}", "NULL::BIGINT"), ("{y}", "NULL::BIGINT"), ("{t}", "NULL::DATE")];
    let sql = format!("SELECT {} FROM {EVENTS} WHERE k = 'c'", calls(&[]));
    let expected = answer(&session, &sql).await;
    for unknown in [nulls, typed] {
        let sql = format!("SELECT {} FROM {EVENTS}", calls(&unknown));
        assert_eq!(answer(&session, &sql).await, expected);
    }
}

#[tokio::test]
async fn a_filter_is_as_a_condition_in_where() {
    let session = session().unwrap();
    for condition in ["kept.x > 2", "kept.id < 0"] {
        for group_by in ["", "GROUP BY k ORDER BY k"] {
            let filter = format!(" FILTER (WHERE {})", condition.replace("kept.", ""));
            let filtered =
                format!("SELECT {} FROM {EVENTS} {group_by}", calls(&[("{o}", &filter)]));
            // What the condition takes out comes back as a row of NULL, so that its group does not go.
            let cut = format!(
                "SELECT {} FROM (SELECT every.k, kept.t, kept.x, kept.y FROM {EVENTS} AS every \
                 LEFT JOIN {EVENTS} AS kept ON kept.id = every.id AND {condition}) {group_by}",
                calls(&[])
            );
            assert_eq!(answer(&session, &filtered).await, answer(&session, &cut).await);
        }
    }
}

/// Frames that only grow are aggregations of the rows up to an end.
#[tokio::test]
async fn over_a_growing_frame_each_row_gets_the_answer_of_the_rows_so_far() {
    let session = session().unwrap();
    for (end, ahead) in [("CURRENT ROW", 0), ("2 FOLLOWING", 2)] {
        let over = format!(" OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND {end})");
        let windows = format!("SELECT id, {} FROM {EVENTS} ORDER BY id", calls(&[("{o}", &over)]));
        let joined = format!(
            "SELECT now.id, {} FROM {EVENTS} AS now JOIN {EVENTS} AS seen ON seen.id <= now.id + {ahead} \
             GROUP BY now.id ORDER BY now.id",
            calls(&[("{x}", "seen.x"), ("{y}", "seen.y"), ("{t}", "seen.t")])
        );
        assert_eq!(answer(&session, &windows).await, answer(&session, &joined).await, "{end}");
    }
}

#[tokio::test]
async fn a_frame_that_rows_leave_is_refused() {
    let session = session().unwrap();
    let over = " OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)";
    for (at, call) in CALLS.iter().enumerate() {
        let all = calls(&[("{o}", over)]);
        let sql = format!("SELECT answer_{at} FROM (SELECT {all} FROM {EVENTS})");
        let frame = session.sql(&sql).await.unwrap();
        let error = frame.collect().await.unwrap_err().to_string();
        assert!(error.contains("sliding accumulator"), "{call}: {error}");
    }
}

/// Text keys, of which a quarter has two events.
const MANY: &str = "SELECT 'customer-' || CAST(value % 200000 AS TEXT) AS key, \
    DATE '2026-06-30' - CAST(value % 97 AS INT) AS day, value / 7.0 AS amount FROM generate_series(1, 250000)";

#[tokio::test]
async fn an_aggregation_that_spills_gives_the_same_bits() {
    let sql = format!(
        "SELECT key, rfm(day, amount, DATE '2026-06-30') AS rfm, \
                purchase_summary(day, amount, DATE '2026-06-30') AS purchases, \
                decayed_sum(amount, day, DATE '2026-06-30', 30) AS decayed, \
                active_days(day, DATE '2026-06-30', 90) AS days \
         FROM ({MANY}) GROUP BY key ORDER BY key"
    );
    let expected = one_batch(&session().unwrap(), &sql).await;
    assert_eq!(expected.num_rows(), 200_000);

    let config =
        SessionConfig::new().with_target_partitions(2).with_sort_spill_reservation_bytes(1 << 20);
    let pool = Arc::new(FairSpillPool::new(64 << 20));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the functions need nothing of the project's")]
    let mut small = SessionContext::new_with_config_rt(config, runtime);
    register_all(&mut small).unwrap();
    let plan = small.sql(&sql).await.unwrap().create_physical_plan().await.unwrap();
    let batches = collect(Arc::clone(&plan), small.task_ctx()).await.unwrap();
    assert_eq!(concat_batches(&plan.schema(), &batches).unwrap(), expected);
    assert!(aggregations_spilled(plan.as_ref()) > 0, "64 MiB were enough: the test shows nothing");
}

fn aggregations_spilled(plan: &dyn ExecutionPlan) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or_default();
    let own = if plan.name() == "AggregateExec" { own } else { 0 };
    own + plan.children().iter().map(|child| aggregations_spilled(child.as_ref())).sum::<usize>()
}
