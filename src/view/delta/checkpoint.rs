//! All of a table's state in one file, so that readers need not fetch every commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::arrow::json::ReaderBuilder;
use datafusion::parquet::arrow::ArrowWriter;
use serde_json::Value;

/// What the commits come to: the last protocol and metadata, and each file as it was named last.
pub(super) fn reconcile(commits: &[Bytes]) -> serde_json::Result<Vec<Value>> {
    let mut state: BTreeMap<String, Value> = BTreeMap::new();
    for commit in commits {
        for line in commit.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut action: Value = serde_json::from_slice(line)?;
            let Some(kind) = action.as_object().and_then(|action| action.keys().next()).cloned()
            else {
                continue;
            };
            let key = match kind.as_str() {
                "commitInfo" => continue,
                "add" | "remove" => {
                    action[&kind]["dataChange"] = false.into();
                    action[&kind]["path"].to_string()
                }
                _ => kind,
            };
            state.insert(key, action);
        }
    }
    Ok(state.into_values().collect())
}

/// Actions as the Parquet file of a V1 checkpoint.
pub(super) fn to_parquet(actions: &[Value]) -> datafusion::error::Result<Vec<u8>> {
    let schema = Arc::new(columns());
    let mut decoder =
        ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(actions.len()).build_decoder()?;
    decoder.serialize(actions)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, None)?;
    while let Some(batch) = decoder.flush()? {
        writer.write(&batch)?;
    }
    Ok(writer.into_inner()?)
}

/// Actions as columns, of which a row has one.
fn columns() -> Schema {
    let field = |name: &str, data_type| Arc::new(Field::new(name, data_type, true));
    let text = |name: &str| field(name, DataType::Utf8);
    let long = |name: &str| field(name, DataType::Int64);
    let int = |name: &str| field(name, DataType::Int32);
    let flag = |name: &str| field(name, DataType::Boolean);
    let group = |name: &str, fields: Vec<FieldRef>| field(name, DataType::Struct(fields.into()));
    let texts = |name: &str| {
        field(name, DataType::List(Arc::new(Field::new("element", DataType::Utf8, false))))
    };
    let map = |name: &str| {
        let key = Field::new("key", DataType::Utf8, false);
        let entry = DataType::Struct(vec![key, Field::new("value", DataType::Utf8, true)].into());
        field(name, DataType::Map(Arc::new(Field::new("key_value", entry, false)), false))
    };
    Schema::new(vec![
        group(
            "protocol",
            vec![int("minReaderVersion"), int("minWriterVersion"), texts("writerFeatures")],
        ),
        group(
            "metaData",
            vec![
                text("id"),
                text("name"),
                text("description"),
                group("format", vec![text("provider"), map("options")]),
                text("schemaString"),
                texts("partitionColumns"),
                long("createdTime"),
                map("configuration"),
            ],
        ),
        group(
            "add",
            vec![
                text("path"),
                map("partitionValues"),
                long("size"),
                long("modificationTime"),
                flag("dataChange"),
                text("stats"),
            ],
        ),
        group(
            "remove",
            vec![
                text("path"),
                long("deletionTimestamp"),
                flag("dataChange"),
                flag("extendedFileMetadata"),
                map("partitionValues"),
                long("size"),
            ],
        ),
    ])
}
