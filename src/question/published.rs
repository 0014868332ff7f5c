//! What is published, for SQL: the tables of the current night, and two functions over all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, Session,
    TableFunctionArgs, TableFunctionImpl, TableProvider,
};
use datafusion::common::{DataFusionError, Result, ScalarValue, plan_datafusion_err, plan_err};
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::logical_expr::{
    DocSection, Documentation, Expr, LogicalPlan, LogicalPlanBuilder, ident, lit,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt, stream};

use crate::catalog::{MEMBERSHIP_HISTORY, SEGMENT, SEGMENT_MEMBERS};
use crate::core::{Layer, Name, TableName, nearest};
use crate::error::Error;
use crate::reader::{ReadError, Reader, Snapshot};
use crate::session::CATALOG;
use crate::source::{PinnedTable, read_error, store_error};
use crate::store::PinnedStore;

/// The table that both functions read, and whose columns they return.
const MEMBERSHIP: &str = "membership";
/// The table that names all segments, also those that nobody is in.
const SUMMARY: &str = "summary";
/// The column that says whose label it is.
const SEGMENTATION: &str = "segmentation";
/// Manifests and footers of nights that are read at once.
const NIGHTS_AT_ONCE: usize = 16;

/// What is published, as queries reach it.
#[derive(Debug)]
struct Published {
    reader: Reader,
    current: Snapshot,
    store: Arc<PinnedStore>,
    /// Of the membership table.
    schema: SchemaRef,
}

/// Gives `context` the tables of the night that is current now, `published.<table>`, and both functions; the answer is
/// the tables' names. Their files are read through `store`.
///
/// # Errors
/// As [`Reader::latest`].
pub async fn register(
    context: &SessionContext,
    store: &Arc<PinnedStore>,
    reader: Reader,
) -> Result<BTreeSet<TableName>, ReadError> {
    let current = reader.latest().await?;
    let tables = Arc::new(MemorySchemaProvider::new());
    let mut names = BTreeSet::new();
    for name in current.tables() {
        let table = open(&current, name, store).await?;
        if let Some(name) = Name::new(name) {
            // Each name is registered once.
            let _ = tables.register_table(name.to_string(), table);
            names.insert(TableName::new(Layer::Published, name));
        }
    }
    let catalog = MemoryCatalogProvider::new();
    let schema = open(&current, MEMBERSHIP, store).await?.schema();
    // A new catalog takes any new schema.
    let _ = catalog.register_schema(Layer::Published.schema(), tables);
    context.register_catalog(CATALOG, Arc::new(catalog));
    let published = Arc::new(Published { reader, current, store: Arc::clone(store), schema });
    context.register_udtf(SEGMENT_MEMBERS, Arc::new(SegmentMembers(Arc::clone(&published))));
    context.register_udtf(MEMBERSHIP_HISTORY, Arc::new(MembershipHistory(published)));
    Ok(names)
}

