//! What SQL can name, and every query of the project planned over it before a row is read.
//!
//! A table that several queries read is computed once: its readers are planned over a [`Deferred`] table, which is
//! filled when its turn comes.

mod deferred;
mod diagnose;
mod execute;
mod failure;
mod failures;
mod fused;
mod lints;
mod member_rows;
mod ordered;
mod personal;
mod volatile;
mod wording;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::{DataFusionError, plan_err};
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{LogicalPlan, Volatility};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion_functions_segmentation::CLOCK_FUNCTIONS;

pub use deferred::Deferred;
pub use execute::one_batch;
pub use failures::{Failure, Failures};
pub use fused::{Pick, passing};
pub use member_rows::{MemberRows, SCORE, SEGMENT};
pub use ordered::Ordered;

use crate::core::{
    AsOf, Layer, Level, MEMBERSHIPS, Name, Problem, Segmentation, SqlFile, TableName, type_name,
};
use crate::project::Project;
use crate::session::CATALOG;
use crate::source::{PinnedTable, as_of_night, published_type};
use crate::store::PinnedStore;
use personal::Personal;

/// The members of a segment on a night that is published: a table function.
pub const SEGMENT_MEMBERS: &str = "segment_members";
/// All that is published of a key: a table function.
pub const MEMBERSHIP_HISTORY: &str = "membership_history";
/// Functions over what is published, which no night may call.
pub const OF_PUBLISHED: [&str; 2] = [SEGMENT_MEMBERS, MEMBERSHIP_HISTORY];

/// A query of the project, ready to run.
#[derive(Debug)]
pub struct Planned {
    /// What to run.
    pub plan: LogicalPlan,
    /// Where its rows go, if several read them.
    pub shared: Option<Arc<Deferred>>,
    /// Of a segment file: what its rows are.
    pub members: Option<MemberRows>,
    /// Of a segment file that only picks rows of a table in memory.
    pub pick: Option<Pick>,
    /// Columns that are personal, or computed from one that is.
    pub personal: BTreeSet<String>,
}

/// A table of the night before, for SQL to look back on: `previous.<name>`.
pub struct PreviousTable {
    /// Its name.
    pub name: &'static str,
    /// Its columns, given the entity key's.
    pub schema: fn(&FieldRef) -> SchemaRef,
    /// Its rows; none before the first night.
    pub rows: Vec<RecordBatch>,
}

/// Every query of a project, planned.
pub struct Catalog {
    /// Knows all tables.
    pub context: SessionContext,
    /// Serves the files behind them.
    pub store: Arc<PinnedStore>,
    /// The sources' files.
    pub sources: BTreeMap<Name, Arc<PinnedTable>>,
    /// The project's queries.
    pub queries: BTreeMap<TableName, Planned>,
    /// The type of the entity key in published tables.
    pub key_type: DataType,
    /// What is worth a look.
    pub warnings: Vec<Problem>,
    /// Whose day a date is.
    pub zone: Tz,
    /// Whether errors may show values of the data.
    pub show_values: bool,
}

