//! What the engine complains of, said as everything else here is said: what is wrong, and the next step.

use std::ops::Range;

use regex::{Captures, Regex};

use super::diagnose::select;
use crate::core::{innermost, type_names, uncapitalised};

/// A complaint in our words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Empty where nothing better is known than to mend the query.
    pub(super) help: String,
    /// A word of the SQL that the caret belongs under; empty where none is known.
    pub(super) at: String,
}

/// One complaint: a pattern of the engine's text, and what is told instead, with the pattern's groups.
struct Wording {
    pattern: &'static str,
    message: &'static str,
    help: &'static str,
    at: &'static str,
}

const fn wording(
    pattern: &'static str,
    message: &'static str,
    help: &'static str,
    at: &'static str,
) -> Wording {
    Wording { pattern, message, help, at }
}

/// The first pattern that fits counts. Types are already named as in roster.toml.
const WORDINGS: &[Wording] = &[
    // ---- arguments ----
    wording(
        r"(?s)coerced type, errors.*argument types '(\w+)\((.*)\)'\.",
        "the arguments of `$1` have no common type: $2",
        "CAST them to one type",
        "$1",
    ),
    wording(
        r"coercion failed with: (?:Error during planning: |Execution error: )*(\w+): (.*?)\. No function matches",
        "$1: $2",
        "`roster functions $1` explains it",
        "$1",
    ),
    wording(
        r"[Ff]unction '(\w+)' expect(?:s|ed) (\w+) arguments? but received (\d+)",
        "wrong number of arguments for `$1`: it takes $2, got $3",
        "give it as many as it takes",
        "$1",
    ),
    wording(
        r"(?s)argument types '(\w+)\((.*?)\)'\. You might.*Candidate functions:\s*(.*)",
        "`$1` does not take ($2)",
        "it takes: $3",
        "$1",
    ),
    wording(
        r"^Unknown parameter name '(\w+)'\. Valid parameters are: \[(.*)\]",
        "there is no argument `$1`",
        "the arguments are: $2",
        "$1",
    ),
    wording(
        r"^Missing required parameter '(\w+)'",
        "the argument `$1` is missing",
        "arguments can be left out at the end only: give this one too",
        "",
    ),
    wording(
        r"^Parameter '(\w+)' specified multiple times",
        "the argument `$1` is given twice",
        "leave one of them out",
        "$1",
    ),
    wording(
        r"^Positional argument at position \d+ follows named",
        "an argument without a name stands behind one with a name",
        "name all that come after it too",
        "",
    ),
    wording(
        r"only support Literal types for field",
        "an argument of a window function has to be written as a value",
        "lag(column, 1): how far is a number, not a column",
        "",
    ),
    wording(
        r"^unnest\(\) can only be applied",
        "`unnest` takes a list",
        "it makes a row of each of its items",
        "unnest",
    ),
    // ---- types ----
    wording(
        r"^Cannot coerce arithmetic expression (.+) to valid types",
        "`$1` has no meaning",
        "CAST one side to the type of the other",
        "",
    ),
    wording(
        r"^Cannot infer common argument type for logical boolean operation (.+)",
        "`$1` has no meaning: both sides have to be true or false",
        "compare them first: amount > 0",
        "",
    ),
    wording(
        r"^Cannot infer common argument type for \w+ operation (.+)",
        "`$1` has no meaning",
        "CAST one side to the type of the other",
        "",
    ),
    wording(
        r"common type to coerce (.+) and (.+) in LIKE expression",
        "`$1 LIKE $2` has no meaning",
        "LIKE compares texts: CAST the other side to VARCHAR",
        "LIKE",
    ),
    wording(
        r"^Failed to coerce types (.+) and (.+) in BETWEEN",
        "`$1 BETWEEN $2` has no meaning",
        "compare values of one type",
        "BETWEEN",
    ),
    wording(
        r"^Can not find compatible types to compare (.+) with \[(.*)\]",
        "$1 can not be compared with ($2)",
        "CAST them to one type",
        "IN",
    ),
    wording(
        r"^Failed to coerce (?:case|then) \((.*)\) and (?:when|else) \((.*)\) to common types",
        "the values of a CASE are of two types: $1 and $2",
        "CAST them to one type",
        "CASE",
    ),
    wording(
        r"^Unsupported CAST from (.+) to (.+)",
        "no value of $1 can become $2",
        "choose another type, or take one part of it",
        "CAST",
    ),
    wording(
        r"^Unsupported SQL type (\w+)",
        "there is no type `$1`",
        "types in SQL are VARCHAR, BIGINT, DOUBLE, BOOLEAN, DATE, TIMESTAMP, DECIMAL(18, 2)",
        "$1",
    ),
    wording(
        r"^Cannot create filter with non-boolean predicate .* returning (.+)",
        "a condition has to be true or false, this one is $1",
        "compare it with something: amount > 0",
        "WHERE",
    ),
    wording(
        r"^Unary operator 'NOT' requires a boolean expression, got (.+)",
        "NOT takes what is true or false, got $1",
        "compare it first: NOT (amount > 0)",
        "NOT",
    ),
    wording(
        r"^Unary operator '-' only supports",
        "a minus sign takes a number",
        "CAST what stands behind it",
        "",
    ),
    wording(
        r"^Expected LIMIT to be an integer or null, but got (.+)",
        "LIMIT takes a whole number, got $1",
        "write it without quotes",
        "LIMIT",
    ),
    wording(
        r"^Field (\w+) not found in struct",
        "the struct has no field `$1`",
        "`roster functions` says which fields the result of a function has",
        "$1",
    ),
    wording(
        r"^Dot access not supported",
        "the field of a result is not read by a dot",
        "write it in brackets: r['monetary']",
        "",
    ),
    // ---- values that stand in the SQL ----
    wording(
        r"^Cannot cast string '(.*)' to value of (\w+) type",
        "'$1' is no $2",
        "numbers have no quotes, dates are written DATE '2026-06-30'",
        "$1",
    ),
    wording(
        r#"^Invalid input syntax for type interval: "(.*)""#,
        "'$1' is no interval",
        "INTERVAL '3 days': whole numbers with days, weeks, months, years or hours",
        "$1",
    ),
    wording(
        r"^Error parsing timestamp from '(.*)': error computing timezone offset",
        "the clocks of the project's zone skip '$1', or show it twice",
        "as_of_start() and as_of_end() are right every day",
        "$1",
    ),
    wording(
        r"^Error parsing timestamp from '(.*)':",
        "'$1' is no timestamp",
        "write TIMESTAMP '2026-06-30 12:00:00'",
        "$1",
    ),
    wording(
        r"(?s)^regex parse error:\s+(\S.*?)\n.*error: (.+)",
        "'$1' is no regular expression: $2",
        "a backslash before ( ) [ ] . * + ? takes them as they are",
        "$1",
    ),
    // ---- columns and groups ----
    wording(
        r"^Ambiguous reference to unqualified field (\S+)",
        "`$1` is a column of several of these tables",
        "put the table before it: a.$1",
        "$1",
    ),
    wording(
        r#"column "(\S+?)" must appear in the GROUP BY clause"#,
        "`$1` is neither grouped nor aggregated",
        "add it to GROUP BY, or choose one value: max(...)",
        "",
    ),
    wording(
        r"^HAVING clause references: (.+) must appear in the GROUP BY",
        "HAVING looks at rows that are not grouped: $1",
        "conditions on rows stand in WHERE",
        "HAVING",
    ),
    wording(
        r"^Aggregate functions are not allowed in the WHERE clause",
        "WHERE can not look at an aggregate",
        "use HAVING, or aggregate in a WITH query and filter that",
        "WHERE",
    ),
    wording(
        r"^Aggregate function calls cannot be nested: .* is nested inside '(.+)'",
        "an aggregate stands inside another: $1",
        "compute the inner one in a WITH query",
        "",
    ),
    wording(
        r"^Physical plan does not support logical expression WindowFunction",
        "WHERE can not look at a window function",
        "use QUALIFY, or compute it in a WITH query and filter that",
        "WHERE",
    ),
    wording(
        r"^Order by column out of bounds, specified: (\d+), max: (\d+)",
        "there is no column $1 to order by, the SELECT has $2",
        "name the column",
        "ORDER",
    ),
    wording(
        r"^Too many columns! The subquery should only return one column",
        "a subquery that stands for one value returns several columns",
        "select one of them",
        "",
    ),
    wording(
        r"^Invalid qualifier (\w+)",
        "there is no table `$1` here",
        "name one that stands behind FROM",
        "$1",
    ),
    wording(
        r"^Source table contains (\d+) columns but only (\d+) names",
        "wrong number of names: $2 for $1 columns",
        "name every column",
        "",
    ),
    wording(
        r#"^WITH query name "(.+)" specified more than once"#,
        "two WITH queries are named `$1`",
        "name one of them otherwise",
        "",
    ),
    // ---- UNION, VALUES ----
    wording(
        r"^UNION queries have different number of columns",
        "the queries of a UNION return different numbers of columns",
        "select the same columns in each of them",
        "UNION",
    ),
    wording(
        r"^Incompatible inputs for Union: Previous inputs were of type (.+), but got incompatible type (.+) on",
        "a UNION puts $1 and $2 into one column",
        "CAST them to one type",
        "UNION",
    ),
    wording(
        r"^Inconsistent data length across values list: got (\d+) values in row \d+ but expected (\d+)",
        "a row of VALUES has another number of values: $1, the first has $2",
        "give every row the same columns",
        "VALUES",
    ),
    // ---- what the engine does not have ----
    wording(
        r"^Unsupported ast node (\w+)",
        "$1 is not understood here",
        "write it as a plain SELECT",
        "$1",
    ),
    wording(
        r"^Physical plan does not support logical expression (\w+)\(",
        "this can not be computed here: $1",
        "compute it in a WITH query, or JOIN instead of a subquery",
        "",
    ),
    // ---- data ----
    wording(
        r"Cannot cast timezone to different timezone",
        "there is no such time of day, or there are two, where the project is",
        "clocks in the project's zone skip this time or show it twice: as_of_start() and as_of_end() are right every day",
        "",
    ),
    wording(
        r"^Divide by zero",
        "a division by zero",
        "guard it: a / NULLIF(b, 0); WHERE and AND do not",
        "",
    ),
    wording(
        r"^Scalar subquery returned more than one row",
        "a subquery that stands for one value returned several rows",
        "aggregate it (max, count), or JOIN instead",
        "",
    ),
    wording(
        r"^(.+) is too large to store in a Decimal\d+ of precision (\d+)\.",
        "a number has more than $2 digits: $1",
        "CAST to a wider decimal",
        "",
    ),
    wording(
        r"^Overflow happened on: (.+)",
        "a result is too large for its type: $1",
        "a number grew too large: CAST to a wider decimal first",
        "",
    ),
    wording(
        r"^Unable to cast to (\w+) for converting",
        "a text is no $1",
        "TRY_CAST makes it NULL, CASE can decide",
        "",
    ),
];