/// What the two functions mean, by name.
#[must_use]
pub fn documentation() -> [(&'static str, Documentation); 2] {
    let section = DocSection { include: true, label: "Published Tables", description: None };
    let members = Documentation::builder(
        section.clone(),
        "Rows of the `membership` table: who is in a segment on the current night, or was on another. Only for `roster \
         sql`: a night may look back on `previous.membership` alone. A segmentation or segment that the night does not \
         have is an error.",
        format!("{SEGMENT_MEMBERS}(segmentation, segment[, night])"),
    )
    .with_argument("segmentation", "Its name, a constant.")
    .with_argument("segment", "The label, a constant.")
    .with_argument(
        "night",
        "A day, or a version of the log: the night that was current then. By itself the current one.",
    )
    .build();
    let history = Documentation::builder(
        section,
        "Rows of the `membership` tables of all live nights: all that is published of one key. Only for `roster sql`. \
         Without rows for a key that was never a member.",
        format!("{MEMBERSHIP_HISTORY}(key)"),
    )
    .with_argument("key", "The entity key, a constant.")
    .build();
    [(SEGMENT_MEMBERS, members), (MEMBERSHIP_HISTORY, history)]
}

/// A table of a night, over its files as they were committed.
async fn open(
    night: &Snapshot,
    table: &str,
    store: &Arc<PinnedStore>,
) -> Result<Arc<PinnedTable>, ReadError> {
    let files = night.table(table)?.pin(store);
    let opened = PinnedTable::of_files(files, store).await;
    opened.map(Arc::new).map_err(|error| match store_error(&error) {
        Some(error) => {
            read_error(error, &format!("the published {table} of {}", night.as_of)).into()
        }
        None => ReadError::Other(Error::Log {
            message: format!("{table} of {}: {}", night.as_of, error.strip_backtrace()),
            help: "`roster verify --deep` tells which files are damaged".to_owned(),
        }),
    })
}

/// `segment_members(segmentation, segment [, version or day])`.
#[derive(Debug)]
struct SegmentMembers(Arc<Published>);

impl TableFunctionImpl for SegmentMembers {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let usage = "segment_members('segmentation', 'segment' [, version or day])";
        let (segmentation, segment, at) = match args.exprs() {
            [segmentation, segment] => (segmentation, segment, None),
            [segmentation, segment, at] => (segmentation, segment, Some(at)),
            other => return plan_err!("{usage}: got {} arguments", other.len()),
        };
        let text = |name: &str, argument: &Expr| match constant(argument) {
            Some(value) if value.try_as_str().flatten().is_some() => {
                Ok(value.try_as_str().flatten().unwrap_or_default().to_owned())
            }
            _ => {
                plan_err!("{SEGMENT_MEMBERS}: {name} must be text in single quotes, got {argument}")
            }
        };
        let wanted = Wanted::Segment {
            segmentation: text("segmentation", segmentation)?,
            segment: text("segment", segment)?,
            at: at.map(At::read).transpose()?,
        };
        Ok(Arc::new(Rows { published: Arc::clone(&self.0), wanted }))
    }
}

/// `membership_history(key)`.
#[derive(Debug)]
struct MembershipHistory(Arc<Published>);

impl TableFunctionImpl for MembershipHistory {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let key_type = self.0.key().data_type();
        let key = match args.exprs() {
            [key] => constant(key).and_then(|value| value.cast_to(key_type).ok()),
            other => return plan_err!("{MEMBERSHIP_HISTORY}(key): got {} arguments", other.len()),
        };
        let Some(key) = key.filter(|key| !key.is_null()) else {
            let name = self.0.key().name();
            return plan_err!("{MEMBERSHIP_HISTORY}: key must be a constant {name}, {key_type}");
        };
        Ok(Arc::new(Rows { published: Arc::clone(&self.0), wanted: Wanted::History { key } }))
    }
}

fn constant(argument: &Expr) -> Option<&ScalarValue> {
    match argument {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

/// A night that is not the current one.
#[derive(Debug, Clone, Copy)]
enum At {
    /// The one that was current at that version of the log.
    Version(u64),
    /// The one of that day.
    Day(NaiveDate),
}

impl At {
    fn read(argument: &Expr) -> Result<Self> {
        let at = constant(argument).and_then(|value| match value {
            ScalarValue::Date32(Some(day)) => NaiveDate::from_epoch_days(*day).map(Self::Day),
            ScalarValue::Int64(Some(version)) => u64::try_from(*version).ok().map(Self::Version),
            text => text.try_as_str().flatten()?.parse().ok().map(Self::Day),
        });
        at.ok_or_else(|| {
            plan_datafusion_err!(
                "{SEGMENT_MEMBERS}: the night must be a version of the log or a day, \
                 like 12 or DATE '2026-05-31', got {argument}"
            )
        })
    }
}

/// Rows of the membership of one night or of all.
#[derive(Debug)]
struct Rows {
    published: Arc<Published>,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    Segment { segmentation: String, segment: String, at: Option<At> },
    History { key: ScalarValue },
}

#[async_trait]
impl TableProvider for Rows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.published.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = match &self.wanted {
            Wanted::Segment { segmentation, segment, at } => {
                self.published.members(segmentation, segment, *at).await?
            }
            Wanted::History { key } => self.published.history(key).await?,
        };
        let mut plan = LogicalPlanBuilder::from(plan);
        if let Some(columns) = projection {
            let columns = columns.iter().map(|column| ident(self.schema().field(*column).name()));
            plan = plan.project(columns)?;
        }
        state.create_physical_plan(&plan.limit(0, limit)?.build()?).await
    }
}

