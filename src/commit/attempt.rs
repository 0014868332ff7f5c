//! The files of one attempt: named by its id, written once, referred to by nobody until the log names the attempt.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::sync::sync;
use crate::core::{File, Manifest};
use crate::error::{Error, Result};
use crate::store::Root;

/// Bytes of one part of an upload: every store takes it, and 10,000 parts of it are 80 GB.
const PART_BYTES: usize = 8 << 20;

/// Bytes read back from the end of a file: the length of a Parquet footer and its magic.
const END_BYTES: usize = 8;

/// One try at a night.
#[derive(Debug)]
pub struct Attempt {
    /// UUID v7; never used again.
    pub id: String,
    root: Root,
    uploads: SyncMutex<Vec<Arc<Mutex<Target>>>>,
}

/// Where an upload stands.
#[derive(Debug)]
struct Target {
    path: Path,
    multipart: Option<Box<dyn MultipartUpload>>,
}

impl Attempt {
    /// An attempt without files.
    #[must_use]
    pub fn new(id: String, root: Root) -> Self {
        Self { id, root, uploads: SyncMutex::default() }
    }

    /// Starts the one file of a table.
    pub fn upload(&self, table: &str) -> Upload {
        self.upload_to(format!("tables/{table}/{}/part-00000.parquet", self.id))
    }

    /// Writes the manifest; the answer is its SHA-256.
    ///
    /// # Errors
    /// A store that does not take it.
    pub async fn write_manifest(&self, manifest: &Manifest) -> Result<String> {
        let json = serde_json::to_vec_pretty(manifest)
            .map_err(|error| Error::Bug(format!("manifest: {error}")))?;
        let mut upload = self.upload_to(format!("attempts/{}/manifest.json", self.id));
        upload.write(json.into()).await?;
        Ok(upload.finish(0).await?.sha256)
    }

    /// Takes away all that was written. Never for an attempt whose commit may have arrived.
    pub async fn discard(&self) {
        let uploads: Vec<_> =
            self.uploads.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        for upload in uploads {
            let mut target = upload.lock().await;
            // Best effort: what stays is garbage that no reader sees, and vacuum's to find.
            if let Some(mut multipart) = target.multipart.take() {
                let _ = multipart.abort().await;
            }
            let _ = self.root.store.delete(&target.path).await;
            self.root.remove_empty_folders(&target.path);
        }
    }

    fn upload_to(&self, path: String) -> Upload {
        let target = Target { path: self.root.path(&path), multipart: None };
        let target = Arc::new(Mutex::new(target));
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.push(Arc::clone(&target));
        Upload {
            root: self.root.clone(),
            path,
            target,
            buffer: BytesMut::new(),
            hash: Sha256::new(),
            size: 0,
            end: Vec::new(),
        }
    }
}

/// A file being written: small ones are one put, large ones are parts.
#[derive(Debug)]
pub struct Upload {
    root: Root,
    path: String,
    target: Arc<Mutex<Target>>,
    buffer: BytesMut,
    hash: Sha256,
    size: u64,
    /// The last bytes of the file: where a Parquet file says that it is whole.
    end: Vec<u8>,
}

impl Upload {
    /// Adds bytes.
    ///
    /// # Errors
    /// A store that does not take them.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.hash.update(&bytes);
        self.size += bytes.len() as u64;
        self.end.extend_from_slice(&bytes[bytes.len().saturating_sub(END_BYTES)..]);
        self.end.drain(..self.end.len().saturating_sub(END_BYTES));
        self.buffer.extend_from_slice(&bytes);
        while self.buffer.len() >= PART_BYTES {
            let part = self.buffer.split_to(PART_BYTES).freeze();
            let mut target = self.target.lock().await;
            let put = async {
                let mut multipart = match target.multipart.take() {
                    Some(multipart) => multipart,
                    None => self.root.store.put_multipart(&target.path).await?,
                };
                let put = multipart.put_part(PutPayload::from_bytes(part));
                target.multipart = Some(multipart);
                put.await
            };
            let put = put.await;
            put.map_err(|error| self.root.error("write", &target.path, &error))?;
        }
        Ok(())
    }

    /// Writes the rest, looks whether the store has it all, and says what the file is. The rows were audited before they
    /// came here: what is in the store is what was audited if its size and end are.
    ///
    /// # Errors
    /// A store that does not take it, or has another size than was written.
    pub async fn finish(self, rows: u64) -> Result<File> {
        let mut target = self.target.lock().await;
        let path = target.path.clone();
        let failed = |error: &object_store::Error| self.root.error("write", &path, error);
        let rest = PutPayload::from_bytes(self.buffer.freeze());
        match target.multipart.as_mut() {
            Some(multipart) => {
                multipart.put_part(rest).await.map_err(|error| failed(&error))?;
                multipart.complete().await.map_err(|error| failed(&error))?;
                target.multipart = None;
            }
            None => {
                self.root.store.put(&path, rest).await.map_err(|error| failed(&error))?;
            }
        }
        sync(&self.root, &path).await?;
        let verify = |cause: String| Error::Store {
            doing: "verify",
            url: self.root.show(&path),
            cause,
            help: "run the same command again; if it stays so, the store loses data",
        };
        let stored = self.root.store.head(&path).await.map_err(|error| failed(&error))?.size;
        if stored != self.size {
            let cause = format!("{} bytes were written, the store has {stored}", self.size);
            return Err(verify(cause));
        }
        let end = self.size.saturating_sub(self.end.len() as u64)..self.size;
        let end = self.root.store.get_range(&path, end).await.map_err(|error| failed(&error))?;
        if end != self.end {
            return Err(verify("it does not end as it was written".to_owned()));
        }
        let sha256 = hex::encode(self.hash.finalize());
        Ok(File { path: self.path, size: self.size, rows, sha256 })
    }
}
