//! A canary in every credential: nowhere in what is said or written, also when everything fails.
#![cfg(test)] // so that clippy takes the helpers for tests too

use futures::TryStreamExt;
use object_store::ObjectStoreExt;

use super::http::{Answer, HttpServer, Request, Response};
use super::servers::{CANARY, Place, skip};
use crate::support::data::{table, text};
use crate::support::{Ended, Project};

/// A project that reads here and publishes to `output`; `options` are all of `[object_store]`.
fn project(output: &str, options: &str) -> Project {
    let project = Project::new("[sources.x]\nlocation = \"in/\"\n");
    project.parquet("in/part.parquet", &table(&[("id", text(&["a", "b"]))]));
    project.sql("segments/all", "SELECT id FROM raw.x");
    project.edit_toml("\"out/\"", &format!("\"{output}\""));
    project.set(&format!("[object_store]\n{options}"));
    project
}

/// Runs the commands that open the store.
fn commands(project: &Project, environment: &[(&str, &str)]) -> Vec<Ended> {
    let run = ["run", "--as-of", "2026-06-01", "--json"];
    let commands = [&run[..], &["log"], &["check", "--sources"]];
    let ended = commands.map(|arguments| {
        let mut command = project.command(arguments);
        command.envs(environment.iter().copied()).arg("--project").arg(project.path(""));
        Ended::of(command.output().unwrap())
    });
    ended.into()
}

#[track_caller]
fn no_canary(ended: &[Ended]) {
    for Ended { out, err, .. } in ended {
        let told = format!("{out}{err}");
        // Encoded too: a client may have put it into a URL.
        assert!(!told.to_lowercase().contains(&CANARY.to_lowercase()), "{told}");
    }
}

/// Refuses everything, and says all that it was told, as S3 does when a signature is wrong.
fn echo() -> HttpServer {
    HttpServer::start(|request| told(&request))
}

fn told(request: &Request) -> Answer {
    let headers = request.headers.iter().map(|(name, value)| format!("{name}:{value}\n"));
    let told = headers.collect::<String>();
    let body = format!(
        "<Error><Code>SignatureDoesNotMatch</Code><CanonicalRequest>{}\n{}\n{told}</CanonicalRequest></Error>",
        request.method, request.target
    );
    Answer::Whole(Response::new(403, &[("Content-Type", "application/xml")], body))
}

const S3: &str = "region = \"x\"\nallow_http = true\naccess_key_id = \"CanaryOfRosterId\"\n\
    secret_access_key = \"CanaryOfRosterSecret\"\ntoken = \"CanaryOfRosterToken\"\n";
const S3_ENVIRONMENT: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "CanaryOfRosterId"),
    ("AWS_SECRET_ACCESS_KEY", "CanaryOfRosterSecret"),
    ("AWS_SESSION_TOKEN", "CanaryOfRosterToken"),
    ("AWS_ALLOW_HTTP", "true"),
    ("AWS_REGION", "x"),
];
const AZURE: &str = "allow_http = true\naccount_name = \"account\"\n";
const AZURE_KEYS: [&str; 3] = [
    "account_key = \"CanaryOfRosterCanaryOfRosterCanaryOfRosterCanary==\"\n",
    "sas_token = \"?sv=2021-08-06&sp=rw&sig=CanaryOfRoster%2Bsignature%3D\"\n",
    "bearer_token = \"CanaryOfRosterBearer\"\n",
];

fn google(server: &str) -> String {
    format!(
        "allow_http = true\nservice_account_key = '{{\"gcs_base_url\": \"{server}\", \"disable_oauth\": true, \
         \"client_email\": \"job@example.com\", \"private_key\": \"CanaryOfRosterPem\", \
         \"private_key_id\": \"CanaryOfRosterPemId\"}}'\n"
    )
}

/// All ways to give credentials, for a server there.
fn everywhere(server: &str) -> Vec<(Project, &'static [(&'static str, &'static str)])> {
    let endpoint = format!("endpoint = \"{server}\"\n");
    let mut all = vec![
        (project("s3://lake/out", &format!("{S3}{endpoint}")), &[][..]),
        (project("s3://lake/out", &endpoint), S3_ENVIRONMENT),
        (project("gs://lake/out", &google(server)), &[]),
    ];
    for key in AZURE_KEYS {
        all.push((project("az://lake/out", &format!("{AZURE}{key}{endpoint}")), &[]));
    }
    all
}

#[test]
fn credentials_are_not_shown_when_a_server_refuses_them_and_says_all_it_was_told() {
    let server = echo();
    for (project, environment) in everywhere(&server.url()) {
        let ended = commands(&project, environment);
        assert!(matches!(ended[0].code, Some(2 | 3)), "{}{}", ended[0].out, ended[0].err);
        no_canary(&ended);
    }
}

