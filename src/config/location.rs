//! Where things lie, with the environment's variables filled in.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use crate::core::{Fields, nearest};

/// An address with variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// A URL, or a path relative to the project.
    pub text: String,
    /// Where roster.toml says it.
    pub span: Range<usize>,
}

/// Variables that locations may name, with their values.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment(pub(super) BTreeMap<String, Option<String>>);

/// Puts the values of `${NAME}` in.
pub(super) fn fill_in(
    fields: &Fields<'_>,
    text: &Spanned<String>,
    env: &Environment,
) -> Option<Location> {
    let mut filled = String::new();
    let mut rest = text.get_ref().as_str();
    while let Some(start) = rest.find("${") {
        let Some(end) = rest[start..].find('}').map(|end| start + end) else {
            fields.report("bad_variable", text.span(), "`${` is never closed", "write ${NAME}");
            return None;
        };
        let name = &rest[start + 2..end];
        let value = match env.0.get(name) {
            Some(Some(value)) => value,
            Some(None) => {
                fields.report(
                    "unset_variable",
                    text.span(),
                    format!("the environment variable {name} is not set"),
                    format!("set it where Roster runs: export {name}=..."),
                );
                return None;
            }
            None => {
                let help = nearest(name, env.0.keys().map(String::as_str)).map_or_else(
                    || format!("allow it under [project]: env = [\"{name}\"]"),
                    |near| format!("did you mean `${{{near}}}`?"),
                );
                let message = format!("`{name}` is not among the variables the project may name");
                fields.report("unknown_variable", text.span(), message, help);
                return None;
            }
        };
        filled.push_str(&rest[..start]);
        filled.push_str(value);
        rest = &rest[end + 1..];
    }
    filled.push_str(rest);
    if filled.trim().is_empty() {
        fields.report("empty_location", text.span(), "the location is empty", "name a folder");
        return None;
    }
    Some(Location { text: filled, span: text.span() })
}
