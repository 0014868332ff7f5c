//! The real binary on an S3 behind a proxy that fails: the exit code, what is said, and what is published then.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use object_store::{ObjectStoreExt, PutPayload};
use roster::commit::Attempt;
use roster::store::Root;

use super::http::{Request, Response};
use super::proxy::{ALWAYS, Fault, Proxy, Rule, rule};
use super::servers::Place;
use crate::support::data::{parquet, table, text};
use crate::support::{Ended, Project, TABLES};

const INTERNAL: Fault = Fault::Refused(500, "InternalError");
const SLOW_DOWN: Fault = Fault::Refused(503, "SlowDown");
/// More than the store's client tries by itself, fewer than the commit makes of it.
const PAST_THE_CLIENT: usize = 12;

/// A project that reads and publishes through the proxy.
pub(crate) struct Behind {
    pub(crate) project: Project,
    pub(crate) proxy: Proxy,
    place: Place,
    /// Past the proxy.
    root: Root,
}

impl Behind {
    async fn new() -> Self {
        let mut place = Place::s3();
        let (root, bucket, proxy) =
            (place.root("out"), place.root("in"), Proxy::before(place.port()));
        place.options.insert("endpoint".into(), proxy.url());
        place.options.insert("timeout".into(), "2s".into());
        place.options.insert("retry_timeout".into(), "1s".into());
        let location = format!("{}/in/", place.location);
        let project = Project::new(&format!("[sources.x]\nlocation = \"{location}\"\n"));
        let rows = table(&[("id", text(&["a", "b", "c"]))]);
        let path = bucket.path("part.parquet");
        bucket.store.put(&path, PutPayload::from(parquet(&rows))).await.unwrap();
        project.sql("segments/all", "SELECT id FROM raw.x");
        place.publishes(&project, "out/");
        Self { project, proxy, place, root }
    }

    /// With its first night published.
    pub(crate) async fn with_a_night() -> Self {
        let behind = Self::new().await;
        behind.project.night("2026-06-01");
        behind
    }

    /// Runs the second night while these requests fail.
    fn run(&self, rules: &[Rule]) -> Ended {
        self.proxy.fail(rules);
        let ended = self.project.run("2026-06-02");
        assert!(rules.is_empty() || self.proxy.followed() > 0, "{:?}", self.proxy.calls());
        ended
    }

    /// The run ends with 3 and changes nothing: neither log, nor data, nor a probe stays.
    pub(crate) async fn run_stops(&self, rules: &[Rule]) -> Ended {
        let before = self.objects().await;
        let ended = self.run(rules);
        assert_eq!(ended.code, Some(3), "{rules:?}\n{}\n{}", ended.out, ended.err);
        assert_eq!(ended.report()["code"], "store_failed", "{}", ended.err);
        assert_eq!(before, self.objects().await, "{rules:?}");
        ended
    }

    /// Past the proxy, sorted.
    pub(crate) async fn objects(&self) -> Vec<String> {
        let prefix = self.root.path("");
        let listed: Vec<_> = self.root.store.list(Some(&prefix)).try_collect().await.unwrap();
        let mut names: Vec<_> = listed.iter().map(|meta| meta.location.to_string()).collect();
        names.sort();
        names
    }

    pub(crate) async fn versions(&self) -> usize {
        self.objects().await.iter().filter(|name| name.contains("/log/")).count()
    }

    /// Uploads that were begun and neither completed nor aborted.
    fn open_uploads(&self) -> usize {
        let target = format!("/{}?uploads", self.place.location.trim_start_matches("s3://"));
        let headers = vec![("Host".to_owned(), "127.0.0.1".to_owned())];
        let list = Request { method: "GET".into(), target, headers, body: Vec::new() };
        let answer = list.forward(self.place.port()).unwrap();
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body).unwrap().matches("<UploadId>").count()
    }
}

fn later(rule: Rule) -> Rule {
    Rule { later: true, ..rule }
}

