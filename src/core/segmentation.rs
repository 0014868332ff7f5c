//! What a segment file's front matter promises, and an audit's.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::header::{OF_LIMITS, SEVERITIES};
use super::{Fields, Layer, Name, TableName};

/// What a failed audit does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Told in the report; the night goes on.
    Warn,
    /// The segmentation is not published.
    #[default]
    Block,
    /// The whole night is not published.
    Abort,
}

/// Bounds on how many members a segmentation may have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// Distinct keys, at least.
    pub min_members: Option<u64>,
    /// Distinct keys, at most.
    pub max_members: Option<u64>,
    /// Largest change of the number of members against the previous night, as a share of it.
    pub max_change: Option<f64>,
    /// Largest population stability index against the previous night, of sizes and of scores.
    pub max_drift: Option<f64>,
}

/// A group that a segmentation is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The same in all its files.
    pub name: String,
    /// The lowest number wins.
    pub priority: u64,
    /// Where the priority stands in the file.
    pub span: Range<usize>,
}

/// One file of `sql/segments/`: what its front matter says.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    /// The file's stem.
    pub name: Name,
    /// For people.
    pub title: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// To select by.
    pub tags: Vec<String>,
    /// The closed set of labels; none = any.
    pub labels: Option<Vec<Spanned<String>>>,
    /// At most one label per key.
    pub exclusive: bool,
    /// Every key of the universe has a label.
    pub total: bool,
    /// Segmentations of one group exclude each other; the lowest number wins.
    pub group: Option<Group>,
    /// What customer success does with its members.
    pub playbook: Option<String>,
    /// Bounds on its size.
    pub limits: Limits,
    /// What its failed audits do.
    pub severity: Severity,
}

/// The column of the account table that lists all segments a key is in.
pub const MEMBERSHIPS: &str = "memberships";

impl Segmentation {
    /// The column of the account table that holds the key's label; none where a key may have several.
    #[must_use]
    pub fn label_column(&self) -> Option<String> {
        self.exclusive.then(|| format!("segment_{}", self.name))
    }

    /// The names of the closed set of labels.
    #[must_use]
    pub fn label_names(&self) -> Option<Vec<String>> {
        self.labels.clone().map(|labels| plain_list(Some(labels)))
    }

    /// What SQL calls it.
    #[must_use]
    pub fn table(&self) -> TableName {
        TableName::new(Layer::Segment, self.name.clone())
    }

    /// Reads the front matter of a segment file.
    #[must_use]
    pub fn read(name: Name, fields: &Fields<'_>) -> Self {
        let exclusive = fields.flag("exclusive").unwrap_or(false);
        let total = fields.flag("total").unwrap_or(false);
        Self {
            name,
            title: plain(fields.text("title")),
            owner: plain(fields.text("owner")),
            tags: plain_list(fields.texts("tags", false)),
            labels: labels(fields),
            exclusive,
            total,
            group: group(fields),
            playbook: plain(fields.text("playbook")),
            limits: limits(fields),
            severity: severity(fields),
        }
    }
}

/// One file of `sql/audits/`: a query that must return no rows.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditQuery {
    /// The file's stem.
    pub name: Name,
    /// For people.
    pub title: Option<String>,
    /// What rows do.
    pub severity: Severity,
}

impl AuditQuery {
    /// Reads the front matter of an audit file.
    #[must_use]
    pub fn read(name: Name, fields: &Fields<'_>) -> Self {
        describe(fields);
        fields.text("playbook");
        Self { name, title: plain(fields.text("title")), severity: severity(fields) }
    }
}

/// Reads what every SQL file may say of itself.
pub(super) fn describe(fields: &Fields<'_>) {
    fields.text("title");
    fields.text("owner");
    fields.texts("tags", false);
}

fn plain(text: Option<Spanned<String>>) -> Option<String> {
    text.map(Spanned::into_inner)
}

fn plain_list(texts: Option<Vec<Spanned<String>>>) -> Vec<String> {
    texts.unwrap_or_default().into_iter().map(Spanned::into_inner).collect()
}

fn labels(fields: &Fields<'_>) -> Option<Vec<Spanned<String>>> {
    let labels = fields.texts("labels", false)?;
    if labels.is_empty() {
        let span = fields.any("labels").map_or(0..0, Spanned::span);
        let help = "name them, or leave `labels` out to allow any";
        fields.report("no_labels", span, "a closed set without labels allows no member", help);
    }
    let mut seen = BTreeSet::new();
    for label in &labels {
        if !seen.insert(label.get_ref().clone()) {
            fields.report(
                "repeated_label",
                label.span(),
                format!("label `{}` stands twice", label.get_ref()),
                "name each label once",
            );
        }
    }
    Some(labels)
}

fn group(fields: &Fields<'_>) -> Option<Group> {
    let (group, priority) = (fields.text("group"), fields.count("priority"));
    match (group, priority) {
        (Some(group), Some(priority)) => Some(Group {
            name: group.into_inner(),
            span: priority.span(),
            priority: priority.into_inner(),
        }),
        (None, None) => None,
        (Some(lonely), None) => {
            fields.report(
                "group_without_priority",
                lonely.span(),
                "a group needs a priority: who wins a key that several claim?",
                "add a line: priority = 1   (the lowest number of the group wins)",
            );
            None
        }
        (None, Some(lonely)) => {
            fields.report(
                "group_without_priority",
                lonely.span(),
                "a priority means nothing without a group",
                "add a line: group = \"...\", the same in all files that exclude each other",
            );
            None
        }
    }
}

fn limits(fields: &Fields<'_>) -> Limits {
    let Some(table) = fields.table("limits", &OF_LIMITS) else { return Limits::default() };
    let [min_members, max_members] =
        ["min_members", "max_members"].map(|key| table.count(key).map(Spanned::into_inner));
    let not_negative = |key, meaning: &str, help: &str| {
        let limit = table.number(key)?;
        if !limit.get_ref().is_finite() || *limit.get_ref() < 0.0 {
            table.report(
                "limit_range",
                limit.span(),
                format!("`{key}` is {meaning}, 0 or more"),
                help,
            );
            return None;
        }
        Some(limit.into_inner())
    };
    let of_members = "a share of the members of the previous night";
    let max_change = not_negative("max_change", of_members, "write 0.30 for 30 %");
    let index = "a population stability index";
    let max_drift = not_negative("max_drift", index, "write 0.25 for another population");
    if let (Some(min), Some(max)) = (min_members, max_members)
        && min > max
    {
        let span = table.any("max_members").map_or(0..0, Spanned::span);
        let message = format!("no number is at least {min} and at most {max}");
        table.report("limit_range", span, message, "exchange min_members and max_members");
    }
    table.finish();
    Limits { min_members, max_members, max_change, max_drift }
}

fn severity(fields: &Fields<'_>) -> Severity {
    match fields.word("severity", &SEVERITIES, "unknown_severity") {
        Some("warn") => Severity::Warn,
        Some("abort") => Severity::Abort,
        _ => Severity::default(),
    }
}
