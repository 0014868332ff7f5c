//! Extracts, as roster.toml describes them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use chrono::TimeDelta;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::column::{Column, read_columns};
use super::keys::SOURCE;
use super::location::{Environment, Location, fill_in};
use super::{read_duration, table_of};
use crate::core::{Fields, Name, Problem, ProjectFile, nearest};

/// An extract: `raw.<name>`.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub name: Name,
    /// Where roster.toml says it.
    pub span: Range<usize>,
    /// Files, folders or globs; empty only for an optional source that is not there.
    pub locations: Vec<Location>,
    /// Rows after the night are cut by this column.
    pub event_time: Option<String>,
    /// Columns that were filled in later than the row.
    pub masks: Vec<Mask>,
    /// Partition column of daily full copies.
    pub snapshot: Option<String>,
    /// The newest event must not be older than this at the end of the night.
    pub freshness: Option<TimeDelta>,
    /// Largest loss of rows against the previous night, as a share of them.
    pub max_row_drop: Option<f64>,
    /// Columns that together name a row once.
    pub unique: Vec<String>,
    /// Columns about persons.
    pub pii: Vec<String>,
    /// The declared columns, in order.
    pub columns: Option<Vec<Column>>,
    /// Whether it may be absent or empty.
    pub optional: bool,
    /// Every column that its other keys name, with where: without declared columns only the files can tell whether there
    /// is one.
    pub named: Vec<Spanned<String>>,
}

impl Source {
    /// Whether nothing tells what this source looked like on an earlier day.
    #[must_use]
    pub fn is_current_state(&self) -> bool {
        self.event_time.is_none() && self.snapshot.is_none() && self.masks.is_empty()
    }
}

/// `column` is NULL while the value of `date` is after the night.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// What is hidden.
    pub column: String,
    /// Until when.
    pub date: String,
}

pub(super) fn read_sources(
    root: &Fields<'_>,
    table: &DeTable<'_>,
    file: &ProjectFile,
    env: &Environment,
    problems: &RefCell<Vec<Problem>>,
) -> BTreeMap<Name, Source> {
    let mut sources = BTreeMap::new();
    for (key, value) in table {
        let Some(name) = Name::new(key.get_ref().to_string()) else {
            root.report(
                "bad_name",
                key.span(),
                format!("`{}` can not be a table's name", key.get_ref()),
                "use lower-case letters, digits and _, not starting with a digit",
            );
            continue;
        };
        let Some(table) = table_of(value) else {
            root.wrong_type(key.get_ref(), value, "a table");
            continue;
        };
        let fields = Fields::new(&SOURCE, file, table, key.span(), problems);
        sources.insert(name.clone(), Source::read(name, key.span(), fields, env));
    }
    sources
}

impl Source {
    fn read(name: Name, span: Range<usize>, fields: Fields<'_>, env: &Environment) -> Self {
        let locations = fields.texts("location", true);
        let locations = locations.unwrap_or_default();
        let no_location = locations.is_empty();
        let locations = locations.iter().filter_map(|text| fill_in(&fields, text, env)).collect();
        let optional = fields.flag("optional").unwrap_or(false);
        let columns = fields.any("columns").map(|value| match table_of(value) {
            Some(table) => read_columns(&fields, table),
            None => {
                fields.wrong_type("columns", value, SOURCE.expected("columns"));
                Vec::new()
            }
        });
        if no_location && !optional {
            fields.report(
                "missing_key",
                span.clone(),
                format!("source {name} has no location"),
                "add a line: location = \"...\"; or optional = true with its columns, for later",
            );
        }
        if optional && columns.is_none() {
            fields.report(
                "optional_without_columns",
                span.clone(),
                format!("optional source {name} does not declare its columns"),
                "add columns = { ... }: they are what SQL sees while the source is absent",
            );
        }
        let event_time = fields.text("event_time");
        let snapshot = fields.text("snapshot");
        if let (Some(_), Some(snapshot)) = (&event_time, &snapshot) {
            fields.report(
                "snapshot_with_event_time",
                snapshot.span(),
                "a source has an event time or is a snapshot, not both",
                "daily full copies: snapshot; rows that are added: event_time",
            );
        }
        let named = RefCell::new(Vec::new());
        let known = |wanted: &Spanned<String>, fields: &Fields<'_>| {
            named.borrow_mut().push(wanted.clone());
            let Some(columns) = &columns else { return };
            if !columns.iter().any(|column: &Column| column.name == *wanted.get_ref()) {
                let declared = columns.iter().map(|column| column.name.as_str());
                let help = nearest(wanted.get_ref(), declared).map_or_else(
                    || "add it to `columns`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("source {name} declares no column `{}`", wanted.get_ref());
                fields.report("unknown_column", wanted.span(), message, help);
            }
        };
        let masks = read_masks(&fields, &known);
        let listed = |key| {
            let texts: Vec<_> = fields.texts(key, false).unwrap_or_default();
            for text in &texts {
                known(text, &fields);
            }
            texts.into_iter().map(Spanned::into_inner).collect::<Vec<_>>()
        };
        let (unique, pii) = (listed("unique"), listed("pii"));
        if let Some(column) = &event_time {
            known(column, &fields);
        }
        let freshness = read_duration(&fields, "freshness");
        if freshness.is_some() && event_time.is_none() {
            fields.report(
                "freshness_without_event_time",
                span.clone(),
                format!("source {name} has a freshness but no event_time to judge it by"),
                "add event_time = \"...\"",
            );
        }
        let max_row_drop = share(&fields, "max_row_drop");
        fields.finish();
        Self {
            name,
            span,
            locations,
            event_time: event_time.map(Spanned::into_inner),
            masks,
            snapshot: snapshot.map(Spanned::into_inner),
            freshness,
            max_row_drop,
            unique,
            pii,
            columns,
            optional,
            named: named.into_inner(),
        }
    }
}

/// A share, from nothing to all.
fn share(fields: &Fields<'_>, key: &'static str) -> Option<f64> {
    let share = fields.number(key)?;
    if !(0.0..=1.0).contains(share.get_ref()) {
        let message = format!("`{key}` is a share of the rows of the previous night, from 0 to 1");
        fields.report("share_range", share.span(), message, "write 0.30 for 30 %");
        return None;
    }
    Some(share.into_inner())
}

fn read_masks(fields: &Fields<'_>, known: &dyn Fn(&Spanned<String>, &Fields<'_>)) -> Vec<Mask> {
    let Some(value) = fields.any("masks") else { return Vec::new() };
    let expected = SOURCE.expected("masks");
    let Some(items) = value.get_ref().as_array() else {
        fields.wrong_type("masks", value, expected);
        return Vec::new();
    };
    let mut masks = Vec::new();
    let mut add = |column: Spanned<String>, date: Spanned<String>| {
        known(&column, fields);
        known(&date, fields);
        masks.push(Mask { column: column.into_inner(), date: date.into_inner() });
    };
    let text = |span: Range<usize>, text: &str| Spanned::new(span, text.to_owned());
    for item in items {
        match item.get_ref() {
            DeValue::String(column) => {
                add(text(item.span(), column), text(item.span(), column));
            }
            DeValue::Table(pairs) => {
                for (column, date) in pairs {
                    match date.get_ref().as_str() {
                        Some(name) => {
                            add(text(column.span(), column.get_ref()), text(date.span(), name));
                        }
                        None => fields.wrong_type("masks", date, "the name of a date column"),
                    }
                }
            }
            _ => fields.wrong_type("masks", item, expected),
        }
    }
    // A date that is itself masked must hide the others before it is hidden: they all read the file's own value.
    masks
}