impl Published {
    /// The entity key's column; see `output::membership_schema`.
    fn key(&self) -> &Field {
        self.schema.field(3)
    }

    async fn members(
        &self,
        segmentation: &str,
        segment: &str,
        at: Option<At>,
    ) -> Result<LogicalPlan> {
        let night = match at {
            None => self.current.clone(),
            Some(At::Version(version)) => self.reader.at(version).await.map_err(external)?,
            Some(At::Day(day)) => self.reader.night(day).await.map_err(external)?,
        };
        check_names(&night, segmentation, segment).await?;
        self.read(&night)
            .await?
            .filter(ident(SEGMENTATION).eq(lit(segmentation)).and(ident(SEGMENT).eq(lit(segment))))?
            .build()
    }

    async fn history(&self, key: &ScalarValue) -> Result<LogicalPlan> {
        let nights = self.reader.nights().await.map_err(external)?;
        let read = stream::iter(nights).map(|night| async move { self.read(&night).await });
        let nights: Vec<_> = read.buffered(NIGHTS_AT_ONCE).try_collect().await?;
        let mut nights = nights.into_iter();
        let first = nights.next().ok_or_else(|| plan_datafusion_err!("no night is live"))?;
        let all = nights.try_fold(first, |all, night| all.union(night.build()?))?;
        all.filter(ident(self.key().name()).eq(lit(key.clone())))?.build()
    }

    async fn read(&self, night: &Snapshot) -> Result<LogicalPlanBuilder> {
        let table = open(night, MEMBERSHIP, &self.store).await.map_err(external)?;
        LogicalPlanBuilder::scan(MEMBERSHIP, provider_as_source(table), None)
    }
}

/// A name that the night does not have is a slip of the pen, and no empty answer.
async fn check_names(night: &Snapshot, segmentation: &str, segment: &str) -> Result<()> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // A night of an older program has no summary: there, who is in no row has no name.
    let table = night.table(SUMMARY).or_else(|_| night.table(MEMBERSHIP)).map_err(external)?;
    let mut batches = std::pin::pin!(table.batches());
    while let Some(batch) = batches.try_next().await.map_err(external)? {
        let column =
            |name| batch.column_by_name(name).and_then(|names| names.as_string_opt::<i32>());
        let (Some(segmentations), Some(segments)) = (column(SEGMENTATION), column(SEGMENT)) else {
            return plan_err!("the table {} of {} names no segments", table.name, night.as_of);
        };
        for (segmentation, segment) in segmentations.iter().zip(segments) {
            let segments = known.entry(segmentation.unwrap_or_default().to_owned()).or_default();
            segments.insert(segment.unwrap_or_default().to_owned());
        }
    }
    let unknown = |what: &str, name: &str, names: Vec<&str>| {
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("there are: {}", names.join(", ")),
        };
        plan_err!("{SEGMENT_MEMBERS}: the night of {} has no {what} '{name}'; {help}", night.as_of)
    };
    match known.get(segmentation) {
        None => unknown("segmentation", segmentation, known.keys().map(String::as_str).collect()),
        Some(segments) if !segments.contains(segment) => {
            let names = segments.iter().map(String::as_str).collect();
            unknown(&format!("segment of {segmentation},"), segment, names)
        }
        Some(_) => Ok(()),
    }
}

fn external(error: ReadError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
