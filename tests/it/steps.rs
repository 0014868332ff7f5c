//! A night disturbed at each of its steps: files that change under it, and signals.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use roster::commit::Exclusivity;
use roster::core::{AsOf, Reach};
use roster::error::{Error, Result};
use roster::report::{Outcome, RunReport};
use roster::run::{Host, Order, Step, run};
use roster::store::ScanMeter;

use crate::support::data::{int, table, text};
use crate::support::{Project, TABLES, assert_unchanged};

/// Does something when a step begins, once.
struct Disturber<'a> {
    at: Step,
    what: Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>,
}

impl<'a> Disturber<'a> {
    fn new(at: Step, what: impl FnOnce() + Send + 'a) -> Self {
        Self { at, what: Mutex::new(Some(Box::new(what))) }
    }
}

impl Host for Disturber<'_> {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn attempt_id(&self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        format!("attempt-{}", NEXT.fetch_add(1, Ordering::SeqCst))
    }

    fn step(&self, step: Step) {
        if step == self.at
            && let Some(what) = self.what.lock().unwrap().take()
        {
            what();
        }
    }

    fn scanning(&self, _: &std::sync::Arc<ScanMeter>) {}

    fn segments(&self, _: usize, _: usize) {}
}

async fn night(
    project: &Project,
    day: &str,
    host: &dyn Host,
    signal: impl Future<Output = u8>,
) -> Result<RunReport> {
    let loaded = roster::project::Project::load(&project.path(""), &|_| None).unwrap();
    let as_of = AsOf::new(day.parse().unwrap(), loaded.config.time_zone).unwrap();
    let order = Order {
        as_of,
        dry_run: false,
        reach: Reach::Newest,
        show_values: false,
        accept: &[],
        exclusivity: Exclusivity::Store,
    };
    run(&loaded, order, host, signal).await
}

fn project() -> Project {
    let project = Project::new(
        "[sources.people]\nlocation = \"in/people/\"\n[sources.more]\nlocation = \"in/more/\"\n",
    );
    let rows = table(&[("id", text(&["a", "b"])), ("n", int(&[1, 2]))]);
    project.parquet("in/people/part.parquet", &rows).parquet("in/more/part.parquet", &rows);
    project.sql("features/account", "SELECT id, n FROM raw.people");
    project.sql("segments/one", "SELECT id, n AS score FROM feature.account");
    project.sql("segments/two", "SELECT id FROM raw.more WHERE n > 1");
    project.sql("audits/sound", "SELECT id FROM feature.account WHERE n < 0");
    project.night("2026-06-01");
    project
}

/// Runs the second night; `disturb` happens to a file of `more` when `at` begins.
async fn disturbed(at: Step, disturb: impl FnOnce(&Path) + Send) {
    let project = project();
    let before = project.published();
    let file = project.path("in/more/part.parquet");
    let host = Disturber::new(at, || disturb(&file));
    let error = night(&project, "2026-06-02", &host, std::future::pending()).await.unwrap_err();
    assert_eq!((error.exit_code(), error.code()), (6, "inputs_not_ready"), "{at:?}: {error}");
    let text = error.to_string();
    for word in ["raw.more", "in/more/part.parquet", "changed or removed", "run again"] {
        assert!(text.contains(word), "{at:?}: {word:?} is missing in {text}");
    }
    assert_unchanged(&before, &project.published());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_delivered_again_under_a_night_ends_it() {
    for at in [Step::Plan, Step::Features, Step::Segments] {
        disturbed(at, |file| {
            let rows = table(&[("id", text(&["a", "c"])), ("n", int(&[1, 9]))]);
            let bytes = crate::support::data::parquet(&rows);
            assert_eq!(
                bytes.len() as u64,
                std::fs::metadata(file).unwrap().len(),
                "the size must not tell"
            );
            std::fs::write(file, bytes).unwrap();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_vanishes_under_a_night_ends_it() {
    for at in [Step::Plan, Step::Segments] {
        disturbed(at, |file| std::fs::remove_file(file).unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_arrives_under_a_night_is_for_the_next() {
    let project = project();
    let rows = table(&[("id", text(&["late"])), ("n", int(&[5]))]);
    let host = Disturber::new(Step::Plan, || {
        project.parquet("in/more/z.parquet", &rows);
    });
    night(&project, "2026-06-02", &host, std::future::pending()).await.unwrap();
    assert_eq!(
        project.rows("2026-06-02", "membership", "segmentation id"),
        ["one a", "one b", "two b"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_before_the_commit_leaves_nothing_whatever_step_it_meets() {
    for at in [Step::List, Step::Plan, Step::Features, Step::Segments, Step::Audit, Step::Write] {
        let project = project();
        let before = project.published();
        let (tell, told) = tokio::sync::oneshot::channel();
        let host = Disturber::new(at, move || tell.send(15).unwrap());
        let signal = async { told.await.unwrap() };
        let ended = night(&project, "2026-06-02", &host, signal).await;
        assert!(matches!(ended, Err(Error::Interrupted { signal: 15 })), "{at:?}: {ended:?}");
        assert_eq!(ended.unwrap_err().exit_code(), 143);
        let after = project.published();
        let files = |found: &std::collections::BTreeMap<String, String>| {
            found
                .iter()
                .filter(|(_, hash)| *hash != "folder")
                .map(|(p, h)| (p.clone(), h.clone()))
                .collect()
        };
        assert_unchanged(&files(&before), &files(&after));
        project.night("2026-06-02");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_commit_is_sent_a_signal_waits_for_its_outcome() {
    let project = project();
    let (tell, told) = tokio::sync::oneshot::channel();
    let host = Disturber::new(Step::Commit, move || tell.send(2).unwrap());
    let report = night(&project, "2026-06-02", &host, async { told.await.unwrap() }).await.unwrap();
    assert_eq!((report.outcome, report.version), (Outcome::Committed, Some(2)));
    assert_eq!(project.log().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_that_is_overtaken_by_another_is_computed_again_on_it() {
    let project = project();
    let host = Disturber::new(Step::Commit, || drop(project.night("2026-06-02")));
    let report = night(&project, "2026-06-03", &host, std::future::pending()).await.unwrap();
    assert_eq!(report.version, Some(3));
    assert_eq!(report.previous_as_of, Some("2026-06-02".parse().unwrap()));
    let log = project.log();
    assert_eq!(log[2]["previous"], log[1]["attempt_id"]);
    // The first try's files are gone: three nights' tables.
    let files = project.published().into_keys().filter(|path| path.ends_with(".parquet")).count();
    assert_eq!(files, 3 * TABLES.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_that_is_overtaken_by_a_newer_one_is_late() {
    let project = project();
    let host = Disturber::new(Step::Commit, || drop(project.night("2026-06-05")));
    let error = night(&project, "2026-06-03", &host, std::future::pending()).await.unwrap_err();
    assert_eq!((error.exit_code(), error.code()), (5, "late"));
    assert_eq!(project.log().len(), 2);
    let files = project.published().into_keys().filter(|path| path.ends_with(".parquet")).count();
    assert_eq!(files, 2 * TABLES.len());
}
