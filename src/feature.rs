//! Features: computed once, in the order of the DAG, kept where several queries read them.

use crate::catalog::Catalog;
use crate::core::Layer;
use crate::error::Result;
use crate::project::Project;

/// Computes every shared table of the feature layer.
///
/// # Errors
/// What stopped the first query that failed.
pub async fn compute(catalog: &Catalog, project: &Project) -> Result<()> {
    for table in project.order.iter().filter(|table| table.layer == Layer::Feature) {
        catalog.fill_shared(project, table).await?;
    }
    Ok(())
}
