//! The functions against what one writes without them, in plain SQL of the same session.
//!
//! Each query runs in a process of its own, both of a case in turn: seconds of CPU (user and system) and what the peak of
//! memory rose by are then the query's own. Medians. `BENCH_ROWS=0.1` for a tenth of the rows, `BENCH_RUNS` for more runs
//! than 3, a word after `--` for the cases whose names contain it. Linux only: it reads /proc.
//!
//! Not criterion: it can not take two queries in turn, knows no memory, and would have `DataFusion` compiled once more
//! for a feature of serde.
#![expect(clippy::unwrap_used, reason = "a fault ends the program")]

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, RecordBatch, StringViewArray,
    TimestampMicrosecondArray,
};
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_functions_segmentation::register_all;

struct Case {
    name: &'static str,
    rows: usize,
    /// Columns of the table `t`, from the numbers of rows.
    table: fn(std::ops::Range<u64>) -> Vec<(&'static str, ArrayRef)>,
    ours: &'static str,
    peer: &'static str,
}

const CASES: [Case; 7] = [
    Case {
        name: "rfm of floats, 1 M text keys",
        rows: 20_000_000,
        table: orders,
        ours: "SELECT key, rfm(at, amount, DATE '2026-06-30') FROM t GROUP BY key",
        peer: "SELECT key, max(at), count(*), sum(amount) FROM t GROUP BY key",
    },
    Case {
        name: "rfm of decimals, 1 M text keys",
        rows: 20_000_000,
        table: orders,
        ours: "SELECT key, rfm(at, cost, DATE '2026-06-30') FROM t GROUP BY key",
        peer: "SELECT key, max(at), count(*), sum(cost) FROM t GROUP BY key",
    },
    Case {
        name: "quantile_score",
        rows: 10_000_000,
        table: values,
        ours: "SELECT sum(score) FROM (SELECT quantile_score(value, 5) OVER () AS score FROM t)",
        peer: "SELECT sum(place) FROM (SELECT rank() OVER (ORDER BY value) AS place FROM t)",
    },
    Case {
        name: "active_days, 100 k accounts",
        rows: 20_000_000,
        table: events,
        ours: "SELECT key, active_days(at, DATE '2026-06-30', 90) FROM t GROUP BY key",
        peer: "SELECT key, count(DISTINCT CAST(at AS DATE)) FROM t \
               WHERE at >= '2026-04-02' AND at < '2026-07-01' GROUP BY key",
    },
    Case {
        name: "active_days of two windows, 100 k accounts",
        rows: 20_000_000,
        table: events,
        ours: "SELECT key, active_days(at, DATE '2026-06-30', 30), active_days(at, DATE '2026-06-30', 90) \
               FROM t GROUP BY key",
        peer: "SELECT key, count(DISTINCT CAST(at AS DATE)) FILTER (WHERE at >= '2026-06-01'), \
                      count(DISTINCT CAST(at AS DATE)) FROM t \
               WHERE at >= '2026-04-02' AND at < '2026-07-01' GROUP BY key",
    },
    Case {
        name: "decayed_sum, 1 M text keys",
        rows: 20_000_000,
        table: orders,
        ours: "SELECT key, decayed_sum(amount, at, DATE '2026-06-30', 30) FROM t GROUP BY key",
        peer: "SELECT key, sum(amount * power(0.5, (20634 - CAST(CAST(at AS DATE) AS INT)) / 30.0)) \
               FROM t WHERE at < '2026-07-01' GROUP BY key",
    },
    Case {
        name: "health_score of six measures",
        rows: 10_000_000,
        table: measures,
        ours: "SELECT sum(health_score({a: a, b: b, c: c, d: d, e: e, f: f}, \
                                       {a: 1.0, b: 2.0, c: 3.0, d: 1.0, e: 2.0, f: 3.0})) FROM t",
        peer: "SELECT sum(CASE WHEN known >= 0.5 * 12 THEN total / known END) FROM (SELECT \
               coalesce(a, 0) + 2 * coalesce(b, 0) + 3 * coalesce(c, 0) + coalesce(d, 0) + 2 * coalesce(e, 0) + 3 * coalesce(f, 0) AS total, \
               CASE WHEN a IS NULL THEN 0.0 ELSE 1.0 END + CASE WHEN b IS NULL THEN 0.0 ELSE 2.0 END \
               + CASE WHEN c IS NULL THEN 0.0 ELSE 3.0 END + CASE WHEN d IS NULL THEN 0.0 ELSE 1.0 END \
               + CASE WHEN e IS NULL THEN 0.0 ELSE 2.0 END + CASE WHEN f IS NULL THEN 0.0 ELSE 3.0 END AS known FROM t)",
    },
];

/// Splitmix64: the same numbers in every run.
fn random(row: u64, column: u64) -> u64 {
    let mut bits = (row * 16 + column).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn below(limit: u32, row: u64, column: u64) -> u32 {
    u32::try_from(random(row, column) % u64::from(limit)).unwrap()
}

fn array(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

fn keys(count: u32, rows: std::ops::Range<u64>) -> ArrayRef {
    let keys = rows.map(|row| format!("customer-{:07}", below(count, row, 0)));
    array(StringViewArray::from_iter_values(keys))
}

/// In the year before 2026-07-01.
fn instants(days: u32, rows: std::ops::Range<u64>) -> ArrayRef {
    let end_second = 20_635 * 86_400;
    let times =
        rows.map(|row| (end_second - 1 - i64::from(below(days * 86_400, row, 1))) * 1_000_000);
    array(TimestampMicrosecondArray::from_iter_values(times))
}

fn orders(rows: std::ops::Range<u64>) -> Vec<(&'static str, ArrayRef)> {
    let cents = |row| below(50_000, row, 2);
    let costs = Decimal128Array::from_iter_values(rows.clone().map(|row| cents(row).into()));
    vec![
        ("key", keys(1_000_000, rows.clone())),
        ("at", instants(365, rows.clone())),
        ("cost", array(costs.with_precision_and_scale(12, 2).unwrap())),
        (
            "amount",
            array(Float64Array::from_iter_values(rows.map(|row| f64::from(cents(row)) / 100.0))),
        ),
    ]
}

fn events(rows: std::ops::Range<u64>) -> Vec<(&'static str, ArrayRef)> {
    vec![("key", keys(100_000, rows.clone())), ("at", instants(120, rows))]
}

fn values(rows: std::ops::Range<u64>) -> Vec<(&'static str, ArrayRef)> {
    let values = rows.map(|row| f64::from(below(50_000_000, row, 0)) / 100.0);
    vec![("value", array(Float64Array::from_iter_values(values)))]
}

fn measures(rows: std::ops::Range<u64>) -> Vec<(&'static str, ArrayRef)> {
    let measure = |column| {
        let score = move |row| {
            let score = below(110_000, row, column);
            (score <= 100_000).then(|| f64::from(score) / 1000.0)
        };
        array(rows.clone().map(score).collect::<Float64Array>())
    };
    ["a", "b", "c", "d", "e", "f"].into_iter().zip((0..).map(measure)).collect()
}

impl Case {
    fn session(&self) -> Result<SessionContext> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let config = SessionConfig::new().with_target_partitions(threads);
        #[expect(
            clippy::disallowed_methods,
            reason = "the functions need nothing of the project's"
        )]
        let mut session = SessionContext::new_with_config(config);
        register_all(&mut session)?;

        let rows = rows(self.rows);
        let batches = (0..rows).step_by(8192).map(|start| {
            let columns = (self.table)(start..rows.min(start + 8192));
            RecordBatch::try_from_iter(columns).map_err(Into::into)
        });
        let batches = batches.collect::<Result<Vec<_>>>()?;
        let partitions = batches.chunks(batches.len().div_ceil(threads)).map(<[_]>::to_vec);
        let table = MemTable::try_new(batches[0].schema(), partitions.collect())?;
        session.register_table("t", Arc::new(table))?;
        Ok(session)
    }
}

