//! The same project over other stores gives the same bytes.
#![cfg(test)] // so that clippy takes the helpers for tests too

#[path = "../support/gcs.rs"]
mod gcs;
#[path = "../support/http.rs"]
mod http;
#[path = "../support/proxy.rs"]
pub(crate) mod proxy;
#[path = "../support/servers.rs"]
pub(crate) mod servers;

mod contract;
pub(crate) mod faults;
mod patience;
mod secrets;

use std::path::Path;
use std::process::Command;

use object_store::path::Path as StorePath;
use object_store::{ObjectStoreExt, PutPayload};

use servers::{CANARY, Place, Server, skip};

/// The nights of the demo.
const NIGHTS: [&str; 2] = ["2026-05-31", "2026-06-30"];

/// A project, and what its store needs.
struct Night<'a> {
    project: &'a Path,
    environment: &'a [(&'static str, String)],
}

impl Night<'_> {
    fn command(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roster"));
        command.args(arguments).arg("--project").arg(self.project);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    }

    /// Ends with this code; the answer is what it said.
    #[track_caller]
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "roster {arguments:?}\n{said}\n{told}");
        assert!(!told.contains(CANARY) && !said.contains(CANARY), "{said}\n{told}");
        if code == 0 { said } else { said + &told }
    }

    fn publish_both(&self, options: &[&str]) {
        for night in NIGHTS {
            self.ends(0, &[&["run", "--as-of", night], options].concat());
        }
    }

    /// Hashes of the files of both tables on both nights.
    fn hashes(&self) -> Vec<String> {
        let mut hashes = Vec::new();
        for night in NIGHTS {
            for table in ["membership", "change"] {
                let json = self.ends(0, &["resolve", "--table", table, "--as-of", night]);
                let json: serde_json::Value = serde_json::from_str(&json).unwrap();
                hashes.push(json["files"][0]["sha256"].as_str().unwrap().to_owned());
            }
        }
        hashes
    }
}

/// A demo project, with both nights published locally.
fn demo(directory: &Path) -> Vec<String> {
    let demo = directory.join("demo");
    let mut command = Command::new(env!("CARGO_BIN_EXE_roster"));
    command.arg("demo").arg(&demo).args(["--accounts", "60", "--seed", "5"]);
    assert!(command.output().unwrap().status.success());
    Night { project: &demo, environment: &[] }.hashes()
}

/// The demo's project over the same extracts, elsewhere: `locations` stands for `extracts/`.
fn elsewhere(directory: &Path, locations: &str, output: &str, options: &str) -> std::path::PathBuf {
    let (demo, project) = (directory.join("demo"), directory.join("elsewhere"));
    let toml = std::fs::read_to_string(demo.join("roster.toml")).unwrap();
    let toml = toml
        .replace("\"extracts/", &format!("\"{locations}/"))
        .replace("\"published/\"", &format!("\"{output}\""));
    std::fs::create_dir_all(&project).unwrap();
    std::fs::write(project.join("roster.toml"), toml + options).unwrap();
    let copied = Command::new("cp").arg("-r").arg(demo.join("sql")).arg(&project).status();
    assert!(copied.unwrap().success());
    project
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The demo with extracts and output on a store: the same files, and the commands that change the log.
async fn gives_the_bytes_of_the_local_disk(filled_by: &Place, place: &Place) {
    let directory = tempfile::tempdir().unwrap();
    let local = demo(directory.path());
    let (demo, root) = (directory.path().join("demo"), filled_by.root("extracts"));
    let extracts = demo.join("extracts");
    for file in files_below(&extracts) {
        let key = file.strip_prefix(&extracts).unwrap().to_str().unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let path = root.path(StorePath::parse(key).unwrap().as_ref());
        root.store.put(&path, PutPayload::from(bytes)).await.unwrap();
    }
    let below = |name| format!("{}/{name}", place.location);
    let project =
        elsewhere(directory.path(), &below("extracts"), &below("published"), &place.toml());
    let night = Night { project: &project, environment: &place.environment };
    night.publish_both(&[]);
    assert_eq!(night.hashes(), local);

    night.ends(0, &["hold", "--why", "a test"]);
    assert!(night.ends(2, &["run", "--as-of", "2026-07-31"]).contains("a test"));
    night.ends(0, &["release"]);
    night.ends(0, &["rollback", "--to", "1", "--why", "a test"]);
    night.ends(0, &["vacuum", "--yes"]);
    night.ends(0, &["verify", "--deep"]);
    let log: serde_json::Value =
        serde_json::from_str(&night.ends(0, &["log", "--format", "json"])).unwrap();
    let kinds: Vec<_> = log.as_array().unwrap().iter().map(|r| r["kind"].clone()).collect();
    let mut kinds: Vec<_> = kinds.iter().map(|kind| kind.as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["hold", "release", "rollback", "run", "run"]);
}

#[tokio::test]
async fn s3_gives_the_bytes_of_the_local_disk() {
    let place = Place::s3();
    gives_the_bytes_of_the_local_disk(&place, &place).await;
}

#[tokio::test]
async fn azure_gives_the_bytes_of_the_local_disk() {
    let Some(place) = Place::azure() else { return skip("azurite is missing: npm") };
    let emulator = place.emulated();
    gives_the_bytes_of_the_local_disk(&place, &emulator).await;
}

#[tokio::test]
async fn google_gives_the_bytes_of_the_local_disk() {
    let place = Place::gcs();
    gives_the_bytes_of_the_local_disk(&place, &place).await;
}

#[test]
fn a_server_that_ignores_conditions_is_refused_unless_a_single_writer_is_promised() {
    let Some(place) = Place::s3rver() else { return skip("s3rver is missing: npm") };
    let directory = tempfile::tempdir().unwrap();
    let local = demo(directory.path());
    let extracts = directory.path().join("demo/extracts");
    let published = format!("{}/published", place.location);
    let project =
        elsewhere(directory.path(), extracts.to_str().unwrap(), &published, &place.toml());
    let night = Night { project: &project, environment: &place.environment };
    let told = night.ends(2, &["run", "--as-of", NIGHTS[0], "--json"]);
    assert!(told.contains("invalid_setting") && told.contains("--single-writer"), "{told}");
    night.publish_both(&["--single-writer"]);
    assert_eq!(night.hashes(), local);
}

#[test]
fn extracts_are_read_over_http_too() {
    let directory = tempfile::tempdir().unwrap();
    let local = demo(directory.path());
    let extracts = directory.path().join("demo/extracts");
    let arguments = |port: u16| {
        let folder = extracts.to_str().unwrap().to_owned();
        let address = format!("127.0.0.1:{port}");
        vec![
            "serve".into(),
            "webdav".into(),
            folder,
            "--read-only".into(),
            "--addr".into(),
            address,
        ]
    };
    let Some(server) = Server::start(Command::new("rclone"), &arguments) else {
        return skip("rclone is missing: apt-get install rclone");
    };
    let published = directory.path().join("published");
    let project = elsewhere(directory.path(), &server.url(), published.to_str().unwrap(), "");
    let night = Night { project: &project, environment: &[] };
    night.publish_both(&[]);
    assert_eq!(night.hashes(), local);
}
