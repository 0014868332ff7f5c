//! The keys of roster.toml and of the front matter, explained.

use std::fmt::Write;

use crate::config::FILE;
use crate::core::{Key, Keys, OF_AUDITS, OF_SEGMENTS, OF_TABLES, Shape};

pub(super) fn settings() -> String {
    let mut text = format!(
        "## roster.toml\n\n{} A key that there is not is a mistake (`unknown_key`), as is a value of another type \
         (`wrong_type`). All mistakes are told together, each with its line.\n",
        FILE.meaning
    );
    for key in FILE.keys {
        match key.shape {
            Shape::Table(keys) => explain(&mut text, &format!("[{}]", key.name), keys),
            Shape::Tables(keys) => {
                explain(&mut text, &format!("[{}.&lt;name&gt;]", key.name), keys);
            }
            _ => {
                let _ = write!(text, "\n### [{}]\n\n{}\n", key.name, sentence(key));
            }
        }
    }
    text
}

pub(super) fn front_matter() -> String {
    let mut text = "## Front matter\n\n\
         TOML between two lines `+++` at the start of a SQL file's first comment. A file needs none.\n\n\
         ```sql\n/*\n+++\ntitle = \"Renewal due\"\n+++\nWhat it is for.\n*/\nSELECT ...\n```\n"
        .to_owned();
    explain(&mut text, "Segments", &OF_SEGMENTS);
    let limits = OF_SEGMENTS.keys.iter().filter_map(|key| match key.shape {
        Shape::Table(keys) => Some((key.name, keys)),
        _ => None,
    });
    for (name, keys) in limits {
        explain(&mut text, name, keys);
    }
    explain_others(&mut text, "Audits", &OF_AUDITS);
    explain_others(&mut text, "Staging and features", &OF_TABLES);
    text
}

fn explain(text: &mut String, heading: &str, keys: &Keys) {
    let _ = write!(text, "\n### {heading}\n\n{}\n", keys.meaning);
    for key in keys.keys {
        entry(text, key);
    }
}

/// Keys that segments have too are only named.
fn explain_others(text: &mut String, heading: &str, keys: &Keys) {
    let of_segments = |key: &Key| {
        OF_SEGMENTS.keys.iter().any(|known| known.name == key.name && known.meaning == key.meaning)
    };
    let (same, others): (Vec<&Key>, Vec<&Key>) =
        keys.keys.iter().copied().partition(|key| of_segments(key));
    let same: Vec<_> = same.iter().map(|key| format!("`{}`", key.name)).collect();
    let _ =
        write!(text, "\n### {heading}\n\n{} As for segments: {}.\n", keys.meaning, same.join(", "));
    for key in others {
        entry(text, key);
    }
}

fn entry(text: &mut String, key: &Key) {
    let Key { name, example, .. } = key;
    let _ =
        write!(text, "\n#### {name}\n\n```toml\n{name} = {example}\n```\n\n{}\n", sentence(key));
}

/// Type, default, meaning, mistakes.
fn sentence(key: &Key) -> String {
    let mut expected = key.shape.expected().to_owned();
    if let Shape::Word(words) = key.shape {
        let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
        expected = format!("{expected}: {}", words.join(", "));
    }
    let expected = capitalised(&expected);
    let without = match key.default {
        None => "required".to_owned(),
        Some(default) => format!("without it: {default}"),
    };
    let mut text = format!("{expected}; {without}. {}", key.meaning);
    if !key.mistakes.is_empty() {
        let codes: Vec<_> = key.mistakes.iter().map(|code| format!("`{code}`")).collect();
        let _ = write!(text, " Mistakes: {}.", codes.join(", "));
    }
    text
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
