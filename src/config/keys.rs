//! The keys of roster.toml.

use crate::core::{Key, Keys, Shape};

/// The file.
pub const FILE: Keys = Keys {
    name: "roster.toml",
    meaning: "Settings of a project: what it reads, what it publishes, and on which machine. Relative paths start at \
              the project's folder.",
    keys: &[
        &Key {
            name: "project",
            shape: Shape::Table(&PROJECT),
            default: None,
            meaning: "Who the nights are about, and whose day a night is.",
            example: "{ name = \"acme\", key = \"account_id\", time_zone = \"UTC\" }",
            mistakes: &[],
        },
        &Key {
            name: "sources",
            shape: Shape::Tables(&SOURCE),
            default: None,
            meaning: "The extracts, each by the name that SQL reads it by: `[sources.orders]` is `raw.orders`.",
            example: "{ orders = { location = \"orders/\" } }",
            mistakes: &["bad_name"],
        },
        &Key {
            name: "output",
            shape: Shape::Table(&OUTPUT),
            default: None,
            meaning: "Where nights are published.",
            example: "{ location = \"segments/\" }",
            mistakes: &[],
        },
        &Key {
            name: "run",
            shape: Shape::Table(&RUN),
            default: Some("all of the machine"),
            meaning: "What a run may take of the machine. It does not change what a night says.",
            example: "{ memory_limit = \"4GiB\" }",
            mistakes: &[],
        },
        &Key {
            name: "evaluate",
            shape: Shape::Table(&EVALUATE),
            default: Some("the columns of the reference project"),
            meaning: "Which columns `roster evaluate` goes by. It does not change what a night says.",
            example: "{ revenue = \"arr\" }",
            mistakes: &[],
        },
        &Key {
            name: "object_store",
            shape: Shape::Options,
            default: Some("what the environment says"),
            meaning: "Options of object stores beside their environment variables (`AWS_REGION`, \
                      `GOOGLE_APPLICATION_CREDENTIALS`, ...), by the names that the object_store library has for them: \
                      `endpoint`, `region`, `allow_http`, `timeout`. One is Roster's own: `retry_timeout`, how long a \
                      store may ask to slow down before it counts as failed.",
            example: "{ region = \"eu-central-1\" }",
            mistakes: &["unknown_option"],
        },
    ],
};

/// `[project]`.
pub(super) const PROJECT: Keys = Keys {
    name: "[project]",
    meaning: "Who the nights are about, and whose day a night is.",
    keys: &[
        &Key {
            name: "name",
            shape: Shape::Text,
            default: None,
            meaning: "Names the project in its log: lower-case letters, digits and _. A log takes nights of one project \
                      only.",
            example: "\"acme\"",
            mistakes: &["bad_name"],
        },
        &Key {
            name: "key",
            shape: Shape::Text,
            default: None,
            meaning: "The column of the entity key: who is a member. Text or an integer, published as it is.",
            example: "\"account_id\"",
            mistakes: &["reserved_key"],
        },
        &Key {
            name: "time_zone",
            shape: Shape::Text,
            default: None,
            meaning: "Whose day `as_of()` is, by its IANA name. SQL sees timestamps in it.",
            example: "\"Europe/Berlin\"",
            mistakes: &["unknown_time_zone"],
        },
        &Key {
            name: "currency",
            shape: Shape::Text,
            default: Some("not said"),
            meaning: "What amounts of money are in. For people: nothing is converted by it.",
            example: "\"EUR\"",
            mistakes: &[],
        },
        &Key {
            name: "universe",
            shape: Shape::Text,
            default: Some("`feature.account` where there is one, else all keys of the segments"),
            meaning: "Who is counted: a staging or feature table with one row per key. Its columns are in the account \
                      table, its keys are what shares are of.",
            example: "\"feature.account\"",
            mistakes: &["bad_universe", "unknown_table", "missing_key_column"],
        },
        &Key {
            name: "env",
            shape: Shape::Texts,
            default: Some("none"),
            meaning: "The environment variables that locations may name, as `${LAKE}`.",
            example: "[\"LAKE\"]",
            mistakes: &["unset_variable"],
        },
    ],
};

