//! The columns of published tables: their types, and what they mean.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::KEY;

/// A column of a published table.
#[derive(Debug)]
pub struct Column {
    /// Its name; in angle brackets what stands for one or several of the project's.
    pub name: &'static str,
    /// Its type.
    pub of: Of,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// What it says, and what NULL means.
    pub meaning: &'static str,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// UTF-8.
    Text,
    /// A day.
    Date,
    /// 64 bits, with sign.
    Integer,
    /// 64 bits.
    Float,
    /// As the project's SQL has it.
    Project,
    /// A segmentation, a segment and a score each.
    Memberships,
}

impl Of {
    /// For people.
    #[must_use]
    pub fn shown(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Date => "date",
            Self::Integer => "int",
            Self::Float => "float",
            Self::Project => "the type in SQL",
            Self::Memberships => "list<struct<segmentation text, segment text, score float>>",
        }
    }
}

impl Column {
    pub(super) const fn text(name: &'static str, meaning: &'static str) -> Self {
        Self { name, of: Of::Text, nullable: false, meaning }
    }

    pub(super) const fn date(name: &'static str, meaning: &'static str) -> Self {
        Self { name, of: Of::Date, nullable: false, meaning }
    }

    pub(super) const fn count(name: &'static str, meaning: &'static str) -> Self {
        Self { name, of: Of::Integer, nullable: false, meaning }
    }

    pub(super) const fn number(name: &'static str, meaning: &'static str) -> Self {
        Self { name, of: Of::Float, nullable: true, meaning }
    }

    pub(super) const fn or_null(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// As the files have it.
    pub(super) fn field(&self, key: &FieldRef) -> FieldRef {
        let data_type = match self.of {
            Of::Text => DataType::Utf8,
            Of::Date => DataType::Date32,
            Of::Integer => DataType::Int64,
            Of::Float => DataType::Float64,
            Of::Project | Of::Memberships => return Arc::clone(key),
        };
        Arc::new(Field::new(self.name, data_type, self.nullable))
    }
}

/// The entity key.
pub(super) const KEY_COLUMN: Column = Column {
    name: KEY,
    of: Of::Project,
    nullable: false,
    meaning: "The entity key, under its own name: text or an integer, as the SQL has it.",
};

/// The night.
pub(super) const AS_OF: Column = Column::date("as_of", "The night.");

/// What most tables compare with.
pub(super) const PREVIOUS_AS_OF: Column =
    Column::date("previous_as_of", "The night compared with; NULL on the first night.").or_null();

/// Which segmentation.
pub(super) const SEGMENTATION: Column =
    Column::text("segmentation", "The segmentation: the name of its SQL file.");

/// The schema of a table whose columns are fixed, but for the entity key's.
pub(super) fn schema(columns: &[Column], key: &FieldRef) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|column| column.field(key)).collect::<Vec<_>>()))
}