fn rows(all: usize) -> u64 {
    let share = std::env::var("BENCH_ROWS").map_or(1.0, |share| share.parse::<f64>().unwrap());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a size"
    )]
    let rows = (all as f64 * share) as u64;
    rows.max(1)
}

/// What a query took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu_seconds: f64,
    wall_seconds: f64,
    memory_mib: f64,
}

impl Cost {
    /// Runs the query here, and prints what it took.
    async fn print(case: &Case, query: &str) -> Result<()> {
        let session = case.session()?;
        let (cpu, memory, start) = (cpu_seconds(), status_mib("VmRSS:"), Instant::now());
        let answer = session.sql(query).await?.collect().await?;
        let rows: usize = answer.iter().map(RecordBatch::num_rows).sum();
        assert!(rows > 0, "{query}");
        say(&format!(
            "{} {} {}",
            cpu_seconds() - cpu,
            start.elapsed().as_secs_f64(),
            status_mib("VmHWM:") - memory
        ));
        Ok(())
    }

    /// Runs the query in another process.
    fn measure(case: usize, query: &str) -> Self {
        let this = std::env::current_exe().unwrap();
        let run = Command::new(this).args(["--one", &case.to_string(), query]).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let text = String::from_utf8(run.stdout).unwrap();
        let numbers: Vec<f64> = text.split_whitespace().map(|it| it.parse().unwrap()).collect();
        let [cpu_seconds, wall_seconds, memory_mib] = numbers[..] else { panic!("{text}") };
        Self { cpu_seconds, wall_seconds, memory_mib }
    }

    fn median(runs: &[Self]) -> Self {
        let median = |field: fn(&Self) -> f64| {
            let mut values: Vec<_> = runs.iter().map(field).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        Self {
            cpu_seconds: median(|cost| cost.cpu_seconds),
            wall_seconds: median(|cost| cost.wall_seconds),
            memory_mib: median(|cost| cost.memory_mib),
        }
    }
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0 // of 10 ms, on every Linux
}

fn status_mib(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let kib = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
    kib.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn say(line: &str) {
    println!("{line}");
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    if let [one, case, query] = &arguments[..]
        && one == "--one"
    {
        return Cost::print(&CASES[case.parse::<usize>().unwrap()], query).await;
    }
    let runs = std::env::var("BENCH_RUNS").map_or(3, |runs| runs.parse::<usize>().unwrap());
    say("| | rows | CPU s | in SQL | ratio | wall s | in SQL | MiB | in SQL |");
    say("|---|---|---|---|---|---|---|---|---|");
    for (at, case) in CASES.iter().enumerate() {
        if !arguments.iter().all(|word| case.name.contains(word.as_str())) {
            continue;
        }
        let in_turn =
            (0..runs).map(|_| [case.ours, case.peer].map(|query| Cost::measure(at, query)));
        let (ours, peer): (Vec<_>, Vec<_>) = in_turn.map(|[ours, peer]| (ours, peer)).unzip();
        let (ours, peer) = (Cost::median(&ours), Cost::median(&peer));
        say(&format!(
            "| {} | {} M | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} |",
            case.name,
            rows(case.rows) / 1_000_000,
            ours.cpu_seconds,
            peer.cpu_seconds,
            ours.cpu_seconds / peer.cpu_seconds,
            ours.wall_seconds,
            peer.wall_seconds,
            ours.memory_mib,
            peer.memory_mib
        ));
    }
    Ok(())
}
