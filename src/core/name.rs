//! Names of tables, as SQL, files and errors spell them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that needs no quotes in SQL: lower-case letters, digits and `_`, not starting with a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// None if `text` is not such a name, or is longer than the 63 bytes that warehouses take.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let well_formed = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            && text.bytes().next().is_some_and(|b| !b.is_ascii_digit())
            && text.len() <= 63;
        well_formed.then_some(Self(text))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(text.clone()).ok_or_else(|| format!("`{text}` is not a name"))
    }
}

/// A schema of the catalog; a layer reads its own and those above it in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Extracts as they are, with the future cut away.
    Raw,
    /// What the night before published.
    Previous,
    /// One extract's shape made the project's contract.
    Staging,
    /// One row per entity and table.
    Feature,
    /// Who belongs where.
    Segment,
    /// Queries that must return no rows.
    Audit,
    /// What is published; only a question may read it.
    Published,
    /// A question that somebody asks beside the nights.
    Question,
}

impl Layer {
    /// The layers that are folders of SQL files, lowest first.
    pub const OF_FILES: [Self; 4] = [Self::Staging, Self::Feature, Self::Segment, Self::Audit];

    /// The layers that are schemas in SQL.
    pub const READABLE: [Self; 6] =
        [Self::Raw, Self::Previous, Self::Staging, Self::Feature, Self::Segment, Self::Published];

    /// The schema's name in SQL.
    #[must_use]
    pub fn schema(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Previous => "previous",
            Self::Staging => "staging",
            Self::Feature => "feature",
            Self::Segment => "segment",
            Self::Audit => "audit",
            Self::Published => "published",
            Self::Question => "question",
        }
    }

    /// The folder below `sql/`.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Feature => "features",
            Self::Segment => "segments",
            Self::Audit => "audits",
            Self::Raw | Self::Previous | Self::Published | Self::Question => "",
        }
    }

    /// Whether SQL of this layer may read `other`. Previous memberships are for those who look back: segments and audits.
    #[must_use]
    pub fn may_read(self, other: Self) -> bool {
        match other {
            Self::Audit | Self::Question => false,
            Self::Published => self == Self::Question,
            Self::Previous => self >= Self::Segment,
            Self::Raw | Self::Staging | Self::Feature | Self::Segment => other <= self,
        }
    }

    /// The layer whose schema is `schema`; audits and questions can not be read and so have none.
    #[must_use]
    pub fn of_schema(schema: &str) -> Option<Self> {
        Self::READABLE.into_iter().find(|layer| layer.schema() == schema)
    }
}

/// A table of the catalog: `feature.account`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The schema.
    pub layer: Layer,
    /// The name in it.
    pub name: Name,
}

impl TableName {
    /// `name` in `layer`.
    #[must_use]
    pub fn new(layer: Layer, name: Name) -> Self {
        Self { layer, name }
    }

    /// Reads `schema.name`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (schema, name) = text.split_once('.')?;
        Some(Self { layer: Layer::of_schema(schema)?, name: Name::new(name)? })
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.layer.schema(), self.name)
    }
}

/// The candidate that a person most likely meant, if any is near enough to be worth saying.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(wanted, candidate), candidate))
        // One slip in three characters; "typo" against "type" yes, "a" against "b" no.
        .filter(|(slips, candidate)| slips * 3 <= wanted.len().max(candidate.len()))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_sql_takes_without_quotes() {
        for good in ["orders", "_x1", "renewal_due"] {
            assert!(Name::new(good).is_some(), "{good}");
        }
        for bad in ["", "1st", "Orders", "a-b", "a b", "ü", &"x".repeat(64)] {
            assert!(Name::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_layer_reads_its_own_and_lower_ones_but_never_audits() {
        assert!(Layer::Segment.may_read(Layer::Segment) && Layer::Feature.may_read(Layer::Raw));
        assert!(
            !Layer::Staging.may_read(Layer::Feature) && !Layer::Feature.may_read(Layer::Previous)
        );
        assert!(!Layer::Audit.may_read(Layer::Audit));
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        assert_eq!(nearest("lables", ["labels", "limits"]), Some("labels"));
        assert_eq!(nearest("colour", ["labels", "limits"]), None);
    }
}
