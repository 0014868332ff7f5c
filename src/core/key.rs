//! The keys that a project may write. From these lines its mistakes are judged, and the reference and the schema for
//! editors are written.

/// A table of TOML: `[run]`, or the front matter of a segment file.
#[derive(Debug)]
pub struct Keys {
    /// What messages call it.
    pub name: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// In the order in which they are explained.
    pub keys: &'static [&'static Key],
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value has to be.
    pub shape: Shape,
    /// What holds without it; none: it can not be left out.
    pub default: Option<&'static str>,
    /// What it does, with its unit.
    pub meaning: &'static str,
    /// A value, in TOML.
    pub example: &'static str,
    /// The codes of mistakes in its value, beside that of a wrong type.
    pub mistakes: &'static [&'static str],
}

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any text.
    Text,
    /// One of some words.
    Word(&'static [&'static str]),
    /// Minutes, hours or days.
    Duration,
    /// An amount of memory.
    Size,
    /// Yes or no.
    Flag,
    /// Not negative.
    Count,
    /// With or without a fraction.
    Number,
    /// Several texts.
    Texts,
    /// Several texts, or one without brackets.
    TextOrTexts,
    /// Columns, and dates that hide them.
    Masks,
    /// Columns with their types.
    Columns,
    /// Codes with reasons.
    Reasons,
    /// Options of a library, by its names.
    Options,
    /// A table inside this one.
    Table(&'static Keys),
    /// Tables by a name that the project chooses.
    Tables(&'static Keys),
}

impl Shape {
    /// For a sentence: `retain` has to be ...
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::Text => "text in quotes",
            Self::Word(_) => "one word in quotes",
            Self::Duration => "a duration in quotes: a whole number and m, h or d",
            Self::Size => "a size in quotes: a whole number and KiB, MiB, GiB or TiB",
            Self::Flag => "true or false",
            Self::Count => "a whole number, 0 or more",
            Self::Number => "a number",
            Self::Texts => "a list of texts, like [\"a\", \"b\"]",
            Self::TextOrTexts => "text in quotes, or a list of texts",
            Self::Masks => "a list like [\"refunded_at\", { status = \"paid_at\" }]",
            Self::Columns => "a table of names and types",
            Self::Reasons => "a table of texts, like { code = \"why\" }",
            Self::Options => "a table of options",
            Self::Table(_) => "a table",
            Self::Tables(_) => "tables, like [sources.orders]",
        }
    }
}

impl Keys {
    /// Their names.
    #[must_use = "an iterator"]
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }

    /// What the value of a key has to be.
    #[must_use]
    pub fn expected(&self, name: &str) -> &'static str {
        let key = self.keys.iter().find(|key| key.name == name);
        key.map_or("left out", |key| key.shape.expected())
    }
}
