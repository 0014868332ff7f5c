//! All that can be wrong with a project before a row is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::prelude::SessionContext;

use crate::catalog;
use crate::config::Source;
use crate::core::{AsOf, Layer, Name, Problem, TableName};
use crate::error::{Error, Result};
use crate::output;
use crate::project::Project;
use crate::report::InputReport;
use crate::session;
use crate::source::{self, Pinned};
use crate::store::PinnedStore;

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// All that is wrong or worth a look.
    pub problems: Vec<Problem>,
    /// The sources that could be read.
    pub sources: BTreeMap<Name, SourceSeen>,
}

/// What there is of a source, and what of it is not read.
#[derive(Debug)]
pub struct SourceSeen {
    /// How much is read.
    pub input: InputReport,
    /// Files beside those that are read.
    pub passed_over: Vec<String>,
    /// Columns of the files that roster.toml does not declare.
    pub undeclared: BTreeSet<String>,
}

/// Lists the sources, reads their footers and plans every query.
///
/// # Errors
/// What stands in the way of checking at all.
pub async fn check(project: &Project, as_of: AsOf) -> Result<Checked> {
    let store = Arc::new(PinnedStore::default());
    let (context, _spill) = session::context(&project.config.run, as_of, &store)?;
    let Checked { mut problems, mut sources } = Checked::default();
    let mut tables = BTreeMap::new();
    for (name, source) in &project.config.sources {
        match look_at(project, source, as_of, &store, &context).await {
            Ok((pinned, passed_over)) => {
                problems.extend(pinned.in_small_pieces(source).map(|pieces| {
                    let (file, span) = (&project.config.file, source.span.clone());
                    let problem = Problem::error("small_pieces", file, span, pieces);
                    problem.warning().help(source::SMALL_PIECES_HELP)
                }));
                let (files, size_bytes) = (pinned.inputs.len(), pinned.size_bytes());
                let input = InputReport { files, rows: pinned.rows, size_bytes };
                let undeclared = pinned.undeclared;
                sources.insert(name.clone(), SourceSeen { input, passed_over, undeclared });
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
    Ok(Checked { problems, sources })
}

async fn look_at(
    project: &Project,
    source: &Source,
    as_of: AsOf,
    store: &PinnedStore,
    context: &SessionContext,
) -> Result<(Pinned, Vec<String>)> {
    if source.locations.is_empty() {
        return Ok((source::absent(source), Vec::new()));
    }
    let listing = source::list(source, &project.config, as_of).await?;
    Ok((source::pin(source, listing.files, store, context).await?, listing.passed_over))
}

/// An extract that is not as promised, told where the promise stands.
fn source_problem(project: &Project, source: &Source, error: &Error) -> Problem {
    let text = error.to_string();
    let (message, help) = text.split_once("\n  ").unwrap_or((&text, ""));
    let span = source.span.clone();
    let problem = Problem::error(error.code(), &project.config.file, span, message).help(help);
    Problem { exit_code: error.exit_code(), ..problem }
}
