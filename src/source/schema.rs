//! Do a source's files hold what the project says? Asked of their footers, before a row is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::datasource::physical_plan::parquet::{Int96Coercer, transform_schema_to_view};
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use datafusion::parquet::file::statistics::Statistics;

use super::contradiction::contradiction;
use super::decode::decoded;
use super::dictionaries::is_dictionary;
use super::{PinnedSchema, PinnedTableFile};
use crate::config::{Column, Source, timestamp_in};
use crate::core::{counted, nearest, type_name};
use crate::error::{Error, Result};
use crate::store::PinnedStore;

/// What a file's footer tells.
#[derive(Debug)]
pub struct Footer {
    /// The file.
    pub file: PinnedTableFile,
    /// Rows in it.
    pub rows: u64,
    /// Its own schema.
    pub schema: SchemaRef,
    /// Compressed bytes by top-level column.
    pub column_bytes: BTreeMap<String, u64>,
    /// NULLs by top-level column that is not nested, where all statistics say.
    nulls: BTreeMap<String, u64>,
    /// Columns that are a dictionary and numbers throughout.
    pub(super) dictionaries: BTreeSet<String>,
    /// Row groups in it.
    pub(super) row_groups: usize,
}

impl Footer {
    /// Reads a footer's metadata.
    pub(super) fn read(
        source: &Source,
        file: PinnedTableFile,
        metadata: &ParquetMetaData,
        store: &PinnedStore,
    ) -> Result<Self> {
        let descriptor = metadata.file_metadata().schema_descr();
        let key_values = metadata.file_metadata().key_value_metadata();
        let schema =
            decoded(|| parquet_to_arrow_schema(descriptor, key_values)).map_err(|error| {
                let cause = format!("its schema can not be read ({error})");
                bad(source, &file, store, cause, "deliver the file again")
            })?;
        if let Some(cause) = contradiction(metadata) {
            return Err(bad(source, &file, store, cause, "deliver the file again"));
        }
        let coerced = Int96Coercer::new(descriptor, &schema, &TimeUnit::Microsecond).coerce();
        let schema = coerced.unwrap_or(schema);
        let mut column_bytes: BTreeMap<String, u64> = BTreeMap::new();
        let mut nulls: BTreeMap<String, Option<u64>> = BTreeMap::new();
        let mut dictionaries: BTreeMap<String, bool> = BTreeMap::new();
        for column in metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
            let path = column.column_path();
            if column.compression() == Compression::LZO {
                let cause = format!(
                    "column `{}` is compressed as LZO, which Roster can not read",
                    path.string()
                );
                return Err(bad(source, &file, store, cause, "deliver it as zstd or snappy"));
            }
            let Some(name) = path.parts().first() else { continue };
            let bytes = u64::try_from(column.compressed_size()).unwrap_or(0);
            *column_bytes.entry(name.clone()).or_default() += bytes;
            *dictionaries.entry(name.clone()).or_insert(true) &= is_dictionary(column);
            if path.parts().len() == 1 {
                let null_count = column.statistics().and_then(Statistics::null_count_opt);
                let total = nulls.entry(name.clone()).or_insert(Some(0));
                *total = total.zip(null_count).map(|(total, more)| total + more);
            }
        }
        Ok(Self {
            rows: u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0),
            schema: Arc::new(schema),
            column_bytes,
            dictionaries: dictionaries
                .into_iter()
                .filter_map(|(name, all)| all.then_some(name))
                .collect(),
            row_groups: metadata.num_row_groups(),
            nulls: nulls.into_iter().filter_map(|(name, nulls)| Some((name, nulls?))).collect(),
            file,
        })
    }
}

fn bad(
    source: &Source,
    file: &PinnedTableFile,
    store: &PinnedStore,
    cause: impl Into<String>,
    help: impl Into<String>,
) -> Error {
    Error::Extract {
        source_name: source.name.to_string(),
        file: store.show(&file.meta.location),
        cause: cause.into(),
        help: help.into(),
    }
}

/// The type that a column has in published tables and the catalog's own comparisons: plain text for every encoding of
/// text, everything else as it is.
#[must_use]
pub fn published_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, value) => published_type(value),
        other => other.clone(),
    }
}

