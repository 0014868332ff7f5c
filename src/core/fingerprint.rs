//! What a night is computed from, as one hash.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::{Fingerprint, Input};

impl Fingerprint {
    /// Of the texts of a project, by name, and its pinned inputs.
    #[must_use]
    pub fn new(texts: &BTreeMap<String, String>, inputs: &BTreeMap<String, Vec<Input>>) -> Self {
        let hash = |text: &str| hex::encode(Sha256::digest(text));
        let texts = texts.iter().map(|(name, text)| (name.clone(), hash(text)));
        let inputs = inputs.iter().map(|(source, files)| {
            let mut text = String::new();
            for Input { path, size, etag } in files {
                // A String takes any text.
                let _ = writeln!(text, "{path}\t{size}\t{}", etag.as_deref().unwrap_or_default());
            }
            (format!("raw.{source}"), hash(&text))
        });
        let parts: BTreeMap<_, _> = texts.chain(inputs).collect();
        let lines: Vec<_> = parts.iter().map(|(name, hash)| format!("{name}\t{hash}")).collect();
        Self { sha256: hash(&lines.join("\n")), parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_file_is_another_night_and_says_which_source_it_is() {
        let texts = BTreeMap::from([("sql/segments/a.sql".to_owned(), "SELECT 1".to_owned())]);
        let of = |etag: &str| {
            let file = Input { path: "a.parquet".into(), size: 1, etag: Some(etag.into()) };
            Fingerprint::new(&texts, &BTreeMap::from([("orders".to_owned(), vec![file])]))
        };
        assert_eq!(of("1"), of("1"));
        assert_ne!(of("1").sha256, of("2").sha256);
        assert_eq!(of("1").differing_parts(&of("2")), ["raw.orders"]);
    }
}
