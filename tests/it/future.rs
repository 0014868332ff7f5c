//! No night sees what came after it, by whatever column a source tells its time; and the same inputs make the same bytes.
#![cfg(test)] // so that clippy takes the helpers for tests too

use crate::support::Project;
use crate::support::data::{date, float, instant, int, table, text};

/// Orders with an event time and what was filled in later; Berlin, whose June days begin at 22:00 UTC.
fn orders() -> Project {
    let project = Project::new(
        r#"[sources.orders]
location = "in/orders/"
event_time = "at"
masks = ["paid_at", { status = "paid_at" }, { score = "rated_on" }]
columns = { id = "text!", at = "timestamp!", paid_at = "timestamp", status = "text", rated_on = "date", score = "int" }
"#,
    );
    project.edit_toml("\"UTC\"", "\"Europe/Berlin\"");
    project.sql("segments/orders", "SELECT id, status, score AS rating, paid_at FROM raw.orders");
    project
}

fn write(project: &Project, at: &[&str], paid: &[&str], rated: &[&str]) {
    let ids = ["a", "b", "c", "d"];
    let rows = table(&[
        ("id", text(&ids[..at.len()])),
        ("at", instant(at)),
        ("paid_at", instant(paid)),
        ("status", text(&vec!["paid"; at.len()])),
        ("rated_on", date(rated)),
        ("score", int(&vec![5; at.len()])),
    ]);
    project.parquet("in/orders/part.parquet", &rows);
}

#[test]
fn rows_from_after_the_night_are_cut_by_the_projects_day() {
    let project = orders();
    let at = [
        "2026-05-31T21:59:59Z", // still the last of May
        "2026-05-31T23:30:00Z", // half past one of the first of June
        "2026-06-01T21:59:59.999999Z",
        "2026-06-01T22:00:00Z", // the second
    ];
    write(&project, &at, &["-"; 4], &["-"; 4]);
    for (night, ids) in [
        ("2026-05-30", &[][..]),
        ("2026-05-31", &["a"]),
        ("2026-06-01", &["a", "b", "c"]),
        ("2026-06-02", &["a", "b", "c", "d"]),
    ] {
        project.night(night);
        assert_eq!(project.rows(night, "membership", "id"), ids, "{night}");
    }
}

#[test]
fn a_date_column_cuts_after_its_day() {
    let project = Project::new(
        "[sources.x]\nlocation = \"in/x/\"\nevent_time = \"on\"\ncolumns = { id = \"text!\", on = \"date!\" }\n",
    );
    let rows = table(&[("id", text(&["a", "b"])), ("on", date(&["2026-06-01", "2026-06-02"]))]);
    project.parquet("in/x/part.parquet", &rows);
    project.sql("segments/all", "SELECT id FROM raw.x");
    project.night("2026-06-01");
    assert_eq!(project.rows("2026-06-01", "membership", "id"), ["a"]);
}

#[test]
fn values_filled_in_after_the_night_are_hidden_and_those_without_a_date_are_not() {
    let project = orders();
    let (before, after) = ("2026-06-01T21:00:00Z", "2026-06-01T22:00:00Z");
    let at = ["2026-05-01T00:00:00Z"; 3];
    write(&project, &at, &[before, after, "-"], &["2026-06-01", "2026-06-02", "-"]);
    project.night("2026-06-01");
    assert_eq!(
        project.rows("2026-06-01", "membership", "id evidence"),
        [
            r#"a {"status":"paid","rating":5,"paid_at":"2026-06-01T23:00:00+02:00"}"#,
            r#"b {"status":null,"rating":null,"paid_at":null}"#,
            r#"c {"status":"paid","rating":5,"paid_at":null}"#,
        ]
    );
}

