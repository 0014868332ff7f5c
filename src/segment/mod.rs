//! Who belongs where: each segment query evaluated, in the order of the DAG.

mod claims;
mod members;
mod together;

pub use members::{MemberBatch, Members, remembered};

use claims::Claims;
use members::{one_label, sorted, without};
use together::Together;

use crate::catalog::{Catalog, Failures, one_batch};
use crate::core::{Forgotten, Layer};
use crate::error::{Error, Result};
use crate::project::Project;
use crate::spool::Spool;

/// Evaluates all segmentations of the project, without the keys that are `forgotten`; `done` is told how many are, before
/// each and at the end. Those that fail on the data go to `failures`, and are not among the members.
///
/// # Errors
/// What stops the night: a failure that is not about one query alone.
pub async fn evaluate(
    catalog: &Catalog,
    project: &Project,
    forgotten: &[Forgotten],
    spool: &Spool,
    failures: &mut Failures,
    mut done: impl FnMut(usize),
) -> Result<Vec<Members>> {
    let (mut claims, mut together) = (Claims::default(), Together::new(catalog, project));
    let mut all = Vec::new();
    let tables = project.order.iter().filter(|table| table.layer == Layer::Segment);
    let mut evaluated = 0;
    for table in tables {
        done(evaluated);
        evaluated += 1;
        if failures.get(table).is_some() {
            continue;
        }
        let (file, query) = (project.files.get(table), catalog.queries.get(table));
        let Some((segmentation, query)) = file.and_then(|file| file.segmentation()).zip(query)
        else {
            return Err(Error::Bug(format!("{table} was not planned")));
        };
        let rows = match together.rows(table, failures).await {
            Some(rows) => Ok(rows),
            None => match catalog.rows(project, table, &query.plan).await {
                Ok(batches) => one_batch(&query.plan, &batches),
                Err(error) => {
                    failures.note(project, table, error)?;
                    continue;
                }
            },
        };
        let members = rows
            .and_then(|rows| without(rows, forgotten))
            .and_then(|rows| claims.settle(segmentation, rows))
            .and_then(|rows| sorted(&rows, one_label(query)))
            .and_then(|rows| {
                if let Some(shared) = &query.shared {
                    let pool = &catalog.context.runtime_env().memory_pool;
                    shared.fill(vec![vec![rows.clone()]], pool)?;
                }
                Ok(Members::computed(segmentation, query, spool.set_aside(rows)?))
            });
        match members {
            Ok(members) => all.push(members),
            Err(error) => {
                let error = catalog.failure(project, table, &error).await;
                failures.note(project, table, error)?;
            }
        }
    }
    done(evaluated);
    all.retain(|members: &Members| failures.get(&members.segmentation.table()).is_none());
    all.sort_by(|a, b| a.segmentation.name.cmp(&b.segmentation.name));
    Ok(all)
}
