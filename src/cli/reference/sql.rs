//! The contract of SQL: who may read whom, what a query returns, what is refused.

use std::fmt::Write;

use datafusion_functions_segmentation::all_scalar;

use crate::catalog::OF_PUBLISHED;
use crate::core::Layer;
use crate::project::PREVIOUS_TABLES;

pub(super) fn contract() -> String {
    let mut text = "## SQL\n\n\
         A file of `sql/` is one SELECT, with or without WITH, in the SQL of Apache DataFusion. Its folder is the layer, its \
         name the table's: `sql/features/account.sql` is `feature.account`. Columns keep their names and types. Every \
         query is planned before a row is read, and the order of files follows from what they read.\n\n\
         ### Layers\n\n| schema | what it is | may read |\n|---|---|---|\n"
        .to_owned();
    for layer in [Layer::Raw, Layer::Previous].into_iter().chain(Layer::OF_FILES) {
        let _ = writeln!(text, "| {} | {} | {} |", name(layer), what(layer), reads(layer));
    }
    let published = Layer::Published.schema();
    let _ = writeln!(text, "|  | a question of `roster sql` | all of them, and {published} |");
    text += READ_BY_SEGMENTS;
    text += RETURNED;
    text += &refused();
    text += "\n### The day\n\nA night has one clock.\n\n";
    for function in all_scalar() {
        let documentation = function.documentation();
        if let (true, Some(doc)) = (is_clock(function.name()), documentation) {
            let _ = writeln!(text, "- `{}`: {}", doc.syntax_example, doc.description);
        }
    }
    text += NULLS;
    text
}

const READ_BY_SEGMENTS: &str = "
A segment that is read, as `segment.health`, has its members as they are published: the key, `segment`, `score`, and the
columns of its evidence. `previous.membership` is the table that the night before published, empty on the first night.
";

const RETURNED: &str = "
### What a segment returns

- The entity key. A row whose key is NULL, or that has a key twice in a segment, is never published: the audit fails. In an
  exclusive segmentation a key has one row.
- `segment`, text: the label. NULL is no member. Without the column all rows are in the one segment named like the file.
- `score`, a number, if there is one: published as a float.
- Other columns are the row's evidence, a JSON object. Personal ones (`pii` of a source, and what is computed from them)
  stay out of it.

A feature has one row per key. An audit returns the rows that are wrong, and is passed when there are none.
";

fn refused() -> String {
    let functions: Vec<_> = OF_PUBLISHED.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "
### What is refused

| refused | because | code |
|---|---|---|
| anything but one SELECT: INSERT, COPY, CREATE, SET, EXPLAIN | a project only reads; Roster itself writes | `sql_syntax` |
| FOR UPDATE, TABLESAMPLE, `$1` | a night reads all rows, once, without parameters | `sql_syntax` |
| files, URLs, `information_schema` | extracts are pinned: all SQL sees the same files | `unknown_table` |
| a higher layer | the order of a night: raw, staging, features, segments, audits | `layer` |
| {} | they read what later nights publish | `layer` |
| clocks and dice: `now()`, `current_date`, `random()`, `uuid()` | the same night must come out the same | `volatile` |
| a key, label or score from a personal column | it would be published | `personal_data` |

Results must not depend on the order in which rows happen to come either: LIMIT without ORDER BY, `first_value` without an
order, and sums of floats are warned of (`unstable`).
",
        functions.join(", ")
    )
}

const NULLS: &str = "
### NULL

NULL means not known. A comparison with it is neither true nor false but NULL, and WHERE, HAVING, ON, FILTER and WHEN take a
row only where the condition is true: `plan <> 'free'` passes over a row whose `plan` is NULL, and so does `NOT (plan =
'free')`.

| expression | is |
|---|---|
| `NULL = NULL`, `NULL <> 1`, `NOT NULL` | NULL |
| `NULL AND FALSE` | FALSE |
| `NULL OR TRUE` | TRUE |
| `1 IN (2, NULL)`, `1 NOT IN (2, NULL)` | NULL |
| `NULL IS DISTINCT FROM 1` | TRUE |
| `sum`, `avg`, `max` of no value that is known | NULL; `count` is 0 |

So who is not known is never a member, and nothing unknown becomes 0 unless the SQL says so: `coalesce(logins, 0)` is a
statement about the world.
";

fn is_clock(function: &str) -> bool {
    matches!(function, "as_of" | "as_of_start" | "as_of_end")
}

fn name(layer: Layer) -> String {
    match layer {
        Layer::Audit => String::new(),
        _ => format!("`{}`", layer.schema()),
    }
}

fn what(layer: Layer) -> String {
    match layer {
        Layer::Raw => "the sources of roster.toml, without what is later than the night".to_owned(),
        Layer::Previous => {
            format!("what the night before published: {}", PREVIOUS_TABLES.join(", "))
        }
        _ => format!("`sql/{}/`", layer.folder()),
    }
}

fn reads(layer: Layer) -> String {
    let read = Layer::READABLE.into_iter().filter(|other| layer.may_read(*other));
    match layer {
        Layer::Raw | Layer::Previous => String::new(),
        _ => read.map(Layer::schema).collect::<Vec<_>>().join(", "),
    }
}
