//! The night, from top to bottom.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use datafusion::arrow::datatypes::{Field, FieldRef};
use futures::FutureExt;

use crate::audit::{
    accept, audit_members, audit_queries, audit_row_drop, audit_sources, audit_universe, hold_back,
    stops,
};
use crate::catalog::{self, Failures};
use crate::commit::{Attempt, Draft, Exclusivity, Log, Published as Commit, probe, publish};
use crate::core::ending::{ALREADY_COMMITTED, COMMITTED, COMMITTED_STALE, DRY_RUN};
use crate::core::{
    AsOf, Audit, Author, FORMAT, Feed, Fingerprint, Forgotten, Ground, Input, Manifest, Name,
    Night, Plan, Reach, Record, Refusal, RunKey, Stale, State, Wish, plan,
};
use crate::error::{Error, Result};
use crate::feature;
use crate::inputs;
use crate::membership::{Committed, Earlier, Membership, Published, Tally, carry_forward, keep};
use crate::output;
use crate::project::Project;
use crate::report::{InputReport, Outcome, RunReport};
use crate::segment::{self, Members};
use crate::session;
use crate::source::Listed;
use crate::spool::{self, Spool};
use crate::store::{PinnedStore, ScanMeter};
use crate::universe::Universe;
use crate::view;

/// After a signal, the outcome of a commit that was sent is waited for this long.
const OUTCOME_GRACE: Duration = Duration::from_secs(10);

/// After a signal, a write that is under way may go on this long, and then taking away what was written: orchestrators
/// kill what has not ended within ten seconds.
const WRITE_GRACE: Duration = Duration::from_secs(5);
const DISCARD_GRACE: Duration = Duration::from_secs(3);

/// Without a signal; a store that hangs is to be told about soon.
const PATIENT_DISCARD: Duration = Duration::from_secs(20);

/// Who writes the log.
pub const PRODUCER: &str = concat!("roster ", env!("CARGO_PKG_VERSION"));

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The night.
    pub as_of: AsOf,
    /// Compute and audit, publish nothing.
    pub dry_run: bool,
    /// Which nights it may be.
    pub reach: Reach,
    /// Show values of the data in errors.
    pub show_values: bool,
    /// What audits found that may be published all the same: by [`Audit::id`].
    pub accept: &'a [String],
    /// Who makes sure that a slot of the log is written once.
    pub exclusivity: Exclusivity,
}

/// What a run needs of the world beside its stores: the only clock, and somebody who watches.
pub trait Host: Sync {
    /// The time, for names of attempts and the record; no result depends on it.
    fn now(&self) -> DateTime<Utc>;
    /// An identifier never used before, of that time.
    fn attempt_id(&self) -> String;
    /// A step begins.
    fn step(&self, step: Step);
    /// Extracts are being read: the meter moves from now on.
    fn scanning(&self, meter: &Arc<ScanMeter>);
    /// So many of all segmentations are evaluated.
    fn segments(&self, done: usize, all: usize);
}

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Listing extracts.
    List,
    /// Reading footers, planning all queries.
    Plan,
    /// Features.
    Features,
    /// Segments.
    Segments,
    /// Comparing and auditing.
    Audit,
    /// Writing the tables.
    Write,
    /// Publishing them.
    Commit,
}

/// Runs a night; `interrupted` answers with a signal's number when it is to stop.
///
/// # Errors
/// Why nothing was published, or why that is unknown.
pub async fn run(
    project: &Project,
    order: Order<'_>,
    host: &dyn Host,
    interrupted: impl Future<Output = u8>,
) -> Result<RunReport> {
    Box::pin(run_prepared(project, order, host, interrupted, None)).await
}

