//! Who is counted.

use std::collections::HashSet;

use datafusion::arrow::array::{Array, ArrayRef, new_empty_array};
use datafusion::arrow::compute::{cast, concat, filter};
use datafusion::common::TableReference;
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::ident;

use super::found;
use super::keys::{Found, Keys};
use crate::catalog::Catalog;
use crate::core::{Audit, Forgotten, Severity};
use crate::error::{Error, Result};
use crate::project::Project;
use crate::segment::{Members, remembered};

/// The keys of all who are counted.
#[derive(Debug)]
pub struct Universe {
    /// Distinct and not NULL.
    pub keys: ArrayRef,
}

/// The keys of all who are counted: of the universe table, else of all segmentations. What is wrong with the table's
/// keys is the second answer.
///
/// # Errors
/// A table that can not be read.
pub async fn universe(
    catalog: &Catalog,
    project: &Project,
    members: &[Members],
    forgotten: &[Forgotten],
) -> Result<(Universe, Vec<Audit>)> {
    let key = &project.config.key;
    let Some(table) = project.universe() else {
        let keys: Vec<_> = members.iter().map(|members| members.keys().as_ref()).collect();
        let keys = if keys.is_empty() {
            new_empty_array(&catalog.key_type)
        } else {
            concat(&keys).map_err(|error| Error::Bug(error.to_string()))?
        };
        return Ok((Universe { keys }, Vec::new()));
    };
    let read = async || -> EngineResult<Universe> {
        let reference = TableReference::partial(table.layer.schema(), table.name.as_str());
        let rows = catalog.context.table(reference).await?.select(vec![ident(key)])?;
        let batches = rows.collect().await?;
        let keys: EngineResult<Vec<_>> =
            batches.iter().map(|batch| Ok(cast(batch.column(0), &catalog.key_type)?)).collect();
        let keys = keys?;
        let keys: Vec<_> = keys.iter().map(AsRef::as_ref).collect();
        let mut keys = match keys.as_slice() {
            [] => new_empty_array(&catalog.key_type),
            keys => concat(keys)?,
        };
        if let Some(keep) = remembered(&keys, forgotten)? {
            keys = filter(&keys, &keep)?;
        }
        Ok(Universe { keys })
    };
    let universe = match read().await {
        Ok(universe) => universe,
        Err(error) => return Err(catalog.failure(project, &table, &error).await),
    };
    let mut audits = Vec::new();
    let nulls = universe.keys.null_count();
    if nulls > 0 {
        let message = format!("{nulls} rows have a NULL key: leave them out");
        audits.push(found(&table, "null_key", Severity::Abort, message));
    }
    let repeated = repeated(&universe).map_err(|error| Error::Bug(error.to_string()))?;
    if repeated.count > 0 {
        let message = format!(
            "{} have more than one row in the universe: join on unique keys, or GROUP BY the key",
            repeated.told()
        );
        audits.push(found(&table, "duplicate_key", Severity::Abort, message));
    }
    Ok((universe, audits))
}

fn repeated(universe: &Universe) -> EngineResult<Found> {
    let keys = Keys::new(&universe.keys)?;
    let mut seen = HashSet::new();
    let again: Vec<_> =
        (0..keys.rows.len()).filter(|index| !seen.insert(&keys.rows[*index])).collect();
    Ok(keys.at(again.into_iter()))
}
