//! Memberships of keys of one letter, as the published tables: real Parquet files, each encoded and decoded once.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Date32Array, Float64Array, RecordBatch, StringArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, FieldRef};
use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use roster::commit::{Attempt, Log};
use roster::core::{Night, TableFiles};
use roster::error::Error;
use roster::output::{change_schema, membership_schema, rewrite};
use roster::store::Root;

use super::scenes::date;

/// The entity key.
const KEY: &str = "id";

pub(super) type Keys = BTreeSet<char>;

pub(super) fn keys(text: &str) -> Keys {
    text.chars().collect()
}

/// Rows of a published table: the keys with what happened to them, which is nothing in a membership.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Rows {
    pub(super) table: &'static str,
    pub(super) day: u32,
    pub(super) keys: Vec<(char, &'static str)>,
}

impl Rows {
    pub(super) fn membership(day: u32, keys: &Keys) -> Self {
        Self { table: "membership", day, keys: keys.iter().map(|key| (*key, "")).collect() }
    }

    /// From one membership to another.
    pub(super) fn change(table: &'static str, day: u32, from: &Keys, to: &Keys) -> Self {
        let left = from.difference(to).map(|key| (*key, "left"));
        let entered = to.difference(from).map(|key| (*key, "entered"));
        let mut keys: Vec<_> = left.chain(entered).collect();
        keys.sort_unstable();
        Self { table, day, keys }
    }

    fn batch(&self) -> RecordBatch {
        let schema = match self.table {
            "membership" => membership_schema(&key_field()),
            _ => change_schema(&key_field()),
        };
        let rows = self.keys.len();
        let texts = |text: &dyn Fn(&(char, &'static str)) -> Option<String>| -> ArrayRef {
            Arc::new(self.keys.iter().map(text).collect::<StringArray>())
        };
        let column = |field: &FieldRef| match (field.name().as_str(), field.data_type()) {
            (KEY, _) => texts(&|(key, _)| Some(key.to_string())),
            ("change", _) => texts(&|(_, change)| Some((*change).to_owned())),
            ("segmentation", _) => texts(&|_| Some("s".to_owned())),
            ("segment", _) => texts(&|(_, change)| (*change != "left").then(|| "s".to_owned())),
            ("previous_segment", _) => {
                texts(&|(_, change)| (*change == "left").then(|| "s".to_owned()))
            }
            (_, DataType::Date32) if !field.is_nullable() => {
                Arc::new(Date32Array::from_value(date(self.day).to_epoch_days(), rows))
            }
            (_, DataType::Float64) => Arc::new(Float64Array::new_null(rows)),
            (_, other) => new_null_array(other, rows),
        };
        let columns = schema.fields().iter().map(column).collect();
        RecordBatch::try_new(schema, columns).unwrap()
    }

    /// Writes them into a file of `attempt`.
    pub(super) async fn write(&self, attempt: &Attempt) -> Result<TableFiles, Error> {
        let (bytes, schema_sha256) = match ENCODED.with_borrow(|known| known.get(self).cloned()) {
            Some(encoded) => encoded,
            None => {
                let encoded = self.encode().await;
                ENCODED.with_borrow_mut(|known| known.insert(self.clone(), encoded.clone()));
                encoded
            }
        };
        let mut upload = attempt.upload(self.table);
        upload.write(bytes).await?;
        let file = upload.finish(self.keys.len() as u64).await?;
        Ok(TableFiles { schema_sha256, files: vec![file] })
    }

    async fn encode(&self) -> (Bytes, String) {
        let root = Root::of_store(Arc::new(InMemory::new()), "memory:");
        let attempt = Attempt::new("once".to_owned(), root.clone());
        let batch = self.batch();
        let mut writer = rewrite(self.table, KEY, &batch.schema(), &attempt).unwrap();
        writer.write(&batch).await.unwrap();
        let files = writer.finish().await.unwrap();
        let path = root.path(&files.files[0].path);
        let bytes = root.store.get(&path).await.unwrap().bytes().await.unwrap();
        (bytes, files.schema_sha256)
    }
}

fn key_field() -> FieldRef {
    Arc::new(Field::new(KEY, DataType::Utf8, false))
}

/// The keys of a night, read as a run reads those of earlier ones.
pub(super) async fn read(log: &Log, night: &Night) -> Result<Keys, Error> {
    let manifest = log.manifest(night).await?;
    let mut keys = Keys::new();
    for file in &manifest.tables["membership"].files {
        keys.extend(decode(&log.read_file(file).await?).iter().map(|(key, _)| *key));
    }
    Ok(keys)
}

/// The keys of a file, with what happened to them.
pub(super) fn decode(bytes: &Bytes) -> Vec<(char, bool)> {
    if let Some(known) = DECODED.with_borrow(|known| known.get(bytes).cloned()) {
        return known;
    }
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap().build().unwrap();
    let rows: Vec<_> = reader.flat_map(|batch| of_batch(&batch.unwrap())).collect();
    DECODED.with_borrow_mut(|known| known.insert(bytes.clone(), rows.clone()));
    rows
}

/// The keys of a batch, and whether each is a member afterwards.
pub(super) fn of_batch(batch: &RecordBatch) -> Vec<(char, bool)> {
    let keys = batch.column_by_name(KEY).unwrap().as_string::<i32>().iter();
    let changes = batch.column_by_name("change").map(AsArray::as_string::<i32>);
    let member = |row| changes.is_none_or(|changes| changes.value(row) != "left");
    keys.enumerate().map(|(row, key)| (key.unwrap().chars().next().unwrap(), member(row))).collect()
}

thread_local! {
    static ENCODED: RefCell<HashMap<Rows, (Bytes, String)>> = RefCell::default();
    static DECODED: RefCell<HashMap<Bytes, Vec<(char, bool)>>> = RefCell::default();
}
