//! A segmentation's rows against what its front matter promises.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::thread;

use datafusion::arrow::array::Array;
use datafusion::error::Result;

use super::found;
use super::keys::{Found, KEYS_SHOWN, Keys, again, found_at};
use crate::core::{Audit, Limits, Segmentation, Severity, counted};
use crate::membership::{Drift, Published};
use crate::project::Project;
use crate::segment::{MemberBatch, Members};
use crate::universe::Universe;

/// Audits every segmentation; the answer holds only what was found.
///
/// # Errors
/// Keys that can not be compared: a bug.
pub fn audit_members(
    project: &Project,
    members: &[Members],
    universe: &Universe,
    previous: &Published,
    show_values: bool,
) -> Result<Vec<Audit>> {
    let of = |members: &Members| {
        let segmentation = &members.segmentation;
        let before = previous.rows(segmentation.name.as_str())?;
        let sql = project.files.get(&segmentation.table()).map_or("", |file| &file.file.text);
        audit(segmentation, &members.read()?, universe, before.as_ref(), sql, show_values)
    };
    let share = members.len().div_ceil(project.config.run.threads()).max(1);
    let audits: Result<Vec<Vec<Vec<_>>>> = thread::scope(|scope| {
        let shares: Vec<_> = members
            .chunks(share)
            .map(|share| scope.spawn(|| share.iter().map(of).collect()))
            .collect();
        let joined = shares
            .into_iter()
            .map(|share| share.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.collect()
    });
    Ok(audits?.into_iter().flatten().flatten().collect())
}

fn audit(
    segmentation: &Segmentation,
    members: &MemberBatch,
    universe: &Universe,
    before: Option<&MemberBatch>,
    sql: &str,
    show_values: bool,
) -> Result<Vec<Audit>> {
    let of = format!("segment.{}", segmentation.name);
    let mut audits = Vec::new();
    let with_keys = |audit: Audit, keys: &Found| Audit { named_keys: keys.named(), ..audit };

    // Readers tell rows apart by their keys: such rows are never published.
    let at_least_block = segmentation.severity.max(Severity::Block);
    let nulls = members.keys().null_count();
    if nulls > 0 {
        let noun = if nulls == 1 { "row has" } else { "rows have" };
        let message =
            format!("{nulls} {noun} a NULL key: leave them out with WHERE ... IS NOT NULL");
        audits.push(found(&of, "null_key", at_least_block, message));
    }
    let keys = Distinct::of(members, universe)?;
    let repeated = match segmentation.exclusive || members.runs()?.len() == 1 {
        true => &keys.again,
        // Labels tell rows apart where a key may have several.
        false => &again_in_a_segment(members)?,
    };
    let repeated = found_at(members.keys(), repeated)?;
    if repeated.count > 0 {
        let promise = if segmentation.exclusive {
            "more than one row, and the segmentation is exclusive"
        } else {
            "more than one row in a segment"
        };
        let message = format!(
            "{} {} {promise}: join on unique keys, or GROUP BY the key",
            repeated.told(),
            repeated.has()
        );
        let audit = found(&of, "duplicate_key", at_least_block, message);
        audits.push(with_keys(audit, &repeated));
    }
    if let Some(message) = unknown_labels(segmentation, members, sql, show_values) {
        audits.push(found(&of, "unknown_label", segmentation.severity, message));
    }
    if segmentation.total {
        let missing = found_at(universe.keys(), &keys.missing())?;
        if missing.count > 0 {
            let message = format!(
                "{} of the universe {} no label, and the segmentation is total: give them one, like 'unknown'",
                missing.told(),
                missing.has()
            );
            let audit = found(&of, "total", segmentation.severity, message);
            audits.push(with_keys(audit, &missing));
        }
    }
    let limits = &segmentation.limits;
    let earlier = before.filter(|_| limits.max_change.is_some());
    let earlier = earlier.map(MemberBatch::distinct_keys).transpose()?;
    for (rule, message) in outside(limits, keys.count(), earlier) {
        audits.push(found(&of, rule, segmentation.severity, message));
    }
    if let Some((most, before)) = segmentation.limits.max_drift.zip(before) {
        let drift = Drift::between(before, members)?;
        if let Some(drift) = drift.largest().filter(|drift| *drift > most) {
            let message = format!(
                "sizes or scores have drifted since the night before: a population stability index of {drift:.3}, at most \
                 {most:.3} is expected; look at its inputs first"
            );
            audits.push(found(&of, "max_drift", segmentation.severity, message));
        }
    }
    Ok(audits)
}

/// The keys of a segmentation's rows.
struct Distinct {
    /// Which of those that are counted are there.
    counted: Vec<bool>,
    /// How many others are.
    others: usize,
    /// Rows whose key an earlier row has.
    again: Vec<usize>,
}

impl Distinct {
    fn of(members: &MemberBatch, universe: &Universe) -> Result<Self> {
        let mut counted = vec![false; universe.keys().len()];
        let (mut again, mut strangers) = (Vec::new(), Vec::new());
        for (row, place) in universe.places(members)?.into_iter().enumerate() {
            match place {
                Some(place) if std::mem::replace(&mut counted[place], true) => again.push(row),
                Some(_) => {}
                None => strangers.push(row),
            }
        }
        let mut others = HashSet::new();
        if !strangers.is_empty() {
            let keys = Keys::new(members.keys())?;
            let seen = strangers.into_iter().filter(|row| !others.insert(keys.row(*row).owned()));
            again.extend(seen.collect::<Vec<_>>());
        }
        Ok(Self { counted, others: others.len(), again })
    }

    fn count(&self) -> usize {
        self.counted.iter().filter(|is_there| **is_there).count() + self.others
    }

    /// Who is counted and not there.
    fn missing(&self) -> Vec<usize> {
        (0..self.counted.len()).filter(|place| !self.counted[*place]).collect()
    }
}

/// Rows that have the key of an earlier row, and its segment.
fn again_in_a_segment(members: &MemberBatch) -> Result<Vec<usize>> {
    let runs = members.runs()?.into_values();
    let again: Result<Vec<_>> = runs.map(|run| again(members.keys(), run)).collect();
    Ok(again?.concat())
}

fn unknown_labels(
    segmentation: &Segmentation,
    members: &MemberBatch,
    sql: &str,
    show_values: bool,
) -> Option<String> {
    let labels = segmentation.label_names()?;
    let known: HashSet<&str> = labels.iter().map(String::as_str).collect();
    let unknown = members.segments().iter().flatten().filter(|label| !known.contains(label));
    let mut unknown: Vec<_> = unknown.collect();
    let rows = unknown.len();
    unknown.sort_unstable();
    unknown.dedup();
    // What stands in the SQL is no value of the data.
    let shown = unknown.iter().filter(|label| show_values || sql.contains(**label));
    let shown: Vec<_> = shown.take(KEYS_SHOWN).map(|label| format!("`{label}`")).collect();
    let shown = match shown.is_empty() {
        true => format!("{} (--show-values names them)", counted(unknown.len(), "label")),
        false => shown.join(", "),
    };
    (rows > 0).then(|| {
        let declared = labels.join(", ");
        let have = if rows == 1 { "row has a label that is" } else { "rows have labels that are" };
        format!("{rows} {have} not declared: {shown}; declared are: {declared}")
    })
}

fn outside(limits: &Limits, members: usize, earlier: Option<usize>) -> Vec<(&'static str, String)> {
    let count = members as u64;
    let mut found = Vec::new();
    if let Some(least) = limits.min_members.filter(|least| count < *least) {
        let message = format!(
            "{}, at least {least} expected: look at its inputs first",
            counted(count, "member")
        );
        found.push(("min_members", message));
    }
    if let Some(most) = limits.max_members.filter(|most| count > *most) {
        let message = format!(
            "{}, at most {most} expected: look at its inputs first",
            counted(count, "member")
        );
        found.push(("max_members", message));
    }
    if let (Some(most), Some(earlier)) = (limits.max_change, earlier) {
        #[expect(clippy::cast_precision_loss, reason = "members are far fewer than 2^52")]
        let change = (members.abs_diff(earlier)) as f64 / earlier.max(1) as f64;
        if change > most {
            let message = format!(
                "{count} members after {earlier} the night before: a change of {:.1} %, at most {:.1} % is expected",
                change * 100.0,
                most * 100.0
            );
            found.push(("max_change", message));
        }
    }
    found
}
