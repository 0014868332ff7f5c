//! The footer of an extract says a schema that can be planned, or the file is refused.
#![no_main]

use std::sync::{Arc, LazyLock};

use datafusion::prelude::SessionContext;
use libfuzzer_sys::fuzz_target;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use roster::config::Config;
use roster::source::{Listed, as_of_night, is_decoding, pin};
use roster::store::{PinnedStore, Root};
use roster_fuzz::{check_problems, night, read_config};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

/// The same file for a source that takes the file's schema, and for one that has its own.
static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let toml = r#"
[project]
name = "x"
key = "id"
time_zone = "Europe/Berlin"
[output]
location = "out/"
[sources.taken]
location = "in/"
[sources.declared]
location = "in/"
event_time = "at"
masks = ["paid_at", { n = "paid_at" }]
columns = { id = "text!", at = "timestamp!", paid_at = "date", n = "int", amount = "decimal(18,2)", tags = "list<text>" }
"#;
    read_config(toml).expect("a project")
});

/// Footers are read with its cache; nothing is queried.
static SESSION: LazyLock<SessionContext> = LazyLock::new(|| {
    let nothing = Arc::new(PinnedStore::default());
    roster::session::context(&CONFIG.run, night(), &nothing).expect("a session").0
});

async fn check(bytes: Vec<u8>) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let path = Path::from("a.parquet");
    store.put(&path, PutPayload::from(bytes)).await.expect("a put to memory");
    let meta = store.head(&path).await.expect("what was put");
    let file = Listed {
        root: Root::of_store(store, "memory"),
        meta,
        below: path.to_string(),
        partitions: Vec::new(),
    };
    let pinned = PinnedStore::default();
    for source in CONFIG.sources.values() {
        let table = pin(source, vec![file.clone()], &pinned, &SESSION).await;
        let Ok(table) = table else { continue };
        let files = table.table as _;
        if let Err(problems) = as_of_night(source, &CONFIG, night(), &files) {
            check_problems(&problems);
        }
    }
}

/// A file of that footer, without data.
fn file_of(footer: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(footer.len()).ok()?.to_le_bytes();
    Some([b"PAR1", footer, &length, b"PAR1"].concat())
}

/// A decoder may panic where that is caught; libFuzzer's own hook would end at any.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if !is_decoding() {
            eprintln!("{panic}");
            std::process::abort();
        }
    }));
}

fuzz_target!(init: report_panics(), |bytes: &[u8]| {
    // The magic and the length of the footer are hard to guess; whole files are seeds for what is said of them.
    for file in [Some(bytes.to_vec()), file_of(bytes)].into_iter().flatten() {
        RUNTIME.block_on(check(file));
    }
});