/// Runs a night that may be prepared already.
pub(crate) async fn run_prepared(
    project: &Project,
    order: Order<'_>,
    host: &dyn Host,
    interrupted: impl Future<Output = u8>,
    prepared: Option<Prepared>,
) -> Result<RunReport> {
    let traces = Traces::default();
    let mut interrupted = std::pin::pin!(interrupted);
    let mut ended = {
        // What panics is ours to report, and what it has written ours to take away.
        let night = AssertUnwindSafe(night(project, order, host, &traces, prepared)).catch_unwind();
        let night = night.map(|ended| ended.unwrap_or_else(|panic| Err(Error::Bug(text(&*panic)))));
        let mut night = std::pin::pin!(night);
        tokio::select! {
            ended = &mut night => ended,
            signal = &mut interrupted => {
                traces.signal.store(signal, Ordering::SeqCst);
                match traces.commit_sent.load(Ordering::SeqCst) {
                    false if !traces.writing.load(Ordering::SeqCst) => {
                        Err(Error::Interrupted { signal })
                    }
                    false => tokio::time::timeout(WRITE_GRACE, night)
                        .await
                        .unwrap_or(Err(Error::Interrupted { signal })),
                    true => tokio::time::timeout(OUTCOME_GRACE, night).await.unwrap_or_else(|_| {
                        let cause = "interrupted while it was sent".to_owned();
                        Err(Error::OutcomeUnknown { cause })
                    }),
                }
            },
        }
    };
    if ended.is_err() && !traces.commit_sent.load(Ordering::SeqCst) {
        let signal = traces.signal.load(Ordering::SeqCst);
        let limit = if signal == 0 { PATIENT_DISCARD } else { DISCARD_GRACE };
        // What stays is garbage that no reader sees, and vacuum's to find.
        let _ = tokio::time::timeout(limit, traces.discard()).await;
    }
    if let Ok(report) = &mut ended
        && !order.dry_run
        && traces.signal.load(Ordering::SeqCst) == 0
    {
        let followed = view::follow(&project.config, order.exclusivity);
        // Who interrupts does not wait for the views; the next run makes up for it.
        let warning = tokio::select! { warning = followed => warning, _ = interrupted => None };
        report.warnings.extend(warning);
    }
    ended
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("a panic without words").to_owned()
}

/// What a run leaves in the output before it is known whether it stays.
#[derive(Default)]
struct Traces {
    attempt: Mutex<Option<Arc<Attempt>>>,
    commit_sent: AtomicBool,
    /// The signal that came, 0 for none: what is not committed by then is not begun again.
    signal: AtomicU8,
    writing: AtomicBool,
}

impl Traces {
    fn begin(&self, attempt: &Arc<Attempt>) {
        self.commit_sent.store(false, Ordering::SeqCst);
        *self.attempt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(attempt));
    }

    /// Writes, to the end: a call that is dropped half-way could still put its file behind our back.
    async fn writing<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.writing.store(true, Ordering::SeqCst);
        let done = work.await;
        self.writing.store(false, Ordering::SeqCst);
        match self.signal.load(Ordering::SeqCst) {
            0 => done,
            signal => Err(Error::Interrupted { signal }),
        }
    }

    async fn discard(&self) {
        let attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(attempt) = attempt {
            attempt.discard().await;
        }
    }
}

