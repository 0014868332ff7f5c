//! Opens files one by one: footers before a night, and whole files to find the broken one after it failed.

use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::file::metadata::PageIndexPolicy;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;

use super::{Footer, PinnedTableFile};
use crate::config::Source;
use crate::core::innermost;
use crate::error::{Error, Result};
use crate::store::{ChangedWhileRead, PinnedStore, advice, redact};

/// Footers read at once; each is one or two small requests.
const FOOTERS_AT_ONCE: usize = 32;

/// What a Parquet file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";
/// What one ends with whose footer is encrypted.
const ENCRYPTED: &[u8; 4] = b"PARE";
/// Bytes behind the footer: its length and the magic.
const FOOTER_END: u64 = 8;

/// Reads the footers of a source's files, in the order of the files.
///
/// # Errors
/// The first file, in that order, that is no Parquet file or can not be read.
pub async fn read_footers(
    source: &Source,
    files: Vec<PinnedTableFile>,
    store: &PinnedStore,
    context: &SessionContext,
) -> Result<Vec<Footer>> {
    let cache = context.runtime_env().cache_manager.get_file_metadata_cache();
    let footers = files.into_iter().map(|file| {
        let cache = Arc::clone(&cache);
        async move {
            check_ends(source, &file, store).await?;
            let metadata = DFParquetMetadata::new(store, &file.meta)
                .with_file_metadata_cache(Some(cache))
                .with_page_index_policy(Some(PageIndexPolicy::Skip))
                .fetch_metadata()
                .await;
            let metadata = match metadata {
                Ok(metadata) => metadata,
                Err(error) => return Err(bad_footer(source, &file, store, &error)),
            };
            Footer::read(source, file, &metadata, store)
        }
    });
    futures::stream::iter(footers).buffered(FOOTERS_AT_ONCE).try_collect().await
}

/// Looks at a file's ends before its footer is decoded: most broken files are found here, and the decoder never sees a
/// length that can not be.
async fn check_ends(source: &Source, file: &PinnedTableFile, store: &PinnedStore) -> Result<()> {
    let (path, size) = (&file.meta.location, file.meta.size);
    let shown = store.show(path);
    let half = |cause: String| Error::NotReady {
        source_name: source.name.to_string(),
        cause: format!("{shown} {cause}"),
        help: "run again once it is delivered whole; if it stays so, deliver it again or remove it"
            .into(),
    };
    if size == 0 {
        return Err(half("is empty (0 bytes)".to_owned()));
    }
    let read = |range| async {
        store.get_range(path, range).await.map_err(|error| read_error(&error, &shown))
    };
    let end = read(size.saturating_sub(FOOTER_END)..size).await?;
    let Some((length, magic)) = end.split_last_chunk::<4>() else {
        return Err(not_parquet(source, shown.clone(), &format!("it has {size} bytes")));
    };
    if magic == ENCRYPTED {
        return Err(bad_file(
            source,
            shown.clone(),
            "the file is encrypted, and Roster has no key for it",
        ));
    }
    if magic != MAGIC {
        // A file that begins as Parquet and does not end as it was cut off.
        let begins = read(0..4.min(size)).await?;
        return Err(match begins.as_ref() == MAGIC {
            true => half(format!("is cut off after {size} bytes: its end is missing")),
            false => not_parquet(source, shown.clone(), "it does not end with PAR1"),
        });
    }
    let length = length.first_chunk::<4>().map(|length| u64::from(u32::from_le_bytes(*length)));
    match length {
        Some(length) if length + FOOTER_END <= size => Ok(()),
        _ => Err(not_parquet(source, shown.clone(), "its footer is longer than the file")),
    }
}

fn not_parquet(source: &Source, file: String, cause: &str) -> Error {
    bad_file(source, file, &format!("not a Parquet file, or damaged ({cause})"))
}

fn bad_file(source: &Source, file: String, cause: &str) -> Error {
    Error::Extract {
        source_name: source.name.to_string(),
        file,
        cause: cause.to_owned(),
        help: "deliver the file again, as Parquet, or remove it; then run again".to_owned(),
    }
}

fn bad_footer(
    source: &Source,
    file: &PinnedTableFile,
    store: &PinnedStore,
    error: &DataFusionError,
) -> Error {
    let shown = store.show(&file.meta.location);
    if let Some(error) = store_error(error) {
        return read_error(error, &shown);
    }
    let text = error.strip_backtrace();
    let cause = innermost(&text);
    if cause.contains("ncrypt") {
        let cause = format!("the file is encrypted, and Roster has no key for it ({cause})");
        return bad_file(source, shown, &cause);
    }
    not_parquet(source, shown, cause)
}

/// The store's error behind an engine's, if there is one.
#[must_use]
pub fn store_error(error: &DataFusionError) -> Option<&object_store::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<object_store::Error>() {
            return Some(found);
        }
        if let Some(DataFusionError::ObjectStore(found)) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// Says what a failed read of pinned files means.
#[must_use]
pub fn read_error(error: &object_store::Error, what: &str) -> Error {
    let changed = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<ChangedWhileRead>());
    match changed {
        Some(changed) => Error::NotReady {
            source_name: changed.source_name.clone(),
            cause: changed.to_string(),
            help: "run again once the delivery is complete: a night is computed from one state of its inputs"
                .to_owned(),
        },
        None => Error::Store {
            doing: "read",
            url: what.to_owned(),
            cause: redact(&error.to_string(), &[]),
            help: advice(error),
        },
    }
}

/// After a query failed on broken data: which of the files can not be decoded, and why.
pub async fn find_broken_file<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a PinnedTableFile)>,
    store: &Arc<PinnedStore>,
) -> Option<Error> {
    for (source_name, file) in files {
        let Err(cause) = decode(file, store).await else { continue };
        return Some(Error::Extract {
            source_name: source_name.to_owned(),
            file: store.show(&file.meta.location),
            cause: format!("its data can not be read ({cause})"),
            // To a reader without keys an encrypted column of a file whose footer is not looks the same.
            help: "the file is damaged, or encrypted in part: deliver it again, then run again"
                .to_owned(),
        });
    }
    None
}

/// Decodes all of a file; the first row group that can not be, with the column that is to blame.
async fn decode(file: &PinnedTableFile, store: &Arc<PinnedStore>) -> Result<(), String> {
    let read = async { store.get(&file.meta.location).await?.bytes().await };
    let bytes = read.await.map_err(|error| error.to_string())?;
    let open = || {
        ParquetRecordBatchReaderBuilder::try_new(bytes.clone())
            .map_err(|error| innermost(&error.to_string()).to_owned())
    };
    let decode = |row_group: usize, column: Option<usize>| {
        let mut reader = open()?.with_row_groups(vec![row_group]);
        if let Some(column) = column {
            let mask = ProjectionMask::roots(reader.parquet_schema(), [column]);
            reader = reader.with_projection(mask);
        }
        let decoded = match reader.build() {
            Ok(mut batches) => batches.try_for_each(|batch| batch.map(|_| ())),
            Err(error) => Err(error.into()),
        };
        decoded.map_err(|error| innermost(&error.to_string()).to_owned())
    };
    for row_group in 0..open()?.metadata().num_row_groups() {
        let Err(whole) = decode(row_group, None) else { continue };
        let schema = Arc::clone(open()?.schema());
        for (column, field) in schema.fields().iter().enumerate() {
            if let Err(cause) = decode(row_group, Some(column)) {
                return Err(format!("row group {row_group}, column `{}`: {cause}", field.name()));
            }
        }
        return Err(format!("row group {row_group}: {whole}"));
    }
    Ok(())
}