/// Columns of the files that are not declared, and so not read.
pub(super) fn undeclared(source: &Source, footers: &[Footer]) -> BTreeSet<String> {
    let Some(columns) = &source.columns else { return BTreeSet::new() };
    let fields = footers.iter().flat_map(|footer| footer.schema.fields());
    let names = fields.map(|field| field.name());
    names.filter(|name| columns.iter().all(|column| column.name != **name)).cloned().collect()
}

/// The schema of a source without files.
#[must_use]
pub(super) fn declared_schema(source: &Source) -> PinnedSchema {
    let columns = || source.columns.iter().flatten();
    let partition = source.snapshot.iter().filter(|name| columns().all(|c| c.name != **name));
    let partitions = partition.map(|name| Arc::new(Field::new(name, DataType::Date32, true)));
    PinnedSchema {
        files: Arc::new(Schema::new(columns().map(Column::field).collect::<Vec<_>>())),
        partitions: partitions.collect(),
        values: Vec::new(),
    }
}

/// The schema that all files of a source fit.
///
/// # Errors
/// The first file that does not, with the column.
pub(super) fn table_schema(
    source: &Source,
    footers: &[Footer],
    store: &PinnedStore,
) -> Result<PinnedSchema> {
    let (partitions, values) = partition_columns(source, footers, store)?;
    let is_partition = |name: &str| partitions.iter().any(|field| field.name() == name);
    if let Some(footer) = footers.first()
        && let Some(twice) = footer.schema.fields().iter().find(|field| is_partition(field.name()))
    {
        return Err(bad(
            source,
            &footer.file,
            store,
            format!("column `{}` is in the file and in its path", twice.name()),
            "leave it out of the file, or rename the folders",
        ));
    }
    let files = match &source.columns {
        Some(columns) => {
            let columns: Vec<_> = columns.iter().filter(|c| !is_partition(&c.name)).collect();
            for footer in footers {
                check_declared(source, &columns, footer, store)?;
            }
            Schema::new(columns.into_iter().map(Column::field).collect::<Vec<_>>())
        }
        None => inferred(source, footers, store)?,
    };
    check_rows(source, footers)?;
    Ok(PinnedSchema { files: Arc::new(files), partitions, values })
}

fn check_rows(source: &Source, footers: &[Footer]) -> Result<()> {
    if source.optional || footers.iter().any(|footer| footer.rows > 0) {
        return Ok(());
    }
    Err(Error::NotReady {
        source_name: source.name.to_string(),
        cause: match footers.len() {
            1 => "its file holds no row".to_owned(),
            files => format!("its {files} files hold no row"),
        },
        help: "run again once the extract is delivered; a source that may be empty says optional = true"
            .to_owned(),
    })
}

fn check_declared(
    source: &Source,
    columns: &[&Column],
    footer: &Footer,
    store: &PinnedStore,
) -> Result<()> {
    for column in columns {
        if footer.schema.fields().iter().filter(|field| field.name() == &column.name).count() > 1 {
            return Err(twice(source, footer, store, &column.name));
        }
        let Ok(field) = footer.schema.field_with_name(&column.name) else {
            let names = || footer.schema.fields().iter().map(|field| field.name().as_str());
            let twin = names().find(|name| name.eq_ignore_ascii_case(&column.name));
            if column.may_be_missing && twin.is_none() {
                continue;
            }
            let help = match twin.or_else(|| nearest(&column.name, names())) {
                Some(near) => format!("the file has `{near}`; name it so under `columns`"),
                None => format!("it has: {}", names().collect::<Vec<_>>().join(", ")),
            };
            let cause = format!("column `{}` is missing", column.name);
            return Err(bad(source, &footer.file, store, cause, help));
        };
        if !fits(field.data_type(), &column.data_type) {
            let cause = format!(
                "column `{}` is {}, which does not fit the declared {}",
                column.name,
                type_name(field.data_type()),
                type_name(&column.data_type)
            );
            let help = "declare the type that the files have, and convert it in staging SQL";
            return Err(bad(source, &footer.file, store, cause, help));
        }
        if let Some(nulls) =
            footer.nulls.get(&column.name).filter(|nulls| column.required && **nulls > 0)
        {
            let cause = format!(
                "column `{}` is declared not null and holds {}",
                column.name,
                counted(*nulls, "NULL")
            );
            let help =
                "deliver the values, or leave out the ! of its type and decide in staging SQL";
            return Err(bad(source, &footer.file, store, cause, help));
        }
    }
    Ok(())
}

