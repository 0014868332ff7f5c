//! What follows from what the audits found.

use crate::catalog::Failures;
use crate::core::{Audit, AuditOutcome, Layer, Severity, SqlFile, TableName, nearest};
use crate::error::{Error, Result};
use crate::project::Project;

/// Whether an audit stops the night whatever it is about.
#[must_use]
pub fn stops(audit: &Audit) -> bool {
    audit.outcome == AuditOutcome::Failed && audit.severity == Severity::Abort
}

/// Lets through what somebody answers for, by [`Audit::id`].
///
/// # Errors
/// What was not found, or can not be let through.
pub fn accept(audits: &mut [Audit], accepted: &[String]) -> Result<()> {
    for id in accepted {
        let Some(audit) = audits.iter_mut().find(|audit| audit.id() == *id) else {
            let found: Vec<_> = audits.iter().map(Audit::id).collect();
            let near = nearest(id, found.iter().map(String::as_str));
            return Err(Error::Setting {
                message: format!("nothing to accept: no audit `{id}` found anything tonight"),
                help: match (near, found.is_empty()) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, false) => format!("what was found: {}", found.join(", ")),
                    (None, true) => "run without --accept".to_owned(),
                },
            });
        };
        if !audit.can_be_accepted() {
            return Err(Error::Setting {
                message: format!(
                    "`{id}` can not be accepted: readers could not tell the rows apart"
                ),
                help: "mend the query or the extract".to_owned(),
            });
        }
        audit.outcome = AuditOutcome::Accepted;
    }
    Ok(())
}

/// Keeps back the segmentations that failed audits are about. What is about none, or leaves none, stops the night.
///
/// # Errors
/// The audits that stop the night.
pub fn hold_back(project: &Project, audits: &[Audit], failures: &mut Failures) -> Result<()> {
    let stop = || Err(Error::Audits(audits.to_vec()));
    for audit in audits.iter().filter(|audit| audit.outcome == AuditOutcome::Failed) {
        let blocked = audited(project, audit);
        if stops(audit) || blocked.is_empty() {
            return stop();
        }
        for table in &blocked {
            failures.block(project, table, audit);
        }
    }
    let failed = audits.iter().any(|audit| audit.outcome == AuditOutcome::Failed);
    match project.segmentations().all(|mine| failures.get(&mine.table()).is_some()) {
        true if failed => stop(),
        _ => Ok(()),
    }
}

/// The segmentations that an audit is about: the one it looks at, or those that its query reads.
fn audited(project: &Project, audit: &Audit) -> Vec<TableName> {
    let named = |(table, _): &(&TableName, &SqlFile)| table.to_string() == audit.of;
    let Some((table, file)) = project.files.iter().find(named) else { return Vec::new() };
    match table.layer {
        Layer::Segment => vec![table.clone()],
        Layer::Audit => {
            let read = file.references.iter().map(|read| &read.table);
            read.filter(|table| table.layer == Layer::Segment).cloned().collect()
        }
        _ => Vec::new(), // a source or the universe
    }
}