#[test]
fn credentials_are_not_shown_when_nobody_answers() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (project, environment) in everywhere(&format!("http://{closed}")) {
        let ended = commands(&project, environment);
        assert!(matches!(ended[0].code, Some(2 | 3)), "{}{}", ended[0].out, ended[0].err);
        no_canary(&ended);
    }
}

#[test]
fn credentials_are_not_shown_when_they_or_what_stands_beside_them_can_not_be_used() {
    for (output, options) in [
        ("s3://lake/out", format!("{S3}endpoint = \"no url at all\"\n")),
        ("s3://lake/out", format!("{S3}timeout = \"soon\"\n")),
        ("s3://lake/out", format!("{S3}endpont = \"http://x\"\n")),
        ("s3://me:CanaryOfRosterPassword@/out", S3.to_owned()),
        ("s4://me:CanaryOfRosterPassword@lake/out?sig=CanaryOfRosterSig", S3.to_owned()),
        ("https://me:CanaryOfRosterPassword@:port/out", String::new()),
        ("az://lake/out", format!("{AZURE}account_key = \"CanaryOfRoster is not Base64\"\n")),
        ("az://lake/out", format!("{AZURE}sas_token = \"CanaryOfRosterWithoutPairs\"\n")),
        ("az://lake/out", format!("{AZURE}sas_token = \"sv=%ff&sig=CanaryOfRoster%ff\"\n")),
        ("gs://lake/out", "service_account_key = \"CanaryOfRoster is not JSON\"\n".to_owned()),
        ("gs://lake/out", google("http://127.0.0.1:9").replace("true, ", "false, ")),
        ("gs://lake/out", google("http://127.0.0.1:9").replace("private_key\"", "other\"")),
    ] {
        let project = project(output, &options);
        let ended = commands(&project, &[]);
        let first = &ended[0];
        assert!(matches!(first.code, Some(2 | 3)), "{output}: {}{}", first.out, first.err);
        no_canary(&ended);
    }
}

#[test]
fn what_a_variable_brought_into_a_location_is_not_shown() {
    let server = echo();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [format!("127.0.0.1:{}", server.port), closed.to_string()] {
        let location = format!("http://me:${{PASSWORD}}@{address}/in/a.parquet");
        let project = Project::new(&format!("[sources.x]\nlocation = \"{location}\"\n"));
        project.edit_toml("[project]\n", "[project]\nenv = [\"PASSWORD\"]\n");
        project.sql("segments/all", "SELECT id FROM raw.x");
        let ended = commands(&project, &[("PASSWORD", "CanaryOfRosterPassword")]);
        assert_eq!(ended[0].code, Some(3), "{}{}", ended[0].out, ended[0].err);
        no_canary(&ended);
    }
}

/// Lists one file.
fn list(request: &Request) -> Option<Answer> {
    let list = "<ListBucketResult><Contents><Key>in/a.parquet</Key><Size>1000</Size>\
        <LastModified>2026-06-01T00:00:00Z</LastModified><ETag>&quot;e&quot;</ETag></Contents></ListBucketResult>";
    let listed = request.target.contains("list-type=2");
    listed.then(|| Answer::Whole(Response::new(200, &[], list)))
}

#[test]
fn credentials_are_not_shown_when_an_extract_can_not_be_read() {
    let server = HttpServer::start(|request| list(&request).unwrap_or_else(|| told(&request)));
    let endpoint = format!("endpoint = \"{}\"\n", server.url());
    let project = project("out/", &format!("{S3}{endpoint}"));
    project.edit_toml("\"in/\"", "\"s3://lake/in/\"");
    let ended = commands(&project, &[]);
    assert_eq!(ended[0].code, Some(3), "{}{}", ended[0].out, ended[0].err);
    ended[0].says(&["cannot read s3://lake/in/a.parquet", "credentials need list and read"]);
    assert!(ended[0].err.contains("x-amz-security-token:***"), "{}", ended[0].err);
    no_canary(&ended);
}

#[tokio::test]
async fn nothing_that_is_published_holds_a_credential() {
    let Some(azure) = Place::azure() else { return skip("azurite is missing: npm") };
    for place in [Place::s3(), azure, Place::gcs()] {
        assert!(place.options.values().any(|value| value.contains(CANARY)));
        let project = project("out/", "");
        let toml = std::fs::read_to_string(project.path("roster.toml")).unwrap();
        project.text("roster.toml", &toml.replace("[object_store]", ""));
        place.publishes(&project, "out");
        let ended = commands(&project, &[]);
        assert_eq!(ended[0].code, Some(0), "{}{}", ended[0].out, ended[0].err);
        no_canary(&ended);
        let root = place.root("out");
        let listed: Vec<_> = root.store.list(Some(&root.prefix)).try_collect().await.unwrap();
        assert!(listed.len() >= 5, "{listed:?}");
        for meta in listed {
            let bytes = root.store.get(&meta.location).await.unwrap().bytes().await.unwrap();
            let found = String::from_utf8_lossy(&bytes).contains(CANARY);
            assert!(!found, "{}", meta.location);
        }
    }
}
