//! The declared columns of a source.

use std::collections::BTreeSet;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use toml::de::DeTable;

use crate::core::{Fields, nearest};

/// A declared column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Exactly as in the files.
    pub name: String,
    /// What it becomes.
    pub data_type: DataType,
    /// NULL is an error.
    pub required: bool,
}

impl Column {
    /// The column as the files' readers know it.
    #[must_use]
    pub fn field(&self) -> Field {
        Field::new(&self.name, self.data_type.clone(), !self.required)
    }
}

/// Microseconds in `zone`.
#[must_use]
pub fn timestamp_in(zone: &str) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()))
}

pub(super) fn read_columns(fields: &Fields<'_>, table: &DeTable<'_>) -> Vec<Column> {
    let mut columns = Vec::new();
    let mut lower = BTreeSet::new();
    // The parser sorts a table by name; columns keep the order of the text.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in entries {
        let Some(text) = value.get_ref().as_str() else {
            fields.wrong_type(name.get_ref(), value, "a type in quotes");
            continue;
        };
        if !lower.insert(name.get_ref().to_lowercase()) {
            fields.report(
                "repeated_column",
                name.span(),
                format!("column `{}` stands twice, but for upper and lower case", name.get_ref()),
                "SQL could not tell them apart: leave one out",
            );
            continue;
        }
        let (type_text, required) = match text.strip_suffix('!') {
            Some(type_text) => (type_text, true),
            None => (text, false),
        };
        match parse_type(type_text) {
            Some(data_type) => {
                columns.push(Column { name: name.get_ref().to_string(), data_type, required });
            }
            None => {
                let names = ["text", "int", "float", "bool", "date", "timestamp"];
                let near = nearest(type_text, names).map_or_else(
                    || "types: text, int, float, bool, date, timestamp, decimal(p,s), list<..>; ! = not null".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                fields.report("unknown_type", value.span(), format!("unknown type `{text}`"), near);
            }
        }
    }
    columns
}

/// Reads a type of the contract. Timestamps are instants, in UTC until the catalog shows them in the project's zone.
fn parse_type(text: &str) -> Option<DataType> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')) {
        return Some(DataType::List(Field::new_list_field(parse_type(inner)?, true).into()));
    }
    if let Some(inner) = text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')) {
        let (precision, scale) = inner.split_once(',')?;
        let (precision, scale): (u8, i8) =
            (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
        let possible = (1..=38).contains(&precision) && (0..=38).contains(&scale);
        return (possible && i16::from(scale) <= i16::from(precision))
            .then_some(DataType::Decimal128(precision, scale));
    }
    Some(match text {
        "text" => DataType::Utf8View,
        "int" => DataType::Int64,
        "float" => DataType::Float64,
        "bool" => DataType::Boolean,
        "date" => DataType::Date32,
        "timestamp" => timestamp_in("UTC"),
        _ => return None,
    })
}
