//! On local disks a file is there for good only once it and its folder are synced; the store does neither.

use std::path::Path as FsPath;

use object_store::path::Path;

use crate::error::{Error, Result};
use crate::store::Root;

/// Syncs a file that was just put, and the folders that name it, up to the output root.
pub(super) async fn sync(root: &Root, path: &Path) -> Result<()> {
    let Some(folder) = root.local.clone() else { return Ok(()) };
    let names: Vec<_> = path
        .prefix_match(&root.prefix)
        .into_iter()
        .flatten()
        .map(|part| part.as_ref().to_owned())
        .collect();
    let file = names.iter().fold(folder.clone(), |path, name| path.join(name));
    let synced = tokio::task::spawn_blocking(move || sync_up_to(&file, &folder)).await;
    let failed = |cause: String| Error::Store {
        doing: "sync",
        url: root.show(path),
        cause,
        help: "check the disk, then run the same command again",
    };
    match synced {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn sync_up_to(file: &FsPath, root: &FsPath) -> std::io::Result<()> {
    let mut path = file;
    loop {
        std::fs::File::open(path)?.sync_all()?;
        match path.parent() {
            Some(parent) if path != root => path = parent,
            _ => return Ok(()),
        }
    }
}
