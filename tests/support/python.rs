//! Python with the packages of tests/requirements.txt, in `.venv` beside Cargo.toml; made when it is not there yet.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

static VENV: LazyLock<PathBuf> = LazyLock::new(make);

/// A program of the environment: `python`, `moto_server`.
pub(crate) fn program(name: &str) -> Command {
    Command::new(VENV.join("bin").join(name))
}

fn make() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (venv, wanted) = (root.join(".venv"), root.join("tests/requirements.txt"));
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
