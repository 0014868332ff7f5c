//! The project's own audit queries.

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::util::display::array_value_to_string;

use super::found;
use super::keys::KEYS_SHOWN;
use crate::catalog::{Catalog, Failures};
use crate::core::{Audit, Forgotten, Layer, Role, Severity, counted};
use crate::error::Result;
use crate::project::Project;

/// Runs the files of `sql/audits/`, which must return no rows; those that read what failed are not asked.
///
/// # Errors
/// A query that fails.
pub async fn audit_queries(
    catalog: &Catalog,
    project: &Project,
    forgotten: &[Forgotten],
    failures: &Failures,
) -> Result<Vec<Audit>> {
    let mut audits = Vec::new();
    let tables = project.order.iter().filter(|table| table.layer == Layer::Audit);
    for table in tables {
        if let Some(failure) = failures.get(table) {
            let message = format!("it was not asked: {}", failure.because);
            audits.push(found(table, "not_asked", Severity::Warn, message));
            continue;
        }
        let (file, query) = (project.files.get(table), catalog.queries.get(table));
        let (Some(file), Some(query)) = (file, query) else { continue };
        let Role::Audit(audit) = &file.role else { continue };
        let batches = catalog.rows(project, table, &query.plan).await?;
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if rows == 0 {
            continue;
        }
        let key = &project.config.key;
        let shown = !query.personal.contains(key) || catalog.show_values;
        let keys = if shown { keys_of(&batches, key, forgotten) } else { Vec::new() };
        let shown = if keys.is_empty() { String::new() } else { format!(", {}", keys.join(", ")) };
        let title = audit.title.as_deref().unwrap_or("it must return no rows");
        let path = file.file.path.display();
        let message =
            format!("{title}: {}{shown}; `roster sql < {path}` shows them", counted(rows, "row"));
        let audit = found(table, "query", audit.severity, message);
        audits.push(Audit { named_keys: shown, ..audit });
    }
    Ok(audits)
}

/// The first keys of an audit's rows, where it returns any.
fn keys_of(batches: &[RecordBatch], key: &str, forgotten: &[Forgotten]) -> Vec<String> {
    let mut keys: Vec<_> = batches
        .iter()
        .filter_map(|batch| batch.column_by_name(key))
        .flat_map(|column| {
            let valid = (0..column.len()).filter(|index| column.is_valid(*index));
            valid.filter_map(|index| array_value_to_string(column, index).ok())
        })
        .collect();
    keys.retain(|key| !forgotten.iter().any(|known| known.is(key)));
    keys.sort();
    keys.dedup();
    keys.truncate(KEYS_SHOWN);
    keys
}
