//! `roster functions`.

use std::fmt::Write;

use clap::{Args, ValueEnum};
use datafusion::logical_expr::Documentation;
use datafusion_functions_segmentation::{all_aggregate, all_scalar, all_window};
use serde_json::{Value, json};

use super::output::say;
use super::summary::table;
use crate::core::nearest;
use crate::error::{Error, Result};
use crate::question;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster functions                                 all of them, a line each
  roster functions rfm                             what one means, with its arguments
  roster functions --format json | jq -r '.[].name'
  roster functions --format markdown > docs/functions.md

Beside these, SQL has all functions of Apache DataFusion but clocks and dice.";

#[derive(Debug, Args)]
pub(super) struct FunctionsArguments {
    /// One function
    name: Option<String>,
    /// How to show them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// An array of objects
    Json,
    /// The reference in the documentation
    Markdown,
}

struct Function {
    name: String,
    kind: &'static str,
    doc: Documentation,
}

pub(super) fn functions(arguments: &FunctionsArguments) -> Result<u8> {
    let mut functions = all();
    if let Some(wanted) = &arguments.name {
        let names: Vec<_> = functions.iter().map(|function| function.name.clone()).collect();
        functions.retain(|function| function.name == *wanted);
        if functions.is_empty() {
            let help = match nearest(wanted, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`roster functions` lists them; all others are DataFusion's own".to_owned(),
            };
            let message = format!("Roster has no function `{wanted}`");
            return Err(Error::Setting { message, help });
        }
    }
    match arguments.format {
        Format::Json => {
            let json: Vec<_> = functions.iter().map(Function::json).collect();
            let json = serde_json::to_string_pretty(&json);
            say(&json.map_err(|error| Error::Bug(format!("functions: {error}")))?);
        }
        Format::Markdown => say(&markdown(&functions)),
        Format::Table => match (&arguments.name, functions.as_slice()) {
            (Some(_), [function]) => say(&function.shown()),
            _ => {
                let mut table = table(&["function", "kind", "meaning"], 99);
                for function in &functions {
                    let meaning = first_sentence(&function.doc.description);
                    table.add_row([&function.name, function.kind, meaning]);
                }
                say(&table.trim_fmt());
            }
        },
    }
    Ok(0)
}

/// By section and name.
fn all() -> Vec<Function> {
    let scalar = all_scalar();
    let aggregate = all_aggregate();
    let window = all_window();
    let scalar = scalar.iter().map(|f| (f.name(), "scalar", f.documentation()));
    let aggregate = aggregate.iter().map(|f| (f.name(), "aggregate", f.documentation()));
    let window = window.iter().map(|f| (f.name(), "window", f.documentation()));
    let known = scalar.chain(aggregate).chain(window).filter_map(|(name, kind, doc)| {
        Some(Function { name: name.to_owned(), kind, doc: doc?.clone() })
    });
    let tables = question::documentation().into_iter().map(|(name, doc)| Function {
        name: name.to_owned(),
        kind: "table",
        doc,
    });
    let mut all: Vec<_> = known.chain(tables).collect();
    all.sort_by(|a, b| (a.doc.doc_section.label, &a.name).cmp(&(b.doc.doc_section.label, &b.name)));
    all
}

impl Function {
    fn arguments(&self) -> &[(String, String)] {
        self.doc.arguments.as_deref().unwrap_or_default()
    }

    fn json(&self) -> Value {
        let arguments = self.arguments().iter();
        let arguments: Vec<_> = arguments
            .map(|(name, description)| json!({ "name": name, "description": description }))
            .collect();
        json!({
            "name": self.name,
            "kind": self.kind,
            "section": self.doc.doc_section.label,
            "syntax": self.doc.syntax_example,
            "description": self.doc.description,
            "arguments": arguments,
        })
    }

    fn shown(&self) -> String {
        let mut text = format!(
            "{}\n  {} function\n\n{}\n",
            self.doc.syntax_example, self.kind, self.doc.description
        );
        for (name, description) in self.arguments() {
            let _ = write!(text, "\n  {name}: {description}");
        }
        text
    }
}

fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ").next().unwrap_or(text).trim_end()
}

fn markdown(functions: &[Function]) -> String {
    let mut text = "# SQL functions\n\n\
         Written by `roster functions --format markdown`. What each gives for values, NULL, ties and mistakes is shown by its \
         file in\n[tests/slt/functions](../tests/slt/functions), which the tests run.\n"
        .to_owned();
    let mut section = "";
    for function in functions {
        if function.doc.doc_section.label != section {
            section = function.doc.doc_section.label;
            let _ = write!(text, "\n## {section}\n");
        }
        let Function { name, kind, doc } = function;
        let _ = write!(text, "\n### {name}\n\n```sql\n{}\n```\n\n", doc.syntax_example);
        let _ = writeln!(text, "{} ({kind})", doc.description);
        if !function.arguments().is_empty() {
            text += "\n";
        }
        for (name, description) in function.arguments() {
            let _ = writeln!(text, "- `{name}`: {description}");
        }
    }
    text.trim_end().to_owned()
}