/// Plans all files of `project` over its sources and the night before.
///
/// # Errors
/// All mistakes of all files together; a file that reads a broken one is not judged.
pub async fn plan(
    project: &Project,
    as_of: AsOf,
    context: SessionContext,
    store: Arc<PinnedStore>,
    sources: BTreeMap<Name, Arc<PinnedTable>>,
    mut previous: Vec<PreviousTable>,
) -> Result<Catalog, Vec<Problem>> {
    let schemas = register_schemas(&context);
    let mut planner = Planner {
        project,
        context,
        schemas,
        personal: Personal::default(),
        queries: BTreeMap::new(),
        problems: Vec::new(),
    };
    planner.add_sources(as_of, &sources);
    for table in &project.order {
        if table.layer >= Layer::Segment {
            // Only they look back; by now the features say what type the key has.
            previous.drain(..).for_each(|table| planner.add_previous(table));
        }
        if let Some(file) = project.files.get(table) {
            planner.add_file(file).await;
        }
    }
    planner.check_universe();
    let key_type = planner.check_key_types();
    let (errors, warnings): (Vec<_>, Vec<_>) =
        planner.problems.into_iter().partition(|problem| problem.level == Level::Error);
    if !errors.is_empty() {
        return Err(errors.into_iter().chain(warnings).collect());
    }
    let key_type = key_type.unwrap_or(DataType::Utf8);
    let (context, mut queries) = (planner.context, planner.queries);
    let state = context.state();
    let fast = |query: &&mut Planned| query.members.is_some() && !project.config.run.plain;
    for query in queries.values_mut().filter(fast) {
        query.pick = Pick::of(&query.plan, &state);
        if let Some(pick) = &query.pick {
            pick.table.sort_by(&project.config.key);
        }
    }
    for shared in queries.values().filter_map(|query| query.shared.as_ref()) {
        shared.end_planning();
    }
    Ok(Catalog {
        context,
        store,
        sources,
        queries,
        key_type,
        warnings,
        zone: as_of.zone(),
        show_values: false,
    })
}

/// Whoever asks a question has registered what is published before.
fn register_schemas(context: &SessionContext) -> BTreeMap<Layer, Arc<MemorySchemaProvider>> {
    let catalog = Arc::new(MemoryCatalogProvider::new());
    let before = context.catalog(CATALOG);
    let published = before.and_then(|catalog| catalog.schema(Layer::Published.schema()));
    if let Some(published) = published {
        let _ = catalog.register_schema(Layer::Published.schema(), published);
    }
    let mut schemas = BTreeMap::new();
    for layer in [Layer::Raw, Layer::Previous, Layer::Staging, Layer::Feature, Layer::Segment] {
        let schema = Arc::new(MemorySchemaProvider::new());
        // A new catalog takes any new schema.
        let _ = catalog.register_schema(layer.schema(), Arc::clone(&schema) as _);
        schemas.insert(layer, schema);
    }
    context.register_catalog(CATALOG, catalog);
    schemas
}

fn fits_parquet(field: &FieldRef) -> bool {
    let alone = Schema::new(vec![Arc::clone(field)]);
    alone.flattened_fields().iter().all(|field| {
        let interval = DataType::Interval(IntervalUnit::MonthDayNano);
        !matches!(field.data_type(), DataType::Union(..)) && *field.data_type() != interval
    })
}

struct Planner<'a> {
    project: &'a Project,
    context: SessionContext,
    schemas: BTreeMap<Layer, Arc<MemorySchemaProvider>>,
    personal: Personal,
    queries: BTreeMap<TableName, Planned>,
    problems: Vec<Problem>,
}