pub(crate) const SLOT_2: &str = "log/00000000000000000002.json";

#[tokio::test]
async fn a_commit_that_arrived_is_known_as_ones_own_whatever_was_answered() {
    for (fault, times) in [
        (Fault::Applied(503, "SlowDown"), 1),
        (Fault::Applied(503, "SlowDown"), PAST_THE_CLIENT),
        (Fault::Dropped, 1),
        (Fault::Dropped, PAST_THE_CLIENT),
        (Fault::Hung, 1),
        (Fault::Applied(409, "ConditionalRequestConflict"), 1),
    ] {
        let behind = Behind::with_a_night().await;
        let report = behind.run(&[rule("PUT", SLOT_2, times, fault)]).committed();
        assert_eq!((&report["version"], behind.versions().await), (&2.into(), 2), "{fault:?}");
    }
}

#[tokio::test]
async fn a_commit_that_was_refused_without_a_write_is_put_again() {
    for (code, status, times) in [
        ("ConditionalRequestConflict", 409, 1),
        // This one the client does not try again.
        ("ConditionalRequestConflict", 409, 4),
        ("SlowDown", 503, PAST_THE_CLIENT),
    ] {
        let behind = Behind::with_a_night().await;
        let refused = Fault::Refused(status, code);
        let report = behind.run(&[rule("PUT", SLOT_2, times, refused)]).committed();
        assert_eq!((&report["version"], behind.versions().await), (&2.into(), 2), "{status}");
    }
}

#[tokio::test]
async fn a_commit_that_nobody_can_read_back_is_unknown_and_the_next_run_settles_it() {
    let behind = Behind::with_a_night().await;
    let ended = behind.run(&[
        rule("PUT", SLOT_2, ALWAYS, Fault::Applied(400, "Lost")),
        later(rule("GET", SLOT_2, ALWAYS, Fault::Refused(403, "AccessDenied"))),
    ]);
    let code = (ended.code, &ended.report()["code"]);
    assert_eq!(code, (Some(3), &"outcome_unknown".into()), "{}", ended.err);
    ended.says(&["nothing was deleted", "run the same command again"]);
    // Of each night its tables and its manifest.
    let log_and_hint = behind.versions().await + 1;
    assert_eq!((log_and_hint, behind.objects().await.len()), (3, 3 + 2 * (TABLES.len() + 1)));

    behind.proxy.fail(&[]);
    let again = behind.project.run("2026-06-02");
    assert_eq!((again.code, &again.report()["code"]), (Some(0), &"already_committed".into()));
    assert_eq!(behind.versions().await, 2);
}

#[tokio::test]
async fn a_commit_that_never_arrives_is_unknown_too_and_the_next_run_commits() {
    let behind = Behind::with_a_night().await;
    let ended = behind.run(&[rule("PUT", SLOT_2, ALWAYS, Fault::Refused(400, "Lost"))]);
    assert_eq!(ended.report()["code"], "outcome_unknown", "{}", ended.err);
    assert_eq!((ended.code, behind.versions().await), (Some(3), 1));
    behind.run(&[]).committed();
    assert_eq!(behind.versions().await, 2);
}

