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
    /// A file without it is no error: there it is NULL. A column that came later is in none of the older files.
    pub may_be_missing: bool,
}

impl Column {
    /// The column as the files' readers know it.
    #[must_use]
    pub fn field(&self) -> Field {
        Field::new(&self.name, self.data_type.clone(), !self.required)
    }
}

/// The types of declared columns: how they are written, what they are in SQL and which types of files fit them.
pub const TYPES: [(&str, &str); 8] = [
    ("text", "Text. Fits every encoding of text, dictionaries too."),
    (
        "int",
        "A whole number of 64 bits with sign. Fits whole numbers that have no more: up to int64 and uint32.",
    ),
    ("float", "A binary fraction of 64 bits. Fits floats, and whole numbers of up to 32 bits."),
    ("bool", "True or false."),
    ("date", "A day."),
    (
        "timestamp",
        "An instant in microseconds; SQL shows it in the project's time zone. Fits every unit; what is below a \
         microsecond is cut off, and times without a zone are taken for UTC.",
    ),
    (
        "decimal(p,s)",
        "A decimal fraction of `p` digits, 1 to 38, `s` of them behind the point. Fits decimals and whole numbers that \
         lose no digit in it. For money.",
    ),
    ("list<..>", "A list of one of these types: `list<text>`."),
];

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
        let (required, may_be_missing) = (text.ends_with('!'), text.ends_with('?'));
        let type_text = match required || may_be_missing {
            true => &text[..text.len() - 1],
            false => text,
        };
        let data_type = parse_type(type_text);
        if data_type.is_none() {
            let names = || TYPES.iter().map(|(name, _)| *name);
            let plain = names().filter(|name| !name.contains(['(', '<']));
            let near = nearest(type_text, plain).map_or_else(
                || {
                    format!(
                        "types: {}; ! = not null, ? = may be missing in a file",
                        names().collect::<Vec<_>>().join(", ")
                    )
                },
                |near| format!("did you mean `{near}`?"),
            );
            fields.report("unknown_type", value.span(), format!("unknown type `{text}`"), near);
        }
        // Known by its name all the same, so that queries are not told that there is none.
        let data_type = data_type.unwrap_or(DataType::Null);
        let name = name.get_ref().to_string();
        columns.push(Column { name, data_type, required, may_be_missing });
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
