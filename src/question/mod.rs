//! A question in SQL beside the nights: over the tables of the project and over what is published. Nothing is written.

mod preview;
mod published;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::physical_plan::{SendableRecordBatchStream, execute_stream};
use datafusion::prelude::{SessionContext, ident};
use tempfile::TempDir;

pub use preview::{Label, Preview, preview};
pub use published::{documentation, register};

use crate::catalog::{self, Catalog, Failures, OF_PUBLISHED};
use crate::commit::Log;
use crate::core::{AsOf, Forgotten, Layer, Record, SqlFile, TableName};
use crate::error::{Error, Result};
use crate::feature;
use crate::inputs;
use crate::membership::Published;
use crate::output;
use crate::project::{Project, read_question};
use crate::reader::{ReadError, Reader};
use crate::run::{Host, Step};
use crate::segment::{self, Members};
use crate::session;
use crate::spool::{self, Spool};
use crate::store::PinnedStore;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// One SELECT.
    pub sql: &'a str,
    /// The night whose tables it reads; the current one by itself.
    pub as_of: Option<AsOf>,
    /// Give out personal columns too, and values of the data in errors.
    pub show_values: bool,
}

/// The rows that answer a question, as they come.
pub struct Answer {
    /// The rows.
    pub rows: SendableRecordBatchStream,
    /// Columns that are personal and left out.
    pub hidden: Vec<String>,
    catalog: Catalog,
    project: Project,
    table: TableName,
    _spill: TempDir,
}

/// Asks a question of the project in `directory`. If it reads nothing but what is published, roster.toml alone is read.
///
/// # Errors
/// Mistakes in the question or in the SQL that it rests on, and whatever stops a night.
pub async fn ask(
    directory: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    question: Question<'_>,
    host: &dyn Host,
) -> Result<Answer> {
    let asked = read_question(question.sql)?;
    let project = match reads(&asked, |layer| layer != Layer::Published) {
        true => Project::load(directory, environment)?,
        false => Project::of_config(Project::config(directory, environment)?),
    };
    let desk = Desk::new(&project, question.as_of).await?;
    let published = match reads(&asked, |layer| layer == Layer::Published) || calls(&asked) {
        true => register(&desk.context, &desk.store, Reader::of(desk.log.clone())).await,
        false => Ok(BTreeSet::new()),
    };
    let table = asked.table.clone();
    let project = project.ask(asked, &published.map_err(ReadError::into_error)?)?;
    let Night { catalog, spill, .. } = desk.compute(&project, question.show_values, host).await?;
    match stream(&catalog, &table, question.show_values).await {
        Ok((rows, hidden)) => Ok(Answer { rows, hidden, catalog, project, table, _spill: spill }),
        Err(error) => Err(catalog.failure(&project, &table, &error).await),
    }
}

impl Answer {
    /// Says what stopped the rows.
    pub async fn failure(&self, error: &DataFusionError) -> Error {
        self.catalog.failure(&self.project, &self.table, error).await
    }
}

/// Where a part of a night is computed to be looked at.
struct Desk {
    as_of: AsOf,
    log: Log,
    head: Option<Record>,
    store: Arc<PinnedStore>,
    context: SessionContext,
    spill: TempDir,
}

/// A night, computed as far as a part of a project goes.
struct Night {
    catalog: Catalog,
    members: Vec<Members>,
    forgotten: Vec<Forgotten>,
    spill: TempDir,
}

impl Desk {
    /// For the night of `as_of`, by itself the current one.
    async fn new(project: &Project, as_of: Option<AsOf>) -> Result<Self> {
        let log = Log::open(&project.config)?;
        let head = log.head().await?;
        let current = head.as_ref().and_then(|head| head.state.current);
        let current = current.and_then(|day| AsOf::new(day, project.config.time_zone));
        let as_of = as_of.or(current).ok_or_else(|| Error::Setting {
            message: "no night is committed whose day could be meant".to_owned(),
            help: "say which: --as-of 2026-06-30, or --as-of today".to_owned(),
        })?;
        let store = Arc::new(PinnedStore::default());
        let (context, spill) = session::context(&project.config.run, as_of, &store)?;
        Ok(Self { as_of, log, head, store, context, spill })
    }

    async fn compute(self, project: &Project, show_values: bool, host: &dyn Host) -> Result<Night> {
        let Self { as_of, store, context, spill, .. } = self;
        host.step(Step::List);
        let listed = inputs::list(project, as_of).await?;
        host.step(Step::Plan);
        let tables = inputs::pin(project, as_of, &listed, &store, &context).await?.tables;
        let state = self.head.map(|head| head.state).unwrap_or_default();
        let spool = Spool::default();
        let previous = match state.previous_of(as_of.day()) {
            Some(night) if project.looks_back() => {
                Published::read(&self.log, night, &spool).await?
            }
            _ => Published::default(),
        };
        let previous = vec![output::previous(&previous).map_err(|error| spool::failure(&error))?];
        let catalog = catalog::plan(project, as_of, context, store, tables, previous).await;
        let mut catalog = catalog.map_err(Error::Project)?;
        catalog.show_values = show_values;
        catalog.store.meter.expect(catalog.bytes_to_scan().values().sum());
        host.scanning(&catalog.store.meter);

        let mut failures = Failures::default();
        host.step(Step::Features);
        feature::compute(&catalog, project, &mut failures).await?;
        host.step(Step::Segments);
        let forgotten = state.forgotten;
        let members =
            segment::evaluate(&catalog, project, &forgotten, &spool, &mut failures, |_| {});
        let members = members.await?;
        match failures.into_first() {
            Some(error) => Err(error),
            None => Ok(Night { catalog, members, forgotten, spill }),
        }
    }
}

fn reads(file: &SqlFile, layer: impl Fn(Layer) -> bool) -> bool {
    file.references.iter().any(|read| layer(read.table.layer))
}

/// Whether it calls what reads published tables.
fn calls(file: &SqlFile) -> bool {
    file.calls.iter().any(|call| OF_PUBLISHED.contains(&call.function.as_str()))
}

async fn stream(
    catalog: &Catalog,
    table: &TableName,
    show_values: bool,
) -> Result<(SendableRecordBatchStream, Vec<String>), DataFusionError> {
    let state = catalog.context.state();
    let no_plan = || DataFusionError::Internal(format!("{table} was not planned"));
    let query = catalog.queries.get(table).ok_or_else(no_plan)?;
    let mut frame = catalog.context.execute_logical_plan(query.plan.clone()).await?;
    let mut hidden = Vec::new();
    if !show_values && !query.personal.is_empty() {
        let columns = frame.schema().fields().iter().map(|field| field.name().clone());
        let (personal, shown): (Vec<_>, Vec<_>) =
            columns.partition(|name| query.personal.contains(name));
        hidden = personal;
        frame = frame.select(shown.into_iter().map(ident).collect::<Vec<_>>())?;
    }
    let plan = frame.create_physical_plan().await?;
    Ok((execute_stream(plan, state.task_ctx())?, hidden))
}