/// Whether every value of `file` is a value of `declared`, without loss but for time below a microsecond.
fn fits(file: &DataType, declared: &DataType) -> bool {
    use DataType::{
        Date32, Decimal128, Decimal256, Dictionary, FixedSizeList, Float16, Float32, Float64, Int8,
        Int16, Int32, Int64, LargeList, LargeUtf8, List, ListView, Null, Timestamp, UInt8, UInt16,
        UInt32, Utf8, Utf8View,
    };
    match (file, declared) {
        (Dictionary(_, value), _) => fits(value, declared),
        (Utf8 | LargeUtf8 | Utf8View, Utf8View)
        | (Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32, Int64)
        | (Float16 | Float32 | Float64 | Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32, Float64)
        | (Timestamp(..), Timestamp(..))
        | (Date32, Date32)
        // A type that roster.toml misspelt: told there.
        | (_, Null) => true,
        (Decimal128(p, s) | Decimal256(p, s), Decimal128(precision, scale)) => {
            let whole = |p: u8, s: i8| i16::from(p) - i16::from(s);
            s <= scale && whole(*p, *s) <= whole(*precision, *scale)
        }
        (Int8 | Int16 | Int32 | Int64, Decimal128(precision, scale)) => {
            let digits = match file {
                Int8 => 3,
                Int16 => 5,
                Int32 => 10,
                _ => 19,
            };
            i16::from(*precision) - i16::from(*scale) >= digits
        }
        (
            List(item) | LargeList(item) | ListView(item) | FixedSizeList(item, _),
            List(declared),
        ) => fits(item.data_type(), declared.data_type()),
        (file, declared) => file == declared,
    }
}

fn twice(source: &Source, footer: &Footer, store: &PinnedStore, column: &str) -> Error {
    let cause = format!("there are two columns `{column}`");
    bad(source, &footer.file, store, cause, "deliver it with one of them, or name one otherwise")
}

/// Two types by their names in roster.toml, or by the files' own where those are the same.
fn told_apart(a: &DataType, b: &DataType) -> (String, String) {
    let (ours, theirs) = (type_name(a), type_name(b));
    if ours == theirs { (a.to_string(), b.to_string()) } else { (ours, theirs) }
}

/// Without declared columns all files must have one schema; times become microseconds in UTC, text becomes views.
fn inferred(source: &Source, footers: &[Footer], store: &PinnedStore) -> Result<Schema> {
    let Some(first) = footers.first() else { return Ok(Schema::empty()) };
    let mut fields: Vec<Field> = first
        .schema
        .fields()
        .iter()
        .map(|field| Field::clone(field).with_metadata(HashMap::default()))
        .collect();
    for footer in footers {
        let others = footer.schema.fields();
        let differs = fields
            .iter()
            .zip(others.iter())
            .find(|(a, b)| a.name() != b.name() || a.data_type() != b.data_type());
        let cause = match differs {
            Some((ours, theirs)) => {
                let (our_type, their_type) = told_apart(ours.data_type(), theirs.data_type());
                format!(
                    "column `{}` is {}, but `{}` is {} in {}",
                    theirs.name(),
                    their_type,
                    ours.name(),
                    our_type,
                    store.show(&first.file.meta.location)
                )
            }
            None if fields.len() != others.len() => format!(
                "it has {} columns, {} has {}",
                others.len(),
                store.show(&first.file.meta.location),
                fields.len()
            ),
            None => {
                for (field, other) in fields.iter_mut().zip(others.iter()) {
                    field.set_nullable(field.is_nullable() || other.is_nullable());
                }
                continue;
            }
        };
        let help =
            "declare `columns` in roster.toml: then files may differ in order and extra columns";
        return Err(bad(source, &footer.file, store, cause, help));
    }
    let mut lower = BTreeMap::new();
    for field in &fields {
        if let Some(twin) = lower.insert(field.name().to_lowercase(), field.name()) {
            if twin == field.name() {
                return Err(twice(source, first, store, twin));
            }
            let cause = format!("columns `{twin}` and `{}` differ in case only", field.name());
            return Err(bad(
                source,
                &first.file,
                store,
                cause,
                "declare `columns` with one of them",
            ));
        }
    }
    let fields = fields.into_iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Timestamp(..) => timestamp_in("UTC"),
            other => other.clone(),
        };
        field.with_data_type(data_type)
    });
    Ok(transform_schema_to_view(&Schema::new(fields.collect::<Vec<_>>())))
}

