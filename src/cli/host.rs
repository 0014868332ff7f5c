//! The world of a run: the clock, and its progress on a terminal or in a log.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};
use uuid::{NoContext, Timestamp, Uuid};

use super::output::{complain, is_terminal};
use crate::run::{Host, Step};
use crate::store::ScanMeter;

/// Redraws of the bar: often enough to look alive, too seldom to cost anything.
const TICK: Duration = Duration::from_millis(200);

/// Shows a run's progress on standard error.
pub(super) struct Terminal {
    started: Instant,
    bar: ProgressBar,
    quiet: bool,
    meter: Arc<Mutex<Option<Arc<ScanMeter>>>>,
}

impl Terminal {
    /// `quiet` shows nothing at all.
    pub(super) fn new(quiet: bool) -> Self {
        let bar = match is_terminal() && !quiet {
            true => ProgressBar::new_spinner(),
            false => ProgressBar::hidden(),
        };
        let meter = Arc::<Mutex<Option<Arc<ScanMeter>>>>::default();
        let shown = Arc::clone(&meter);
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}{scan}");
        if let Ok(style) = style {
            bar.set_style(style.with_key("scan", move |_: &_, text: &mut dyn std::fmt::Write| {
                let meter = shown.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(meter) = &*meter {
                    let _ = write!(text, ", {}", scan(meter));
                }
            }));
        }
        bar.enable_steady_tick(TICK);
        Self { started: Instant::now(), bar, quiet, meter }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn tell(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        if !is_terminal() && !self.quiet {
            complain(&format!("[{:>6.1} s] {text}", self.started.elapsed().as_secs_f64()));
        }
    }
}

impl Host for Terminal {
    fn now(&self) -> DateTime<Utc> {
        super::now()
    }

    fn attempt_id(&self) -> String {
        let now = self.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let time = Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos());
        Uuid::new_v7(time).to_string()
    }

    fn step(&self, step: Step) {
        // What was read is worth a line in a log once it has been.
        if let Some(meter) = &*self.meter.lock().unwrap_or_else(PoisonError::into_inner)
            && step == Step::Audit
        {
            self.tell(&scan(meter));
        }
        self.tell(match step {
            Step::List => "listing extracts",
            Step::Plan => "reading footers and planning queries",
            Step::Features => "computing features",
            Step::Segments => "evaluating segments",
            Step::Audit => "auditing",
            Step::Write => "writing tables",
            Step::Commit => "committing",
        });
    }

    fn scanning(&self, meter: &Arc<ScanMeter>) {
        *self.meter.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(meter));
    }

    fn segments(&self, done: usize, all: usize) {
        self.bar.set_message(format!("evaluating segments: {done} of {all}"));
        if done == all {
            self.tell(&format!("evaluated {done} segmentations"));
        }
    }
}

fn scan(meter: &ScanMeter) -> String {
    let scanned = meter.scanned.load(Ordering::Relaxed);
    // Pruning makes the rest smaller than foreseen, second readers make it larger.
    let to_scan = meter.to_scan.load(Ordering::Relaxed).max(scanned);
    format!("read {} of at most {}", size(scanned), size(to_scan))
}

/// `12.3 MiB`.
pub(super) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// Waits for SIGINT or SIGTERM; the answer is the signal's number.
pub(super) async fn interrupted() -> u8 {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
    }
}
