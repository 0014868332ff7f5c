//! All readers see the same night: the library, the sync job over it, and the examples for warehouses.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Float64Type};
use arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use roster::reader::{Next, ReadError, Reader, Snapshot, Table};
use serde_json::{Value, json};

use crate::python::program;
use crate::support::data::{table, text};
use crate::support::{Project, TABLES, sha256};

#[path = "../../examples/read_latest.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod read_latest;

fn reader(root: &Path) -> Reader {
    Reader::open(root.to_str().unwrap(), &BTreeMap::new()).unwrap()
}

async fn batches(table: &Table) -> Vec<RecordBatch> {
    table.batches().try_collect().await.unwrap()
}

fn value(batch: &RecordBatch, column: usize, row: usize) -> Value {
    let array = batch.column(column);
    match array.data_type() {
        _ if array.is_null(row) => Value::Null,
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => {
            json!(array.as_primitive::<Date32Type>().value_as_date(row).unwrap().to_string())
        }
        _ => json!(array_value_to_string(array, row).unwrap()),
    }
}

async fn rows(snapshot: &Snapshot) -> Vec<Vec<Value>> {
    let batches = batches(&snapshot.table("membership").unwrap()).await;
    let cells = |batch: &RecordBatch, row| {
        (0..batch.num_columns()).map(|column| value(batch, column, row)).collect()
    };
    let rows =
        batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| cells(batch, row)));
    rows.collect()
}

/// `pyarrow` and `DuckDB` must see what the snapshot holds; and the sync job's copy, if it is about the current night.
async fn agree(root: &Path, snapshot: &Snapshot, copy: Option<&Path>) {
    let read = json!({
        "version": snapshot.version,
        "as_of": snapshot.as_of.to_string(),
        "rows": rows(snapshot).await,
    });
    let file = root.parent().unwrap().join("read_by_rust.json");
    std::fs::write(&file, read.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/readers.py");
    let mut command = program("python");
    command.arg(script).arg(root).arg(&file).arg(copy.unwrap_or(Path::new("-")));
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "version {}: {told}", snapshot.version);
}

async fn sync(root: &Path, copy: &Path) -> String {
    read_latest::sync(root.to_str().unwrap(), copy).await.unwrap().join("\n")
}

#[tokio::test]
async fn rust_pyarrow_duckdb_and_the_sync_job_agree_on_every_row() {
    let demo = Project::demo(60);
    let (root, copy) = (demo.path("published"), demo.path("copy.txt"));
    demo.night("2026-05-31");
    let told = sync(&root, &copy).await;
    assert!(told.contains("version 1: the night of 2026-05-31"), "{told}");
    assert!(told.contains("part-00000.parquet") && told.contains(" in health"), "{told}");
    let reader = reader(&root);
    agree(&root, &reader.latest().await.unwrap(), Some(&copy)).await;

    demo.night("2026-06-15");
    demo.night("2026-06-30");
    let pinned = reader.latest().await.unwrap();
    let told = sync(&root, &copy).await;
    assert!(told.contains("version 2: ") && told.contains("version 3: "), "{told}");
    assert!(!told.contains(".parquet"), "read whole: {told}");
    agree(&root, &pinned, Some(&copy)).await;

    // The current night once more: other bounds, one segmentation more and one less.
    let tiers = std::fs::read_to_string(demo.path("sql/segments/value_tier.sql")).unwrap();
    let moved = tiers
        .replace("[20000, 100000]", "[30000, 80000]")
        .replace("max_change = 0.30", "max_change = 1");
    assert_ne!(tiers, moved);
    demo.sql("segments/value_tier", &moved);
    demo.sql("segments/many", "SELECT account_id FROM feature.account WHERE arr > 100");
    std::fs::remove_file(demo.path("sql/segments/industry.sql")).unwrap();
    demo.run_with("2026-06-30", &["--replace"]).committed();
    let told = sync(&root, &copy).await;
    assert!(told.contains("version 4: ") && !told.contains(".parquet"), "{told}");
    let replaced = reader.latest().await.unwrap();
    assert_ne!(rows(&replaced).await, rows(&pinned).await, "nothing was replaced");
    agree(&root, &replaced, Some(&copy)).await;

    let back = demo.roster(&["rollback", "--to", "2", "--why", "a test"]);
    assert_eq!(back.code, Some(0), "{}", back.err);
    let told = sync(&root, &copy).await;
    assert!(told.contains("version 5: ") && told.contains("night of 2026-06-15"), "{told}");
    assert!(!told.contains(".parquet"), "{told}");
    let current = reader.latest().await.unwrap();
    assert_eq!((current.version, current.as_of.to_string()), (5, "2026-06-15".to_owned()));
    agree(&root, &current, Some(&copy)).await;

    // Time travel: what was pinned before is still what it was.
    for version in 1..=4 {
        agree(&root, &reader.at(version).await.unwrap(), None).await;
    }
    assert_eq!(rows(&reader.at(3).await.unwrap()).await, rows(&pinned).await);
    let older = reader.night("2026-05-31".parse().unwrap()).await.unwrap();
    assert_eq!((older.version, older.as_of.to_string()), (5, "2026-05-31".to_owned()));
    let withdrawn = reader.night("2026-06-30".parse().unwrap()).await.unwrap_err();
    assert!(withdrawn.to_string().contains("committed are: 2026-05-31, 2026-06-15"), "{withdrawn}");
}