#[tokio::test]
async fn an_upload_that_fails_leaves_no_object_and_no_open_upload() {
    let behind = Behind::new().await;
    for (rules, written) in [
        (vec![rule("PUT", "partNumber=3", ALWAYS, INTERNAL)], false),
        (vec![rule("PUT", "partNumber=2", ALWAYS, Fault::Dropped)], false),
        (vec![rule("POST", "uploadId=", ALWAYS, INTERNAL)], false),
        (vec![rule("POST", "uploadId=", ALWAYS, Fault::Edited(internal_error))], false),
        (vec![rule("POST", "uploadId=", ALWAYS, Fault::Applied(500, "InternalError"))], false),
        (vec![rule("POST", "uploadId=", 1, Fault::Applied(500, "InternalError"))], true),
        (vec![rule("PUT", "partNumber=3", 1, SLOW_DOWN)], true),
        (vec![rule("POST", "uploads", 1, SLOW_DOWN)], true),
    ] {
        let through = behind.place.root("out");
        let attempt = Attempt::new("attempt".into(), through);
        behind.proxy.fail(&rules);
        let ended = async {
            let mut upload = attempt.upload("membership");
            upload.write(vec![7; 17 << 20].into()).await?;
            upload.finish(1).await
        };
        let ended = ended.await;
        assert_eq!((ended.is_ok(), behind.proxy.followed() > 0), (written, true), "{rules:?}");
        behind.proxy.fail(&[]);
        attempt.discard().await;
        assert_eq!((behind.objects().await, behind.open_uploads()), (Vec::new(), 0), "{rules:?}");
    }
}

/// A failure that S3 reports after it has begun to answer with 200.
fn internal_error(response: &mut Response) {
    let error = Response::error(500, "InternalError");
    response.body = error.body;
    response.status = 200;
}

fn web_page(response: &mut Response) {
    response.body = b"<html><body>Please sign in</body></html>".to_vec();
    response.status = 200;
}

#[tokio::test]
async fn a_store_that_is_slow_for_a_while_is_waited_for() {
    let behind = Behind::with_a_night().await;
    behind.run(&[rule("", "", 4, SLOW_DOWN)]).committed();
    assert_eq!(behind.versions().await, 2);
}

#[tokio::test]
async fn a_store_that_stays_out_of_order_is_told_with_its_cause() {
    let behind = Behind::with_a_night().await;
    behind.project.edit_toml("\"2s\"", "\"500ms\"");
    for (rules, cause) in [
        (rule("", "", ALWAYS, SLOW_DOWN), "SlowDown"),
        (rule("PUT", "", ALWAYS, INTERNAL), "InternalError"),
        (rule("", "", ALWAYS, Fault::Hung), "timed out"),
    ] {
        let started = Instant::now();
        let ended = behind.run_stops(&[rules]).await;
        // The client's own limits for one request; the hint and the list are asked for.
        assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
        ended.says(&["s3://", cause, "run the same command again"]);
    }
}