async fn night(
    project: &Project,
    order: Order<'_>,
    host: &dyn Host,
    traces: &Traces,
    mut prepared: Option<Prepared>,
) -> Result<RunReport> {
    let day = order.as_of.day();
    host.step(Step::List);
    let log = Log::open(&project.config)?;
    let listed = inputs::list(project, order.as_of).await?;
    let fingerprint = Fingerprint::new(&project.texts(), &inputs::named(&listed));
    let wish = Wish { as_of: day, fingerprint: &fingerprint.sha256, reach: order.reach };
    loop {
        let head = log.head().await?;
        let state = head.as_ref().map(|record| record.state.clone()).unwrap_or_default();
        let ground = match plan(wish, &state) {
            Plan::Compute(ground) => ground,
            _ if order.dry_run => dry_ground(day, &state),
            Plan::Done(night) => return Ok(already(project, &night)),
            Plan::Refused(refusal) => return Err(refused(&log, day, refusal, &fingerprint).await),
        };
        check_selection(project, order, &state)?;
        let attempt = Arc::new(Attempt::new(host.attempt_id(), log.root.clone()));
        if !order.dry_run {
            traces.writing(probe(&log, &attempt.id, order.exclusivity)).await?;
            traces.begin(&attempt);
        }

        let spool = Spool::default();
        let selection = project.selection.as_ref();
        let earlier = match Earlier::read(&log, &ground, &state, day, selection, &spool).await {
            Ok(earlier) => earlier,
            // Somebody may just have rewritten or deleted those files, and said so in the log.
            Err(error @ Error::Log { .. }) if log.head().await? == head => return Err(error),
            Err(Error::Log { .. }) => {
                traces.discard().await;
                continue;
            }
            Err(error) => return Err(error),
        };
        let prepared = match prepared.take().filter(|ready| {
            ready.forgotten == earlier.forgotten && ready.read == inputs::named(&listed)
        }) {
            Some(prepared) => prepared,
            None => {
                let (previous, forgotten) = (&earlier.previous, &earlier.forgotten);
                prepare(project, order, host, &listed, &spool, previous, forgotten).await?
            }
        };
        let computed = compute(project, order, prepared, earlier, &ground, &spool)?;
        let exit_code = Stale::exit_code(&computed.told);
        if order.dry_run {
            let tallies = computed.membership.tallies().map_err(|error| spool::failure(&error))?;
            let report = report(project, day, &ground, &computed, tallies);
            return Ok(report.ended(Outcome::DryRun, DRY_RUN.code, exit_code));
        }

        host.step(Step::Write);
        let run_key = RunKey { project: project.config.name.to_string(), as_of: day };
        let (written, manifest_sha256) =
            traces.writing(write(&computed, &attempt, &run_key)).await?;
        let mut report = report(project, day, &ground, &computed, written.tallies);
        report.tables =
            written.tables.iter().map(|(name, files)| (name.clone(), files.into())).collect();

        host.step(Step::Commit);
        let author = author(&run_key, &attempt, host);
        let draft = Draft {
            author,
            run_key,
            reach: order.reach,
            feed: feed(&ground, &attempt.id, &computed.membership, &manifest_sha256),
            ground,
            point_in_time: computed.point_in_time,
            fingerprint: fingerprint.clone(),
            audits: computed.audits,
            manifest_sha256,
            stale: computed.membership.stale,
        };
        traces.commit_sent.store(true, Ordering::SeqCst);
        match publish(&log, head, &draft, order.exclusivity).await? {
            Commit::Committed { record, hint_failed } => {
                report.version = Some(record.version);
                report.attempt_id = Some(attempt.id.clone());
                report.warnings.extend(hint_failed.map(|cause| {
                    format!("readers find the night, but start to look too early: {cause}")
                }));
                let ending = if exit_code == 0 { COMMITTED } else { COMMITTED_STALE };
                return Ok(report.ended(Outcome::Committed, ending.code, exit_code));
            }
            // From here on it is certain that the attempt is not in the log and never will be.
            Commit::Restart | Commit::AlreadySo => {
                traces.commit_sent.store(false, Ordering::SeqCst);
                traces.discard().await;
                let signal = traces.signal.load(Ordering::SeqCst);
                if signal != 0 {
                    return Err(Error::Interrupted { signal });
                }
            }
            Commit::Done(night) => {
                traces.discard().await;
                return Ok(already(project, &night));
            }
            Commit::Refused(refusal) => {
                traces.discard().await;
                return Err(refused(&log, day, refusal, &fingerprint).await);
            }
        }
    }
}

/// A part of a night can be looked at, or go into a committed one.
fn check_selection(project: &Project, order: Order<'_>, state: &State) -> Result<()> {
    let day = order.as_of.day();
    let committed = state.live().any(|night| night.as_of == day);
    if project.selection.is_none() || order.dry_run || committed {
        return Ok(());
    }
    Err(Error::Setting {
        message: format!("--select: the night of {day} is not committed"),
        help: "a selection goes into a committed night, whose other segmentations stay: run it without \
               --select, or look at it with --dry-run"
            .to_owned(),
    })
}

fn author(run_key: &RunKey, attempt: &Attempt, host: &dyn Host) -> Author {
    Author {
        project: run_key.project.clone(),
        attempt_id: attempt.id.clone(),
        producer: PRODUCER.to_owned(),
        written_at: host.now(),
    }
}

/// Writes a night's tables, and the manifest that names them; what they are is the answer, with the manifest's SHA-256.
async fn write(
    computed: &Computed,
    attempt: &Attempt,
    run_key: &RunKey,
) -> Result<(output::Written, String)> {
    let written = output::write(&computed.membership, attempt).await?;
    let tables = written.tables.clone();
    let (attempt_id, run_key) = (attempt.id.clone(), run_key.to_string());
    let (inputs, input_rows) = (computed.read.clone(), computed.input_rows.clone());
    let manifest = Manifest { format: FORMAT, attempt_id, run_key, tables, inputs, input_rows };
    Ok((written, attempt.write_manifest(&manifest).await?))
}

fn rows_of(inputs: &BTreeMap<String, InputReport>) -> BTreeMap<String, u64> {
    inputs.iter().map(|(name, input)| (name.clone(), input.rows)).collect()
}

