//! Reads a TOML table key by key, so that all its mistakes are reported at once, each where it stands.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Keys, Problem, ProjectFile, nearest};

/// The TOML of a file, or the problems of its syntax.
pub fn parse_table<'a>(
    file: &ProjectFile,
    toml: &'a str,
    problems: &RefCell<Vec<Problem>>,
) -> DeTable<'a> {
    let (table, errors) = DeTable::parse_recoverable(toml);
    problems.borrow_mut().extend(errors.into_iter().map(|error| {
        let span = error.span().unwrap_or(0..0);
        let help = match error.message() {
            "duplicate key" => "it stands above already: keep one of them",
            _ => {
                "text needs quotes, lists need brackets, numbers have no leading 0, flags are true or false: \
                 name = \"acme\", tags = [\"a\", \"b\"]"
            }
        };
        Problem::error("toml_syntax", file, span, format!("TOML: {}", error.message())).help(help)
    }));
    table.into_inner()
}

/// A table being read: values by the keys that it may have, the others are reported by `finish`.
pub struct Fields<'a> {
    keys: &'static Keys,
    file: &'a ProjectFile,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    problems: &'a RefCell<Vec<Problem>>,
}

#[expect(
    clippy::must_use_candidate,
    reason = "what is wrong with a value is reported, whether or not it is used"
)]
impl<'a> Fields<'a> {
    /// `span` is where the table stands.
    pub fn new(
        keys: &'static Keys,
        file: &'a ProjectFile,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        problems: &'a RefCell<Vec<Problem>>,
    ) -> Self {
        Self { keys, file, table, span, problems }
    }

    /// Reports a mistake in the value at `span`.
    pub fn report(
        &self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = Problem::error(code, self.file, span, message).help(help);
        self.problems.borrow_mut().push(problem);
    }

    /// Any value; what it must be is the caller's to say.
    pub fn any(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// A text with where it stands.
    pub fn text(&self, key: &'static str) -> Option<Spanned<String>> {
        self.typed(key, |value| value.as_str().map(str::to_owned))
    }

    /// A text that can not be left out.
    pub fn required_text(&self, key: &'static str) -> Option<Spanned<String>> {
        if !self.table.contains_key(key) {
            self.report(
                "missing_key",
                self.span.clone(),
                format!("{} needs the key `{key}`", self.keys.name),
                format!("add a line: {key} = \"...\""),
            );
        }
        self.text(key)
    }

    /// One of some words; another one is reported as `code`.
    pub fn word(
        &self,
        key: &'static str,
        words: &'static [&'static str],
        code: &'static str,
    ) -> Option<&'static str> {
        let text = self.text(key)?;
        let word = words.iter().find(|word| *word == text.get_ref());
        if word.is_none() {
            let near = nearest(text.get_ref(), words.iter().copied());
            self.report(
                code,
                text.span(),
                format!("unknown {key} `{}`", text.get_ref()),
                near.map_or_else(
                    || format!("one of: {}", words.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                ),
            );
        }
        word.copied()
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        self.typed(key, DeValue::as_bool).map(Spanned::into_inner)
    }

    /// A whole number, not negative.
    pub fn count(&self, key: &'static str) -> Option<Spanned<u64>> {
        self.typed(key, |value| {
            let integer = value.as_integer()?;
            u64::from_str_radix(integer.as_str(), integer.radix()).ok()
        })
    }

    /// A number.
    pub fn number(&self, key: &'static str) -> Option<Spanned<f64>> {
        self.typed(key, |value| match value {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => integer.as_str().parse().ok(),
            _ => None,
        })
    }

    /// A list of texts, or one text as a list of itself where `or_one` says so.
    pub fn texts(&self, key: &'static str, or_one: bool) -> Option<Vec<Spanned<String>>> {
        let value = self.any(key)?;
        let spanned = |item: &Spanned<DeValue<'_>>| {
            item.get_ref().as_str().map(|text| Spanned::new(item.span(), text.to_owned()))
        };
        let list = match value.get_ref() {
            DeValue::Array(items) => {
                items.iter().map(|item| spanned(item).ok_or(item)).collect::<Result<Vec<_>, _>>()
            }
            DeValue::String(_) if or_one => Ok(spanned(value).into_iter().collect()),
            _ => Err(value),
        };
        list.map_err(|wrong| self.wrong_type(key, wrong, self.keys.expected(key))).ok()
    }

    /// A table inside this one, read the same way.
    pub fn table(&self, key: &'static str, keys: &'static Keys) -> Option<Fields<'a>> {
        let value = self.any(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, value, self.keys.expected(key));
            return None;
        };
        Some(Fields::new(keys, self.file, table, value.span(), self.problems))
    }

    /// A table of texts by keys that the caller judges.
    pub fn texts_by_key(&self, key: &'static str) -> Vec<(Spanned<String>, Spanned<String>)> {
        let Some(value) = self.any(key) else { return Vec::new() };
        let table = value.get_ref().as_table();
        let texts = table.map(|table| {
            table.iter().map(|(key, text)| {
                let spanned = |span, text: &str| Spanned::new(span, text.to_owned());
                let text = spanned(text.span(), text.get_ref().as_str()?);
                Some((spanned(key.span(), key.get_ref()), text))
            })
        });
        let texts = texts.and_then(Iterator::collect::<Option<Vec<_>>>);
        if texts.is_none() {
            self.wrong_type(key, value, self.keys.expected(key));
        }
        texts.unwrap_or_default()
    }

    /// Says that a value is not what it has to be.
    pub fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        self.report(
            "wrong_type",
            value.span(),
            format!("`{key}` of {} has to be {expected}", self.keys.name),
            format!("it is now {}", shown_type(value.get_ref())),
        );
    }

    /// Reports every key that there is not.
    pub fn finish(self) {
        for (key, _) in self.table {
            if self.keys.names().any(|known| key.get_ref() == known) {
                continue;
            }
            let help = match nearest(key.get_ref(), self.keys.names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys: {}", self.keys.names().collect::<Vec<_>>().join(", ")),
            };
            self.report(
                "unknown_key",
                key.span(),
                format!("unknown key `{}` in {}", key.get_ref(), self.keys.name),
                help,
            );
        }
    }

    fn typed<T>(
        &self,
        key: &'static str,
        read: impl Fn(&DeValue<'a>) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let value = self.any(key)?;
        let read = read(value.get_ref());
        if read.is_none() {
            self.wrong_type(key, value, self.keys.expected(key));
        }
        read.map(|read| Spanned::new(value.span(), read))
    }
}

fn shown_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(number) if number.as_str().starts_with('-') => "a negative number",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
