//! Extracts whose columns are not what they were, or not what roster.toml says.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, RecordBatch, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use arrow::datatypes::{Field, FieldRef};
use parquet::data_type::{ByteArray, ByteArrayType, Int96, Int96Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;

use crate::support::data::{date, float, instant, int, int32, micros, parquet_with, table, text};
use crate::support::{Ended, Project};

/// One file in `in/x/`, `columns` declared; a segment of all its rows.
fn declared(columns: &str, rows: &RecordBatch) -> Project {
    let project = undeclared();
    project.set(&format!("columns = {{ {columns} }}"));
    project.parquet("in/x/a.parquet", rows);
    project
}

fn undeclared() -> Project {
    let project = Project::new("[sources.x]\nlocation = \"in/x/\"\n");
    project.sql("segments/everyone", "SELECT id FROM raw.x");
    project
}

#[track_caller]
fn bad_extract(project: &Project, words: &[&str]) -> Ended {
    let ended = project.fails("2026-06-01", 2, "bad_extract");
    ended.says(&["raw.x", "in/x/"]).says(words);
    ended
}

#[test]
fn files_of_two_schemas_need_declared_columns() {
    let ids = text(&["a", "b"]);
    let first = table(&[("id", ids.clone()), ("n", int(&[1, 2]))]);
    for (second, words) in [
        (table(&[("id", ids.clone()), ("n", text(&["1", "2"]))]), "`n` is text"),
        (table(&[("id", ids.clone())]), "1 columns"),
        (table(&[("n", int(&[1, 2])), ("id", ids.clone())]), "`n` is int"),
    ] {
        let project = undeclared();
        project.parquet("in/x/a.parquet", &first).parquet("in/x/b.parquet", &second);
        bad_extract(&project, &["b.parquet", "a.parquet", words, "declare `columns`"]);
    }
}

#[test]
fn with_declared_columns_files_may_differ_in_order_width_and_extra_columns() {
    let project = declared(
        "id = \"text!\", n = \"int!\"",
        &table(&[("n", int32(&[1])), ("id", text(&["a"])), ("more", int(&[0]))]),
    );
    project.parquet("in/x/b.parquet", &table(&[("id", text(&["b"])), ("n", int(&[1 << 40]))]));
    project.sql("segments/everyone", "SELECT id, n AS score FROM raw.x");
    project.night("2026-06-01");
    let rows = project.rows("2026-06-01", "membership", "id score");
    assert_eq!(rows, ["a 1.0", "b 1099511627776.0"]);
}

#[test]
fn columns_that_differ_in_case_only_are_no_guess() {
    let project = undeclared();
    let rows = table(&[("id", text(&["a"])), ("ID", text(&["b"]))]);
    project.parquet("in/x/a.parquet", &rows);
    bad_extract(&project, &["`id` and `ID`", "case only"]);
}

#[test]
fn names_are_taken_as_they_are_written() {
    for name in ["n ", "a.b", "a\"b", "e\u{301}", "Größe", " ", "SELECT"] {
        let rows = table(&[("id", text(&["a"])), (name, int(&[7]))]);
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let project = undeclared();
        project.parquet("in/x/a.parquet", &rows);
        project.sql("segments/everyone", &format!("SELECT id, {quoted} AS score FROM raw.x"));
        project.night("2026-06-01");
        assert_eq!(project.rows("2026-06-01", "membership", "id score"), ["a 7.0"], "{name:?}");
        // What looks the same is not: a space less, composed, in another case.
        for other in ["n", "\u{e9}", "GRÖSSE"] {
            project
                .sql("segments/everyone", &format!("SELECT id, \"{other}\" AS score FROM raw.x"));
            project.fails("2026-06-02", 2, "invalid_project").says(&["unknown_column", other]);
        }
    }
}

#[test]
fn a_column_that_is_there_twice_is_no_guess() {
    let ids = text(&["a"]);
    let rows = table(&[("id", ids.clone()), ("n", int(&[1])), ("n", int(&[2]))]);
    bad_extract(&declared("id = \"text!\", n = \"int\"", &rows), &["two columns `n`", "deliver"]);
    let project = undeclared();
    project.parquet("in/x/a.parquet", &rows);
    bad_extract(&project, &["two columns `n`"]);
}

#[test]
fn fields_of_a_structure_are_read_by_name_and_their_order_must_be_the_same() {
    let fields: [(FieldRef, ArrayRef); 2] =
        [("x", int(&[7])), ("y", text(&["q"]))].map(|(name, values)| {
            (Arc::new(Field::new(name, values.data_type().clone(), true)), values)
        });
    let [x, y] = fields;
    let file = |id, fields: Vec<_>| {
        let structure: ArrayRef = Arc::new(StructArray::from(fields));
        table(&[("id", text(&[id])), ("s", structure)])
    };
    let project = undeclared();
    project.parquet("in/x/a.parquet", &file("a", vec![x.clone(), y.clone()]));
    project.sql("segments/everyone", "SELECT id, s['x'] AS score, s['y'] AS y FROM raw.x");
    project.night("2026-06-01");
    let rows = project.rows("2026-06-01", "membership", "id score evidence");
    assert_eq!(rows, [r#"a 7.0 {"y":"q"}"#]);
    project.parquet("in/x/b.parquet", &file("b", vec![y, x]));
    project.fails("2026-06-02", 2, "bad_extract").says(&[
        "b.parquet",
        "`s` is Struct",
        "a.parquet",
    ]);
}

#[test]
fn times_with_and_without_a_zone_are_one_column_only_where_it_is_declared() {
    let naive: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![micros(INSTANT)]));
    let rows = |id, at| table(&[("id", text(&[id])), ("at", at)]);
    let project = undeclared();
    project.parquet("in/x/a.parquet", &rows("a", naive));
    project.parquet("in/x/b.parquet", &rows("b", instant(&[INSTANT])));
    bad_extract(&project, &["`at` is Timestamp", "declare `columns`"]);
    project.set("columns = { id = \"text!\", at = \"timestamp!\" }");
    project.sql("segments/everyone", "SELECT id, date_part('hour', at) AS score FROM raw.x");
    project.night("2026-06-01");
    assert_eq!(project.rows("2026-06-01", "membership", "id score"), ["a 22.0", "b 22.0"]);
}

#[test]
fn int96_times_are_right_from_the_first_to_the_last_year() {
    for time in ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z"] {
        let project =
            declared("id = \"text!\", at = \"timestamp!\"", &table(&[("id", text(&["a"]))]));
        project.bytes("in/x/a.parquet", &int96_file("a", time));
        project.sql("segments/everyone", "SELECT id, CAST(at AS VARCHAR) AS at FROM raw.x");
        project.night("2026-06-01");
        let rows = project.rows("2026-06-01", "membership", "evidence");
        assert_eq!(rows, [format!(r#"{{"at":"{time}"}}"#)]);
    }
}

#[test]
fn a_missing_column_is_told_with_the_one_that_was_meant() {
    let rows = table(&[("ID", text(&["a"])), ("amount", int(&[1]))]);
    let ended = bad_extract(
        &declared("id = \"text!\", amount = \"int\"", &rows),
        &["column `id` is missing", "the file has `ID`"],
    );
    assert!(!ended.err.contains("amount` is missing"), "{}", ended.err);
    let rows = table(&[("id", text(&["a"])), ("amonut", int(&[1]))]);
    bad_extract(
        &declared("id = \"text!\", amount = \"int\"", &rows),
        &["`amount` is missing", "`amonut`"],
    );
}

#[test]
fn a_value_that_does_not_fit_the_declared_type_is_refused_and_never_cast() {
    for (declared_type, values, told) in [
        ("int", text(&["1"]), "text"),
        ("int", float(&[1.0]), "float"),
        ("text", int(&[1]), "int"),
        ("decimal(18,2)", float(&[1.0]), "float"),
        ("date", instant(&["2026-06-01T00:00:00Z"]), "timestamp"),
        ("timestamp", date(&["2026-06-01"]), "date"),
        ("float", int(&[1]), "int"),
    ] {
        let columns = format!("id = \"text!\", v = \"{declared_type}\"");
        let project = declared(&columns, &table(&[("id", text(&["a"])), ("v", values)]));
        bad_extract(&project, &["column `v`", told, "does not fit"]);
    }
}

#[test]
fn a_null_in_a_required_column_is_counted() {
    let rows = table(&[("id", text(&["a", "-", "-"]))]);
    let project = declared("id = \"text!\"", &rows);
    bad_extract(&project, &["column `id`", "2 NULLs", "not null"]);
}

#[test]
fn a_null_in_a_required_column_is_found_where_the_file_keeps_no_statistics() {
    let project = declared("id = \"text!\", v = \"text!\"", &table(&[("id", text(&["a"]))]));
    let rows = table(&[("id", text(&["a", "b"])), ("v", text(&["x", "-"]))]);
    let no_statistics = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None);
    project.bytes("in/x/a.parquet", &parquet_with(&rows, no_statistics.build()));
    project.sql("segments/everyone", "SELECT id FROM raw.x WHERE v IS NULL OR v <> 'z'");
    let ended = project.run("2026-06-01");
    assert_eq!(ended.code, Some(2), "{}{}", ended.out, ended.err);
    ended.says(&["v", "null"]);
    assert!(project.log().is_empty());
}

#[test]
fn partition_folders_must_be_the_same_for_all_files() {
    let project = undeclared();
    let rows = table(&[("id", text(&["a"]))]);
    project.parquet("in/x/dt=2026-06-01/a.parquet", &rows);
    project.parquet("in/x/region=eu/b.parquet", &rows);
    bad_extract(&project, &["region=eu/b.parquet", "[region]", "[dt]", "column=value folders"]);
}

#[test]
fn a_column_in_the_file_and_in_its_path_is_refused() {
    let project = undeclared();
    let rows = table(&[("id", text(&["a"])), ("dt", text(&["x"]))]);
    project.parquet("in/x/dt=2026-06-01/a.parquet", &rows);
    bad_extract(&project, &["column `dt`", "path"]);
}

#[test]
fn the_date_of_a_copy_is_read_strictly() {
    for folder in ["dt=2026-6-1", "dt=2026-02-30", "dt=today", "dt=__HIVE_DEFAULT_PARTITION__"] {
        let project = undeclared();
        project.set("snapshot = \"dt\"");
        project.parquet(&format!("in/x/{folder}/a.parquet"), &table(&[("id", text(&["a"]))]));
        bad_extract(&project, &["a.parquet", "dt"]);
    }
}

#[test]
fn a_partition_of_a_declared_date_is_read_strictly() {
    let project = declared("id = \"text!\", day = \"date\"", &table(&[("id", text(&["a"]))]));
    std::fs::remove_file(project.path("in/x/a.parquet")).unwrap();
    project.parquet("in/x/day=2026-06-1/a.parquet", &table(&[("id", text(&["a"]))]));
    bad_extract(&project, &["day=2026-06-1", "is no date"]);
}

#[test]
fn a_night_before_the_first_copy_is_not_ready() {
    let project = undeclared();
    project.set("snapshot = \"dt\"");
    project.parquet("in/x/dt=2026-06-02/a.parquet", &table(&[("id", text(&["a"]))]));
    let ended = project.fails("2026-06-01", 6, "inputs_not_ready");
    ended.says(&["raw.x", "2026-06-02", "choose a later"]);
}

#[test]
fn an_extract_whose_newest_event_is_too_old_is_late() {
    let project = undeclared();
    project.set("event_time = \"at\"\nfreshness = \"26h\"");
    let write = |at| {
        // What is still to come does not make it fresh.
        let at = instant(&[at, "2026-06-03T12:00:00Z"]);
        project.parquet("in/x/a.parquet", &table(&[("id", text(&["a", "b"])), ("at", at)]));
    };
    write("2026-05-31T21:59:59Z");
    let ended = project.fails("2026-06-01", 6, "inputs_not_ready");
    ended.says(&["raw.x", "2026-05-31 21:59 UTC", "2026-05-31 22:00 UTC", "run again"]);
    write("2026-05-31T22:00:00Z");
    project.night("2026-06-01");
}

#[test]
fn rows_that_are_not_unique_as_promised_fail_an_audit() {
    let rows = table(&[("id", text(&["a", "a", "b"])), ("n", int(&[1, 1, 1]))]);
    let project = declared("id = \"text!\", n = \"int!\"", &rows);
    project.set("unique = [\"id\", \"n\"]");
    let ended = project.fails("2026-06-01", 2, "audit_failed");
    ended.says(&["raw.x", "unique", "2 rows", "(id, n)"]);
    assert_eq!(ended.report()["audits"][0]["rule"], "unique");
}

const INSTANT: &str = "2026-06-01T22:30:15Z";

/// The same instant in every way that Parquet has.
fn instants() -> Vec<ArrayRef> {
    let micros = micros(INSTANT).unwrap();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for zone in [None, Some("UTC"), Some("+05:30"), Some("America/New_York")] {
        let zone = || zone.map(Arc::<str>::from);
        let (seconds, millis) = (vec![micros / 1_000_000], vec![micros / 1000]);
        arrays.push(Arc::new(TimestampSecondArray::from(seconds).with_timezone_opt(zone())));
        arrays.push(Arc::new(TimestampMillisecondArray::from(millis).with_timezone_opt(zone())));
        let (micros, nanos) = (vec![micros], vec![micros * 1000]);
        arrays.push(Arc::new(TimestampMicrosecondArray::from(micros).with_timezone_opt(zone())));
        arrays.push(Arc::new(TimestampNanosecondArray::from(nanos).with_timezone_opt(zone())));
    }
    arrays
}

/// A file with an INT96 timestamp, which only old writers make.
fn int96_file(id: &str, time: &str) -> Vec<u8> {
    let schema = "message m { required binary id (UTF8); required int96 at; }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(id)], None, None).unwrap();
    column.close().unwrap();
    let mut at = Int96::new();
    let micros = micros(time).unwrap();
    let (day, nanos) =
        (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000) * 1000);
    let nanos = u64::try_from(nanos).unwrap();
    let day = u32::try_from(day + 2_440_588).unwrap(); // Julian day of 1970-01-01
    at.set_data(
        u32::try_from(nanos & 0xffff_ffff).unwrap(),
        u32::try_from(nanos >> 32).unwrap(),
        day,
    );
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int96Type>().write_batch(&[at], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn an_instant_is_the_same_whatever_unit_and_zone_the_file_writes_it_in() {
    let project = declared("id = \"text!\", at = \"timestamp!\"", &table(&[("id", text(&["a"]))]));
    std::fs::remove_file(project.path("in/x/a.parquet")).unwrap();
    project.edit_toml("\"UTC\"", "\"Europe/Berlin\"").set("event_time = \"at\"");
    let arrays = instants();
    for (number, at) in arrays.iter().enumerate() {
        let id = format!("f{number:02}");
        let rows = table(&[("id", text(&[id.as_str()])), ("at", Arc::clone(at))]);
        project.parquet(&format!("in/x/{id}.parquet"), &rows);
    }
    project.bytes("in/x/int96.parquet", &int96_file("int96", INSTANT));
    project.sql("segments/everyone", "SELECT id, CAST(at AS VARCHAR) AS at FROM raw.x");
    project.night("2026-06-02");
    // 22:30 UTC is half past midnight of the day after in Berlin.
    let rows = project.rows("2026-06-02", "membership", "id evidence");
    assert_eq!(rows.len(), arrays.len() + 1);
    for row in rows {
        assert!(row.contains(r#"{"at":"2026-06-02T00:30:15+02:00"}"#), "{row}");
    }
    let before = project.run("2026-06-01");
    assert_eq!(before.report()["code"], "late", "{}", before.err);
}
