//! What a command of the real binary cost.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::process::Command;
use std::time::Duration;

use super::{Ended, Project};

/// The kernel tells a parent what its ended children took, and only by getrusage: std has no call for it, Python has.
const MEASURED: &str = "
import json, resource, subprocess, sys, time
started = time.monotonic()
code = subprocess.call(sys.argv[2:])
wall, used = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
cost = {'peak_bytes': used.ru_maxrss * 1024, 'cpu': used.ru_utime + used.ru_stime, 'wall': wall}
open(sys.argv[1], 'w').write(json.dumps(cost))
sys.exit(code)
";

/// What a process took until it ended.
#[derive(Debug)]
pub(crate) struct Cost {
    /// The most memory that was resident, in bytes: the pages of the program itself, 310 MB of it in the dev profile, count
    /// as far as they were touched.
    pub(crate) peak_bytes: u64,
    /// User and system time of all threads.
    pub(crate) cpu: Duration,
    /// By the clock on the wall.
    pub(crate) wall: Duration,
}

impl Project {
    /// Runs a night and tells what that cost.
    pub(crate) fn cost_of(&self, as_of: &str) -> (Ended, Cost) {
        let (to, night) = (self.path("cost.json"), self.command(&[]));
        let mut command = Command::new("python3");
        command.env_clear().envs(night.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args(["-c", MEASURED]).arg(&to).arg(night.get_program());
        command.args(["run", "--json", "--as-of", as_of, "--project"]).arg(self.path(""));
        let ended = Ended::of(command.output().unwrap());
        let cost: serde_json::Value = serde_json::from_slice(&std::fs::read(to).unwrap()).unwrap();
        let seconds = |name: &str| Duration::from_secs_f64(cost[name].as_f64().unwrap());
        let peak_bytes = cost["peak_bytes"].as_u64().unwrap();
        (ended, Cost { peak_bytes, cpu: seconds("cpu"), wall: seconds("wall") })
    }
}
