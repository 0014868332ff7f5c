//! Nights where clocks are set, clocks that are wrong, and times at the ends of the calendar.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{TimestampMillisecondArray, TimestampNanosecondArray};
use chrono::{DateTime, TimeDelta, Utc};
use roster::commit::Exclusivity;
use roster::core::{AsOf, Reach};
use roster::report::{Outcome, RunReport};
use roster::run::{Host, Order, Step, run};
use roster::store::ScanMeter;
use serde_json::Value;

use crate::processes::set_or;
use crate::python::program;
use crate::support::data::{date, instant, table, text};
use crate::support::{Ended, Project};

fn times_py(arguments: &[&str], folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/times.py");
    let mut command = program("python");
    // The zones of the package tzdata, not those of the machine.
    command.env("PYTHONTZPATH", "").arg(script).args(arguments).arg(folder);
    command.args(["--release", chrono_tz::IANA_TZDB_VERSION]);
    let ended = Ended::of(command.output().unwrap());
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
}

/// `roster backfill` over the nights of a plan, on a host that lives half a day or more away from everybody.
fn backfill(project: &Path) {
    let plan: Value =
        serde_json::from_slice(&std::fs::read(project.join("plan.json")).unwrap()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_roster"));
    command.env_clear().env("TZ", "Pacific/Kiritimati");
    command.arg("backfill").arg("--project").arg(project);
    command.args(["--from", plan["from"].as_str().unwrap(), "--to", plan["to"].as_str().unwrap()]);
    let ended = Ended::of(command.output().unwrap());
    assert_eq!(ended.code, Some(0), "{}: {}", plan["zone"], ended.err);
}

/// `ROSTER_ZONES` random zones more; `ROSTER_SEED` repeats them.
#[test]
fn nights_around_the_days_on_which_clocks_are_set_are_what_zoneinfo_says() {
    let (zones, seed) =
        (set_or("ROSTER_ZONES", 1), set_or("ROSTER_SEED", u64::from(std::process::id())));
    println!("ROSTER_ZONES={zones} ROSTER_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("times");
    times_py(&["make", "--random", &zones.to_string(), "--seed", &seed.to_string()], &folder);
    for project in std::fs::read_dir(&folder).unwrap() {
        backfill(&project.unwrap().path());
    }
    times_py(&["check"], &folder);
}

/// Events `in/x/`, a segment of all whose evidence is their time.
fn events(zone: &str) -> Project {
    let project = Project::new(
        "[sources.x]\nlocation = \"in/x/\"\nevent_time = \"at\"\ncolumns = { id = \"text!\", at = \"timestamp!\" }\n",
    );
    project.edit_toml("\"UTC\"", &format!("\"{zone}\""));
    project.sql(
        "segments/all",
        "SELECT id, CAST(CAST(at AS DATE) AS VARCHAR) AS segment, CAST(at AS VARCHAR) AS at FROM raw.x",
    );
    project
}

fn write(project: &Project, at: &[&str]) {
    let ids: Vec<String> = (0..at.len()).map(|id| format!("r{id}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    project.parquet("in/x/a.parquet", &table(&[("id", text(&ids)), ("at", instant(at))]));
}

#[test]
fn a_midnight_that_clocks_skip_is_told_with_what_to_write_instead() {
    let project = events("Asia/Beirut");
    write(&project, &["2026-03-28T21:59:59Z", "2026-03-28T22:00:00Z"]);
    for start in ["CAST(as_of() AS TIMESTAMP WITH TIME ZONE)", "'2026-03-29 00:00:00'"] {
        project.sql("segments/all", &format!("SELECT id FROM raw.x WHERE at >= {start}"));
        let ended = project.fails("2026-03-29", 2, "invalid_project");
        ended.says(&["clocks", "segments/all.sql", "as_of_start()"]);
    }
    project.sql("segments/all", "SELECT id FROM raw.x WHERE at >= as_of_start()");
    project.night("2026-03-29");
    assert_eq!(project.rows("2026-03-29", "membership", "id"), ["r1"]);
}

#[test]
fn an_age_is_counted_in_hours_from_the_end_of_days_of_23_and_25_hours() {
    for (night, just_fresh, too_old) in [
        // The ends are at 22:00 and 23:00 UTC: 26 hours before are 20:00 and 21:00 of the day before.
        ("2026-03-29", "2026-03-28T20:00:00Z", "2026-03-28T19:59:59.999999Z"),
        ("2026-10-25", "2026-10-24T21:00:00Z", "2026-10-24T20:59:59.999999Z"),
    ] {
        let project = events("Europe/Berlin");
        project.set("freshness = \"26h\"");
        write(&project, &[too_old]);
        project.fails(night, 6, "inputs_not_ready").says(&["raw.x", "run again"]);
        write(&project, &[just_fresh]);
        project.night(night);
    }
}

#[test]
fn the_events_of_a_date_are_as_old_as_the_end_of_its_day() {
    for (freshness, fresh) in [("25h", true), ("24h", false)] {
        let project = Project::new(&format!(
            "[sources.x]\nlocation = \"in/x/\"\nevent_time = \"on\"\nfreshness = \"{freshness}\"\n"
        ));
        project.edit_toml("\"UTC\"", "\"Europe/Berlin\"");
        project.sql("segments/all", "SELECT id FROM raw.x");
        let rows = table(&[("id", text(&["a"])), ("on", date(&["2026-10-24"]))]);
        project.parquet("in/x/a.parquet", &rows);
        // A day of 25 hours lies between the two ends.
        let ended = project.run("2026-10-25");
        assert_eq!(ended.code, Some(if fresh { 0 } else { 6 }), "{freshness}: {}", ended.err);
    }
}

#[expect(clippy::disallowed_methods, reason = "what the program is compared with")]
fn wall_clock() -> DateTime<Utc> {
    Utc::now()
}

#[test]
fn today_is_the_day_of_the_project_wherever_the_host_is() {
    // At both ends of the date line: one of them is never the day of the host.
    for zone in [chrono_tz::Pacific::Kiritimati, chrono_tz::Pacific::Pago_Pago] {
        let project = events(zone.name());
        write(&project, &["2026-06-01T00:00:00Z"]);
        let today = || wall_clock().with_timezone(&zone).date_naive();
        let before = today();
        let mut command = project.command(&["run", "--as-of", "today", "--json", "--project"]);
        let ended = command.env("TZ", "Asia/Kolkata").arg(project.path("")).output().unwrap();
        let as_of = Ended::of(ended).committed()["as_of"].as_str().unwrap().to_owned();
        assert!([before, today()].iter().any(|day| day.to_string() == as_of), "{zone}: {as_of}");
    }
}

/// A host whose clock starts at an instant and moves by a step each time somebody looks at it.
struct Clock {
    now_micros: AtomicI64,
    step: TimeDelta,
}

impl Clock {
    fn new(start: &str, step: TimeDelta) -> Self {
        let now = start.parse::<DateTime<Utc>>().unwrap().timestamp_micros();
        Self { now_micros: AtomicI64::new(now), step }
    }
}

impl Host for Clock {
    fn now(&self) -> DateTime<Utc> {
        let step = self.step.num_microseconds().unwrap();
        let now = self.now_micros.fetch_add(step, Ordering::SeqCst);
        DateTime::from_timestamp_micros(now).unwrap()
    }

    fn attempt_id(&self) -> String {
        format!("attempt-{}", self.now().timestamp_micros())
    }

    fn step(&self, _: Step) {}

    fn scanning(&self, _: &Arc<ScanMeter>) {}

    fn segments(&self, _: usize, _: usize) {}
}

async fn night(project: &Project, day: &str, reach: Reach, host: &dyn Host) -> RunReport {
    let loaded = roster::project::Project::load(&project.path(""), &|_| None).unwrap();
    let as_of = AsOf::new(day.parse().unwrap(), loaded.config.time_zone).unwrap();
    let exclusivity = Exclusivity::Store;
    let order =
        Order { as_of, dry_run: false, reach, show_values: false, accept: &[], exclusivity };
    let report = run(&loaded, order, host, std::future::pending()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Committed);
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_night_depends_on_when_it_is_run_and_by_which_clock() {
    let day = TimeDelta::days(1);
    let mut hashes = Vec::new();
    for (start, step) in [
        ("2026-06-01T20:00:00Z", TimeDelta::zero()),
        ("2026-06-01T21:59:59.999Z", TimeDelta::milliseconds(1)), // midnight in Berlin comes while it runs
        ("2026-06-02T09:00:00Z", TimeDelta::zero()),              // the retry of the day after
        ("2026-06-03T00:00:00Z", -day),                           // is set back while it runs
        ("1970-01-01T00:00:00Z", day),
        ("2038-01-19T03:14:07Z", TimeDelta::seconds(1)),
    ] {
        let project = events("Europe/Berlin");
        write(&project, &["2026-06-01T21:59:59.999999Z", "2026-06-01T22:00:00Z"]);
        night(&project, "2026-06-01", Reach::Newest, &Clock::new(start, step)).await;
        assert_eq!(project.rows("2026-06-01", "membership", "id segment"), ["r0 2026-06-01"]);
        hashes.push(project.hashes("2026-06-01"));
    }
    assert!(hashes.iter().all(|night| *night == hashes[0]), "{hashes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_whose_clocks_are_days_apart_are_ordered_by_the_log() {
    let project = events("Europe/Berlin");
    write(&project, &["2026-06-01T00:00:00Z"]);
    for (night_of, clock) in
        [("2026-06-01", "2026-06-05"), ("2026-06-02", "2026-06-04"), ("2026-06-03", "2026-06-03")]
    {
        let host = Clock::new(&format!("{clock}T00:00:00Z"), TimeDelta::zero());
        night(&project, night_of, Reach::Newest, &host).await;
    }
    // Rows that came late: a side night, by a clock that is behind everybody's.
    write(&project, &["2026-06-01T00:00:00Z", "2026-06-01T01:00:00Z"]);
    let host = Clock::new("2026-05-01T00:00:00Z", -TimeDelta::days(1));
    let report = night(&project, "2026-06-01", Reach::Replace, &host).await;
    assert_eq!((report.version, report.advances), (Some(4), Some(false)));
    assert_eq!(project.rows("2026-06-01", "membership", "id"), ["r0", "r1"]);
    let log = project.log();
    assert_eq!(log[3]["state"]["current"], "2026-06-03");
    // What is kept, and for how long, is by the clock of the store: nothing is a day old there.
    let swept = project.roster(&["vacuum", "--older-than", "1d", "--yes"]);
    assert_eq!(swept.code, Some(0), "{}", swept.err);
    assert_eq!(project.log().len(), 4, "{}", swept.out);
    assert_eq!(project.roster(&["verify", "--deep"]).code, Some(0));
}

#[test]
fn times_at_the_ends_of_the_calendar_keep_their_day() {
    let project = events("Europe/Berlin");
    // Year 1, before 1901 (32 bits), around 1970 and 2038, and the last microsecond of four digits in Berlin.
    let at = [
        "0001-01-01T12:00:00Z",
        "1900-12-31T22:59:59.999999Z",
        "1969-12-31T22:59:59.999999Z",
        "1969-12-31T23:00:00Z",
        "1970-01-01T00:00:00Z",
        "2038-01-19T03:14:08Z",
        "9999-12-30T22:59:59.999999Z",
        "9999-12-30T23:00:00Z",
    ];
    write(&project, &at);
    project.night("9999-12-30");
    let days = [
        "r0 0001-01-01",
        "r1 1900-12-31",
        "r2 1969-12-31",
        "r3 1970-01-01",
        "r4 1970-01-01",
        "r5 2038-01-19",
        "r6 9999-12-30",
    ];
    assert_eq!(project.rows("9999-12-30", "membership", "id segment"), days);
    let early = project.run_with("0001-01-01", &["--dry-run"]).report();
    assert_eq!(early["segmentations"][0]["members"], 1, "{early}");
}

#[test]
fn a_time_that_microseconds_can_not_say_ends_the_night() {
    let project = events("Europe/Berlin");
    let write = |at| {
        project.parquet("in/x/a.parquet", &table(&[("id", text(&["a", "b"])), ("at", at)]));
    };
    write(Arc::new(TimestampMillisecondArray::from(vec![0, i64::MAX])));
    project.fails("2026-06-01", 2, "query_failed").says(&["timestamp", "range"]);
    // All that nanoseconds can say, microseconds can.
    write(Arc::new(TimestampNanosecondArray::from(vec![i64::MIN, i64::MAX])));
    project.night("9999-12-31");
    let days = project.rows("9999-12-31", "membership", "segment");
    assert_eq!(days, ["1677-09-21", "2262-04-12"]);
}

#[test]
fn an_age_beyond_any_calendar_is_refused_where_it_is_written() {
    let project = events("Europe/Berlin");
    write(&project, &["2026-06-01T00:00:00Z"]);
    project.night("2026-06-01");
    let swept = project.roster(&["vacuum", "--older-than", "4000000000d", "--yes"]);
    assert_eq!(swept.code, Some(2), "{}", swept.err);
    swept.says(&["--older-than", "7d"]);
    project.set("freshness = \"4000000000d\"");
    let ended = project.fails("2026-06-02", 2, "invalid_project");
    ended.says(&["bad_duration", "roster.toml:", "4000000000d", "a hundred years"]);
}
