//! A store that waits for a permit before each operation, which also says how the operation fails.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::fmt;
use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// An error, and nothing was done.
    Lost,
    /// An error, though it was done.
    Applied,
    /// `AlreadyExists`, though nothing was written: what S3 answers to a lost race of its own retries.
    Conflict,
    /// A timeout; the put lands at any later time, also after its sender died.
    Late,
    /// The process ends before it.
    CrashBefore,
    /// The process ends after it.
    CrashAfter,
}

pub(super) const ALL: [Fault; 6] = [
    Fault::Lost,
    Fault::Applied,
    Fault::Conflict,
    Fault::Late,
    Fault::CrashBefore,
    Fault::CrashAfter,
];

/// What a participant wants to do next.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) verb: &'static str,
    pub(super) path: String,
}

impl Operation {
    fn is_log_put(&self) -> bool {
        self.verb == "put" && self.path.starts_with("log/")
    }

    /// All ways in which it can fail; to read and to be told nothing is one of them.
    pub(super) fn faults(&self) -> &'static [Fault] {
        use Fault::{Applied, Conflict, CrashAfter, CrashBefore, Late, Lost};
        match self.verb {
            "put" if self.is_log_put() => &[Applied, Lost, Late, Conflict, CrashBefore, CrashAfter],
            "put" | "delete" => &[Lost, Applied, CrashBefore, CrashAfter],
            _ => &[Lost, CrashBefore],
        }
    }

    /// Whether it can change what is promised: the log, or files that somebody may need.
    pub(super) fn is_critical(&self) -> bool {
        self.is_log_put() || self.verb == "delete" && !self.path.starts_with("probe")
    }
}

/// Where a participant waits; an open gate lets everything through.
#[derive(Debug, Default)]
pub(super) struct Gate {
    pub(super) open: bool,
    pub(super) wants: Option<Operation>,
    pub(super) granted: Option<Fault>,
}

/// A put of the log whose sender saw a timeout.
#[derive(Debug, Clone)]
pub(super) struct Flying {
    pub(super) path: Path,
    pub(super) payload: PutPayload,
}

/// One participant's way to the disk.
#[derive(Debug, Clone)]
pub(super) struct Stepping {
    pub(super) disk: Arc<InMemory>,
    pub(super) gate: Arc<Mutex<Gate>>,
    pub(super) flying: Arc<Mutex<Vec<Flying>>>,
}

impl Stepping {
    async fn permit(&self, verb: &'static str, path: &Path) -> Fault {
        {
            let mut gate = self.gate.lock().unwrap();
            if gate.open {
                return Fault::None;
            }
            gate.wants = Some(Operation { verb, path: path.to_string() });
        }
        let granted = |_: &mut std::task::Context<'_>| {
            let granted = self.gate.lock().unwrap().granted.take();
            granted.map_or(Poll::Pending, Poll::Ready)
        };
        poll_fn(granted).await
    }

    /// What becomes of an operation, given what it does.
    async fn outcome<T>(fault: Fault, done: impl Future<Output = Result<T>>) -> Result<T> {
        match fault {
            Fault::None => done.await,
            Fault::Applied => done.await.and(Err(unavailable())),
            Fault::CrashAfter => {
                let _ = done.await;
                pending().await
            }
            Fault::Lost | Fault::Conflict | Fault::Late | Fault::CrashBefore => Err(unavailable()),
        }
    }
}

fn unavailable() -> Error {
    Error::Generic { store: "stepping", source: "planted: 503 or no answer".into() }
}

#[async_trait]
impl ObjectStore for Stepping {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let fault = self.permit("put", path).await;
        match fault {
            Fault::Late => {
                assert!(matches!(options.mode, PutMode::Create), "the log is put to be created");
                let flying = Flying { path: path.clone(), payload: payload.clone() };
                self.flying.lock().unwrap().push(flying);
            }
            Fault::Conflict => {
                let source = "planted: 409 without a write".into();
                return Err(Error::AlreadyExists { path: path.to_string(), source });
            }
            _ => {}
        }
        Self::outcome(fault, self.disk.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        panic!("small files are one put")
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = self.permit(if options.head { "head" } else { "get" }, path).await;
        Self::outcome(fault, self.disk.get_opts(path, options)).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |path: Path| {
            let store = store.clone();
            async move {
                let fault = store.permit("delete", &path).await;
                Self::outcome(fault, store.disk.delete(&path)).await.map(|()| path)
            }
        };
        paths.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned().unwrap_or_default());
        let listed = async move {
            let fault = store.permit("list", &prefix).await;
            let listed = store.disk.list(Some(&prefix)).try_collect::<Vec<_>>();
            let listed = Self::outcome(fault, listed).await?;
            Ok::<_, Error>(stream::iter(listed.into_iter().map(Ok)))
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        panic!("nothing lists folders")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        panic!("the commit never copies: on GCS it would overwrite")
    }
}

impl fmt::Display for Stepping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stepping")
    }
}

impl Flying {
    pub(super) fn attempt_id(&self) -> String {
        let json = self.payload.iter().flatten().copied().collect::<Vec<u8>>();
        let record: roster::core::Record = serde_json::from_slice(&json).unwrap();
        record.attempt_id
    }
}