/// Types and values of the columns in the files' paths: dates for the snapshot, the declared type, else text.
fn partition_columns(
    source: &Source,
    footers: &[Footer],
    store: &PinnedStore,
) -> Result<(Vec<FieldRef>, Vec<Vec<ScalarValue>>)> {
    let Some(first) = footers.first() else { return Ok((Vec::new(), Vec::new())) };
    let declared = |name: &str| {
        let column = source.columns.iter().flatten().find(|column| column.name == name);
        column.map(|column| column.data_type.clone())
    };
    let fields: Vec<FieldRef> = (first.file.partitions.iter())
        .map(|(name, _)| {
            let data_type = match source.snapshot.as_deref() == Some(name) {
                true => DataType::Date32,
                false => declared(name).unwrap_or(DataType::Utf8View),
            };
            Arc::new(Field::new(name, data_type, true))
        })
        .collect();
    let mut values = Vec::with_capacity(footers.len());
    for footer in footers {
        let mut row = Vec::with_capacity(fields.len());
        for (field, (_, text)) in fields.iter().zip(&footer.file.partitions) {
            let required =
                source.columns.iter().flatten().any(|c| c.required && c.name == *field.name());
            if required && text.is_none() {
                let cause = format!(
                    "its folder says that `{}` is NULL, which is declared not null",
                    field.name()
                );
                let help = "leave out the ! of its type and decide in staging SQL";
                return Err(bad(source, &footer.file, store, cause, help));
            }
            let value = partition_value(field.data_type(), text.as_deref());
            row.push(value.ok_or_else(|| {
                let text = text.as_deref().unwrap_or_default();
                let cause = format!(
                    "its folder {}={text} is no {}",
                    field.name(),
                    type_name(field.data_type())
                );
                bad(
                    source,
                    &footer.file,
                    store,
                    cause,
                    "rename the folder, or declare the column as text",
                )
            })?);
        }
        values.push(row);
    }
    Ok((fields, values))
}

fn partition_value(data_type: &DataType, text: Option<&str>) -> Option<ScalarValue> {
    let Some(text) = text else { return ScalarValue::try_from(data_type).ok() };
    match data_type {
        // Stricter than a cast, which would take 2026-11-1 too.
        DataType::Date32 if text.len() != "2026-11-01".len() => None,
        DataType::Date32 => {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            Some(ScalarValue::Date32(Some(day.to_epoch_days())))
        }
        _ => ScalarValue::try_from_string(text.to_owned(), data_type).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_widen_without_loss_or_not_at_all() {
        use DataType::*;
        let micros = timestamp_in("UTC");
        for (file, declared) in [
            (Int32, Int64),
            (Dictionary(Box::new(Int32), Box::new(Utf8)), Utf8View),
            (Int32, Float64),
            (Decimal128(10, 2), Decimal128(18, 2)),
            (Int32, Decimal128(18, 2)),
            (Timestamp(TimeUnit::Nanosecond, None), micros.clone()),
        ] {
            assert!(fits(&file, &declared), "{file} as {declared}");
        }
        for (file, declared) in [
            (Int64, Utf8View),
            (Float64, Int64),
            (UInt64, Int64),
            (Int64, Float64),
            (Decimal128(12, 4), Decimal128(18, 2)),
            (Float64, Decimal128(18, 2)),
            (Date32, micros),
            (Utf8, Date32),
        ] {
            assert!(!fits(&file, &declared), "{file} as {declared}");
        }
    }

    #[test]
    fn a_partitions_date_is_read_strictly() {
        let date = |text| partition_value(&DataType::Date32, Some(text));
        assert!(date("2026-11-01").is_some());
        assert!(
            date("2026-11-1").is_none() && date("2026-13-01").is_none() && date("today").is_none()
        );
        assert_eq!(partition_value(&DataType::Date32, None), Some(ScalarValue::Date32(None)));
    }
}
