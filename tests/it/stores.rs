//! The same project over other stores gives the same bytes.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use object_store::aws::AmazonS3Builder;
use object_store::path::Path as StorePath;
use object_store::{ObjectStoreExt, PutPayload};

use crate::python::program;

/// A server on a free port of this machine, stopped by its process id.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(mut command: Command, arguments: &dyn Fn(u16) -> Vec<String>) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        command.args(arguments(port)).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().ok()?;
        let server = Self { child, port };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_mins(1), "{command:?} does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An S3 with the bucket `lake`.
pub(crate) fn moto() -> Server {
    let arguments =
        |port: u16| vec!["-H".into(), "127.0.0.1".into(), "-p".into(), port.to_string()];
    let server = Server::start(program("moto_server"), &arguments).expect("moto is installed");
    // A bucket is made by one plain request.
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    write!(
        stream,
        "PUT /lake HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 200 "), "{answer}");
    server
}

fn roster(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_roster")).args(arguments).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "roster {arguments:?}\n{out}\n{err}");
    out.into_owned()
}

fn run_both_nights(project: &Path) {
    for night in ["2026-05-31", "2026-06-30"] {
        roster(&["run", "--project", project.to_str().unwrap(), "--as-of", night]);
    }
}

/// Hashes of the files of both tables on both nights.
fn hashes(project: &Path) -> Vec<String> {
    let mut hashes = Vec::new();
    for night in ["2026-05-31", "2026-06-30"] {
        for table in ["membership", "change"] {
            let project = project.to_str().unwrap();
            let json =
                roster(&["resolve", "--project", project, "--table", table, "--as-of", night]);
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            hashes.push(json["files"][0]["sha256"].as_str().unwrap().to_owned());
        }
    }
    hashes
}

/// A demo project, with both nights published locally.
fn demo(directory: &Path) -> Vec<String> {
    let demo = directory.join("demo");
    roster(&["demo", demo.to_str().unwrap(), "--accounts", "60", "--seed", "5"]);
    hashes(&demo)
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

#[tokio::test]
async fn s3_gives_the_bytes_of_the_local_disk() {
    let directory = tempfile::tempdir().unwrap();
    let local = demo(directory.path());
    let server = moto();
    let bucket = AmazonS3Builder::new()
        .with_endpoint(server.url())
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name("lake")
        .with_access_key_id("test")
        .with_secret_access_key("canary-secret")
        .build()
        .unwrap();
    let demo = directory.path().join("demo");
    for file in files_below(&demo.join("extracts")) {
        let key = file.strip_prefix(&demo).unwrap().to_str().unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let path = StorePath::parse(key).unwrap();
        bucket.put(&path, PutPayload::from(bytes)).await.unwrap();
    }
    let options = format!(
        "\n[object_store]\nendpoint = \"{}\"\nallow_http = true\nregion = \"us-east-1\"\n\
         access_key_id = \"test\"\nsecret_access_key = \"canary-secret\"\n",
        server.url()
    );
    let project =
        elsewhere(directory.path(), "s3://lake/extracts", "s3://lake/published", &options);
    run_both_nights(&project);
    assert_eq!(hashes(&project), local);

    drop(server);
    let night = ["run", "--project", project.to_str().unwrap(), "--as-of", "2026-06-30", "--json"];
    let output = Command::new(env!("CARGO_BIN_EXE_roster")).args(night).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("s3://lake/") && told.contains("store_failed"), "{told}");
    assert!(!told.contains("canary-secret"), "{told}");
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
        assert!(std::env::var_os("CI").is_none(), "rclone is missing: apt-get install rclone");
        eprintln!("SKIPPED: rclone is missing: apt-get install rclone");
        return;
    };
    let published = directory.path().join("published");
    let project = elsewhere(directory.path(), &server.url(), published.to_str().unwrap(), "");
    run_both_nights(&project);
    assert_eq!(hashes(&project), local);
}
