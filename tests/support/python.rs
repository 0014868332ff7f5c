//! Python with the packages of tests/requirements.txt, in `.venv` beside Cargo.toml; made when it is not there yet. What
//! needs another `DuckDB`, because its extensions come later, is in an environment of its own.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

static VENV: LazyLock<PathBuf> = LazyLock::new(|| make(".venv", "tests/requirements.txt"));

#[cfg(feature = "delta")]
static DELTA: LazyLock<PathBuf> =
    LazyLock::new(|| make(".venv-delta", "tests/requirements-delta.txt"));

/// A program of the environment: `python`, `moto_server`.
pub(crate) fn program(name: &str) -> Command {
    Command::new(VENV.join("bin").join(name))
}

/// Python with readers of Delta tables.
#[cfg(feature = "delta")]
pub(crate) fn delta_python() -> Command {
    Command::new(DELTA.join("bin/python"))
}

fn make(venv: &str, requirements: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (venv, wanted) = (root.join(venv), root.join(requirements));
    let installed = venv.join("installed.txt");
    let text = std::fs::read_to_string(&wanted).unwrap();
    if std::fs::read_to_string(&installed).is_ok_and(|have| have == text) {
        return venv;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "-r"]).arg(&wanted));
    std::fs::write(installed, text).unwrap();
    venv
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "tests compare with other people's programs and need python3 with venv and pip, and PyPI: {command:?}: {status:?}"
    );
}
