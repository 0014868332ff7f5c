//! Reads columns that files keep as a dictionary and numbers as numbers: see [`Numbers`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::logical_expr::ScalarUDF;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::{
    ARROW_SCHEMA_META_KEY, encode_arrow_schema, parquet_to_arrow_schema,
};
use datafusion::parquet::basic::{ConvertedType, Encoding};
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataBuilder,
    RowGroupMetaData,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::instants::Instants;
use super::numbers::{NumberOf, Numbers};

/// The columns that are read as numbers.
pub(super) type Numbered = BTreeMap<String, Arc<Numbers>>;

/// Whether all values of a column chunk are numbers of a dictionary of texts, as far as its footer tells. A chunk that gave its
/// dictionary up on the way costs more by number than it saves (1.1 times the query, where two rows in five were plain).
pub(super) fn is_dictionary(chunk: &ColumnChunkMetaData) -> bool {
    let only = |encoding| {
        chunk.page_encoding_stats_mask().is_some_and(|encodings| encodings.is_only(encoding))
    };
    // The reader makes texts of no other dictionaries, whatever a schema says of them.
    chunk.column_descr().converted_type() == ConvertedType::UTF8
        && chunk.column_path().parts().len() == 1
        && chunk.dictionary_page_offset().is_some()
        && (only(Encoding::RLE_DICTIONARY) || only(Encoding::PLAIN_DICTIONARY))
}

/// The type that a numbered column has.
pub(super) const NUMBER: DataType = DataType::UInt32;

/// The schema with other fields in the place of some.
pub(super) fn with_fields(schema: &Schema, other: impl Fn(&Field) -> Option<Field>) -> Schema {
    let fields = schema.fields().iter().map(|field| match other(field) {
        Some(other) => Arc::new(other),
        None => Arc::clone(field),
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}

/// Fits what is asked of a file to its columns, texts where numbers are asked for.
#[derive(Debug)]
pub(super) struct TextsByNumber(pub Numbered);

impl PhysicalExprAdapterFactory for TextsByNumber {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        // As the file has them: nothing is to be fitted there.
        let in_file = |field: &Field| {
            let numbered = self.0.contains_key(field.name());
            file.field_with_name(field.name()).ok().filter(|_| numbered).cloned()
        };
        let functions = self.0.iter().filter(|(name, _)| file.field_with_name(name).is_ok());
        let functions = functions.map(|(name, numbers)| {
            (name.clone(), Arc::new(ScalarUDF::from(NumberOf::new(Arc::clone(numbers)))))
        });
        let functions = functions.collect();
        let fitting = Instants.create(Arc::new(with_fields(&table, in_file)), Arc::clone(&file))?;
        Ok(Arc::new(OfFile { fitting, file, functions }))
    }
}

#[derive(Debug)]
struct OfFile {
    fitting: Arc<dyn PhysicalExprAdapter>,
    file: SchemaRef,
    functions: BTreeMap<String, Arc<ScalarUDF>>,
}

impl PhysicalExprAdapter for OfFile {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let fitted = self.fitting.rewrite(expr)?;
        let numbered = fitted.transform_up(|expr| {
            let column = expr.downcast_ref::<Column>();
            let function = column.and_then(|column| self.functions.get(column.name()));
            let Some(function) = function else { return Ok(Transformed::no(expr)) };
            let options = Arc::new(ConfigOptions::new());
            let call =
                ScalarFunctionExpr::try_new(Arc::clone(function), vec![expr], &self.file, options)?;
            Ok(Transformed::yes(Arc::new(call) as _))
        });
        Ok(numbered?.data)
    }
}

/// Readers that leave dictionaries as they are.
#[derive(Debug)]
pub(super) struct KeepDictionaries<R> {
    pub readers: R,
    /// Of these columns, where a file has nothing but dictionaries of them.
    pub columns: BTreeSet<String>,
}

impl<R: ParquetFileReaderFactory> ParquetFileReaderFactory for KeepDictionaries<R> {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let reader = self.readers.create_reader(partition, file, size_hint, metrics)?;
        if self.columns.is_empty() {
            return Ok(reader);
        }
        Ok(Box::new(Reader { reader, columns: self.columns.clone() }))
    }
}

struct Reader {
    reader: Box<dyn AsyncFileReader + Send>,
    columns: BTreeSet<String>,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.reader.get_bytes(range)
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        self.reader.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let metadata = self.reader.get_metadata(options).await?;
            Ok(Arc::new(keeping(&metadata, &self.columns)?))
        }
        .boxed()
    }
}

/// A footer whose Arrow schema, which readers follow, says dictionary where a column is one.
fn keeping(
    metadata: &ParquetMetaData,
    columns: &BTreeSet<String>,
) -> ParquetResult<ParquetMetaData> {
    let file = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
    let kept = |field: &Field| {
        let texts = match field.data_type() {
            DataType::Utf8 | DataType::Utf8View => DataType::Utf8,
            DataType::LargeUtf8 => DataType::LargeUtf8,
            _ => return None,
        };
        let chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
        let mut own = chunks.filter(|chunk| chunk.column_path().parts()[0] == *field.name());
        let keep = columns.contains(field.name()) && own.all(is_dictionary);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(texts));
        keep.then(|| field.clone().with_data_type(dictionary))
    };
    let schema = encode_arrow_schema(&with_fields(&schema, kept));
    let mut said = file.key_value_metadata().cloned().unwrap_or_default();
    said.retain(|said| said.key != ARROW_SCHEMA_META_KEY);
    said.push(KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), schema));
    let file = FileMetaData::new(
        file.version(),
        file.num_rows(),
        file.created_by().map(str::to_owned),
        Some(said),
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    let metadata = ParquetMetaDataBuilder::new(file)
        .set_row_groups(metadata.row_groups().to_vec())
        .set_column_index(metadata.column_index().cloned())
        .set_offset_index(metadata.offset_index().cloned());
    Ok(metadata.build())
}
