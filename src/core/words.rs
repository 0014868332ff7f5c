//! How messages say numbers and types.

use std::fmt::Display;

use datafusion::arrow::datatypes::DataType;
use regex::{Captures, Regex};

/// `1 row`, `2 rows`.
#[must_use]
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A type as roster.toml names it.
#[must_use]
pub fn type_name(data_type: &DataType) -> String {
    type_names(&data_type.to_string())
}

/// A text in which the engine's types are named as roster.toml names them: `List(Utf8View)` is `list<text>`.
#[must_use]
pub fn type_names(text: &str) -> String {
    let inner = r"((?:[^()]|\([^()]*\))*)";
    let named = [
        (r"\b(?:Utf8View|LargeUtf8|Utf8)\b", "text"),
        (r"\bInt64\b", "int"),
        (r"\bFloat64\b", "float"),
        (r"\bBoolean\b", "bool"),
        (r"\bDate32\b", "date"),
        (r"\bTimestamp\([^)]*\)", "timestamp"),
        (r"\bInterval\([^)]*\)", "interval"),
        (r"\bDecimal(?:32|64|128|256)\((\d+), ?(-?\d+)\)", "decimal($1,$2)"),
        (r"\bDictionary\(\w+, ([^()]*)\)", "$1"),
        (&format!(r"\b(?:Large)?List\((?:non-null )?{inner}\)"), "list<$1>"),
    ];
    let mut text = text.to_owned();
    for (pattern, name) in named {
        let Ok(pattern) = Regex::new(pattern) else { continue };
        text = pattern.replace_all(&text, name).into_owned();
    }
    // The others are told apart by their widths.
    let Ok(others) = Regex::new(r"\b(?:U?Int|Float|Date)(?:8|16|32|64)\b") else { return text };
    others.replace_all(&text, |name: &Captures<'_>| name[0].to_lowercase()).into_owned()
}

/// A complaint of a library without the names of its layers: `Arrow error: Cast error: x` is `x`.
#[must_use]
pub fn innermost(text: &str) -> &str {
    let layers = r"^(?:Optimizer rule '\w+' failed\s+caused by\s+|This feature is not implemented: |Error during planning: |sql parser error: |[A-Z]\w* (?:\w+ )?error: |EOF: )";
    let Ok(layers) = Regex::new(layers) else { return text };
    let mut text = text.trim();
    while let Some(layer) = layers.find(text) {
        text = &text[layer.end()..];
    }
    text
}

/// The beginning of a sentence as it stands behind a colon; words that are all capitals stay so.
#[must_use]
pub fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain([second]).chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_roster_toml_names_them() {
        for (engine, ours) in [
            ("Utf8View + Int64", "text + int"),
            ("List(Utf8View)", "list<text>"),
            ("LargeList(Decimal128(18, 2))", "list<decimal(18,2)>"),
            ("Timestamp(µs, \"Europe/Berlin\") or Date32", "timestamp or date"),
            ("Dictionary(UInt16, Utf8)", "text"),
            ("UInt64 does not fit Int64", "uint64 does not fit int"),
            ("a Utf8x and Int6400", "a Utf8x and Int6400"),
        ] {
            assert_eq!(type_names(engine), ours);
        }
    }

    #[test]
    fn the_layers_of_a_library_are_left_out() {
        for (text, inner) in [
            ("Arrow error: Cast error: Cannot cast", "Cannot cast"),
            ("Parquet argument error: Parquet error: Required field", "Required field"),
            ("External error: regex parse error:\n  (", "regex parse error:\n  ("),
            ("score: a and b differ", "score: a and b differ"),
        ] {
            assert_eq!(innermost(text), inner);
        }
    }
}
