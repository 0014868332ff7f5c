//! How long a run bears with a store: one that asks for a pause, one that trickles, one that hangs.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::time::{Duration, Instant};

use super::faults::{Behind, SLOT_2};
use super::proxy::{ALWAYS, Fault, Rule, rule};

const SLOW_DOWN: Fault = Fault::Refused(503, "SlowDown");
const TOO_MANY: Fault = Fault::Refused(429, "TooManyRequests");

/// With the patience and timeout that a project has by itself, or others.
async fn behind(timeout: &str, patience: &str) -> Behind {
    let behind = Behind::with_a_night().await;
    behind.project.edit_toml("timeout = \"2s\"", timeout);
    behind.project.edit_toml("retry_timeout = \"1s\"", patience);
    behind
}

#[tokio::test]
async fn a_store_that_asks_to_slow_down_is_waited_for_and_progress_says_so() {
    for (fault, part) in [(SLOW_DOWN, "prefix=in"), (TOO_MANY, "in/part.parquet")] {
        let behind = behind("timeout = \"2s\"", "retry_timeout = \"10s\"").await;
        behind.proxy.fail(&[rule("", part, 7, fault)]);
        let ended = behind.project.run("2026-06-02");
        ended.says(&["127.0.0.1 asks to slow down: waited ", "s for it, at most 10 s"]);
        ended.committed();
        assert_eq!(behind.proxy.followed(), 7);
    }
}

#[tokio::test]
async fn a_store_that_only_asks_to_slow_down_is_told_once_patience_has_run_out() {
    let behind = behind("timeout = \"2s\"", "retry_timeout = \"3s\"").await;
    let started = Instant::now();
    let ended = behind.run_stops(&[rule("PUT", "/tables/", ALWAYS, SLOW_DOWN)]).await;
    let took = started.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(12)).contains(&took), "{took:?}");
    ended.says(&["tables/", "SlowDown", "run the same command again"]);
}

#[tokio::test]
async fn patience_that_is_no_time_is_a_mistake_of_the_project() {
    let behind = behind("timeout = \"2s\"", "retry_timeout = \"soon\"").await;
    let ended = behind.project.run("2026-06-02");
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    ended.says(&["retry_timeout = \"soon\" is no time", "write 75s or 2m"]);
}

#[tokio::test]
async fn a_body_that_trickles_or_stalls_is_told_by_its_deadline() {
    for fault in [Fault::Trickling, Fault::Stalled] {
        let behind = behind("timeout = \"1s\"", "").await;
        let started = Instant::now();
        let ended = behind.run_stops(&[rule("GET", "in/part.parquet", ALWAYS, fault)]).await;
        let took = started.elapsed();
        assert!(took < Duration::from_secs(30), "{fault:?}: {took:?}");
        ended.says(&["in/part.parquet", "run the same command again"]);
    }
}

/// The time until the run has told it; nothing but the settings that a project has by itself.
async fn told_after(rules: &[Rule], code: &str) -> Duration {
    let behind = behind("", "").await;
    behind.proxy.fail(rules);
    let started = Instant::now();
    let ended = behind.project.run("2026-06-02");
    let told = (ended.code, &ended.report()["code"]);
    assert_eq!(told, (Some(3), &code.into()), "{rules:?}: {}", ended.err);
    started.elapsed()
}

#[tokio::test]
#[ignore = "minutes of waiting: .ci/full"]
async fn a_store_that_hangs_is_told_within_about_a_minute() {
    let hung = |method, part| rule(method, part, ALWAYS, Fault::Hung);
    for part in ["", "in/part.parquet", "/tables/", "manifest.json"] {
        let took = told_after(&[hung("", part)], "store_failed").await;
        println!("{part:?} hangs: told after {took:?}");
        assert!(took < Duration::from_secs(75), "{part:?}: {took:?}");
    }
    let read_back = Rule { later: true, ..hung("GET", SLOT_2) };
    let took = told_after(&[hung("PUT", SLOT_2), read_back], "outcome_unknown").await;
    println!("the commit hangs: told after {took:?}");
    assert!(took < Duration::from_secs(75), "{took:?}");
}

#[tokio::test]
#[ignore = "minutes of waiting: .ci/full"]
async fn a_minute_of_throttling_is_survived_in_each_step_and_two_are_told() {
    for part in ["prefix=in", "in/part.parquet", "/probe/", "/tables/", SLOT_2] {
        let behind = behind("", "").await;
        behind.proxy.fail(&[rule("", part, ALWAYS, SLOW_DOWN)]);
        let child = behind.project.start("2026-06-02");
        std::thread::sleep(Duration::from_mins(1));
        behind.proxy.fail(&[]);
        let ended = crate::support::Ended::of(child.wait_with_output().unwrap());
        ended.says(&["asks to slow down"]);
        ended.committed();
    }
    let took = told_after(&[rule("", "", ALWAYS, SLOW_DOWN)], "store_failed").await;
    println!("throttled for ever: told after {took:?}");
    assert!(took < Duration::from_mins(2), "{took:?}");
}
