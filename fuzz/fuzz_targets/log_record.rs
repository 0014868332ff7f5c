//! A record of the log is understood whole, or refused; what a run, a vacuum or a `forget` may do on it can be judged.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use roster::commit::Log;
use roster::core::{Manifest, Reach, Record, Wish, plan, plan_vacuum, vacuumed};
use roster::store::Root;
use roster_fuzz::night;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

/// The record in the slot that it says, of a log that holds nothing else.
async fn read(bytes: &[u8]) -> Option<Record> {
    let json: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let version = json.and_then(|json| json.get("version")?.as_u64()).unwrap_or(1);
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let log = Log::of_any_project(Root::of_store(Arc::clone(&store), "memory"));
    store.put(&log.path(version), PutPayload::from(bytes.to_vec())).await.expect("a put to memory");
    log.record(version).await.ok().flatten()
}

fuzz_target!(|bytes: &[u8]| {
    let _ = serde_json::from_slice::<Manifest>(bytes);
    let Some(record) = RUNTIME.block_on(read(bytes)) else { return };
    let written = serde_json::to_vec(&record).expect("a record is JSON");
    assert_eq!(RUNTIME.block_on(read(&written)).as_ref(), Some(&record));
    for reach in [Reach::Newest, Reach::Beside, Reach::Replace] {
        let _ = plan(Wish { as_of: night().day(), fingerprint: "", reach }, &record.state);
    }
    let attempts = record.state.nights.iter().map(|night| night.attempt_id.clone()).collect();
    let named = plan_vacuum(&record.state, &attempts);
    let after = vacuumed(&record.state, &named, record.version.saturating_add(1));
    assert!(named.iter().all(|id| !record.state.is_live(id) && after.stale.contains(id)));
});
