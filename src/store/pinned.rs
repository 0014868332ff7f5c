//! The one store that queries read from: a fixed set of files, each at the version that was listed.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::execution::object_store::ObjectStoreUrl;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::Root;

/// Where queries find pinned files.
///
/// # Errors
/// None: the address is a constant.
pub fn pinned_url() -> datafusion::common::Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse("pinned://inputs")
}

/// Bytes read against bytes to read, for whoever watches.
#[derive(Debug, Default)]
pub struct ScanMeter {
    /// Of the columns and files that queries asked for, compressed.
    pub to_scan: AtomicU64,
    /// Delivered by the stores so far.
    pub scanned: AtomicU64,
}

impl ScanMeter {
    /// Says how much there is to read.
    pub fn expect(&self, bytes: u64) {
        self.to_scan.store(bytes, Ordering::Relaxed);
    }
}

/// A file as it was listed.
#[derive(Debug, Clone)]
pub struct PinnedFile {
    root: Root,
    /// Where it lies in its own store, with the size and etag it must still have.
    pub meta: ObjectMeta,
}

/// Serves pinned files under names of its own, `<source>/<number>/<path>`; nothing else can be read through it, and nothing
/// listed or written.
#[derive(Debug, Default)]
pub struct PinnedStore {
    files: RwLock<HashMap<Path, PinnedFile>>,
    /// What has been read.
    pub meter: Arc<ScanMeter>,
}

/// A file that is no longer what was listed.
#[derive(Debug, thiserror::Error)]
#[error("{file} was changed or removed while it was read")]
pub struct ChangedWhileRead {
    /// The source.
    pub source_name: String,
    /// Where the file is.
    pub file: String,
}

impl PinnedStore {
    /// Pins a listed file for `source`; the answer is the file as queries see it.
    pub fn pin(&self, source: &str, root: &Root, meta: ObjectMeta) -> ObjectMeta {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        // Two stores may have files of one path: the number tells them apart.
        let number = Path::from(format!("{source}/{}", files.len()));
        let location = number.parts().chain(meta.location.parts()).collect();
        let seen = ObjectMeta { location, ..meta.clone() };
        files.insert(seen.location.clone(), PinnedFile { root: root.clone(), meta });
        seen
    }

    /// Where a pinned file really is, for people.
    #[must_use]
    pub fn show(&self, location: &Path) -> String {
        match self.find(location) {
            Ok(file) => file.root.show(&file.meta.location),
            Err(_) => location.to_string(),
        }
    }

    fn find(&self, location: &Path) -> Result<PinnedFile> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        files.get(location).cloned().ok_or_else(|| Error::NotFound {
            path: location.to_string(),
            source: "it is not among the night's pinned inputs".into(),
        })
    }
}

impl PinnedFile {
    /// A conditional get where the store told a strong etag, a comparison afterwards in any case.
    async fn get(&self, mut options: GetOptions) -> Result<GetResult> {
        let etag = self.meta.e_tag.as_deref().map(as_answered);
        options.if_match = etag.clone().filter(|etag| !etag.starts_with("W/"));
        let result = self.root.store.get_opts(&self.meta.location, options).await?;
        let same_etag = match (&etag, &result.meta.e_tag) {
            (Some(listed), Some(read)) => *listed == as_answered(read),
            _ => true,
        };
        if same_etag && result.meta.size == self.meta.size {
            return Ok(result);
        }
        Err(Error::Precondition {
            path: self.meta.location.to_string(),
            source: "the file has another version now".into(),
        })
    }
}

/// Azure lists its etags, `0x8D...`, without the quotes that its other answers have.
fn as_answered(etag: &str) -> String {
    if etag.starts_with("0x") { format!("\"{etag}\"") } else { etag.to_owned() }
}

#[async_trait]
impl ObjectStore for PinnedStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let file = self.find(location)?;
        match file.get(options).await {
            Ok(result) => {
                let bytes = result.range.end - result.range.start;
                self.meter.scanned.fetch_add(bytes, Ordering::Relaxed);
                Ok(result)
            }
            Err(Error::Precondition { path, .. } | Error::NotFound { path, .. }) => {
                let source_name = location
                    .parts()
                    .next()
                    .map(|part| part.as_ref().to_owned())
                    .unwrap_or_default();
                let file = file.root.show(&file.meta.location);
                let source = Box::new(ChangedWhileRead { source_name, file });
                Err(Error::Precondition { path, source })
            }
            Err(other) => Err(file.root.without_secrets(other)),
        }
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only("put"))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only("put_multipart"))
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        futures::stream::iter([Err(read_only("delete"))]).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        futures::stream::iter([Err(read_only("list"))]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(read_only("list"))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only("copy"))
    }
}

fn read_only(operation: &str) -> Error {
    let (operation, implementer) = (operation.to_owned(), "the night's pinned inputs".to_owned());
    Error::NotImplemented { operation, implementer }
}

impl fmt::Display for PinnedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pinned inputs")
    }
}
