//! Turns what the engine says of a query into a place in a file.

use std::ops::Range;

use datafusion::common::{DataFusionError, SchemaError, Span};
use datafusion::functions_window::all_default_window_functions;
use datafusion_functions_segmentation::{all_aggregate, all_scalar, all_window};

use super::OF_PUBLISHED;
use super::wording::{Told, place, told};
use crate::core::{Call, Layer, Problem, SqlFile, nearest};
use crate::reader::ReadError;

/// The engine's complaint about `file`, where it stands in the text.
pub(super) fn problem(file: &SqlFile, error: &DataFusionError) -> Problem {
    let span =
        error.diagnostic().and_then(|diagnostic| diagnostic.span).map(|Span { start, end }| {
            file.file.bytes_between((start.line, start.column), (end.line, end.column))
        });
    if let DataFusionError::SchemaError(schema_error, _) = error.find_root()
        && let SchemaError::FieldNotFound { field, valid_fields } = &**schema_error
    {
        let names: Vec<_> = valid_fields.iter().map(|field| field.name.as_str()).collect();
        let twin = names.iter().copied().find(|name| name.eq_ignore_ascii_case(&field.name));
        let help = match twin.or_else(|| nearest(&field.name, names.iter().copied())) {
            _ if is_named_later(file, &field.name, span.as_ref()) => {
                "the SELECT names it, which WHERE can not see yet: filter a WITH query".to_owned()
            }
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "nothing is read here that has columns".to_owned(),
            None => format!("columns here: {}", names.join(", ")),
        };
        let span = span.unwrap_or_else(|| find_word(&file.file.text, &field.name));
        let message = format!("there is no column `{}` here", field.flat_name());
        return Problem::error("unknown_column", &file.file, span, message).help(help);
    }

    if let DataFusionError::External(cause) = error.find_root()
        && let Some(read) = cause.downcast_ref::<ReadError>()
    {
        return of_published(file, read);
    }

    let text = error.find_root().strip_backtrace();
    if let Some(name) = between(&text, "Invalid function '", "'") {
        return unknown_function(file, name, between(&text, "Did you mean '", "'"));
    }
    let Told { code, message, help, at } = told(&text);
    let span = span
        .or_else(|| {
            // Complaints about arguments name the function and know no place.
            let named = file.calls.iter().find(|call| contains_word(&message, &call.function));
            named.map(|call| call.span.clone())
        })
        .or_else(|| place(&file.file.text, &at))
        .unwrap_or_else(|| select(&file.file.text));
    let ours = message.split_once(": ").filter(|(name, _)| is_ours(name));
    let help = match (help.is_empty(), ours) {
        (false, _) => help,
        (true, Some((name, _))) => format!("`roster functions {name}` explains it"),
        (true, None) if file.table.layer == Layer::Question => help,
        (true, None) => "mend the query, then run `roster check` again".to_owned(),
    };
    Problem::error(code, &file.file, span, message).help(help)
}

/// Whether an unknown column is one that the SELECT list makes.
fn is_named_later(file: &SqlFile, name: &str, used: Option<&Range<usize>>) -> bool {
    let made = file.span_of_column(name);
    made.zip(used).is_some_and(|(made, used)| !made.contains(&used.start))
}

/// Whether the function is explained by `roster functions`.
fn is_ours(name: &str) -> bool {
    all_scalar().iter().any(|function| function.name() == name)
        || all_aggregate().iter().any(|function| function.name() == name)
        || all_window().iter().any(|function| function.name() == name)
}

fn unknown_function(file: &SqlFile, name: &str, near: Option<&str>) -> Problem {
    let span = call(file, &name.to_lowercase());
    let span = span.unwrap_or_else(|| find_word(&file.file.text, name));
    let of_windows = all_default_window_functions();
    let help = if of_windows.iter().any(|function| function.name() == name) {
        format!("it is a window function: {name}(...) OVER (ORDER BY ...)")
    } else {
        // The engine always has a suggestion, however far.
        nearest(name, near).map_or_else(
            || "`roster functions` lists Roster's; all others are DataFusion's".to_owned(),
            |near| format!("did you mean `{near}`?"),
        )
    };
    let message = format!("there is no function `{name}`");
    Problem::error("unknown_function", &file.file, span, message).help(help)
}

/// A table function did not find what is published, or could not look.
fn of_published(file: &SqlFile, error: &ReadError) -> Problem {
    let text = error.to_string();
    let (message, help) = text.split_once("\n  ").unwrap_or((&text, ""));
    let of_published = |call: &&Call| OF_PUBLISHED.contains(&call.function.as_str());
    let span = file.calls.iter().find(of_published).map(|call| call.span.clone());
    let span = span.unwrap_or_else(|| select(&file.file.text));
    let problem = Problem::error("published", &file.file, span, message).help(help);
    let exit_code = match error {
        ReadError::Other(error) => error.exit_code(),
        _ => problem.exit_code,
    };
    Problem { exit_code, ..problem }
}

fn call(file: &SqlFile, function: &str) -> Option<Range<usize>> {
    file.calls.iter().find(|call| call.function == function).map(|call| call.span.clone())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let start = text.find(before)? + before.len();
    let end = text[start..].find(after)? + start;
    Some(&text[start..end])
}

fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.split(move |c| !is_word(c))
        .map(move |word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

fn contains_word(text: &str, wanted: &str) -> bool {
    words(text).any(|(_, word)| word.eq_ignore_ascii_case(wanted))
}

/// The query itself, behind the comment at the top.
pub(super) fn select(text: &str) -> Range<usize> {
    let start = text.find("*/").map_or(0, |end| end + 2);
    let start = start + (text[start..].len() - text[start..].trim_start().len());
    let end = text[start..].find(char::is_whitespace).map_or(text.len(), |end| start + end);
    start..end
}

/// Where a word stands in the query; its SELECT where it does not.
pub(super) fn find_word(text: &str, wanted: &str) -> Range<usize> {
    let body = select(text).start;
    let found = words(&text[body..]).find(|(_, word)| word.eq_ignore_ascii_case(wanted));
    match found {
        Some((at, word)) => body + at..body + at + word.len(),
        None => select(text),
    }
}
