//! A store that fails at one operation, in every way that stores fail.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// How the chosen operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not at all: operations are only counted.
    None,
    /// An error, and nothing was done.
    Before,
    /// An error, though it was done.
    After,
    /// The process ends before it; no operation after it is done either.
    CrashBefore,
    /// The process ends after it.
    CrashAfter,
    /// `AlreadyExists`, though nothing was written: what S3 answers to a lost race of its own retries.
    Conflict,
    /// A timeout; a put arrives two operations later.
    Late,
}

pub(crate) const ALL: [Fault; 6] = [
    Fault::Before,
    Fault::After,
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::Conflict,
    Fault::Late,
];

/// Fails at operation `nth`, counted from 1.
#[derive(Debug)]
pub(crate) struct FaultStore {
    disk: Arc<dyn ObjectStore>,
    nth: usize,
    fault: Fault,
    operations: Arc<AtomicUsize>,
    late: tokio::sync::Mutex<Option<(Path, PutPayload, PutOptions)>>,
}

/// What an operation has to do.
enum Order {
    Do,
    DoAndFail,
    Fail(Error),
}

impl FaultStore {
    pub(crate) fn new(disk: Arc<dyn ObjectStore>, nth: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self {
            disk,
            nth,
            fault,
            operations: Arc::default(),
            late: tokio::sync::Mutex::default(),
        })
    }

    /// How many operations were asked for.
    pub(crate) fn operations(&self) -> usize {
        self.operations.load(Ordering::SeqCst)
    }

    /// Whether the fault has happened.
    pub(crate) fn fired(&self) -> bool {
        self.operations() >= self.nth
    }

    async fn order(&self) -> Order {
        let now = self.operations.fetch_add(1, Ordering::SeqCst) + 1;
        if now >= self.nth + 2
            && let Some((path, payload, options)) = self.late.lock().await.take()
        {
            let _ = self.disk.put_opts(&path, payload, options).await;
        }
        let crashed = matches!(self.fault, Fault::CrashBefore | Fault::CrashAfter);
        match self.fault {
            Fault::None => Order::Do,
            _ if crashed && now > self.nth => Order::Fail(gone()),
            _ if now != self.nth => Order::Do,
            Fault::After | Fault::CrashAfter => Order::DoAndFail,
            _ => Order::Fail(gone()),
        }
    }
}

fn gone() -> Error {
    Error::Generic { store: "faulty", source: "planted: 503 or no answer".into() }
}

#[async_trait]
impl ObjectStore for FaultStore {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let order = self.order().await;
        let create = matches!(options.mode, PutMode::Create);
        if let (Order::Fail(_), true) = (&order, self.operations() == self.nth) {
            if self.fault == Fault::Late {
                *self.late.lock().await = Some((path.clone(), payload.clone(), options.clone()));
            }
            if self.fault == Fault::Conflict && create {
                let source = "planted: 409 without a write".into();
                return Err(Error::AlreadyExists { path: path.to_string(), source });
            }
        }
        match order {
            Order::Do => self.disk.put_opts(path, payload, options).await,
            Order::DoAndFail => self.disk.put_opts(path, payload, options).await.and(Err(gone())),
            Order::Fail(error) => Err(error),
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        match self.order().await {
            Order::Do => self.disk.put_multipart_opts(path, options).await,
            Order::DoAndFail => self.disk.put_multipart_opts(path, options).await.and(Err(gone())),
            Order::Fail(error) => Err(error),
        }
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        match self.order().await {
            Order::Do => self.disk.get_opts(path, options).await,
            Order::DoAndFail => Err(gone()),
            Order::Fail(error) => Err(error),
        }
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        // A delete must not be lost without a word: the order is asked for synchronously.
        match futures::executor::block_on(self.order()) {
            Order::Do => self.disk.delete_stream(paths),
            Order::DoAndFail => {
                let done = self.disk.delete_stream(paths);
                done.then(|_| async { Err(gone()) }).boxed()
            }
            Order::Fail(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match futures::executor::block_on(self.order()) {
            Order::Do => self.disk.list(prefix),
            Order::DoAndFail => futures::stream::iter([Err(gone())]).boxed(),
            Order::Fail(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.disk.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        panic!("the commit never copies: on GCS it would overwrite")
    }
}

impl fmt::Display for FaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.fault, self.nth)
    }
}

/// A store that knows no conditions: every put overwrites, or it says that it can not create; every get is answered.
#[derive(Debug)]
pub(crate) struct Unconditional {
    pub(crate) disk: Arc<dyn ObjectStore>,
    pub(crate) says_so: bool,
}

#[async_trait]
impl ObjectStore for Unconditional {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if self.says_so && !matches!(options.mode, PutMode::Overwrite) {
            let (operation, implementer) = ("create".to_owned(), "Unconditional".to_owned());
            return Err(Error::NotImplemented { operation, implementer });
        }
        self.disk.put_opts(path, payload, PutOptions { mode: PutMode::Overwrite, ..options }).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.disk.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.disk.get_opts(path, GetOptions { if_match: None, ..options }).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.disk.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.disk.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.disk.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.disk.copy_opts(from, to, options).await
    }
}

impl fmt::Display for Unconditional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no conditions")
    }
}

/// All objects of a store, by path.
pub(crate) async fn objects(disk: &dyn ObjectStore) -> Vec<String> {
    let mut paths: Vec<String> =
        disk.list(None).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap();
    paths.sort();
    paths
}