#[test]
fn an_event_without_a_time_is_not_known_to_have_happened() {
    let project = Project::new(
        "[sources.x]\nlocation = \"in/x/\"\nevent_time = \"on\"\ncolumns = { id = \"text!\", on = \"date\" }\n",
    );
    let rows = table(&[("id", text(&["a", "b"])), ("on", date(&["2026-06-01", "-"]))]);
    project.parquet("in/x/part.parquet", &rows);
    project.sql("segments/all", "SELECT id FROM raw.x");
    project.night("2026-06-01");
    assert_eq!(project.rows("2026-06-01", "membership", "id"), ["a"]);
}

#[test]
fn days_of_23_and_25_hours_count_each_event_once() {
    for (night, first, last) in [
        ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z"),
        ("2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z"),
    ] {
        let project = orders();
        project.sql(
            "segments/orders",
            "SELECT id FROM raw.orders WHERE at >= as_of_end() - INTERVAL '1 day'",
        );
        project.sql(
            "segments/dated",
            "SELECT id, CAST(CAST(at AS DATE) AS VARCHAR) AS segment FROM raw.orders",
        );
        write(&project, &[first, last], &["-"; 2], &["-"; 2]);
        project.night(night);
        let rows = project.rows(night, "membership", "segmentation id segment");
        assert_eq!(rows[..2], [format!("dated a {night}"), format!("dated b {night}")], "{rows:?}");
        let next = last
            .replace("59:59", "00:00")
            .replace("T21", "T22")
            .replace("2026-10-25T22", "2026-10-25T23");
        write(&project, &[first, &next], &["-"; 2], &["-"; 2]);
        let dry = project.run_with(night, &["--dry-run"]).report();
        assert_eq!(dry["segmentations"][0]["members"], 1, "{dry}");
    }
}

#[test]
fn times_written_in_sql_are_of_the_projects_zone() {
    let project = orders();
    write(&project, &["2026-05-31T22:15:00Z"], &["-"], &["-"]);
    let sql = "SELECT id FROM raw.orders WHERE at BETWEEN CAST('2026-06-01 00:00:00' AS TIMESTAMP WITH TIME ZONE) \
               AND '2026-06-01 00:30:00'";
    project.sql("segments/orders", sql);
    project.night("2026-06-01");
    assert_eq!(project.rows("2026-06-01", "membership", "id"), ["a"]);
}

#[test]
fn a_source_without_a_past_is_told_when_it_is_read_too_late() {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    project.parquet("in/x/part.parquet", &table(&[("id", text(&["a"]))]));
    project.sql("segments/all", "SELECT id FROM raw.x");
    let report = project.night("2020-01-01");
    assert_eq!(report["point_in_time"], false);
    assert!(report["warnings"][0].as_str().unwrap().starts_with("raw.x is read as it is now"));
    assert_eq!(project.log()[0]["point_in_time"], false);
}

/// Many rows with floats whose sum depends on the order; written into `files` files under names of that seed.
fn many(project: &Project, files: usize, seed: usize) {
    let _ = std::fs::remove_dir_all(project.path("in"));
    let count = 4000;
    for file in 0..files {
        let mine: Vec<usize> = (0..count).filter(|row| row % files == file).collect();
        let ids: Vec<String> = mine.iter().map(|row| format!("k{:03}", row % 250)).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let days: Vec<String> = mine
            .iter()
            .map(|row| format!("2026-{:02}-{:02}T08:00:00Z", 1 + row % 5, 1 + row % 28))
            .collect();
        let days: Vec<&str> = days.iter().map(String::as_str).collect();
        let amounts: Vec<i128> = mine.iter().map(|row| (*row as i128 * 7919) % 100_003).collect();
        let words: Vec<&str> = mine.iter().map(|row| ["red", "green", "blue"][row % 3]).collect();
        let noise: Vec<f64> =
            mine.iter().map(|row| f64::from(u16::try_from(*row).unwrap()).sqrt() * 1e3).collect();
        let rows = table(&[
            ("id", text(&ids)),
            ("at", instant(&days)),
            ("amount", crate::support::data::cents(&amounts)),
            ("word", text(&words)),
            ("noise", float(&noise)),
        ]);
        let name = (file * 7 + seed * 3) % (files * 7 + seed * 3 + 1);
        project.parquet(&format!("in/events/{name:04}-{seed}.parquet"), &rows);
    }
}