/// Two columns of one name.
const REPEATED: [&str; 3] = [
    r"^Schema contains qualified field name .* and unqualified field name (\w+) which",
    r"^Schema contains duplicate (?:un)?qualified field name (?:\w+\.)*(\w+)",
    r#"^Projections require unique expression names but the expression "(?:.* AS )?(.+?)" at position"#,
];

/// What the engine says, in our words.
pub(super) fn told(text: &str) -> Told {
    let text = bare(text);
    for pattern in REPEATED {
        if let Some(found) = find(pattern, &text) {
            let help = "name one of them otherwise: AS ...".to_owned();
            let message = format!("two columns are named `{}`", &found[1]);
            return Told { code: "repeated_column", message, help, at: String::new() };
        }
    }
    if let Some(found) = find(r"^table function '(\w+)' not found", &text) {
        let message = format!("there is no table function `{}`", &found[1]);
        let help = "`roster functions` lists Roster's own".to_owned();
        return Told { code: "unknown_function", message, help, at: found[1].to_owned() };
    }
    for Wording { pattern, message, help, at } in WORDINGS {
        if let Some(found) = find(pattern, &text) {
            let fill = |template: &str| {
                let mut filled = String::new();
                found.expand(template, &mut filled);
                listed(&filled)
            };
            let [message, help, at] = [message, help, at].map(|template| fill(template));
            return Told { code: "sql_planning", message, help, at };
        }
    }
    // What the engine shows of its own structures helps nobody.
    let message = text.split(" { ").next().unwrap_or(&text);
    let (message, help) = (uncapitalised(message), String::new());
    Told { code: "sql_planning", message, help, at: String::new() }
}