#[tokio::test]
async fn credentials_that_may_not_are_told_at_once() {
    let behind = Behind::with_a_night().await;
    for refused in [
        rule("", "", ALWAYS, Fault::Refused(403, "AccessDenied")),
        rule("PUT", "", ALWAYS, Fault::Refused(403, "AccessDenied")),
        rule("", "", ALWAYS, Fault::Refused(401, "ExpiredToken")),
        rule("GET", "part.parquet", ALWAYS, Fault::Refused(403, "AccessDenied")),
        rule("GET", "list-type=2", ALWAYS, Fault::Refused(403, "AccessDenied")),
    ] {
        let started = Instant::now();
        let ended = behind.run_stops(&[refused]).await;
        assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
        assert!(behind.proxy.followed() <= 3, "{:?}", behind.proxy.calls());
        ended.says(&["s3://", "credentials need list and read"]);
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told() {
    let behind = Behind::new().await;
    behind.project.edit_toml(&format!("{}/out/", behind.place.location), "s3://nowhere/out/");
    let ended = behind.project.run("2026-06-02");
    assert_eq!((ended.code, &ended.report()["code"]), (Some(3), &"store_failed".into()));
    ended.says(&["s3://nowhere/out", "check that the bucket or folder exists"]);
}

#[tokio::test]
async fn half_an_answer_is_asked_for_again_and_never_decoded() {
    let parts = ["in/part.parquet", "log/00000000000000000001.json", "manifest.json", "part-00000"];
    let all = |times, fault| parts.map(|part| rule("GET", part, times, fault));
    for fault in [Fault::Truncated, Fault::Stalled] {
        let behind = Behind::with_a_night().await;
        if let Fault::Truncated = fault {
            for always in all(ALWAYS, fault) {
                behind.run_stops(&[always]).await;
            }
        }
        behind.run(&all(1, fault)).committed();
        assert_eq!(behind.proxy.followed(), parts.len(), "{:?}", behind.proxy.calls());
        assert_eq!(behind.versions().await, 2);
    }
}

#[tokio::test]
async fn an_error_that_comes_as_200_is_not_taken_for_an_object() {
    let behind = Behind::with_a_night().await;
    for edit in [internal_error as fn(&mut Response), web_page] {
        for part in ["log/00000000000000000001.json", "in/part.parquet"] {
            behind.run_stops(&[rule("GET", part, ALWAYS, Fault::Edited(edit))]).await;
        }
    }
    behind.run(&[rule("GET", "latest.json", ALWAYS, Fault::Edited(web_page))]).committed();
}

/// Without the second record; with one that is not there.
fn stale_list(response: &mut Response) {
    let body = String::from_utf8(response.body.clone()).unwrap();
    let entry = |number: u32| -> Option<&str> {
        let key = body.find(&format!("log/{number:020}.json"))?;
        let (from, to) = (body[..key].rfind("<Contents>")?, body[key..].find("</Contents>")?);
        Some(&body[from..key + to + "</Contents>".len()])
    };
    let Some((first, second)) = entry(1).zip(entry(2)) else { return };
    let ghost = first.replace("0001.json", "0009.json");
    response.body = body.replace(second, &ghost).into_bytes();
}

#[tokio::test]
async fn a_list_that_lags_or_names_what_is_not_there_misleads_nobody() {
    let behind = Behind::with_a_night().await;
    behind.project.night("2026-06-02");
    behind.project.night("2026-06-03");
    behind.root.store.delete(&behind.root.path("latest.json")).await.unwrap();
    behind.proxy.fail(&[rule("GET", "list-type=2", ALWAYS, Fault::Edited(stale_list))]);
    let report = behind.project.night("2026-06-04");
    assert_eq!((&report["version"], behind.versions().await), (&4.into(), 4));
    assert!(behind.proxy.followed() > 0);
}

fn shorter(response: &mut Response) {
    for (name, value) in &mut response.headers {
        if name.eq_ignore_ascii_case("content-length") {
            *value = "7".to_owned();
        }
    }
}

fn other_bytes(response: &mut Response) {
    response.body.iter_mut().for_each(|byte| *byte ^= 1);
}

#[tokio::test]
async fn a_file_that_did_not_arrive_as_it_was_written_is_not_committed() {
    for (method, edit, cause) in [
        ("HEAD", shorter as fn(&mut Response), "the store has 7"),
        ("GET", other_bytes, "it does not end as it was written"),
    ] {
        // No night before: its files would be read too.
        let behind = Behind::new().await;
        let wrong = rule(method, "part-00000", ALWAYS, Fault::Edited(edit));
        behind.run_stops(&[wrong]).await.says(&["cannot verify", "tables/", cause]);
        behind.run(&[]).committed();
    }
}

#[tokio::test]
async fn an_object_that_can_not_be_taken_away_does_not_hide_why_the_run_failed() {
    let behind = Behind::with_a_night().await;
    let ended = behind.run(&[
        rule("PUT", "manifest.json", ALWAYS, Fault::Refused(507, "InsufficientStorage")),
        rule("DELETE", "", ALWAYS, Fault::Refused(403, "AccessDenied")),
        rule("POST", "?delete", ALWAYS, Fault::Refused(403, "AccessDenied")),
    ]);
    assert_eq!((ended.code, behind.versions().await), (Some(3), 1), "{}", ended.err);
    ended.says(&["manifest.json", "InsufficientStorage"]);
    let left: Vec<_> = behind.objects().await;
    assert!(left.iter().any(|name| name.contains("/tables/")), "{left:?}");
    behind.run(&[]).committed();
}