/// `[sources.<name>]`.
pub(super) const SOURCE: Keys = Keys {
    name: "a source",
    meaning: "An extract in Parquet. No night sees its future: `event_time` cuts rows, `masks` hide what was filled in \
              later, `snapshot` chooses the copy of the day. A source with none of them is read as it is now; a night that \
              is more than a day older than its newest file is then recorded with `point_in_time = false`.",
    keys: &[
        &Key {
            name: "location",
            shape: Shape::TextOrTexts,
            default: Some("the source is not there yet, which only an `optional` one may be"),
            meaning: "A file, a folder or a glob: a path, file://, s3://, gs://, az://, abfss:// or https://. Folders \
                      like `dt=2026-06-30` are columns. `${NAME}` is a variable of `env`.",
            example: "\"s3://lake/shop/orders/\"",
            mistakes: &[
                "bad_location",
                "empty_location",
                "bad_variable",
                "unknown_variable",
                "unset_variable",
            ],
        },
        &Key {
            name: "columns",
            shape: Shape::Columns,
            default: Some("the schema of the files, which must then be the same in all of them"),
            meaning: "The columns that SQL sees, each with its type; other columns of the files are left out. A file that \
                      does not have them is refused.",
            example: "{ order_id = \"text!\", ordered_at = \"timestamp!\", amount = \"decimal(18,2)!\", status = \"text\", email = \"text\", paid_at = \"timestamp\" }",
            mistakes: &["unknown_type", "repeated_column"],
        },
        &Key {
            name: "optional",
            shape: Shape::Flag,
            default: Some("false"),
            meaning: "The source may have no location, no file or no row: it is then an empty table of its `columns`.",
            example: "true",
            mistakes: &["optional_without_columns"],
        },
        &Key {
            name: "event_time",
            shape: Shape::Text,
            default: Some("all rows are read"),
            meaning: "The column of when a row happened. A night reads timestamps before `as_of_end()` and dates up to \
                      `as_of()`; rows without one are not read.",
            example: "\"ordered_at\"",
            mistakes: &["unknown_column", "time_column", "snapshot_with_event_time"],
        },
        &Key {
            name: "masks",
            shape: Shape::Masks,
            default: Some("none"),
            meaning: "Columns that are filled in later than the row. `\"refunded_at\"` is NULL while it is after the night; \
                      `{ status = \"paid_at\" }` makes `status` NULL while `paid_at` is.",
            example: "[\"paid_at\", { status = \"paid_at\" }]",
            mistakes: &["unknown_column", "time_column"],
        },
        &Key {
            name: "snapshot",
            shape: Shape::Text,
            default: Some("none"),
            meaning: "The folder that names the day of a full copy, `dt=2026-06-30`: a night reads the newest one that is \
                      not after it. Not together with `event_time`.",
            example: "\"dt\"",
            mistakes: &["snapshot_with_event_time"],
        },
        &Key {
            name: "freshness",
            shape: Shape::Duration,
            default: Some("any age"),
            meaning: "How old the newest event may be at the end of the night; with an older one the inputs are not ready \
                      (exit code 6). Needs `event_time`.",
            example: "\"26h\"",
            mistakes: &["bad_duration", "freshness_without_event_time"],
        },
        &Key {
            name: "max_row_drop",
            shape: Shape::Number,
            default: Some("any loss"),
            meaning: "Largest loss of rows against the previous night, as a share of them, 0 to 1. A larger one stops the \
                      night.",
            example: "0.30",
            mistakes: &["share_range"],
        },
        &Key {
            name: "unique",
            shape: Shape::Texts,
            default: Some("no promise"),
            meaning: "Columns that together name a row once. Each night checks it; rows that share them stop the night.",
            example: "[\"order_id\"]",
            mistakes: &["unknown_column"],
        },
        &Key {
            name: "pii",
            shape: Shape::Texts,
            default: Some("none"),
            meaning: "Columns about persons. They, and what is computed from them, never reach published tables, logs, \
                      reports or samples; counts and other aggregates over several rows may.",
            example: "[\"email\"]",
            mistakes: &["unknown_column", "personal_data"],
        },
    ],
};

