//! SIGINT and SIGTERM while a store keeps the run waiting, in each of its steps.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::{pid, wait};
use crate::stores::faults::{Behind, SLOT_2};
use crate::stores::proxy::{ALWAYS, Fault, Rule, rule};

const NIGHT: &str = "2026-06-02";
const TEN_SECONDS: Duration = Duration::from_secs(10);

/// A run that waits for its store.
struct Waiting {
    behind: Behind,
    child: Child,
    objects: Vec<String>,
}

impl Waiting {
    async fn for_its_store(rules: &[Rule]) -> Self {
        let behind = Behind::with_a_night().await;
        // Longer than any of these tests: it is the signal that ends them.
        behind.project.edit_toml("timeout = \"2s\"", "timeout = \"1m\"");
        let objects = behind.objects().await;
        behind.proxy.fail(rules);
        let child = behind.project.start(NIGHT);
        Self { behind, child, objects }
    }

    /// Sends the signal once the store keeps the run waiting.
    fn send(&self, signal: Signal) {
        let started = Instant::now();
        while self.behind.proxy.followed() == 0 {
            assert!(started.elapsed() < TEN_SECONDS * 3, "{:?}", self.behind.proxy.calls());
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(200));
        kill_process(pid(&self.child), signal).unwrap();
    }

    fn ends(self, limit: Duration) -> (Behind, Vec<String>, Option<i32>, Value) {
        let (code, out) = wait(self.child, limit);
        let report: Value = serde_json::from_str(&out).unwrap();
        self.behind.proxy.fail(&[]);
        (self.behind, self.objects, code, report["code"].clone())
    }
}

#[tokio::test]
async fn a_signal_ends_a_run_that_waits_for_its_store_within_ten_seconds_and_the_next_publishes() {
    let hung = |method, part| rule(method, part, ALWAYS, Fault::Hung);
    let steps = [
        ("list", vec![hung("GET", "prefix=in")]),
        ("plan", vec![hung("GET", "in/part.parquet")]),
        ("probe", vec![hung("PUT", "/probe/")]),
        ("write", vec![hung("PUT", "/tables/")]),
        ("manifest", vec![hung("PUT", "manifest.json")]),
        (
            "write, and nothing can be taken away",
            vec![hung("PUT", "/tables/"), hung("POST", "?delete"), hung("DELETE", "")],
        ),
    ];
    let mut waiting = Vec::new();
    for (nth, (step, rules)) in steps.iter().enumerate() {
        let signal = if nth % 2 == 0 { (Signal::TERM, 143) } else { (Signal::INT, 130) };
        waiting.push((step, signal, Waiting::for_its_store(rules).await));
    }
    for (_, (signal, _), run) in &waiting {
        run.send(*signal);
    }
    for (step, (_, code), run) in waiting {
        let (behind, before, ended, told) = run.ends(TEN_SECONDS);
        assert_eq!((ended, told), (Some(code), "interrupted".into()), "{step}");
        let after = behind.objects().await;
        let new = after.iter().filter(|object| !before.contains(object)).count();
        // What could not be taken away is garbage: one file, or the probe.
        let left = usize::from(step.contains("nothing") || *step == "probe");
        assert!(new <= left, "{step}: {after:?}");
        assert_eq!(behind.versions().await, 1, "{step}");
        behind.project.night(NIGHT);
    }
}

#[tokio::test]
async fn a_signal_while_the_commit_is_on_its_way_waits_for_its_outcome() {
    let late = Fault::Late(Duration::from_secs(3));
    let run = Waiting::for_its_store(&[rule("PUT", SLOT_2, 1, late)]).await;
    run.send(Signal::TERM);
    let (behind, _, code, told) = run.ends(TEN_SECONDS);
    assert_eq!((code, told), (Some(0), "committed".into()));
    assert_eq!(behind.versions().await, 2);
}

#[tokio::test]
async fn a_signal_while_nobody_answers_the_commit_leaves_it_unknown_and_the_next_run_settles_it() {
    let run = Waiting::for_its_store(&[rule("PUT", SLOT_2, ALWAYS, Fault::Hung)]).await;
    run.send(Signal::INT);
    let (behind, _, code, told) = run.ends(TEN_SECONDS + Duration::from_secs(2));
    assert_eq!((code, told), (Some(3), "outcome_unknown".into()));
    let again = behind.project.run(NIGHT);
    assert_eq!((again.code, &again.report()["code"]), (Some(0), &"already_committed".into()));
    assert_eq!(behind.versions().await, 2);
}