/// Three people over two tiers.
fn tiny() -> Project {
    let project = Project::new("[sources.people]\nlocation = \"in/\"\n");
    project.sql(
        "segments/tier",
        "/*\n+++\nexclusive = true\n+++\n*/\nSELECT id, tier AS segment FROM raw.people",
    );
    tiers(&project, &["gold", "gold", "iron"]);
    project
}

fn tiers(project: &Project, tiers: &[&str]) {
    let ids = &["a", "b", "c"][..tiers.len()];
    project.parquet("in/part.parquet", &table(&[("id", text(ids)), ("tier", text(tiers))]));
}

fn out(project: &Project) -> PathBuf {
    project.path("out")
}

#[tokio::test]
async fn a_hint_that_lags_or_is_missing_is_harmless() {
    let project = tiny();
    for night in ["2026-06-01", "2026-06-02", "2026-06-03"] {
        project.night(night);
    }
    let reader = reader(&out(&project));
    for hint in [r#"{"version":1}"#, r#"{"version":9}"#, "half a hi"] {
        project.text("out/latest.json", hint);
        assert_eq!(reader.latest().await.unwrap().version, 3, "{hint}");
    }
    std::fs::remove_file(project.path("out/latest.json")).unwrap();
    assert_eq!(reader.latest().await.unwrap().version, 3);
}

#[tokio::test]
async fn files_are_named_with_url_size_rows_and_the_hash_of_their_bytes() {
    let project = tiny();
    project.night("2026-06-01");
    let snapshot = reader(&out(&project)).latest().await.unwrap();
    assert_eq!((snapshot.project.as_str(), snapshot.version), ("tiny", 1));
    assert_eq!(snapshot.tables().collect::<Vec<_>>(), TABLES);
    let table = snapshot.table("membership").unwrap();
    let [file] = &table.files[..] else { panic!("{table:?}") };
    let bytes = std::fs::read(&file.url).unwrap();
    assert_eq!((file.file.size, file.file.rows), (bytes.len() as u64, 3));
    assert_eq!((file.file.sha256.clone(), table.rows()), (sha256(&bytes), 3));
    let wrong = snapshot.table("membershp").unwrap_err();
    assert!(wrong.to_string().contains("did you mean `membership`?"), "{wrong}");
    assert_eq!(wrong.next(), Next::Stop);
}

#[tokio::test]
async fn a_file_with_other_bytes_gives_no_row() {
    let project = tiny();
    project.night("2026-06-01");
    let snapshot = reader(&out(&project)).latest().await.unwrap();
    let table = snapshot.table("membership").unwrap();
    let mut bytes = std::fs::read(&table.files[0].url).unwrap();
    bytes[9] ^= 1;
    std::fs::write(&table.files[0].url, bytes).unwrap();
    let error = table.batches().try_collect::<Vec<_>>().await.unwrap_err();
    assert!(error.to_string().contains("not the bytes that were committed"), "{error}");
    assert_eq!(error.next(), Next::Stop);
}

/// Appends a record to the log: the last one with changes.
fn append(project: &Project, change: impl Fn(&mut Value)) {
    let mut record = project.log().pop().unwrap();
    let version = record["version"].as_u64().unwrap() + 1;
    record["version"] = version.into();
    record["feed"] = Value::Null;
    change(&mut record);
    project.text(&format!("out/log/{version:020}.json"), &record.to_string());
}

fn attempt(project: &Project, version: usize) -> String {
    project.log()[version - 1]["attempt_id"].as_str().unwrap().to_owned()
}

fn delete(project: &Project, attempt: &str) {
    for table in ["membership", "change", "feed"] {
        let _ = std::fs::remove_dir_all(project.path(&format!("out/tables/{table}/{attempt}")));
    }
    std::fs::remove_dir_all(project.path(&format!("out/attempts/{attempt}"))).unwrap();
}

/// What a vacuum says before it deletes.
fn name_stale(project: &Project, attempt: &str) {
    append(project, |record| {
        record["kind"] = "vacuum".into();
        record["state"]["stale"] = json!([attempt]);
        record["state"]["retained"] = json!([]);
    });
}

