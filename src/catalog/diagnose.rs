//! Turns what the engine says of a query into a place in a file.

use std::ops::Range;

use datafusion::common::{DataFusionError, SchemaError, Span};

use super::OF_PUBLISHED;
use crate::core::{Call, Layer, Problem, SqlFile, nearest};
use crate::reader::ReadError;

/// The engine's complaint about `file`, where it stands in the text.
pub(super) fn problem(file: &SqlFile, error: &DataFusionError) -> Problem {
    let text = file.file.text.as_ref();
    let diagnostic = error.diagnostic();
    let span = diagnostic.and_then(|diagnostic| diagnostic.span).map(|Span { start, end }| {
        file.file.bytes_between((start.line, start.column), (end.line, end.column))
    });
    if let DataFusionError::SchemaError(schema_error, _) = error.find_root()
        && let SchemaError::FieldNotFound { field, valid_fields } = &**schema_error
    {
        let names: Vec<_> = valid_fields.iter().map(|field| field.name.as_str()).collect();
        let help = match nearest(&field.name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "nothing is read here that has columns".to_owned(),
            None => format!("columns here: {}", names.join(", ")),
        };
        let span = span.unwrap_or_else(|| find_word(text, &field.name));
        let message = format!("there is no column `{}` here", field.flat_name());
        return Problem::error("unknown_column", &file.file, span, message).help(help);
    }

    if let DataFusionError::External(cause) = error.find_root()
        && let Some(read) = cause.downcast_ref::<ReadError>()
    {
        return of_published(file, read);
    }

    let message = message(error);
    if let Some(name) = between(&message, "Invalid function '", "'") {
        let span = call(file, &name.to_lowercase()).unwrap_or_else(|| find_word(text, name));
        let near = between(&message, "Did you mean '", "'");
        let help = near.map_or_else(
            || {
                "the functions are those of DataFusion and of FUNCTIONS in the documentation"
                    .to_owned()
            },
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("there is no function `{name}`");
        return Problem::error("unknown_function", &file.file, span, message).help(help);
    }
    let span = span
        .or_else(|| {
            // Complaints about arguments name the function and know no place.
            let named = file.calls.iter().find(|call| contains_word(&message, &call.function));
            named.map(|call| call.span.clone())
        })
        .unwrap_or_else(|| select(text));
    let mut notes = diagnostic.into_iter().flat_map(|diagnostic| {
        let helps = diagnostic.helps.iter().map(|help| help.message.clone());
        helps.chain(diagnostic.notes.iter().map(|note| note.message.clone()))
    });
    let help = notes.next().unwrap_or_else(|| advice(file, &message).to_owned());
    Problem::error("sql_planning", &file.file, span, message).help(help)
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

/// The usual ways out.
fn advice(file: &SqlFile, message: &str) -> &'static str {
    if message.contains("ScalarSubquery") || message.contains("scalar subquery") {
        "a subquery for each row must return one row: aggregate it (max, count), or JOIN instead"
    } else if message.contains("Missing required parameter") {
        "arguments can be left out at the end only: give this one too"
    } else if file.table.layer == Layer::Question {
        ""
    } else {
        "mend the query, then run `roster check` again"
    }
}

/// The innermost message, without the names of the engine's layers.
fn message(error: &DataFusionError) -> String {
    let text = error.find_root().strip_backtrace();
    let mut text = text.as_str();
    for prefix in [
        "Error during planning: ",
        "Execution error: ",
        "Schema error: ",
        "Optimizer rule 'simplify_expressions' failed\ncaused by\n",
        "This feature is not implemented: ",
    ] {
        text = text.trim_start_matches(prefix);
    }
    text.to_owned()
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
