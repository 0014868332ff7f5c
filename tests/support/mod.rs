//! A tiny project in a folder of its own, the real binary over it, and what it published.
#![cfg(test)] // so that clippy takes the helpers for tests too

pub(crate) mod cost;
pub(crate) mod data;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The top of every tiny project's roster.toml; a test's own sources follow.
const HEAD: &str = r#"[project]
name = "tiny"
key = "id"
time_zone = "UTC"

[output]
location = "out/"
"#;

/// The tables of every night, by name.
pub(crate) const TABLES: [&str; 6] =
    ["account", "change", "drift", "membership", "summary", "transition"];

/// A project folder that goes away with the test.
pub(crate) struct Project {
    folder: TempDir,
    /// Where below the folder: `.` but for projects that the program made.
    below: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None if a signal killed it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Project {
    /// A project with the usual head, and `sources` behind it.
    pub(crate) fn new(sources: &str) -> Self {
        Self::with_toml(&format!("{HEAD}\n{sources}"))
    }

    /// A project with this roster.toml.
    pub(crate) fn with_toml(toml: &str) -> Self {
        let project = Self { folder: TempDir::new().unwrap(), below: PathBuf::from(".") };
        std::fs::create_dir(project.path("tmp")).unwrap();
        project.text("roster.toml", toml);
        project
    }

    /// The demo company's project, without a night.
    pub(crate) fn demo(accounts: u32) -> Self {
        Self::demo_with(accounts, 1, &[])
    }

    /// Another company, by its seed.
    pub(crate) fn demo_with(accounts: u32, seed: u64, options: &[&str]) -> Self {
        let (accounts, seed) = (accounts.to_string(), seed.to_string());
        let usual: [&str; 6] = ["demo", "--no-run", "--accounts", &accounts, "--seed", &seed];
        Self::made_by(&[&usual[..], options].concat())
    }

    /// The reference project, before any location is set.
    pub(crate) fn reference() -> Self {
        Self::made_by(&["init"])
    }

    /// The reference project with staging SQL for other extracts: options of `init`.
    pub(crate) fn with_vendors(options: &[&str]) -> Self {
        Self::made_by(&[&["init"], options].concat())
    }

    fn made_by(arguments: &[&str]) -> Self {
        let project = Self { folder: TempDir::new().unwrap(), below: PathBuf::from("made") };
        std::fs::create_dir(project.folder.path().join("tmp")).unwrap();
        let mut command = project.command(arguments);
        let ended = Ended::of(command.arg(project.path("")).output().unwrap());
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        project
    }

    /// A path of the project.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(&self.below).join(path)
    }

    /// Writes a text file.
    pub(crate) fn text(&self, path: &str, text: &str) -> &Self {
        self.bytes(path, text.as_bytes())
    }

    /// Writes a file's bytes.
    pub(crate) fn bytes(&self, path: &str, bytes: &[u8]) -> &Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    /// Writes a Parquet file.
    pub(crate) fn parquet(&self, path: &str, rows: &RecordBatch) -> &Self {
        self.bytes(path, &data::parquet(rows))
    }

    /// Writes a SQL file; a name like `segments/all`.
    pub(crate) fn sql(&self, name: &str, text: &str) -> &Self {
        self.text(&format!("sql/{name}.sql"), text)
    }

    /// Adds a line to roster.toml: to its last source.
    pub(crate) fn set(&self, line: &str) -> &Self {
        let toml = std::fs::read_to_string(self.path("roster.toml")).unwrap();
        self.text("roster.toml", &format!("{toml}\n{line}\n"))
    }

    /// Changes roster.toml.
    pub(crate) fn edit_toml(&self, from: &str, to: &str) -> &Self {
        let text = std::fs::read_to_string(self.path("roster.toml")).unwrap();
        assert!(text.contains(from), "{from:?} is not in roster.toml");
        self.text("roster.toml", &text.replace(from, to))
    }

