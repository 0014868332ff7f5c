//! Stores of other people on free ports of this machine, and what opens a place in each.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Weak};
use std::time::{Duration, Instant};

use roster::store::Root;
use tempfile::TempDir;

use super::gcs::gcs;
use super::http::{HttpServer, Request};
use crate::python::program;
use crate::support::Project;

/// Part of every secret that a server is opened with.
pub(crate) const CANARY: &str = "CanaryOfRoster";

/// Azurite takes any key of Base64; this one says `CANARY` in it.
const AZURE_KEY: &str =
    "CanaryOfRosterCanaryOfRosterCanaryOfRosterCanaryOfRosterCanaryOfRosterCanaryOfRosterCA==";

/// A server on a free port of this machine, stopped by its process id.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    _folder: TempDir,
}

impl Server {
    /// None if there is no such program.
    pub(crate) fn start(
        mut command: Command,
        arguments: &dyn Fn(u16) -> Vec<String>,
    ) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = TempDir::new().unwrap();
        command.args(arguments(port)).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.current_dir(&folder).spawn().ok()?;
        let server = Self { child, port, _folder: folder };
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

/// One server for all tests that run at the time; a static would outlive the tests, and so would its process.
type Slot = Mutex<Weak<Server>>;

fn shared(slot: &Slot, start: impl FnOnce() -> Option<Server>) -> Option<Arc<Server>> {
    let mut slot = slot.lock().unwrap();
    if let Some(server) = slot.upgrade() {
        return Some(server);
    }
    let server = Arc::new(start()?);
    *slot = Arc::downgrade(&server);
    Some(server)
}

/// Says loudly that a test was left out; in CI that is a failure.
pub(crate) fn skip(missing: &str) {
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("SKIPPED: {missing}");
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

pub(crate) fn moto() -> Arc<Server> {
    static SLOT: Slot = Slot::new(Weak::new());
    let arguments = |port| words(&format!("-H 127.0.0.1 -p {port}"));
    let start = || Server::start(program("moto_server"), &arguments);
    shared(&SLOT, start).expect("moto is installed")
}

fn azurite() -> Option<Arc<Server>> {
    static SLOT: Slot = Slot::new(Weak::new());
    shared(&SLOT, || {
        let mut command = node_program("azurite-blob")?;
        command.env("AZURITE_ACCOUNTS", format!("devstoreaccount1:{AZURE_KEY}"));
        Server::start(command, &|port| {
            words(&format!(
                "--silent --inMemoryPersistence --skipApiVersionCheck --disableTelemetry \
                 --blobHost 127.0.0.1 --blobPort {port}"
            ))
        })
    })
}

/// Programs of tests/package.json, in `.node` beside Cargo.toml; installed when they are not there yet.
fn node_program(name: &str) -> Option<Command> {
    static NODE: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (folder, wanted) = (root.join(".node"), root.join("tests/package.json"));
        let (text, installed) = (std::fs::read(&wanted).unwrap(), folder.join("installed.json"));
        if std::fs::read(&installed).is_ok_and(|have| have == text) {
            return Some(folder);
        }
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(&wanted, folder.join("package.json")).unwrap();
        let options = ["--silent", "--no-audit", "--no-fund", "--no-package-lock"];
        let mut command = Command::new("npm");
        let done = command.arg("install").args(options).current_dir(&folder).status();
        if !done.is_ok_and(|status| status.success()) {
            return None;
        }
        std::fs::write(installed, text).unwrap();
        Some(folder)
    });
    Some(Command::new(NODE.as_ref()?.join("node_modules/.bin").join(name)))
}

/// A bucket or container of its own, and what opens it.
pub(crate) struct Place {
    pub(crate) location: String,
    pub(crate) options: BTreeMap<String, String>,
    /// Variables that the binary needs.
    pub(crate) environment: Vec<(&'static str, String)>,
    server: Running,
}

enum Running {
    Process(Arc<Server>),
    Here(HttpServer),
}

fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn fresh() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("lake-{}", NEXT.fetch_add(1, Ordering::SeqCst))
}

impl Place {
    pub(crate) fn s3() -> Self {
        let server = moto();
        let bucket = fresh();
        let target = format!("/{bucket}");
        let headers = vec![("Host".to_owned(), "127.0.0.1".to_owned())];
        let create = Request { method: "PUT".into(), target, headers, body: Vec::new() };
        assert_eq!(create.forward(server.port).unwrap().status, 200);
        let url = server.url();
        let keys = ["CanaryOfRosterKeyId", "CanaryOfRosterSecret"];
        Self::s3_at(&bucket, &url, keys, Running::Process(server))
    }