/// A night computed to look at stands on what it would, were it published now.
pub(crate) fn dry_ground(day: NaiveDate, state: &State) -> Ground {
    Ground {
        previous: state.previous_of(day).cloned(),
        stands: state.current_night().cloned(),
        advances: state.current.is_none_or(|current| current <= day),
    }
}

/// A night that is ready to be written.
struct Computed {
    membership: Membership,
    /// What is carried forward, for the report: the reasons in full.
    told: Vec<Stale>,
    audits: Vec<Audit>,
    point_in_time: bool,
    inputs: BTreeMap<String, InputReport>,
    /// The files it rests on, by source.
    read: BTreeMap<String, Vec<Input>>,
    /// Rows in them.
    input_rows: BTreeMap<String, u64>,
    warnings: Vec<String>,
}

/// A night as far as it does not depend on earlier ones, but for what SQL reads of `previous.*`.
pub(crate) struct Prepared {
    members: Vec<Members>,
    failures: Failures,
    universe: Universe,
    audits: Vec<Audit>,
    key: FieldRef,
    forgotten: Vec<Forgotten>,
    /// The files it was computed from.
    read: BTreeMap<String, Vec<Input>>,
    point_in_time: bool,
    inputs: BTreeMap<String, InputReport>,
    warnings: Vec<String>,
}

pub(crate) async fn prepare(
    project: &Project,
    order: Order<'_>,
    host: &dyn Host,
    listed: &BTreeMap<Name, Vec<Listed>>,
    spool: &Spool,
    previous: &Published,
    forgotten: &[Forgotten],
) -> Result<Prepared> {
    host.step(Step::Plan);
    let as_of = order.as_of;
    let store = Arc::new(PinnedStore::default());
    let (context, _spill) = session::context(&project.config.run, as_of, &store)?;
    let pinned = inputs::pin(project, as_of, listed, &store, &context).await?;
    let previous = match project.looks_back() {
        true => output::previous(previous).map_err(|error| spool::failure(&error))?,
        false => output::no_previous(),
    };
    let previous = vec![previous];
    let mut catalog =
        catalog::plan(project, as_of, context, Arc::clone(&store), pinned.tables, previous)
            .await
            .map_err(Error::Project)?;
    catalog.show_values = order.show_values;
    store.meter.expect(catalog.bytes_to_scan().values().sum());
    host.scanning(&store.meter);

    let mut audits = audit_sources(&catalog, project, as_of).await?;
    if audits.iter().any(|audit| stops(audit) && !order.accept.contains(&audit.id())) {
        return Err(Error::Audits(audits));
    }
    let mut failures = Failures::default();
    host.step(Step::Features);
    feature::compute(&catalog, project, &mut failures).await?;
    host.step(Step::Segments);
    let all = project.segmentations().count();
    let told = |done| host.segments(done, all);
    let members =
        segment::evaluate(&catalog, project, forgotten, spool, &mut failures, told).await?;
    host.step(Step::Audit);
    let universe = Universe::read(&catalog, project, &members, forgotten).await?;
    let found = audit_universe(project, &universe);
    audits.extend(found.map_err(|error| Error::Bug(error.strip_backtrace()))?);
    audits.extend(audit_queries(&catalog, project, forgotten, &failures).await?);
    let warnings = catalog.warnings.iter().map(|problem| {
        let (path, line) = (problem.file.path.display(), problem.position().line);
        format!("{path}:{line}: {}; {}", problem.message, problem.help)
    });
    Ok(Prepared {
        members,
        failures,
        universe,
        audits,
        key: Arc::new(Field::new(&project.config.key, catalog.key_type.clone(), false)),
        forgotten: forgotten.to_vec(),
        read: inputs::named(listed),
        point_in_time: pinned.point_in_time,
        inputs: pinned.reports,
        warnings: warnings.chain(pinned.warnings).collect(),
    })
}

