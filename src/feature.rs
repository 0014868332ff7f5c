//! Features: computed once, in the order of the DAG, kept where several queries read them.

use crate::catalog::{Catalog, Failures};
use crate::core::Layer;
use crate::error::Result;
use crate::project::Project;

/// Computes every shared table of the feature layer; those that fail on the data go to `failures`.
///
/// # Errors
/// What stops the night: a failure that is not about one query alone.
pub async fn compute(catalog: &Catalog, project: &Project, failures: &mut Failures) -> Result<()> {
    for table in project.order.iter().filter(|table| table.layer == Layer::Feature) {
        if failures.get(table).is_none()
            && let Err(error) = catalog.fill_shared(project, table).await
        {
            failures.note(project, table, error)?;
        }
    }
    Ok(())
}