fn find<'t>(pattern: &str, text: &'t str) -> Option<Captures<'t>> {
    Regex::new(pattern).ok()?.captures(text)
}

/// What the engine adds where it takes a mistake for its own.
const BUG_REPORT: &str = r"\.?\s*This issue was likely caused by[^\n]*?/issues\.?\s*";

/// The complaint alone: without the engine's names of its layers, its types and its literals.
fn bare(text: &str) -> String {
    let text = match Regex::new(BUG_REPORT) {
        Ok(bug_report) => bug_report.replace(text, ". "),
        Err(_) => text.into(),
    };
    let text = innermost(&text);
    let literals = [
        (r"\b(?:U?Int|Float)(?:8|16|32|64)\(([^()]*)\)", "$1"),
        (r"\bBoolean\(([^()]*)\)", "$1"),
        (r#"\bUtf8(?:View)?\("([^"]*)"\)"#, "'$1'"),
    ];
    let mut text = text.to_owned();
    for (pattern, value) in literals {
        let Ok(pattern) = Regex::new(pattern) else { continue };
        text = pattern.replace_all(&text, value).into_owned();
    }
    let text = type_names(&text);
    // Types of which there are many, as functions name them.
    let text = match text.split_once("Candidate functions:") {
        Some((before, all)) => {
            let all = all.to_lowercase().replace("string", "text");
            format!("{before}Candidate functions:{all}")
        }
        None => text,
    };
    text.trim_end_matches(['.', ' ']).to_owned()
}

/// Several lines, such as what a function takes, as one line without repetitions.
fn listed(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if !line.is_empty() && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join(", ")
}

/// Where `wanted` stands in the SQL, if that is certain: a word or a text in quotes that stands there once.
pub(super) fn place(sql: &str, wanted: &str) -> Option<Range<usize>> {
    if wanted.is_empty() {
        return None;
    }
    let body = select(sql).start;
    let wanted = regex::escape(wanted);
    [format!("'{wanted}'"), format!(r"(?i)\b{wanted}\b")].iter().find_map(|pattern| {
        let pattern = Regex::new(pattern).ok()?;
        let mut found = pattern.find_iter(&sql[body..]);
        match (found.next(), found.next()) {
            (Some(only), None) => Some(body + only.start()..body + only.end()),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_engines_layers_types_and_structures_are_left_out() {
        for (text, message) in [
            (
                "Arrow error: Cast error: Cannot cast string 'x' to value of Date32 type",
                "'x' is no date",
            ),
            (
                "Error during planning: Something went wrong with Int64(1).",
                "something went wrong with 1",
            ),
            ("Internal error: Oh.\nThis issue was likely caused by a bug: https://x/issues", "oh"),
            ("Unexpected Ident { value: \"x\", span: Span(Location(1,1)) }", "unexpected Ident"),
            ("NTILE requires a positive integer", "NTILE requires a positive integer"),
        ] {
            assert_eq!(told(text).message, message);
        }
    }

    #[test]
    fn every_pattern_is_one() {
        for pattern in WORDINGS.iter().map(|wording| wording.pattern).chain(REPEATED) {
            assert!(Regex::new(pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn a_word_has_a_place_only_if_it_stands_there_once() {
        let sql = "/* where */ SELECT a FROM b WHERE a = 'x(' ";
        assert_eq!(place(sql, "WHERE"), Some(28..33));
        assert_eq!(place(sql, "x("), Some(38..42));
        assert_eq!(place(sql, "a"), None);
    }
}