    fn s3_at(bucket: &str, endpoint: &str, [access, secret]: [&str; 2], server: Running) -> Self {
        let options = options(&[
            ("endpoint", endpoint),
            ("allow_http", "true"),
            ("region", "us-east-1"),
            ("access_key_id", access),
            ("secret_access_key", secret),
        ]);
        let location = format!("s3://{bucket}");
        Self { location, options, environment: Vec::new(), server }
    }

    /// The store that ignores `If-None-Match`.
    pub(crate) fn s3rver() -> Option<Self> {
        let server = Server::start(node_program("s3rver")?, &|port| {
            words(&format!(
                "-d . -a 127.0.0.1 -p {port} --silent --no-vhost-buckets --configure-bucket lake"
            ))
        })?;
        let url = server.url();
        // It takes these only.
        let keys = ["S3RVER", "S3RVER"];
        Some(Self::s3_at("lake", &url, keys, Running::Process(Arc::new(server))))
    }

    /// Azure, as an account with an endpoint.
    pub(crate) fn azure() -> Option<Self> {
        let server = azurite()?;
        let container = fresh();
        create_container(&server, &container);
        let options = options(&[
            ("endpoint", &format!("{}/devstoreaccount1", server.url())),
            ("allow_http", "true"),
            ("account_name", "devstoreaccount1"),
            ("account_key", AZURE_KEY),
        ]);
        let location = format!("az://{container}");
        Some(Self { location, options, environment: Vec::new(), server: Running::Process(server) })
    }

    /// The same place of Azure, opened as its emulator.
    pub(crate) fn emulated(&self) -> Self {
        let Running::Process(server) = &self.server else { panic!("not a server of Azure") };
        let environment = vec![("AZURITE_BLOB_STORAGE_URL", server.url())];
        let options = options(&[
            ("azure_storage_use_emulator", "true"),
            ("azure_storage_account_key", AZURE_KEY),
        ]);
        let server = Running::Process(Arc::clone(server));
        Self { location: self.location.clone(), options, environment, server }
    }

    pub(crate) fn gcs() -> Self {
        let server = gcs();
        let key = serde_json::json!({
            "gcs_base_url": server.url(),
            "disable_oauth": true,
            "client_email": "job@example.com",
            "private_key": format!("{CANARY}-private-key"),
            "private_key_id": format!("{CANARY}-private-key-id"),
        });
        let options = options(&[("service_account_key", &key.to_string()), ("allow_http", "true")]);
        let location = "gs://lake".to_owned();
        Self { location, options, environment: Vec::new(), server: Running::Here(server) }
    }

    /// `[object_store]` of roster.toml.
    pub(crate) fn toml(&self) -> String {
        let mut toml = "\n[object_store]\n".to_owned();
        for (name, value) in &self.options {
            writeln!(toml, "{name} = {}", serde_json::Value::from(value.as_str())).unwrap();
        }
        toml
    }

    pub(crate) fn root(&self, below: &str) -> Root {
        let location = format!("{}/{below}", self.location);
        Root::open(&location, Path::new("/"), &self.options).unwrap()
    }

    pub(crate) fn port(&self) -> u16 {
        match &self.server {
            Running::Process(server) => server.port,
            Running::Here(server) => server.port,
        }
    }

    /// A project that publishes here.
    pub(crate) fn publishes(&self, project: &Project, below: &str) {
        project.edit_toml("\"out/\"", &format!("\"{}/{below}\"", self.location));
        project.set(&self.toml());
    }
}

/// `Put Container`, signed with the account's key.
fn create_container(server: &Server, container: &str) {
    let script = r"
import base64, hashlib, hmac, sys, urllib.request
url, container, key = sys.argv[1:]
path = '/devstoreaccount1/' + container
headers = {'x-ms-date': 'Mon, 01 Jun 2026 00:00:00 GMT', 'x-ms-version': '2021-08-06'}
said = 'PUT' + '\n' * 12 + ''.join(f'{k}:{v}\n' for k, v in headers.items())
said += '/devstoreaccount1' + path + '\nrestype:container'
mac = hmac.new(base64.b64decode(key), said.encode(), hashlib.sha256).digest()
headers['Authorization'] = 'SharedKey devstoreaccount1:' + base64.b64encode(mac).decode()
urllib.request.urlopen(urllib.request.Request(url + path + '?restype=container', method='PUT', headers=headers))
";
    let output = program("python")
        .args(["-c", script, &server.url(), container, AZURE_KEY])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