fn busy(threads: usize, engine: &str) -> Project {
    let project = Project::new(
        r#"[sources.events]
location = "in/events/"
event_time = "at"
columns = { id = "text!", at = "timestamp!", amount = "decimal(18,2)!", word = "text!", noise = "float!" }
"#,
    );
    project.set(&format!("[run]\nthreads = {threads}\nengine = \"{engine}\""));
    project.sql(
        "features/account",
        "SELECT id, count(*) AS events, sum(amount) AS spent, count(DISTINCT word) AS words, max(at) AS last, \
         active_days(at, as_of(), 90) AS days, min(noise) AS noise FROM raw.events GROUP BY id",
    );
    project.sql("segments/spenders", "SELECT id, CASE WHEN spent > 9000 THEN 'big' ELSE 'small' END AS segment, spent AS score, last, days FROM feature.account");
    project.sql("segments/ranked", "SELECT id, 'q' || CAST(quantile_score(spent, 5) OVER () AS VARCHAR) AS segment, noise AS score FROM feature.account");
    project.sql("segments/joined", "SELECT a.id, b.events AS score FROM feature.account AS a JOIN feature.account AS b USING (id) JOIN segment.spenders AS s USING (id) WHERE s.segment = 'big'");
    project.sql(
        "segments/rfm",
        "SELECT id, segment AS segment FROM segment.ranked WHERE segment <> 'q1'",
    );
    project
}

#[test]
fn the_same_night_has_the_same_bytes_with_any_engine_and_number_of_threads_and_files_in_any_order()
{
    let mut first = None;
    for (threads, files, seed, engine) in [
        (1, 1, 0, "fast"),
        (2, 1, 0, "fast"),
        (4, 1, 0, "plain"),
        (1, 5, 1, "plain"),
        (4, 5, 2, "fast"),
        (2, 13, 3, "fast"),
    ] {
        let project = busy(threads, engine);
        many(&project, files, seed);
        project.night("2026-06-01");
        let hashes = project.hashes("2026-06-01");
        assert!(project.rows("2026-06-01", "membership", "id").len() > 500);
        let first = first.get_or_insert_with(|| hashes.clone());
        assert_eq!(*first, hashes, "{threads} threads, {files} files, {engine}");
    }
}

#[test]
fn rows_that_only_their_evidence_tells_apart_are_never_published() {
    let project = busy(2, "fast");
    let twice =
        "/*\n+++\nseverity = \"warn\"\n+++\n*/\nSELECT id, word AS why, amount FROM raw.events";
    project.sql("segments/twice", twice);
    many(&project, 2, 1);
    let ended = project.run("2026-06-01");
    assert_eq!(ended.code, Some(4), "{}", ended.err);
    ended.says(&["segment.twice (duplicate_key)"]);
    let published = project.rows("2026-06-01", "membership", "segmentation");
    assert!(published.iter().all(|name| name != "twice"), "{published:?}");
}

#[test]
fn locations_in_any_order_are_the_same_night() {
    let project = busy(2, "fast");
    many(&project, 5, 1);
    std::fs::rename(project.path("in/events"), project.path("in/old")).unwrap();
    project
        .bytes("in/new/x.parquet", &std::fs::read(project.path("in/old/0003-1.parquet")).unwrap());
    std::fs::remove_file(project.path("in/old/0003-1.parquet")).unwrap();
    project.edit_toml("\"in/events/\"", r#"["in/old/", "in/new/"]"#);
    project.night("2026-06-01");
    project.edit_toml(r#"["in/old/", "in/new/"]"#, r#"["in/new/", "in/old/"]"#);
    assert_eq!(project.run("2026-06-01").report()["code"], "already_committed");
}