/// `[output]`.
pub(super) const OUTPUT: Keys = Keys {
    name: "[output]",
    meaning: "Where nights are published.",
    keys: &[
        &Key {
            name: "location",
            shape: Shape::Text,
            default: None,
            meaning: "The root of the log and of the tables: a path, file://, s3://, gs://, az:// or abfss://. Nothing \
                      else may write below it.",
            example: "\"s3://lake/segments/\"",
            mistakes: &[
                "bad_location",
                "empty_location",
                "bad_variable",
                "unknown_variable",
                "unset_variable",
            ],
        },
        &Key {
            name: "retain",
            shape: Shape::Duration,
            default: Some("\"90d\", a quarter"),
            meaning: "How long files that are no longer live are kept for rollbacks and followers, before `roster vacuum` \
                      may delete them.",
            example: "\"90d\"",
            mistakes: &["bad_duration"],
        },
        &Key {
            name: "delta",
            shape: Shape::Flag,
            default: Some("false"),
            meaning: "Published tables are Delta tables too, over the same files. Needs a program built with `--features \
                      delta`.",
            example: "false",
            mistakes: &["no_delta"],
        },
    ],
};

/// What `engine` may be.
pub(super) const ENGINES: [&str; 2] = ["fast", "plain"];

/// `[run]`.
pub(super) const RUN: Keys = Keys {
    name: "[run]",
    meaning: "What a run may take of the machine. It does not change what a night says.",
    keys: &[
        &Key {
            name: "memory_limit",
            shape: Shape::Size,
            default: Some(
                "seven eighths (three quarters without glibc) of what a container may have beyond 128 MiB; else as much as there is",
            ),
            meaning: "Memory that queries may hold before they spill to the folder of TMPDIR. Units are powers of 1024.",
            example: "\"4GiB\"",
            mistakes: &["bad_size"],
        },
        &Key {
            name: "threads",
            shape: Shape::Count,
            default: Some("one per core"),
            meaning: "Threads that compute, 1 to 1024.",
            example: "2",
            mistakes: &["bad_threads"],
        },
        &Key {
            name: "engine",
            shape: Shape::Word(&ENGINES),
            default: Some("\"fast\""),
            meaning: "How queries are computed; what they answer is the same. `plain` leaves everything to DataFusion: \
                      segmentations one by one, and `count(DISTINCT ..)` as it has it. For a comparison, when in doubt.",
            example: "\"fast\"",
            mistakes: &["unknown_engine"],
        },
    ],
};

/// `[evaluate]`.
pub(super) const EVALUATE: Keys = Keys {
    name: "[evaluate]",
    meaning: "Which columns of the universe `roster evaluate` goes by. What a night does not have of them is not reported. \
              It does not change what a night says.",
    keys: &[
        &Key {
            name: "revenue",
            shape: Shape::Text,
            default: Some("`arr`"),
            meaning: "Recurring revenue, a number: what net and gross revenue retention are of.",
            example: "\"arr\"",
            mistakes: &[],
        },
        &Key {
            name: "renewal_date",
            shape: Shape::Text,
            default: Some("`renewal_date`"),
            meaning: "The end of the current term, a date that a renewal moves on. Who lies more than 30 days behind it \
                      has left.",
            example: "\"renewal_date\"",
            mistakes: &[],
        },
        &Key {
            name: "satisfaction",
            shape: Shape::Text,
            default: Some("`satisfaction`"),
            meaning: "How content an account is, a number: its change is reported.",
            example: "\"satisfaction\"",
            mistakes: &[],
        },
        &Key {
            name: "health_scores",
            shape: Shape::Texts,
            default: Some("`health_score`"),
            meaning: "Scores that are high where an account is likely to stay.",
            example: "[\"health_score\"]",
            mistakes: &[],
        },
        &Key {
            name: "churn_scores",
            shape: Shape::Texts,
            default: Some("`churn_score`"),
            meaning: "Scores that are high where it is likely to leave.",
            example: "[\"churn_score\"]",
            mistakes: &[],
        },
    ],
};
