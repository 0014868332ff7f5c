//! `roster catalog`.

use std::fmt::Write;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::ProjectArguments;
use super::output::say;
use super::summary::table;
use crate::core::{Segmentation, SqlFile};
use crate::error::{Error, Result};

pub(super) const EXAMPLES: &str = "\
Examples:
  roster catalog                                   the project's segmentations, a line each
  roster catalog --format markdown > segments.md   for people: what each is for, its labels, playbook and what it reads
  roster catalog --format json | jq -r '.[] | select(.owner == \"marketing\") | .name'

It is made of the front matter and first comment of sql/segments/*.sql; no extract is opened.";

#[derive(Debug, Args)]
pub(super) struct CatalogArguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// An array of objects
    Json,
    /// A document
    Markdown,
}

/// A segmentation as its file tells it.
struct Entry<'a> {
    segmentation: &'a Segmentation,
    path: String,
    description: &'a str,
    reads: Vec<String>,
}

pub(super) fn catalog(arguments: &CatalogArguments) -> Result<u8> {
    let project = arguments.project.load()?;
    let entries: Vec<_> = project.files.values().filter_map(Entry::of).collect();
    match arguments.format {
        Format::Table => {
            let mut table = table(&["segmentation", "title", "owner", "labels"], 99);
            for entry in &entries {
                let Segmentation { name, title, owner, .. } = entry.segmentation;
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                table.add_row([name.to_string(), text(title), text(owner), entry.labels()]);
            }
            say(&table.trim_fmt());
        }
        Format::Json => {
            let json: Vec<_> = entries.iter().map(Entry::json).collect();
            let json = serde_json::to_string_pretty(&json);
            say(&json.map_err(|error| Error::Bug(format!("catalog: {error}")))?);
        }
        Format::Markdown => say(&markdown(&entries)),
    }
    Ok(0)
}

impl<'a> Entry<'a> {
    fn of(file: &'a SqlFile) -> Option<Self> {
        let segmentation = file.segmentation()?;
        let mut reads: Vec<_> = file.references.iter().map(|read| read.table.to_string()).collect();
        reads.sort();
        let path = file.file.path.display().to_string();
        Some(Self { segmentation, path, description: file.description(), reads })
    }

    fn labels(&self) -> String {
        self.segmentation.label_names().unwrap_or_default().join(", ")
    }

    /// How many labels a key has.
    fn cardinality(&self) -> &'static str {
        match (self.segmentation.exclusive, self.segmentation.total) {
            (true, true) => "exactly one",
            (true, false) => "at most one",
            (false, true) => "at least one",
            (false, false) => "any number",
        }
    }

    fn json(&self) -> Value {
        let Segmentation { name, title, owner, tags, exclusive, total, playbook, .. } =
            self.segmentation;
        json!({
            "name": name.to_string(),
            "title": title,
            "owner": owner,
            "tags": tags,
            "labels": self.segmentation.label_names(),
            "exclusive": exclusive,
            "total": total,
            "playbook": playbook,
            "description": self.description,
            "reads": self.reads,
            "file": self.path,
        })
    }

    fn section(&self) -> String {
        let Segmentation { name, title, owner, tags, playbook, .. } = self.segmentation;
        let mut text = format!("## {name}\n");
        if let Some(title) = title {
            let _ = write!(text, "\n**{title}.** ");
        }
        let _ = write!(text, "{}\n\n", self.description);
        let code = |names: &[String]| format!("`{}`", names.join("`, `"));
        let labels = self.segmentation.label_names().map(|labels| code(&labels));
        let facts = [
            ("labels", labels),
            ("of an account", Some(self.cardinality().to_owned())),
            ("owner", owner.clone()),
            ("tags", (!tags.is_empty()).then(|| tags.join(", "))),
            ("playbook", playbook.clone()),
            ("reads", (!self.reads.is_empty()).then(|| code(&self.reads))),
        ];
        for (fact, value) in facts {
            if let Some(value) = value {
                let _ = writeln!(text, "- {fact}: {value}");
            }
        }
        text
    }
}

fn markdown(entries: &[Entry<'_>]) -> String {
    let mut text = "# Segmentations\n\n\
         Written by `roster catalog --format markdown` from `sql/segments/`. Without labels in a list, any may come; what a \
         query\nreturns beside key, label and score is published as evidence.\n\n\
         | segmentation | labels of an account | |\n|---|---|---|\n"
        .to_owned();
    for entry in entries {
        let Segmentation { name, title, .. } = entry.segmentation;
        let title = title.as_deref().unwrap_or_default();
        let _ = writeln!(text, "| [{name}](#{name}) | {} | {title} |", entry.cardinality());
    }
    for entry in entries {
        let _ = write!(text, "\n{}", entry.section());
    }
    text.trim_end().to_owned()
}