/// Audits a prepared night against the earlier ones, carries forward what failed, and compares the night with them.
fn compute(
    project: &Project,
    order: Order<'_>,
    prepared: Prepared,
    earlier: Earlier,
    ground: &Ground,
    spool: &Spool,
) -> Result<Computed> {
    let Prepared { mut members, mut failures, universe, mut audits, key, .. } = prepared;
    let Prepared { mut point_in_time, inputs, mut read, warnings, .. } = prepared;
    let Earlier { previous, stands, committed, .. } = earlier;
    let failed = |error| spool::failure(&error);
    // Of a selected run some are there only because others read them.
    members.retain(|members| project.publishes(&members.segmentation));
    let found = audit_members(project, &members, &universe, &previous, order.show_values);
    audits.extend(found.map_err(failed)?);
    audits.extend(audit_row_drop(project, &rows_of(&inputs), &previous.input_rows));
    accept(&mut audits, order.accept)?;
    hold_back(project, &audits, &mut failures)?;
    let day = order.as_of.day();

    for earlier in [Some(&previous), stands.as_ref()].into_iter().flatten() {
        earlier.check_key(&key)?;
    }
    let counted = project.universe().map(|_| universe.keys());
    let stale_before = ground.previous.as_ref().map_or(&[][..], |night| &night.stale);
    let carried = carry_forward(project, &failures, &mut members, &previous, &key, counted, spool);
    let carried = carried.map_err(failed)?;
    let (mut stale, mut told) = (Vec::new(), Vec::new());
    for (segmentation, failure) in carried {
        let mut before = stale_before.iter().filter(|stale| stale.segmentation == segmentation);
        let since = before.next().map_or(day, |stale| stale.since);
        let because = failure.because.clone();
        stale.push(Stale { segmentation: segmentation.clone(), since, because });
        told.push(Stale { segmentation, since, because: failure.told.clone() });
    }
    if stale.len() == members.len()
        && let Some(error) = failures.into_first()
    {
        return Err(error);
    }
    let mut input_rows = rows_of(&inputs);
    if let Some(Committed { night, published, kept }) = &committed {
        published.check_key(&key)?;
        keep(kept, &mut members, published, &key, spool).map_err(failed)?;
        let stays =
            |stale: &&Stale| kept.iter().any(|kept| kept.name.as_str() == stale.segmentation);
        let still = night.stale.iter().filter(stays);
        stale.extend(still.clone().cloned());
        told.extend(still.cloned());
        point_in_time &= night.point_in_time;
        read = published.inputs.clone().into_iter().chain(read).collect();
        input_rows = published.input_rows.clone().into_iter().chain(input_rows).collect();
    }
    let segmentations =
        members.into_iter().map(|one| (one.segmentation.name.clone(), one)).collect();
    let as_of = day;
    let membership = Membership { as_of, key, universe, segmentations, previous, stands, stale };
    Ok(Computed { membership, told, audits, point_in_time, inputs, read, input_rows, warnings })
}

fn report(
    project: &Project,
    day: NaiveDate,
    ground: &Ground,
    computed: &Computed,
    tallies: BTreeMap<String, Tally>,
) -> RunReport {
    let mut report = RunReport::new(Some(project.config.name.to_string()), day);
    report.previous_as_of = ground.previous.as_ref().map(|night| night.as_of);
    report.advances = Some(ground.advances);
    report.point_in_time = Some(computed.point_in_time);
    report.inputs.clone_from(&computed.inputs);
    report.audits.clone_from(&computed.audits);
    report.stale.clone_from(&computed.told);
    report.warnings.clone_from(&computed.warnings);
    report.count(tallies);
    report
}

/// The answer for a night that is there.
fn already(project: &Project, night: &Night) -> RunReport {
    let mut report = RunReport::new(Some(project.config.name.to_string()), night.as_of);
    report.version = Some(night.version);
    report.attempt_id = Some(night.attempt_id.clone());
    report.point_in_time = Some(night.point_in_time);
    report.stale.clone_from(&night.stale);
    report.ended(Outcome::AlreadyCommitted, ALREADY_COMMITTED.code, night.exit_code)
}

/// Says what is not the same as in the committed night.
pub(crate) async fn refused(
    log: &Log,
    as_of: NaiveDate,
    refusal: Refusal,
    mine: &Fingerprint,
) -> Error {
    let theirs = match &refusal {
        Refusal::Differs(night) => log.record(night.version).await.ok().flatten(),
        _ => None,
    };
    let theirs = theirs.and_then(|record: Record| record.fingerprint);
    let differing = theirs.map(|theirs| mine.differing_parts(&theirs)).unwrap_or_default();
    Error::Refused { as_of, refusal: Box::new(refusal), differing }
}

/// What followers apply to come from the night that was current to this one.
fn feed(
    ground: &Ground,
    attempt_id: &str,
    membership: &Membership,
    manifest_sha256: &str,
) -> Option<Feed> {
    let table = if membership.stands.is_some() { "feed" } else { "change" };
    let feed = Feed {
        attempt_id: attempt_id.to_owned(),
        table: table.to_owned(),
        manifest_sha256: manifest_sha256.to_owned(),
    };
    ground.advances.then_some(feed)
}
