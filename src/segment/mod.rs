//! Who belongs where: each segment query evaluated, in the order of the DAG.

mod claims;
mod members;

pub use members::{Members, remembered};

use claims::Claims;

use crate::catalog::Catalog;
use crate::core::{Forgotten, Layer};
use crate::error::{Error, Result};
use crate::project::Project;

/// Evaluates all segmentations of the project, without the keys that are `forgotten`; `done` is told after each.
///
/// # Errors
/// What stopped the first query that failed.
pub async fn evaluate(
    catalog: &Catalog,
    project: &Project,
    forgotten: &[Forgotten],
    mut done: impl FnMut(usize),
) -> Result<Vec<Members>> {
    let mut claims = Claims::default();
    let mut all = Vec::new();
    for table in project.order.iter().filter(|table| table.layer == Layer::Segment) {
        let (file, query) = (project.files.get(table), catalog.queries.get(table));
        let Some((segmentation, query)) = file.and_then(|file| file.segmentation()).zip(query)
        else {
            return Err(Error::Bug(format!("{table} was not planned")));
        };
        let batches = catalog.rows(project, table, &query.plan).await?;
        let members = Members::new(segmentation, query, &batches)
            .and_then(|members| members.without(forgotten))
            .and_then(|members| claims.settle(members))
            .and_then(Members::sorted);
        let published = members.and_then(|members| {
            if let Some(shared) = &query.shared {
                let pool = &catalog.context.runtime_env().memory_pool;
                shared.fill(vec![vec![members.rows.clone()]], pool)?;
            }
            Ok(members)
        });
        match published {
            Ok(members) => all.push(members),
            Err(error) => return Err(catalog.failure(project, table, &error).await),
        }
        done(all.len());
    }
    all.sort_by(|a, b| a.segmentation.name.cmp(&b.segmentation.name));
    Ok(all)
}
