//! What the commit asks of a store, and whole nights of the real commit code, on each kind of store.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::Path as FsPath;
use std::sync::Arc;

use futures::TryStreamExt;
use futures::future::join_all;
use object_store::memory::InMemory;
use object_store::{Error, ObjectStoreExt, PutMode, PutPayload};
use roster::commit::{Exclusivity, Log, Published, probe};
use roster::core::Refusal;
use roster::store::{PinnedStore, Root};

use super::servers::{Place, skip};
use crate::commit::nights::{Night, PROJECT, attempt_id, night, read_on, run_on, runs_of};

async fn put(root: &Root, path: &str, text: &str, mode: PutMode) -> object_store::Result<()> {
    let payload = PutPayload::from(text.to_owned());
    root.store.put_opts(&root.path(path), payload, mode.into()).await.map(drop)
}

async fn get(root: &Root, path: &str) -> object_store::Result<String> {
    let bytes = root.store.get(&root.path(path)).await?.bytes().await?;
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

async fn of_all_creators_one_wins(root: &Root) {
    put(root, "once", "first", PutMode::Create).await.unwrap();
    let second = put(root, "once", "second", PutMode::Create).await;
    let lost =
        |error: &Error| matches!(error, Error::AlreadyExists { .. } | Error::Precondition { .. });
    assert!(second.as_ref().is_err_and(lost), "{second:?}");
    assert_eq!(get(root, "once").await.unwrap(), "first");

    for round in 0..3 {
        let path = format!("race/{round}");
        let writers = (0..8).map(async |writer: u8| {
            (writer, put(root, &path, &writer.to_string(), PutMode::Create).await)
        });
        let ends = join_all(writers).await;
        let winners: Vec<_> = ends.iter().filter(|(_, end)| end.is_ok()).collect();
        assert!(winners.len() == 1, "{ends:?}");
        assert_eq!(get(root, &path).await.unwrap(), winners[0].0.to_string());
    }
}

async fn what_was_written_is_read_at_once(root: &Root) {
    for value in 0..10 {
        let value = value.to_string();
        put(root, "again", &value, PutMode::Overwrite).await.unwrap();
        assert_eq!(get(root, "again").await.unwrap(), value);
        assert_eq!(root.store.head(&root.path("again")).await.unwrap().size, 1);
    }
    let missing = get(root, "never").await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    put(root, "empty", "", PutMode::Overwrite).await.unwrap();
    assert_eq!(get(root, "empty").await.unwrap(), "");
}

async fn ranges_are_what_was_asked_for(root: &Root) {
    put(root, "digits", "0123456789", PutMode::Overwrite).await.unwrap();
    let path = root.path("digits");
    assert_eq!(root.store.get_range(&path, 2..5).await.unwrap(), "234");
    assert_eq!(root.store.get_range(&path, 9..10).await.unwrap(), "9");
    let ranges = root.store.get_ranges(&path, &[0..1, 4..6, 8..10]).await.unwrap();
    assert_eq!(ranges, ["0", "45", "89"]);
}

async fn a_list_names_everything_below_a_folder_once(root: &Root) {
    let mut names: Vec<String> = (0..12).map(|n| format!("list/a/{n:02}")).collect();
    names.extend(
        ["list/a/b/c", "list/a/with space", "list/a/100%", "list/a/ä=1&b=2"].map(Into::into),
    );
    for name in &names {
        put(root, name, name, PutMode::Create).await.unwrap();
    }
    put(root, "list/ab", "a neighbour", PutMode::Create).await.unwrap();
    let listed: Vec<_> = root.store.list(Some(&root.path("list/a"))).try_collect().await.unwrap();
    let mut found: Vec<_> = listed.iter().map(|meta| meta.location.clone()).collect();
    found.sort();
    let mut wanted: Vec<_> = names.iter().map(|name| root.path(name)).collect();
    wanted.sort();
    assert_eq!(found, wanted);
    for meta in listed {
        let read = root.store.get(&meta.location).await.unwrap().bytes().await.unwrap();
        assert_eq!(read.len() as u64, meta.size, "{}", meta.location);
    }
    let none: Vec<_> = root.store.list(Some(&root.path("nothing"))).try_collect().await.unwrap();
    assert!(none.is_empty(), "{none:?}");
}

async fn a_changed_object_is_not_read_as_the_one_that_was_listed(root: &Root) {
    put(root, "pinned/it", "old", PutMode::Overwrite).await.unwrap();
    let folder = root.path("pinned");
    let listed: Vec<_> = root.store.list(Some(&folder)).try_collect().await.unwrap();
    assert!(listed[0].e_tag.is_some());
    let pinned = PinnedStore::default();
    let seen = pinned.pin("source", root, listed[0].clone()).location;
    assert_eq!(pinned.get(&seen).await.unwrap().bytes().await.unwrap(), "old");
    assert_eq!(pinned.get_range(&seen, 1..3).await.unwrap(), "ld");
    put(root, "pinned/it", "new", PutMode::Overwrite).await.unwrap();
    let changed = pinned.get(&seen).await;
    assert!(matches!(changed, Err(Error::Precondition { .. })), "{changed:?}");
}

async fn parts_are_seen_when_they_are_complete_and_not_before(root: &Root) {
    let path = root.path("parts/whole");
    let part = vec![7; 5 << 20];
    let seen = async |path| -> bool {
        let folder = root.path("parts");
        let listed: Vec<_> = root.store.list(Some(&folder)).try_collect().await.unwrap();
        root.store.head(path).await.is_ok() || listed.iter().any(|meta| &meta.location == path)
    };
    let mut upload = root.store.put_multipart(&path).await.unwrap();
    upload.put_part(part.clone().into()).await.unwrap();
    upload.put_part(b"end".to_vec().into()).await.unwrap();
    assert!(!seen(&path).await);
    upload.complete().await.unwrap();
    let bytes = root.store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!((bytes.len(), &bytes[part.len()..]), (part.len() + 3, &b"end"[..]));

    let path = root.path("parts/aborted");
    let mut upload = root.store.put_multipart(&path).await.unwrap();
    upload.put_part(part.into()).await.unwrap();
    upload.abort().await.unwrap();
    assert!(!seen(&path).await);
}

async fn what_is_deleted_is_gone_and_may_be_deleted_again(root: &Root) {
    put(root, "gone", "x", PutMode::Overwrite).await.unwrap();
    let path = root.path("gone");
    root.store.delete(&path).await.unwrap();
    assert!(matches!(get(root, "gone").await, Err(Error::NotFound { .. })));
    let again = root.store.delete(&path).await;
    assert!(matches!(again, Ok(()) | Err(Error::NotFound { .. })), "{again:?}");
    put(root, "gone", "y", PutMode::Create).await.unwrap();
    assert_eq!(get(root, "gone").await.unwrap(), "y");
}

async fn nights_are_published_once_and_whole(root: Root) {
    let log = Log::of(root, PROJECT);
    probe(&log, &attempt_id(), Exclusivity::Store).await.unwrap();
    let committed = |end: &Published| matches!(end, Published::Committed { .. });
    assert!(committed(&run_on(&log, night(1)).await.unwrap()));
    let again = run_on(&log, night(1)).await.unwrap();
    assert!(matches!(again, Published::Done(_)), "{again:?}");
    let other = run_on(&log, Night { fingerprint: "other", ..night(1) }).await.unwrap();
    assert!(matches!(other, Published::Refused(Refusal::Differs(_))), "{other:?}");

    let ends = join_all((0..4).map(|_| run_on(&log, night(2)))).await;
    let ends: Vec<_> = ends.into_iter().map(Result::unwrap).collect();
    assert_eq!(ends.iter().filter(|end| committed(end)).count(), 1, "{ends:?}");
    assert!(ends.iter().all(|end| committed(end) || matches!(end, Published::Done(_))), "{ends:?}");
    let replaced = Night { fingerprint: "other", replace: true, ..night(1) };
    assert!(committed(&run_on(&log, replaced).await.unwrap()));

    let (records, nights) = read_on(&log).await;
    let counted = (records.len(), runs_of(&records, 1), runs_of(&records, 2), nights.len());
    assert_eq!(counted, (3, 2, 1, 2));
    // Of those that were late and of the probe nothing stays.
    let listed: Vec<_> = log.root.store.list(Some(&log.root.path(""))).try_collect().await.unwrap();
    let names = listed.iter().map(|meta| meta.location.to_string());
    let (log_files, others): (Vec<_>, Vec<_>) = names.partition(|name| name.contains("/log/"));
    assert_eq!((log_files.len(), others.len()), (3, 1 + 3 * 2), "{others:?}");
}

/// `below` a top that is empty.
async fn keeps_the_contract(open: impl Fn(&str) -> Root) {
    let root = open("contract");
    of_all_creators_one_wins(&root).await;
    what_was_written_is_read_at_once(&root).await;
    ranges_are_what_was_asked_for(&root).await;
    a_list_names_everything_below_a_folder_once(&root).await;
    a_changed_object_is_not_read_as_the_one_that_was_listed(&root).await;
    parts_are_seen_when_they_are_complete_and_not_before(&root).await;
    what_is_deleted_is_gone_and_may_be_deleted_again(&root).await;
    nights_are_published_once_and_whole(open("nights")).await;
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    let memory = Arc::new(InMemory::new());
    let open = |below: &str| {
        let mut root = Root::of_store(Arc::clone(&memory) as _, "memory:");
        root.prefix = below.into();
        root
    };
    keeps_the_contract(open).await;
}

#[tokio::test]
async fn the_local_disk_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = |below: &str| folder.path().join(below).to_str().unwrap().to_owned();
    let open = |below: &str| Root::open(&path(below), FsPath::new("/"), &[].into()).unwrap();
    keeps_the_contract(open).await;
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    let place = Place::s3();
    keeps_the_contract(|below| place.root(below)).await;
}

#[tokio::test]
async fn azure_keeps_the_contract() {
    let Some(place) = Place::azure() else { return skip("azurite is missing: npm") };
    keeps_the_contract(|below| place.root(below)).await;
}

#[tokio::test]
async fn google_keeps_the_contract() {
    let place = Place::gcs();
    keeps_the_contract(|below| place.root(below)).await;
}
