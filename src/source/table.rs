//! Pinned Parquet files as a table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;

use super::dictionaries::{KeepDictionaries, NUMBER, Numbered, TextsByNumber, with_fields};
use super::numbers::Numbers;
use super::{Footer, published_type};
use crate::store::{PinnedStore, pinned_url};

/// One file, as queries name it.
#[derive(Debug, Clone)]
pub struct PinnedTableFile {
    /// Under the pinned store's name for it.
    pub meta: ObjectMeta,
    /// Hive partition columns, in the path's order.
    pub partitions: Vec<(String, Option<String>)>,
}

/// Columns of the files, then those of their folders.
#[derive(Debug, Clone)]
pub struct PinnedSchema {
    /// What the files hold, as SQL sees it.
    pub files: SchemaRef,
    /// What their folders say.
    pub partitions: Vec<FieldRef>,
    /// Each file's values of those, in the order of the footers.
    pub values: Vec<Vec<ScalarValue>>,
}

/// The files of a source.
#[derive(Debug, Clone)]
pub struct PinnedTable {
    schema: TableSchema,
    files: Vec<(PartitionedFile, u64)>,
    /// Compressed bytes of each column, over all files.
    column_bytes: BTreeMap<String, u64>,
    /// Columns of text that are dictionaries and numbers in the files.
    dictionaries: BTreeSet<String>,
    /// Those that are read as numbers.
    numbered: Numbered,
}

impl PinnedTable {
    /// A table over files whose footers are known to fit `schema`.
    #[must_use]
    pub fn new(schema: PinnedSchema, footers: Vec<Footer>) -> Self {
        let dictionaries = dictionaries(&schema.files, &footers);
        let mut column_bytes = BTreeMap::new();
        let mut files = Vec::with_capacity(footers.len());
        let partitions = schema.partitions.clone();
        for (footer, values) in footers.into_iter().zip(schema.values) {
            for (column, bytes) in footer.column_bytes {
                *column_bytes.entry(column).or_default() += bytes;
            }
            let mut file = PartitionedFile::new_from_meta(footer.file.meta);
            file.partition_values = values;
            files.push((file, footer.rows));
        }
        Self {
            schema: TableSchema::builder(schema.files)
                .with_table_partition_cols(partitions)
                .build(),
            files,
            column_bytes,
            dictionaries,
            numbered: BTreeMap::new(),
        }
    }

    /// The table with numbers in the place of texts, where they are cheaper to read and not numbers yet; and the texts of those
    /// numbers, by column. A file that is no dictionary is numbered row by row.
    #[must_use]
    pub fn numbered<'a>(
        &self,
        columns: impl IntoIterator<Item = &'a str>,
    ) -> (Self, BTreeMap<String, Arc<Numbers>>) {
        let columns = columns.into_iter().filter(|column| {
            self.dictionaries.contains(*column) && !self.numbered.contains_key(*column)
        });
        let new: Numbered = columns.map(|column| (column.to_owned(), Arc::default())).collect();
        let number = |field: &Field| {
            new.contains_key(field.name()).then(|| field.clone().with_data_type(NUMBER))
        };
        let schema = TableSchema::builder(Arc::new(with_fields(self.schema.file_schema(), number)))
            .with_table_partition_cols(self.schema.table_partition_cols().clone())
            .build();
        let mut table = Self { schema, ..self.clone() };
        table.numbered.extend(new.clone());
        (table, new)
    }

    /// A table over published files, each with its rows: they have one schema, which the first one tells.
    ///
    /// # Errors
    /// A file that can not be read.
    pub async fn of_files(files: Vec<(ObjectMeta, u64)>, store: &PinnedStore) -> Result<Self> {
        let schema = match files.first() {
            Some((meta, _)) => DFParquetMetadata::new(store, meta).fetch_schema().await?,
            None => Schema::empty(),
        };
        let files =
            files.into_iter().map(|(meta, rows)| (PartitionedFile::new_from_meta(meta), rows));
        Ok(Self {
            schema: TableSchema::builder(Arc::new(schema)).build(),
            files: files.collect(),
            column_bytes: BTreeMap::new(),
            dictionaries: BTreeSet::new(),
            numbered: BTreeMap::new(),
        })
    }

    /// The files, for a second look at them.
    pub fn files(&self) -> impl Iterator<Item = PinnedTableFile> {
        self.files.iter().map(|(file, _)| PinnedTableFile {
            meta: file.object_meta.clone(),
            partitions: Vec::new(),
        })
    }

    /// Compressed bytes that a scan of these columns reads at most.
    #[must_use]
    pub fn bytes_of<'a>(&self, columns: impl IntoIterator<Item = &'a str>) -> u64 {
        columns.into_iter().filter_map(|column| self.column_bytes.get(column)).sum()
    }

    /// Rows in all files, before any cut.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|(_, rows)| rows).sum()
    }

    fn compares_floats(&self, filters: &[Expr]) -> bool {
        let schema = self.schema.table_schema();
        let is_float = |column: &Column| {
            let field = schema.field_with_name(&column.name);
            field.is_ok_and(|field| field.data_type().is_floating())
        };
        filters.iter().any(|filter| filter.column_refs().into_iter().any(is_float))
    }

    fn statistics(&self) -> Statistics {
        let mut statistics = Statistics::new_unknown(self.schema.table_schema());
        statistics.num_rows =
            usize::try_from(self.rows()).map_or(Precision::Absent, Precision::Exact);
        statistics
    }
}

#[async_trait]
impl TableProvider for PinnedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Pruning only: the physical optimizer hands the filter that stays above to the Parquet reader.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        if self.files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(schema.project(columns)?),
                None => schema,
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let url = pinned_url()?;
        let runtime = state.runtime_env();
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let readers =
            CachedParquetFileReaderFactory::new(runtime.object_store(url.clone())?, cache);
        let mut options = TableParquetOptions::new();
        options.global = state.config_options().execution.parquet.clone();
        // NaN is greater than all numbers in SQL, and in no statistics of a file: by them its rows would be passed over.
        let prune = !self.compares_floats(filters);
        options.global.pruning = prune;
        options.global.enable_page_index = prune;
        for numbers in self.numbered.values() {
            numbers.account(&runtime.memory_pool);
        }
        let columns = self.numbered.keys().cloned().collect();
        let readers = KeepDictionaries { readers, columns };
        let source = ParquetSource::new(self.schema.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(readers));
        let files: FileGroup = self.files.iter().map(|(file, _)| file.clone()).collect();
        let groups = files.split_files(state.config().target_partitions());
        let scan = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(self.statistics())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_expr_adapter(Some(Arc::new(TextsByNumber(self.numbered.clone()))))
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// The columns of text that are a dictionary and numbers in all row groups of most files.
fn dictionaries(schema: &Schema, footers: &[Footer]) -> BTreeSet<String> {
    let is_text = |field: &&FieldRef| published_type(field.data_type()) == DataType::Utf8;
    let names = schema.fields().iter().filter(is_text).map(|field| field.name());
    let rows: u64 = footers.iter().map(|footer| footer.rows).sum();
    let of_rows = |name: &&String| {
        let files = footers.iter().filter(|footer| footer.dictionaries.contains(*name));
        files.map(|footer| footer.rows).sum::<u64>()
    };
    // The others cost a look at each row; one file in ten may be written otherwise.
    names.filter(|name| rows > 0 && of_rows(name) >= rows - rows / 10).cloned().collect()
}