    /// The binary over this project: nothing of the tester's environment reaches it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // A release build, for what takes hours in one of development.
        let other = std::env::var_os("ROSTER_BINARY");
        let mut command =
            Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_roster").into()));
        command.env_clear().env("TMPDIR", self.folder.path().join("tmp"));
        command.env("RUST_BACKTRACE", "0").env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(arguments);
        command
    }

    /// Runs a command on this project.
    pub(crate) fn roster(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command(arguments);
        command.arg("--project").arg(self.path(""));
        Ended::of(command.output().unwrap())
    }

    /// Runs a night; the report is on standard output.
    pub(crate) fn run(&self, as_of: &str) -> Ended {
        self.run_with(as_of, &[])
    }

    /// Runs a night with more options.
    pub(crate) fn run_with(&self, as_of: &str, options: &[&str]) -> Ended {
        self.roster(&[&["run", "--as-of", as_of, "--json"], options].concat())
    }

    /// Starts a night and does not wait for it.
    pub(crate) fn start(&self, as_of: &str) -> Child {
        self.spawn(&["run", "--as-of", as_of, "--json"])
    }

    /// Starts a command on this project and does not wait for it.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.arg("--project").arg(self.path(""));
        command.spawn().unwrap()
    }

    /// A night that must be committed.
    #[track_caller]
    pub(crate) fn night(&self, as_of: &str) -> Value {
        self.run(as_of).committed()
    }

    /// A night that must fail, and change nothing that a reader could see or a disk could hold.
    #[track_caller]
    pub(crate) fn fails(&self, as_of: &str, code: i32, stable: &str) -> Ended {
        let before = self.published();
        let ended = self.run(as_of);
        assert_eq!(ended.code, Some(code), "{}\n{}", ended.out, ended.err);
        let report = ended.report();
        assert_eq!(report["code"], stable, "{}", ended.err);
        assert_eq!((&report["outcome"], &report["exit_code"]), (&"failed".into(), &code.into()));
        assert_unchanged(&before, &self.published());
        ended
    }

    /// Everything below the output root: folders, and files with their hashes.
    pub(crate) fn published(&self) -> BTreeMap<String, String> {
        let root = self.output();
        let mut found = BTreeMap::new();
        walk(&root, &root, &mut found);
        found
    }

    fn output(&self) -> PathBuf {
        ["out", "published"]
            .iter()
            .map(|name| self.path(name))
            .find(|path| path.exists())
            .unwrap_or_else(|| self.path("out"))
    }

    /// What spill directories left behind.
    pub(crate) fn left_in_tmp(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("tmp")).unwrap().count()
    }

    /// The records of the log, read as a stranger would.
    pub(crate) fn log(&self) -> Vec<Value> {
        let record = |version: usize| {
            let path = self.output().join(format!("log/{version:020}.json"));
            Some(serde_json::from_slice(&std::fs::read(path).ok()?).unwrap())
        };
        (1..).map_while(record).collect()
    }

    /// The manifest of a night.
    pub(crate) fn manifest(&self, as_of: &str) -> Value {
        let log = self.log();
        let nights = log.last().expect("nothing is committed")["state"]["nights"].clone();
        let night = nights.as_array().unwrap().iter().find(|night| night["as_of"] == as_of);
        let attempt = night.unwrap_or_else(|| panic!("no night {as_of} in {nights}"));
        let attempt = attempt["attempt_id"].as_str().unwrap();
        let path = self.output().join(format!("attempts/{attempt}/manifest.json"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// SHA-256 of each data file of a night, by table, from the bytes themselves.
    pub(crate) fn hashes(&self, as_of: &str) -> BTreeMap<String, String> {
        let manifest = self.manifest(as_of);
        let tables = manifest["tables"].as_object().unwrap();
        let hash = |table: &Value| {
            let file = table["files"][0]["path"].as_str().unwrap();
            sha256(&std::fs::read(self.output().join(file)).unwrap())
        };
        tables.iter().map(|(name, table)| (name.clone(), hash(table))).collect()
    }

    /// A published table's batches.
    pub(crate) fn batches(&self, as_of: &str, table: &str) -> Vec<RecordBatch> {
        let manifest = self.manifest(as_of);
        let files = manifest["tables"][table]["files"].as_array();
        let files = files.unwrap_or_else(|| panic!("no {table} on {as_of}"));
        let read = |file: &Value| data::read(&self.output().join(file["path"].as_str().unwrap()));
        files.iter().flat_map(read).collect()
    }

    /// A published table's rows, in its order: these columns as text, NULL as `-`.
    pub(crate) fn rows(&self, as_of: &str, table: &str, columns: &str) -> Vec<String> {
        let batches = self.batches(as_of, table);
        as_text(&batches, columns)
    }
}

/// These columns of the rows as text, NULL as `-`.
pub(crate) fn as_text(batches: &[RecordBatch], columns: &str) -> Vec<String> {
    let columns: Vec<_> = columns.split(' ').collect();
    let cell = |batch: &RecordBatch, name: &str, row: usize| {
        let column = batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
        if column.is_null(row) { "-".into() } else { array_value_to_string(column, row).unwrap() }
    };
    let rows = batches.iter().flat_map(|batch| {
        (0..batch.num_rows()).map(|row| {
            let cells = columns.iter().map(|name| cell(batch, name, row));
            cells.collect::<Vec<_>>().join(" ")
        })
    });
    rows.collect()
}

impl Ended {
    pub(crate) fn of(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The JSON report.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    #[track_caller]
    pub(crate) fn committed(self) -> Value {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        let report = self.report();
        assert_eq!(report["outcome"], "committed", "{}", self.out);
        report
    }

    /// Standard error must say all of these.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing in\n{}", self.err);
        }
        self
    }
}

/// Nothing was added, changed or taken away below the output root.
#[track_caller]
pub(crate) fn assert_unchanged(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) {
    let differs = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| -> Vec<String> {
        a.iter().filter(|(path, hash)| b.get(*path) != Some(hash)).map(|(p, _)| p.clone()).collect()
    };
    let (gone, new) = (differs(before, after), differs(after, before));
    assert!(gone.is_empty() && new.is_empty(), "gone or changed: {gone:?}, new: {new:?}");
}

fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if path.is_dir() {
            found.insert(name, "folder".into());
            walk(root, &path, found);
        } else {
            found.insert(name, sha256(&std::fs::read(&path).unwrap()));
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
