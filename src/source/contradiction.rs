//! A footer that contradicts itself. Rows are counted by it, and skipped for what it says of them, so that a wrong one would
//! give wrong members instead of an error. What is wrong and consistent can not be seen: Parquet has no checksum of it.

use datafusion::parquet::basic::SortOrder;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use datafusion::parquet::file::statistics::Statistics;

/// In what, if in anything.
pub(super) fn contradiction(metadata: &ParquetMetaData) -> Option<String> {
    let rows = metadata.file_metadata().num_rows();
    let mut counted: i64 = 0;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        counted = counted.saturating_add(group.num_rows());
        let columns = group.columns().iter();
        let found = columns.into_iter().find_map(|column| of_column(column, group.num_rows()));
        if let Some(found) = found {
            return Some(format!("its footer contradicts itself: row group {number}, {found}"));
        }
    }
    (rows < 0 || counted != rows).then(|| {
        format!("its footer contradicts itself: {rows} rows, and {counted} in its row groups")
    })
}

fn of_column(column: &ColumnChunkMetaData, rows: i64) -> Option<String> {
    let descriptor = column.column_descr();
    let (name, values) = (column.column_path().string(), column.num_values());
    // A list has any number of values in a row.
    if descriptor.max_rep_level() == 0 && values != rows {
        return Some(format!("column `{name}`: {values} values in {rows} rows"));
    }
    let statistics = column.statistics()?;
    if let Some(nulls) =
        statistics.null_count_opt().filter(|nulls| i128::from(*nulls) > i128::from(values))
    {
        return Some(format!("column `{name}`: {nulls} NULLs among {values} values"));
    }
    // Of other orders and types old writers had it wrong.
    let turned = descriptor.sort_order() == SortOrder::SIGNED
        && match statistics {
            Statistics::Int32(of) => of.min_opt() > of.max_opt(),
            Statistics::Int64(of) => of.min_opt() > of.max_opt(),
            Statistics::Double(of) => of.min_opt() > of.max_opt(),
            _ => false,
        };
    let both = statistics.min_bytes_opt().is_some() && statistics.max_bytes_opt().is_some();
    (turned && both).then(|| format!("column `{name}`: its least value is above its greatest"))
}