#[tokio::test]
async fn a_missing_file_means_resolve_again_only_if_a_later_record_named_it() {
    let project = tiny();
    project.night("2026-06-01");
    let reader = reader(&out(&project));
    let pinned = reader.latest().await.unwrap().table("membership").unwrap();
    tiers(&project, &["gold", "iron", "iron"]);
    project.run_with("2026-06-01", &["--replace"]).committed();
    let replaced = attempt(&project, 1);
    assert_eq!(batches(&pinned).await.len(), 1, "retained: readable");

    delete(&project, &replaced);
    let error = pinned.batches().try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(error, ReadError::Other(_)), "nobody named it: {error}");
    name_stale(&project, &replaced);
    let error = pinned.batches().try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(error, ReadError::Expired { version: 1, .. }), "{error}");
    assert_eq!(error.next(), Next::ResolveAgain);
    let error = reader.at(1).await.unwrap_err();
    assert!(matches!(error, ReadError::Expired { version: 1, .. }), "{error}");
    assert_eq!(reader.latest().await.unwrap().version, 3);
}

#[tokio::test]
async fn a_feed_that_is_gone_says_how_to_go_on_and_the_sync_job_does_so() {
    let project = tiny();
    let (root, copy) = (out(&project), project.path("copy.txt"));
    project.night("2026-06-01");
    sync(&root, &copy).await;
    tiers(&project, &["gold", "iron", "iron"]);
    project.night("2026-06-02");
    tiers(&project, &["gold", "iron"]);
    project.run_with("2026-06-02", &["--replace"]).committed();
    let replaced = attempt(&project, 2);
    name_stale(&project, &replaced);
    delete(&project, &replaced);
    let reader = reader(&root);
    let error = reader.changes(1).await.unwrap_err();
    assert!(matches!(error, ReadError::Gap { version: 2, newest: 4, .. }), "{error}");
    assert_eq!(error.next(), Next::ResolveAgain);
    let told = project.roster(&["changes", "--since", "1"]);
    assert_eq!(told.code, Some(2));
    told.says(&["gap at version 2", "--since 4"]);
    assert_eq!(reader.changes(2).await.unwrap().token, 4, "behind it the feed goes on");

    let told = sync(&root, &copy).await;
    assert!(told.contains("version 4: the night of 2026-06-02"), "{told}");
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), "4\ntier\ta\tgold\ntier\tb\tiron\n");
}

#[tokio::test]
async fn a_forget_is_a_gap() {
    let project = tiny();
    project.night("2026-06-01");
    append(&project, |record| record["kind"] = "forget".into());
    let error = reader(&out(&project)).changes(1).await.unwrap_err();
    assert!(error.to_string().contains("a key was forgotten"), "{error}");
}

#[tokio::test]
async fn a_side_night_has_no_change_set_and_moves_the_token() {
    let project = tiny();
    project.night("2026-06-01");
    project.night("2026-06-03");
    tiers(&project, &["iron", "iron", "iron"]);
    project.run_with("2026-06-02", &["--replace"]).committed();
    let reader = reader(&out(&project));
    let changes = reader.changes(2).await.unwrap();
    assert_eq!((changes.sets.len(), changes.token), (0, 3));
    assert_eq!(reader.latest().await.unwrap().as_of.to_string(), "2026-06-03");
    let side = reader.night("2026-06-02".parse().unwrap()).await.unwrap();
    assert!(rows(&side).await.iter().all(|row| row[2] == "iron"));
    let error = reader.changes(9).await.unwrap_err();
    assert!(error.to_string().contains("no version 9 to go on from; the newest is 3"), "{error}");
}

#[tokio::test]
async fn a_newer_format_is_said_and_never_read_past() {
    let project = tiny();
    project.night("2026-06-01");
    append(&project, |record| record["format"] = 2.into());
    let error = reader(&out(&project)).latest().await.unwrap_err();
    let told = error.to_string();
    assert!(told.contains("written in format 2, this program reads 1"), "{told}");
    assert!(told.contains("run a newer roster"), "{told}");
}

#[tokio::test]
async fn nothing_there_and_a_wrong_option_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let error = reader(folder.path()).latest().await.unwrap_err();
    assert!(matches!(error, ReadError::NotThere { .. }), "{error}");
    let options = BTreeMap::from([("endpont".to_owned(), "http://x".to_owned())]);
    let error = Reader::open("s3://lake/segments", &options).unwrap_err();
    assert!(error.to_string().contains("no object store knows the option `endpont`"), "{error}");
}

/// A plain web server: it can neither list nor tell versions.
struct Web(Child, u16);

impl Web {
    fn serve(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = program("python");
        command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]);
        command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self(command.spawn().unwrap(), port);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_mins(1), "the web server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_web_server_that_can_not_list_is_enough_with_and_without_the_hint() {
    let project = tiny();
    project.night("2026-06-01");
    project.night("2026-06-02");
    let web = Web::serve(&out(&project));
    let location = format!("http://127.0.0.1:{}", web.1);
    let reader = Reader::open(&location, &BTreeMap::new()).unwrap();
    let snapshot = reader.latest().await.unwrap();
    assert_eq!((snapshot.version, rows(&snapshot).await.len()), (2, 3));
    let table = snapshot.table("membership").unwrap();
    assert!(table.files[0].url.starts_with(&location), "{table:?}");
    std::fs::remove_file(project.path("out/latest.json")).unwrap();
    assert_eq!(reader.latest().await.unwrap().version, 2);
}
