//! A JSON schema of roster.toml, for editors.

use serde_json::{Map, Value, json};

use crate::config::FILE;
use crate::core::{Keys, Shape};
use crate::error::{Error, Result};

pub(super) fn of_settings() -> Result<String> {
    let mut schema = table(&FILE);
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "roster.toml".into();
    serde_json::to_string_pretty(&schema).map_err(|error| Error::Bug(format!("schema: {error}")))
}

fn table(keys: &Keys) -> Value {
    let properties: Map<_, _> = (keys.keys.iter())
        .map(|key| {
            let mut value = value(key.shape);
            value["description"] = key.meaning.into();
            (key.name.to_owned(), value)
        })
        .collect();
    let required: Vec<_> =
        keys.keys.iter().filter(|key| key.default.is_none()).map(|key| key.name).collect();
    json!({
        "type": "object",
        "description": keys.meaning,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn value(shape: Shape) -> Value {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "array", "items": text() });
    let by_name = |of: Value| json!({ "type": "object", "additionalProperties": of });
    match shape {
        Shape::Text => text(),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Duration => json!({ "type": "string", "pattern": "^[0-9]+[mhd]$" }),
        Shape::Size => json!({ "type": "string", "pattern": "^[0-9]+ *[KMGT]iB$" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Count => json!({ "type": "integer", "minimum": 0 }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Texts => texts(),
        Shape::TextOrTexts => json!({ "oneOf": [text(), texts()] }),
        Shape::Masks => {
            json!({ "type": "array", "items": { "oneOf": [text(), by_name(text())] } })
        }
        Shape::Columns | Shape::Reasons => by_name(text()),
        Shape::Options => by_name(json!({ "type": ["string", "integer", "boolean"] })),
        Shape::Table(keys) => table(keys),
        Shape::Tables(keys) => by_name(table(keys)),
    }
}
