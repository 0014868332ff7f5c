//! Values at the ends of their types, and text of every kind.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Decimal128Array, Int32Array, StringArray, UInt64Array};

use crate::support::Project;
use crate::support::data::{float, instant, int, table, text};

/// Numbers of two accounts: with `a` they grow too large, with `b` they do not.
fn numbers() -> Project {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    let largest = 10_i128.pow(38) - 1;
    let decimal = Decimal128Array::from(vec![largest, largest, 1, 2]);
    let rows = table(&[
        ("id", text(&["a", "a", "b", "b"])),
        ("n", int(&[i64::MAX, 1, 1, 2])),
        ("small", Arc::new(Int32Array::from(vec![50_000, 50_001, 1, 2]))),
        ("unsigned", Arc::new(UInt64Array::from(vec![3, 5, 7, 9]))),
        ("decimal", Arc::new(decimal.with_precision_and_scale(38, 0).unwrap())),
        // Two ages of 200,000 years make no sum that microseconds could hold.
        ("born", instant(&["-200000-01-01T00:00:00Z", "-200000-01-01T00:00:00Z", "-", "-"])),
        ("now", instant(&["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "-", "-"])),
    ]);
    project.parquet("in/x/a.parquet", &rows);
    project
}

#[test]
fn a_number_that_grows_too_large_fails_its_query_and_never_wraps() {
    let project = numbers();
    let grouped = [
        "sum(n)",
        "sum(DISTINCT n)",
        "sum(decimal)",
        "avg(decimal)",
        "date_part('epoch', sum(now - born))",
        "date_part('epoch', avg(now - born))",
        "max(n * 2)",
        "max(n + 1)",
        "max(small * small)",
        "max(-n - 2)",
        "max(unsigned - arrow_cast(4, 'UInt64'))",
        "sum(n) FILTER (WHERE n > 0)",
    ];
    let mut queries: Vec<_> = grouped
        .iter()
        .map(|expr| format!("SELECT id, {expr} AS score FROM raw.x GROUP BY id"))
        .collect();
    queries.extend([
        "SELECT DISTINCT id, sum(n) OVER (PARTITION BY id) AS score FROM raw.x".to_owned(),
        "SELECT id, max(s) AS score FROM (SELECT id, sum(n) OVER (PARTITION BY id ORDER BY n \
         ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM raw.x) GROUP BY id"
            .to_owned(),
        "SELECT DISTINCT id FROM raw.x WHERE n + 1 > 0".to_owned(),
        "SELECT DISTINCT id FROM raw.x AS o WHERE (SELECT max(n) + 1 FROM raw.x) > 0".to_owned(),
    ]);
    for (number, sql) in queries.iter().enumerate() {
        project.sql(&format!("segments/q{number:02}"), sql);
    }
    project.sql("segments/sound", "SELECT DISTINCT id FROM raw.x");
    let ended = project.run("2026-06-01");
    assert_eq!(ended.code, Some(4), "{}", ended.err);
    let report = ended.report();
    let stale = report["stale"].as_array().unwrap().iter();
    let stale: BTreeSet<_> = stale.map(|of| of["segmentation"].as_str().unwrap()).collect();
    for (number, sql) in queries.iter().enumerate() {
        // Averages of times are added up in decimals, and fit.
        let fits = sql.contains("avg(now");
        assert_eq!(stale.contains(format!("q{number:02}").as_str()), !fits, "{sql}");
    }
    ended.says(&["sql/segments/q00.sql", "a number grew too large"]);
}

#[test]
fn numbers_that_fit_are_exact_and_keep_their_names_and_types() {
    let project = numbers();
    project.sql(
        "features/totals",
        "SELECT id, sum(n), sum(decimal) AS d, avg(small) AS mean, max(small * 2 - 1) AS odd, sum(DISTINCT unsigned) AS u \
         FROM raw.x WHERE id = 'b' GROUP BY id",
    );
    project.sql(
        "segments/all",
        "SELECT id, \"sum(raw.x.n)\" AS score, d, mean, odd, u, arrow_typeof(\"sum(raw.x.n)\") AS t, \
         arrow_typeof(d) AS dt, arrow_typeof(u) AS ut, arrow_typeof(odd) AS ot FROM feature.totals",
    );
    project.sql("segments/edge", "SELECT id, sum(n) AS score FROM raw.x WHERE n > 2 GROUP BY id");
    project.sql(
        "segments/rolled",
        "SELECT coalesce(id, 'all') AS id, sum(small) AS score FROM raw.x GROUP BY ROLLUP(id)",
    );
    project.sql(
        "segments/running",
        "SELECT id || small AS id, sum(small) OVER (ORDER BY small) AS score FROM raw.x",
    );
    project.sql(
        "segments/ranked",
        "SELECT id || small AS id, row_number() OVER (ORDER BY id || small) AS score FROM raw.x",
    );
    project.night("2026-06-01");
    let types = r#""t":"Int64","dt":"Decimal128(38, 0)","ut":"UInt64","ot":"Int64""#;
    assert_eq!(
        project.rows("2026-06-01", "membership", "segmentation id score evidence"),
        [
            &format!(r#"all b 3.0 {{"d":3,"mean":1.5,"odd":3,"u":16,{types}}}"#),
            "edge a 9.223372036854776e18 -",
            "ranked a50000 1.0 -",
            "ranked a50001 2.0 -",
            "ranked b1 3.0 -",
            "ranked b2 4.0 -",
            "rolled a 100001.0 -",
            "rolled all 100004.0 -",
            "rolled b 3.0 -",
            "running a50000 50003.0 -",
            "running a50001 100004.0 -",
            "running b1 1.0 -",
            "running b2 3.0 -",
        ]
    );
}

#[test]
fn nan_and_the_infinities_have_a_place_in_the_order_and_none_in_the_quantiles() {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    let values = [f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY];
    let ids = text(&["a", "b", "c", "d", "e"]);
    project.parquet("in/x/a.parquet", &table(&[("id", ids), ("v", float(&values))]));
    for (name, condition) in
        [("above", "v > 1e300"), ("below", "v < 0"), ("zero", "v = 0"), ("every", "true")]
    {
        let sql = format!("SELECT id, v AS score FROM raw.x WHERE {condition}");
        project.sql(&format!("segments/{name}"), &sql);
    }
    let grouped = "SELECT CAST(v AS VARCHAR) AS id, count(*) AS score FROM raw.x GROUP BY v";
    project.sql("segments/grouped", grouped);
    project.night("2026-06-01");
    let rows = project.rows("2026-06-01", "membership", "segmentation id score");
    let of = |name: &str| -> Vec<_> {
        let rows = rows.iter().filter_map(|row| row.strip_prefix(name)?.strip_prefix(' '));
        rows.map(str::to_owned).collect()
    };
    // As PostgreSQL has it: NaN is above all numbers and equal to itself, -0 is 0.
    assert_eq!(of("above"), ["a NaN", "d inf"]);
    assert_eq!(of("below"), ["e -inf"]);
    assert_eq!(of("zero"), ["b -0.0", "c 0.0"]);
    assert_eq!(of("grouped"), ["-inf 1.0", "0.0 2.0", "NaN 1.0", "inf 1.0"]);
    let summary = project.rows("2026-06-01", "summary", "segment members score_p50 score_p90");
    assert!(summary.contains(&"every 5 0.0 inf".to_owned()), "{summary:?}");
}

#[test]
fn text_is_published_byte_for_byte() {
    let words = [
        "",
        " ",
        "a",
        "a ",
        "\t",
        "\u{200b}",
        "\u{202e}abc",
        "x\0y",
        "é",
        "e\u{301}",
        "\n",
        "\r\n",
        "\"q\"",
        "\\",
        "\u{d7ff}",
        "\u{1f600}",
        "-",
    ];
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    let ids = Arc::new(StringArray::from(words.to_vec()));
    project.parquet("in/x/a.parquet", &table(&[("id", ids)]));
    project.sql("segments/all", "SELECT id, 'l' || id AS segment, id AS word FROM raw.x");
    project.night("2026-06-01");
    let batches = project.batches("2026-06-01", "membership");
    let mut seen = Vec::new();
    for batch in &batches {
        let column = |name| batch.column_by_name(name).unwrap().as_any().downcast_ref().unwrap();
        let (ids, labels): (&StringArray, &StringArray) = (column("id"), column("segment"));
        let evidence: &StringArray = column("evidence");
        for row in 0..batch.num_rows() {
            let id = ids.value(row);
            assert_eq!(labels.value(row), format!("l{id}"));
            let evidence: serde_json::Value = serde_json::from_str(evidence.value(row)).unwrap();
            assert_eq!(evidence["word"], id);
            seen.push(id.to_owned());
        }
    }
    let mut expected = words.map(str::to_owned).to_vec();
    expected.sort();
    seen.sort();
    assert_eq!(seen, expected);
}

#[test]
fn nobody_and_everybody_are_segments_like_others() {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    project.parquet("in/x/a.parquet", &table(&[("id", text(&["a", "b"])), ("n", int(&[1, 2]))]));
    project.sql("segments/everybody", "SELECT id FROM raw.x");
    project.sql("segments/nobody", "SELECT id FROM raw.x WHERE n > 2");
    project.night("2026-06-01");
    let summary = project.rows("2026-06-01", "summary", "segment members share");
    assert_eq!(summary, ["everybody 2 1.0", "nobody 0 0.0"]);
}

#[test]
fn a_key_that_nearly_all_rows_have_needs_no_more_memory() {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    project.set("[run]\nmemory_limit = \"32MiB\"\nthreads = 2");
    let ids: Vec<_> = (0..200_000)
        .map(|row| if row % 100 == 0 { format!("k{row}") } else { "skewed".to_owned() })
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let rows = table(&[("id", text(&ids)), ("n", int(&vec![1; ids.len()]))]);
    project.parquet("in/x/a.parquet", &rows);
    project.sql("features/account", "SELECT id, sum(n) AS n, count(*) AS c FROM raw.x GROUP BY id");
    project.sql("segments/big", "SELECT id, n AS score FROM feature.account WHERE n > 1");
    project.sql(
        "segments/joined",
        "SELECT a.id, count(*) AS score FROM feature.account AS a JOIN raw.x AS x ON x.id = a.id \
         GROUP BY a.id HAVING count(*) > 1",
    );
    project.night("2026-06-01");
    let rows = project.rows("2026-06-01", "membership", "segmentation id score");
    assert_eq!(rows, ["big skewed 198000.0", "joined skewed 198000.0"]);
}
