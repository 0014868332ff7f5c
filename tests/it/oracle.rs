//! Published tables against an independent recomputation in `DuckDB`, and against golden files.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::python::program;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn roster(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_roster")).args(arguments).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "roster {arguments:?}\n{out}\n{err}");
    out.into_owned()
}

fn agrees(script: &str, directory: &Path) {
    let script = repository().join("tests/oracle").join(script);
    let output = program("python").arg(script).arg(directory).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}

/// The example's project in a folder of its own, so that the repository stays as it is.
fn cdnow(directory: &Path) {
    let (from, data) = (repository().join("examples/cdnow"), repository().join("../shared/data"));
    assert!(
        data.is_dir(),
        "{} is missing: these tests compare with its golden files",
        data.display()
    );
    for file in ["staging/purchases.sql", "features/rfm.sql", "segments/rfm.sql"] {
        let to = directory.join("sql").join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from.join("sql").join(file), to).unwrap();
    }
    let toml = std::fs::read_to_string(from.join("roster.toml")).unwrap();
    let relative = "../../../shared/data";
    assert!(toml.contains(relative));
    let toml = toml.replace(relative, data.to_str().unwrap());
    std::fs::write(directory.join("roster.toml"), toml).unwrap();
}

fn demo_agrees(seed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let demo: PathBuf = directory.path().join("demo");
    roster(&["demo", demo.to_str().unwrap(), "--accounts", "150", "--seed", &seed.to_string()]);
    agrees("oracle.py", &demo);
}

#[test]
fn duckdb_recomputes_every_row_of_the_demo_seed_1() {
    demo_agrees(1);
}

#[test]
fn duckdb_recomputes_every_row_of_the_demo_seed_2() {
    demo_agrees(2);
}

#[test]
fn duckdb_recomputes_every_row_of_the_demo_seed_3() {
    demo_agrees(3);
}

#[test]
fn duckdb_recomputes_every_row_of_a_company_that_sits_on_every_edge() {
    let directory = tempfile::tempdir().unwrap();
    let demo = directory.path().join("demo");
    let project = demo.to_str().unwrap();
    roster(&["demo", project, "--accounts", "20", "--no-run"]);
    std::fs::remove_dir_all(demo.join("extracts")).unwrap();
    let script = repository().join("tests/oracle/hostile.py");
    let made = program("python").arg(script).arg(&demo).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for night in ["2026-05-31", "2026-06-30"] {
        roster(&["run", "--project", project, "--as-of", night]);
    }
    agrees("oracle.py", &demo);
}

#[test]
fn cdnow_scores_equal_the_golden_file_for_every_customer() {
    let directory = tempfile::tempdir().unwrap();
    cdnow(directory.path());
    let project = directory.path().to_str().unwrap();
    roster(&["run", "--project", project, "--as-of", "1998-06-30"]);
    agrees("cdnow.py", &directory.path().join("published"));
}

/// The harness of the benchmarks, at a small scale and once: what it compares before it measures.
#[test]
fn features_and_generated_segments_are_those_of_duckdb_and_polars() {
    let harness = repository().join("benches/run.py");
    let python = program("python").get_program().to_owned();
    let output = program("python")
        .arg(harness)
        .args(["--scale", "XS", "--rounds", "1", "--systems", "roster,duckdb,polars"])
        .args(["--parts", "rfm,usage,segments:200,all:100"])
        .args(["--roster", env!("CARGO_BIN_EXE_roster"), "--python"])
        .arg(python)
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert_eq!(out.matches("| Polars").count(), 4, "{out}");
}
