//! The keys of the universe table.

use datafusion::arrow::array::Array;
use datafusion::error::Result;

use super::found;
use super::keys::{again, found_at};
use crate::core::{Audit, Severity};
use crate::project::Project;
use crate::universe::Universe;

/// What is wrong with the keys of the universe table, if the project has one.
///
/// # Errors
/// Keys that can not be compared: a bug.
pub fn audit_universe(project: &Project, universe: &Universe) -> Result<Vec<Audit>> {
    let mut audits = Vec::new();
    let Some(table) = project.universe() else { return Ok(audits) };
    let nulls = universe.keys().null_count();
    if nulls > 0 {
        let message = format!("{nulls} rows have a NULL key: leave them out");
        audits.push(found(&table, "null_key", Severity::Abort, message));
    }
    let keys = universe.keys();
    let repeated = found_at(keys, &again(keys, 0..keys.len())?)?;
    if repeated.count > 0 {
        let message = format!(
            "{} have more than one row in the universe: join on unique keys, or GROUP BY the key",
            repeated.told()
        );
        audits.push(found(&table, "duplicate_key", Severity::Abort, message));
    }
    Ok(audits)
}
