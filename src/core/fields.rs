//! Reads a TOML table key by key, so that all its mistakes are reported at once, each where it stands.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Problem, ProjectFile, nearest};

/// The TOML of a file, or the problems of its syntax.
pub fn parse_table<'a>(
    file: &ProjectFile,
    toml: &'a str,
    problems: &RefCell<Vec<Problem>>,
) -> DeTable<'a> {
    let (table, errors) = DeTable::parse_recoverable(toml);
    problems.borrow_mut().extend(errors.into_iter().map(|error| {
        let span = error.span().unwrap_or(0..0);
        Problem::error("toml_syntax", file, span, format!("TOML: {}", error.message()))
            .help("text needs quotes, lists need brackets: name = \"acme\", tags = [\"a\", \"b\"]")
    }));
    table.into_inner()
}

/// A table being read: what is asked for is known, the rest is reported by `finish`.
pub struct Fields<'a> {
    file: &'a ProjectFile,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    what: &'static str,
    asked: Cell<Vec<&'static str>>,
    problems: &'a RefCell<Vec<Problem>>,
}

impl<'a> Fields<'a> {
    /// `what` names the table in messages, `span` is where it stands.
    pub fn new(
        what: &'static str,
        file: &'a ProjectFile,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        problems: &'a RefCell<Vec<Problem>>,
    ) -> Self {
        Self { file, table, span, what, asked: Cell::default(), problems }
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
        let mut asked = self.asked.take();
        asked.push(key);
        self.asked.set(asked);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// A text with where it stands.
    pub fn text(&self, key: &'static str) -> Option<Spanned<String>> {
        self.typed(key, "text in quotes", |value| value.as_str().map(str::to_owned))
    }

    /// A text that can not be left out.
    pub fn required_text(&self, key: &'static str) -> Option<Spanned<String>> {
        if !self.table.contains_key(key) {
            self.any(key);
            self.report(
                "missing_key",
                self.span.clone(),
                format!("{} needs the key `{key}`", self.what),
                format!("add a line: {key} = \"...\""),
            );
        }
        self.text(key)
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", DeValue::as_bool).map(Spanned::into_inner)
    }

    /// A whole number, not negative.
    pub fn count(&self, key: &'static str) -> Option<Spanned<u64>> {
        self.typed(key, "a whole number, 0 or more", |value| {
            let integer = value.as_integer()?;
            u64::from_str_radix(integer.as_str(), integer.radix()).ok()
        })
    }

    /// A number.
    pub fn number(&self, key: &'static str) -> Option<Spanned<f64>> {
        self.typed(key, "a number", |value| match value {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => integer.as_str().parse().ok(),
            _ => None,
        })
    }

    /// A list of texts, or one text as a list of itself where `or_one` says so.
    pub fn texts(&self, key: &'static str, or_one: bool) -> Option<Vec<Spanned<String>>> {
        let value = self.any(key)?;
        let spanned = |item: &Spanned<DeValue<'_>>| {
            Some(Spanned::new(item.span(), item.get_ref().as_str()?.to_owned()))
        };
        let list = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(spanned).collect(),
            DeValue::String(_) if or_one => Some(spanned(value).into_iter().collect()),
            _ => None,
        };
        if list.is_none() {
            self.wrong_type(key, value, "a list of texts, like [\"a\", \"b\"]");
        }
        list
    }

    /// A table inside this one, read the same way.
    pub fn table(&self, key: &'static str, what: &'static str) -> Option<Fields<'a>> {
        let value = self.any(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, value, "a table");
            return None;
        };
        Some(Fields::new(what, self.file, table, value.span(), self.problems))
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
            self.wrong_type(key, value, "a table of texts, like { code = \"why\" }");
        }
        texts.unwrap_or_default()
    }

    /// Says that a value is not what it has to be.
    pub fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        self.report(
            "wrong_type",
            value.span(),
            format!("`{key}` of {} has to be {expected}", self.what),
            format!("it is now: {}", value.get_ref().type_str()),
        );
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        let asked = self.asked.take();
        for (key, _) in self.table {
            if asked.iter().any(|known| key.get_ref() == known) {
                continue;
            }
            let help = match nearest(key.get_ref(), asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys: {}", asked.join(", ")),
            };
            self.report(
                "unknown_key",
                key.span(),
                format!("unknown key `{}` in {}", key.get_ref(), self.what),
                help,
            );
        }
    }

    fn typed<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&DeValue<'a>) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let value = self.any(key)?;
        let read = read(value.get_ref());
        if read.is_none() {
            self.wrong_type(key, value, expected);
        }
        read.map(|read| Spanned::new(value.span(), read))
    }
}