impl Planner<'_> {
    fn register(&self, table: &TableName, provider: Arc<dyn TableProvider>) {
        if let Some(schema) = self.schemas.get(&table.layer) {
            // Each name is registered once.
            let _ = schema.register_table(table.name.to_string(), provider);
        }
    }

    fn add_sources(&mut self, as_of: AsOf, sources: &BTreeMap<Name, Arc<PinnedTable>>) {
        let config = &self.project.config;
        for (name, files) in sources {
            let Some(source) = config.sources.get(name) else { continue };
            let table = TableName::new(Layer::Raw, name.clone());
            self.personal.add(&table, source.pii.iter().cloned());
            let files = Arc::clone(files) as Arc<dyn TableProvider>;
            match as_of_night(source, config, as_of, &files) {
                Ok(plan) => self.register(&table, Arc::new(ViewTable::new(plan, None))),
                Err(problems) => self.problems.extend(problems),
            }
        }
    }

    fn add_previous(&mut self, table: PreviousTable) {
        let schema = match table.rows.first() {
            Some(batch) => batch.schema(),
            None => (table.schema)(&self.key_field()),
        };
        let rows = MemTable::try_new(schema, vec![table.rows]);
        if let (Some(name), Ok(rows)) = (Name::new(table.name), rows) {
            self.register(&TableName::new(Layer::Previous, name), Arc::new(rows));
        }
    }

    /// The entity key as the universe, or else the first feature, has it.
    fn key_field(&self) -> FieldRef {
        let key = &self.project.config.key;
        let universe = self.project.universe();
        let universe = universe.iter().filter_map(|table| self.queries.get(table));
        let mut tables = universe.chain(self.queries.values());
        let field =
            tables.find_map(|query| query.plan.schema().as_arrow().field_with_name(key).ok());
        let data_type = field.map_or(DataType::Utf8, |field| published_type(field.data_type()));
        Arc::new(Field::new(key, data_type, false))
    }

    /// Whether the universe has the entity key, and columns that the account table can have.
    fn check_universe(&mut self) {
        let Some(table) = self.project.universe() else { return };
        let (Some(query), Some(file)) = (self.queries.get(&table), self.project.files.get(&table))
        else {
            return;
        };
        let error = |code, column: &str, message: String, help: String| {
            let span = file.span_of_column(column);
            let span = span.unwrap_or_else(|| diagnose::select(&file.file.text));
            Problem::error(code, &file.file, span, message).help(help)
        };
        let key = &self.project.config.key;
        let fields = query.plan.schema().fields();
        if fields.iter().all(|field| field.name() != key) {
            let message = format!("the universe {table} does not return the entity key `{key}`");
            let help = format!("add `{key}` to the SELECT");
            self.problems.push(error("missing_key_column", key, message, help));
        }
        let labels = self.project.segmentations().filter_map(Segmentation::label_column);
        let added: BTreeSet<_> = labels.chain([MEMBERSHIPS.to_owned()]).collect();
        for field in fields.iter().filter(|field| !query.personal.contains(field.name())) {
            let (name, data_type) = (field.name(), field.data_type());
            if added.contains(name) {
                let message = format!("the account table has a column `{name}` of its own");
                let help = "it adds `memberships`, and `segment_<name>` of every exclusive \
                            segmentation: name yours otherwise, AS ...";
                self.problems.push(error("repeated_column", name, message, help.to_owned()));
            }
            if !fits_parquet(field) {
                let message =
                    format!("`{name}` is {}, which no Parquet file can hold", type_name(data_type));
                let help =
                    "all columns of the universe are published in the account table: CAST it";
                self.problems.push(error("column_type", name, message, help.to_owned()));
            }
        }
    }

    async fn add_file(&mut self, file: &SqlFile) {
        self.problems.extend(lints::unknown_codes(file));
        let catalog = self.context.catalog(CATALOG);
        let registered = |table: &TableName| {
            let schema = catalog.as_ref().and_then(|catalog| catalog.schema(table.layer.schema()));
            schema.is_some_and(|schema| schema.table_exist(table.name.as_str()))
        };
        if !file.resolved || !file.references.iter().all(|read| registered(&read.table)) {
            return; // told where it broke
        }
        let clocks = self.refused_calls(file);
        if !clocks.is_empty() {
            self.problems.extend(clocks);
            return;
        }
        let plan = match self.plan_select(&file.statement).await {
            Ok(plan) => plan,
            Err(error) => return self.problems.push(diagnose::problem(file, &error)),
        };
        let mut warnings = match file.table.layer {
            Layer::Question => Vec::new(),
            _ => lints::look(file, &plan, self.project),
        };
        let personal = self.personal.columns(&plan);
        let planned = match file.segmentation() {
            Some(segmentation) => {
                let rows =
                    MemberRows::of(file, segmentation, plan, &self.project.config.key, &personal);
                match rows {
                    Ok((plan, rows, personal_evidence)) => {
                        warnings.extend(personal_evidence);
                        Planned {
                            plan,
                            shared: None,
                            members: Some(rows),
                            pick: None,
                            personal: personal.clone(),
                        }
                    }
                    Err(problem) => return self.problems.push(*problem),
                }
            }
            None => Planned {
                plan,
                shared: None,
                members: None,
                pick: None,
                personal: personal.clone(),
            },
        };
        self.problems.extend(lints::settle(file, warnings));
        self.offer(file, planned, personal);
    }

    /// Makes a planned query a table for those who come after.
    fn offer(&mut self, file: &SqlFile, mut planned: Planned, personal: BTreeSet<String>) {
        let table = &file.table;
        let shared = match table.layer {
            Layer::Feature => self.project.readers(table) > 1,
            Layer::Segment => self.project.readers(table) > 0,
            Layer::Raw
            | Layer::Previous
            | Layer::Staging
            | Layer::Audit
            | Layer::Published
            | Layer::Question => false,
        };
        let provider: Arc<dyn TableProvider> = if shared {
            let schema = Arc::new(Schema::clone(planned.plan.schema().as_arrow()));
            Arc::clone(planned.shared.insert(Arc::new(Deferred::new(table.clone(), schema)))) as _
        } else {
            Arc::new(ViewTable::new(planned.plan.clone(), None))
        };
        self.personal.add(table, personal);
        self.register(table, provider);
        self.queries.insert(table.clone(), planned);
    }

    /// A clock or a die in the SQL, or a look at what is published: the same night would not be the same twice.
    fn refused_calls(&self, file: &SqlFile) -> Vec<Problem> {
        let state = self.context.state();
        let refused = file.calls.iter().filter_map(|call| {
            if OF_PUBLISHED.contains(&call.function.as_str()) && file.table.layer != Layer::Question {
                let message = format!("`{}` reads what is published later too", call.function);
                let problem = Problem::error("layer", &file.file, call.span.clone(), message);
                return Some(problem.help(
                    "a night may look back on previous.membership; `roster sql` knows this function",
                ));
            }
            let function = state.scalar_functions().get(&call.function)?;
            let name = function.name();
            let help = match function.signature().volatility {
                Volatility::Immutable => return None,
                Volatility::Stable if CLOCK_FUNCTIONS.contains(&name) => return None,
                Volatility::Stable => {
                    "the night has one clock: as_of() is its day, from as_of_start() until before as_of_end()"
                }
                Volatility::Volatile => {
                    "the same night must come out the same: derive the value from the entity key instead"
                }
            };
            let message = format!("`{}` gives another answer each time it is asked", call.function);
            let problem = Problem::error("volatile", &file.file, call.span.clone(), message);
            Some(problem.help(help))
        });
        refused.collect()
    }

    async fn plan_select(&self, statement: &Statement) -> Result<LogicalPlan, DataFusionError> {
        let plan = self.context.state().statement_to_plan(statement.clone()).await?;
        let read_only = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        read_only.verify_plan(&plan)?;
        // Whatever way a function is written: what the plan calls is what counts.
        if let Some(name) = volatile::volatile(&plan)? {
            return plan_err!("`{name}` gives another answer each time it is asked");
        }
        // Names are resolved above; types, named arguments, constant arguments and what only the engine's last step
        // refuses are judged below.
        self.context.state().create_physical_plan(&plan).await?;
        Ok(plan)
    }

    /// All segmentations must publish one type of key.
    fn check_key_types(&mut self) -> Option<DataType> {
        let mut first: Option<(&TableName, &DataType)> = None;
        for (table, planned) in &self.queries {
            let Some(rows) = &planned.members else { continue };
            match first {
                None => first = Some((table, &rows.key_type)),
                Some((other, key_type)) if *key_type != rows.key_type => {
                    let Some(file) = self.project.files.get(table) else { continue };
                    let message = format!(
                        "the key `{}` is {} here and {} in {other}",
                        self.project.config.key,
                        type_name(&rows.key_type),
                        type_name(key_type)
                    );
                    let span = file.span_of_column(&self.project.config.key);
                    let span = span.unwrap_or_else(|| diagnose::select(&file.file.text));
                    let problem = Problem::error("key_type", &file.file, span, message);
                    self.problems.push(
                        problem.help("CAST it in staging, so that it is one type everywhere"),
                    );
                }
                Some(_) => {}
            }
        }
        first.map(|(_, key_type)| key_type.clone())
    }
}
