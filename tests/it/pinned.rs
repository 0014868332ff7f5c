//! Inputs are read at the version that was listed, also from stores that do not look at the condition of a get.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use roster::store::{ChangedWhileRead, PinnedStore, Root};

use crate::commit::faults::Unconditional;

/// A pinned file in a store with or without conditional gets, and how queries name it.
async fn pinned(conditional: bool) -> (Arc<dyn ObjectStore>, PinnedStore, ObjectMeta) {
    let disk: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let path = Path::from("lake/a.parquet");
    disk.put(&path, PutPayload::from("first")).await.unwrap();
    let store: Arc<dyn ObjectStore> = match conditional {
        true => Arc::clone(&disk),
        false => Arc::new(Unconditional { disk: Arc::clone(&disk), says_so: false }),
    };
    let pinned = PinnedStore::default();
    let meta = disk.head(&path).await.unwrap();
    let seen = pinned.pin("orders", &Root::of_store(store, "memory:"), meta);
    (disk, pinned, seen)
}

async fn read(pinned: &PinnedStore, seen: &ObjectMeta) -> object_store::Result<bytes::Bytes> {
    pinned.get(&seen.location).await?.bytes().await
}

#[track_caller]
fn changed(error: &object_store::Error) {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    let changed: &ChangedWhileRead = source.unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(
        (changed.source_name.as_str(), changed.file.as_str()),
        ("orders", "memory:/lake/a.parquet")
    );
}

#[tokio::test]
async fn a_file_of_the_same_size_and_another_version_is_not_read() {
    for conditional in [true, false] {
        let (disk, pinned, seen) = pinned(conditional).await;
        assert_eq!(read(&pinned, &seen).await.unwrap(), "first");
        disk.put(&Path::from("lake/a.parquet"), PutPayload::from("other")).await.unwrap();
        changed(&read(&pinned, &seen).await.unwrap_err());
        changed(&pinned.get_range(&seen.location, 1..3).await.unwrap_err());
    }
}

#[tokio::test]
async fn a_file_that_is_gone_was_changed_too() {
    let (disk, pinned, seen) = pinned(true).await;
    disk.delete(&Path::from("lake/a.parquet")).await.unwrap();
    changed(&read(&pinned, &seen).await.unwrap_err());
}

#[tokio::test]
async fn what_is_not_pinned_can_not_be_read_and_nothing_can_be_written() {
    let (disk, pinned, seen) = pinned(true).await;
    disk.put(&Path::from("lake/b.parquet"), PutPayload::from("more")).await.unwrap();
    for path in ["orders/lake/b.parquet", "lake/a.parquet", "orders", "etc/passwd"] {
        let read = pinned.get(&Path::from(path)).await;
        assert!(matches!(read, Err(object_store::Error::NotFound { .. })), "{path}");
    }
    assert!(pinned.put(&seen.location, PutPayload::from("x")).await.is_err());
    assert!(pinned.delete(&seen.location).await.is_err());
    assert_eq!(read(&pinned, &seen).await.unwrap(), "first");
}
