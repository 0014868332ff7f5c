//! Every kind of mistake in a project that is told with its place.

use super::ENDINGS;

/// A kind of mistake.
#[derive(Debug)]
pub struct Mistake {
    /// A stable name; never renamed.
    pub code: &'static str,
    /// What is wrong.
    pub means: &'static str,
}

const fn mistake(code: &'static str, means: &'static str) -> Mistake {
    Mistake { code, means }
}

/// Whether a problem may have this code: an extract that stops a night is told in a check by the code of that ending.
pub(super) fn is_known(code: &str) -> bool {
    let endings = ENDINGS.iter().map(|ending| ending.code);
    MISTAKES.iter().map(|mistake| mistake.code).chain(endings).any(|known| known == code)
}

/// Every kind, by code.
pub const MISTAKES: &[Mistake] = &[
    mistake("bad_duration", "not a whole number and m, h or d"),
    mistake("bad_location", "an address that no store understands, or that can not be written to"),
    mistake("bad_name", "a name that SQL could only write in quotes"),
    mistake("bad_size", "not a whole number and KiB, MiB, GiB or TiB"),
    mistake("bad_threads", "not 1 to 1024"),
    mistake("bad_universe", "a universe that is no staging or feature table"),
    mistake("bad_variable", "a `${` that is never closed"),
    mistake(
        "band_edges",
        "a warning: bands of one CASE with a gap, an overlap, or a WHEN that is never reached",
    ),
    mistake("column_type", "a column of the universe that no Parquet file can hold"),
    mistake("cycle", "tables that read each other in a circle"),
    mistake("empty_location", "a location without text"),
    mistake("empty_reason", "a warning that is allowed without a reason"),
    mistake("float_equality", "a warning: a float compared with a number by ="),
    mistake("freshness_without_event_time", "a freshness that nothing can be judged by"),
    mistake("front_matter", "front matter that is never closed, or not in the first comment"),
    mistake("grain", "a warning: a feature that can have several rows of one key"),
    mistake("group_without_priority", "a group without a priority, or a priority without a group"),
    mistake(
        "guarded_by_and",
        "a warning: a division or CAST that AND or OR is to keep from failing",
    ),
    mistake("key_type", "an entity key that is no text or integer, or of two types"),
    mistake("label_type", "a label that is no text"),
    mistake("labels", "a warning: labels declared and never given, or given and not declared"),
    mistake("layer", "a table or function that this layer must not read"),
    mistake("limit_range", "limits that no number of members keeps"),
    mistake("missing_key", "a table or key of roster.toml that can not be left out"),
    mistake("missing_key_column", "a query that does not return the entity key"),
    mistake("no_delta", "Delta tables asked of a program that writes none"),
    mistake("no_labels", "a closed set of labels with none in it"),
    mistake("null_logic", "a warning: a negation that passes over rows whose column is NULL"),
    mistake("optional_without_columns", "an optional source that does not say what it looks like"),
    mistake("personal_data", "a key, label or score computed from a personal column"),
    mistake(
        "personal_evidence",
        "a warning: a personal column beside the members, which is not published",
    ),
    mistake("published", "a table function that does not find what it reads"),
    mistake("repeated_column", "two columns of one name"),
    mistake("repeated_label", "a label that is declared twice"),
    mistake("reserved_key", "an entity key that published tables have another column of"),
    mistake("same_priority", "two segmentations of a group with the same priority"),
    mistake("score_type", "a score that is no number"),
    mistake("share_range", "not from 0 to 1"),
    mistake("small_pieces", "a warning: a source in thousands of small row groups"),
    mistake("snapshot_with_event_time", "a source with both"),
    mistake("source", "a source whose event_time or masks can not be applied"),
    mistake("sql_planning", "SQL whose types, arguments or clauses do not fit"),
    mistake("sql_syntax", "SQL that can not be read, or is not one SELECT"),
    mistake("stray_file", "SQL in a folder that nobody reads"),
    mistake("time_column", "an event_time or a mask's date that is no date or timestamp"),
    mistake("toml_syntax", "TOML that can not be read"),
    mistake("unknown_column", "a column that there is not"),
    mistake("unknown_function", "a function that there is not"),
    mistake("unknown_key", "a key that there is not"),
    mistake("unknown_option", "an option that no object store knows"),
    mistake("unknown_engine", "neither fast nor plain"),
    mistake("unknown_severity", "not warn, block or abort"),
    mistake("unknown_table", "a table that there is not"),
    mistake("unknown_time_zone", "a zone that the IANA database does not have"),
    mistake("unknown_type", "a type that columns can not be declared as"),
    mistake("unknown_variable", "a variable that `env` does not list"),
    mistake("unknown_warning", "an `allow` of a warning that there is not"),
    mistake("unread_source", "a warning: a source that no file reads"),
    mistake("unset_variable", "a variable that is not set where Roster runs"),
    mistake(
        "unstable",
        "a warning: a result that depends on the order in which rows happen to come",
    ),
    mistake("unused_allow", "a warning: an `allow` that allows nothing any more"),
    mistake("volatile", "a clock or a die: a function that answers anew each time"),
    mistake("wrong_type", "a value of another type than its key's"),
];
