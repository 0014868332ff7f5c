//! All that can be wrong with a project before a row is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::prelude::SessionContext;

use crate::catalog;
use crate::config::Source;
use crate::core::{AsOf, Layer, Problem, TableName};
use crate::error::{Error, Result};
use crate::output;
use crate::project::Project;
use crate::session;
use crate::source::{self, Pinned};
use crate::store::PinnedStore;

/// Lists the sources, reads their footers and plans every query; all that is wrong or worth a look is the answer.
///
/// # Errors
/// What stands in the way of checking at all.
pub async fn check(project: &Project, as_of: AsOf) -> Result<Vec<Problem>> {
    let store = Arc::new(PinnedStore::default());
    let (context, _spill) = session::context(&project.config.run, as_of, &store)?;
    let mut problems = Vec::new();
    let mut tables = BTreeMap::new();
    for (name, source) in &project.config.sources {
        match look_at(project, source, as_of, &store, &context).await {
            Ok(pinned) => {
                tables.insert(name.clone(), pinned.table);
            }
            Err(error) => {
                problems.push(source_problem(project, source, &error));
                if source.columns.is_some() {
                    tables.insert(name.clone(), source::absent(source).table);
                }
            }
        }
        let table = TableName::new(Layer::Raw, name.clone());
        if project.readers(&table) == 0 {
            let message = format!("nobody reads raw.{name}");
            let problem =
                Problem::error("unread_source", &project.config.file, source.span.clone(), message);
            problems.push(problem.warning().help("read it in sql/staging/, or take it out"));
        }
    }
    let previous = [output::no_previous()];
    match catalog::plan(project, as_of, context, store, tables, previous.into()).await {
        Ok(catalog) => problems.extend(catalog.warnings),
        Err(found) => problems.extend(found),
    }
    Ok(problems)
}

async fn look_at(
    project: &Project,
    source: &Source,
    as_of: AsOf,
    store: &PinnedStore,
    context: &SessionContext,
) -> Result<Pinned> {
    if source.locations.is_empty() {
        return Ok(source::absent(source));
    }
    let listed = source::list(source, &project.config, as_of).await?;
    source::pin(source, listed, store, context).await
}

/// An extract that is not as promised, told where the promise stands.
fn source_problem(project: &Project, source: &Source, error: &Error) -> Problem {
    let text = error.to_string();
    let (message, help) = text.split_once("\n  ").unwrap_or((&text, ""));
    let span = source.span.clone();
    let problem = Problem::error(error.code(), &project.config.file, span, message).help(help);
    Problem { exit_code: error.exit_code(), ..problem }
}
