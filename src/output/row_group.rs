//! Rows of a table on their way into a row group, and who encodes which column.

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Field;
use datafusion::parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use datafusion::parquet::basic::Type;
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::writer::SerializedFileWriter;
use datafusion::parquet::schema::types::ColumnDescriptor;

use super::chunk::{Coded, Keys};
use super::column::{Column, Of};
use super::{EVIDENCE, Table};

/// Who encodes a leaf.
#[derive(Debug, Clone, Copy)]
pub(super) enum Encoder {
    Arrow,
    Coded,
    Keys,
}

impl Encoder {
    /// The table's own texts and days are coded, but for evidence, and so are texts in its lists. Of keys the parquet crate makes
    /// the bloom filter.
    pub(super) fn of(table: &Table, key: &str, leaf: &ColumnDescriptor) -> Self {
        let name = leaf.path().parts().first().map_or("", String::as_str);
        let text = leaf.physical_type() == Type::BYTE_ARRAY;
        if name == key {
            let plain = text && leaf.max_def_level() == 0 && !table.looked_up_by_key;
            return if plain { Self::Keys } else { Self::Arrow };
        }
        match table.columns.iter().find(|known| known.name == name) {
            Some(Column { of: Of::Text, name, .. }) if *name != EVIDENCE => Self::Coded,
            Some(Column { of: Of::Date, .. }) => Self::Coded,
            Some(Column { of: Of::Memberships, .. }) if text => Self::Coded,
            _ => Self::Arrow,
        }
    }
}

/// The row group that is open.
pub(super) struct RowGroup {
    /// Of each column.
    leaves: Vec<Vec<Leaf>>,
    rows: usize,
}

/// A column of it, or a part of a column that has several.
enum Leaf {
    Arrow(Box<ArrowColumnWriter>),
    Coded(Coded),
    Keys(Box<Keys>),
}

impl RowGroup {
    pub(super) fn open(
        file: &SerializedFileWriter<Vec<u8>>,
        factory: &ArrowRowGroupWriterFactory,
        encoders: &[Encoder],
    ) -> Result<Self> {
        let schema = file.schema_descr();
        let writers = factory.create_column_writers(file.flushed_row_groups().len())?;
        let mut leaves: Vec<Vec<_>> = Vec::new();
        leaves.resize_with(schema.root_schema().get_fields().len(), Vec::new);
        for (leaf, (writer, encoder)) in writers.into_iter().zip(encoders).enumerate() {
            leaves[schema.get_column_root_idx(leaf)].push(match encoder {
                Encoder::Arrow => Leaf::Arrow(Box::new(writer)),
                Encoder::Coded => Leaf::Coded(Coded::new(schema.column(leaf))),
                Encoder::Keys => Leaf::Keys(Box::new(Keys::new(schema.column(leaf))?)),
            });
        }
        Ok(Self { leaves, rows: 0 })
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.rows += rows.num_rows();
        let fields = rows.schema_ref().fields().iter();
        for ((field, column), leaves) in fields.zip(rows.columns()).zip(&mut self.leaves) {
            match leaves.as_mut_slice() {
                [Leaf::Coded(coded)] => coded.write(column)?,
                [Leaf::Keys(keys)] => keys.write(column.as_string())?,
                leaves => write_parts(leaves, field, column)?,
            }
        }
        Ok(())
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that it will have, about.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |leaf: &Leaf| match leaf {
            Leaf::Arrow(writer) => writer.get_estimated_total_bytes(),
            Leaf::Coded(coded) => coded.bytes(),
            Leaf::Keys(keys) => keys.bytes(),
        };
        self.leaves.iter().flatten().map(bytes).sum()
    }

    pub(super) fn close(self, file: &mut SerializedFileWriter<Vec<u8>>) -> Result<()> {
        let mut group = file.next_row_group()?;
        for leaf in self.leaves.into_iter().flatten() {
            let (pages, close) = match leaf {
                Leaf::Arrow(writer) => {
                    writer.close()?.append_to_row_group(&mut group)?;
                    continue;
                }
                Leaf::Coded(coded) => coded.close()?,
                Leaf::Keys(keys) => keys.close()?,
            };
            group.append_column(&pages, close)?;
        }
        group.close()?;
        Ok(())
    }
}

/// Adds rows to the parts of a column.
fn write_parts(leaves: &mut [Leaf], field: &Field, column: &ArrayRef) -> Result<()> {
    let parts = compute_leaves(field, column)?;
    for (nth, (leaf, rows)) in leaves.iter_mut().zip(parts).enumerate() {
        match leaf {
            Leaf::Arrow(writer) => writer.write(&rows)?,
            Leaf::Coded(coded) => {
                let lists = column.as_list();
                coded.write_lists(lists.offsets(), lists.values().as_struct().column(nth))?;
            }
            Leaf::Keys(_) => {
                let message = format!("{} has keys in its parts", field.name());
                return Err(ParquetError::General(message));
            }
        }
    }
    Ok(())
}
