//! Lists a source's files, once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::Path as FsPath;

use chrono::NaiveDate;
use futures::TryStreamExt;
use glob::{MatchOptions, Pattern};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use percent_encoding::percent_decode_str;

use crate::config::{Config, Source};
use crate::core::{AsOf, Input};
use crate::error::{Error, Result};
use crate::store::Root;

/// Where hive writers put rows whose partition column is NULL.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A file of a source.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The location that it was found under.
    pub root: Root,
    /// As the store lists it.
    pub meta: ObjectMeta,
    /// Below its location: what identifies it wherever the location lies.
    pub below: String,
    /// Hive partition columns of its path, in the path's order; None is NULL.
    pub partitions: Vec<(String, Option<String>)>,
}

/// What a source's locations hold.
#[derive(Debug, Default)]
pub struct Listing {
    /// What makes the night, in the order of the paths.
    pub files: Vec<Listed>,
    /// What lies beside it and is not read, by rule; for people.
    pub passed_over: Vec<String>,
}

impl Listed {
    /// The file as the manifest names it.
    #[must_use]
    pub fn input(&self) -> Input {
        Input { path: self.below.clone(), size: self.meta.size, etag: self.meta.e_tag.clone() }
    }
}

/// Lists a source's locations and keeps the files that make the night of `as_of`. The order is that of the paths, whatever
/// the store's.
///
/// # Errors
/// A location that lists nothing (inputs not ready), or a store that does not answer.
pub async fn list(source: &Source, config: &Config, as_of: AsOf) -> Result<Listing> {
    let mut files: Vec<Listed> = Vec::new();
    let mut passed_over = Vec::new();
    let mut days: Vec<(String, Option<NaiveDate>)> = Vec::new();
    for location in &source.locations {
        let (place, Listing { files: found, passed_over: beside }) =
            list_location(&location.text, config).await?;
        passed_over.extend(beside);
        if found.is_empty() {
            return Err(Error::NotReady {
                source_name: source.name.to_string(),
                cause: format!("no Parquet file in {place}"),
                help: "run again once the extract is delivered; folders are searched for *.parquet, names that \
                       start with _ or . are left out"
                    .to_owned(),
            });
        }
        let (day, found) = choose_snapshot(source, as_of, found)?;
        days.push((place, day));
        files.extend(found);
    }
    if let Some((place, late)) = days.iter().min_by_key(|(_, day)| *day)
        && let Some((_, newest)) = days.iter().max_by_key(|(_, day)| *day)
        && let (Some(late), Some(newest)) = (late, newest)
        && late != newest
    {
        return Err(Error::NotReady {
            source_name: source.name.to_string(),
            cause: format!("the newest copy in {place} is of {late}, elsewhere of {newest}"),
            help: "run again once the copies of one day are complete".to_owned(),
        });
    }
    files.sort_by(|a, b| (&a.below, &a.root.shown).cmp(&(&b.below, &b.root.shown)));
    // Locations may overlap; a file is a file once.
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.root.show(&file.meta.location)));
    check_partitions(source, &files)?;
    passed_over.sort();
    Ok(Listing { files, passed_over })
}

/// The files of a location, and how it is shown.
async fn list_location(text: &str, config: &Config) -> Result<(String, Listing)> {
    // A glob starts at the first folder with a wildcard; what stands before it is the place to list.
    let (place, glob) = match text.find(['*', '?', '[']) {
        Some(wildcard) => match text[..wildcard].rfind('/') {
            Some(slash) => (&text[..=slash], Some(&text[slash + 1..])),
            None => ("./", Some(text)),
        },
        None => (text, None),
    };
    let root = Root::open(place, &config.directory, &config.object_store)?;
    if glob.is_none() && !text.ends_with('/') {
        match root.store.head(&root.prefix).await {
            Ok(meta) => {
                let shown = root.shown.clone();
                let files = vec![listed_file(text, root, meta)];
                return Ok((shown, Listing { files, ..Listing::default() }));
            }
            Err(object_store::Error::NotFound { .. }) => {}
            // A folder of the local file system, and what some servers say to a folder.
            Err(_) if root.local.as_ref().is_some_and(|path| path.is_dir()) => {}
            Err(error) => return Err(root.error("read", &root.prefix, &error)),
        }
    }
    let pattern = glob.map(Pattern::new).transpose().map_err(|error| Error::Setting {
        message: format!("`{text}` is not a pattern: {error}"),
        help: "* is any text in a name, ? one character, ** any folders".to_owned(),
    })?;
    let metas: Vec<ObjectMeta> = match root.store.list(Some(&root.prefix)).try_collect().await {
        Ok(metas) => metas,
        Err(object_store::Error::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(root.error("list", &root.prefix, &error)),
    };
    let mut listing = Listing::default();
    for meta in metas {
        let below = below(&root.prefix, &meta.location);
        let wanted = match &pattern {
            Some(pattern) => pattern.matches_with(&below, GLOB) && !is_hidden(&below),
            None => {
                let extension = FsPath::new(&below).extension();
                extension.is_some_and(|e| e.eq_ignore_ascii_case("parquet")) && !is_hidden(&below)
            }
        };
        if !wanted {
            listing.passed_over.push(root.show(&meta.location));
            continue;
        }
        let partitions = partitions(&format!("{place}/{below}"));
        listing.files.push(Listed { partitions, root: root.clone(), meta, below });
    }
    let shown = glob.map_or_else(|| root.shown.clone(), |glob| format!("{}/{glob}", root.shown));
    Ok((shown, listing))
}

const GLOB: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// A location that names one file, whatever its extension.
fn listed_file(text: &str, root: Root, meta: ObjectMeta) -> Listed {
    let below = meta.location.filename().unwrap_or_default().to_owned();
    Listed { partitions: partitions(text), root, meta, below }
}

fn below(prefix: &Path, location: &Path) -> String {
    let parts = location.prefix_match(prefix).into_iter().flatten();
    parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/")
}

/// `_SUCCESS`, `_delta_log/`, `.crc` files and other things that writers leave beside the data.
fn is_hidden(below: &str) -> bool {
    below.split('/').any(|part| part.starts_with(['_', '.']))
}

/// The `column=value` folders of a path; those that the location itself names count too.
fn partitions(path: &str) -> Vec<(String, Option<String>)> {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders
        .split('/')
        .filter_map(|folder| folder.split_once('='))
        .map(|(column, value)| {
            // What decodes to no text stays as it stands.
            let decoded = percent_decode_str(value).decode_utf8();
            let value = decoded.map_or_else(|_| value.to_owned(), Cow::into_owned);
            (column.to_owned(), (value != HIVE_NULL).then_some(value))
        })
        .collect()
}

fn check_partitions(source: &Source, files: &[Listed]) -> Result<()> {
    let columns = |file: &Listed| -> Vec<String> {
        file.partitions.iter().map(|(column, _)| column.clone()).collect()
    };
    let Some(first) = files.first() else { return Ok(()) };
    match files.iter().find(|file| columns(file) != columns(first)) {
        Some(other) => Err(Error::Extract {
            source_name: source.name.to_string(),
            file: other.root.show(&other.meta.location),
            cause: format!(
                "its folders name the partition columns [{}], those of {} name [{}]",
                columns(other).join(", "),
                first.root.show(&first.meta.location),
                columns(first).join(", ")
            ),
            help: "all files of a source need the same column=value folders".to_owned(),
        }),
        None => Ok(()),
    }
}

/// Of daily full copies, the newest that is not after the night, with its day.
fn choose_snapshot(
    source: &Source,
    as_of: AsOf,
    files: Vec<Listed>,
) -> Result<(Option<NaiveDate>, Vec<Listed>)> {
    let Some(column) = &source.snapshot else { return Ok((None, files)) };
    let mut copies: BTreeMap<NaiveDate, Vec<Listed>> = BTreeMap::new();
    for file in files {
        let value = file.partitions.iter().find(|(name, _)| name == column);
        let day = value
            .and_then(|(_, value)| NaiveDate::parse_from_str(value.as_deref()?, "%Y-%m-%d").ok());
        match day {
            Some(day) => copies.entry(day).or_default().push(file),
            None => {
                return Err(Error::Extract {
                    source_name: source.name.to_string(),
                    file: file.root.show(&file.meta.location),
                    cause: format!("its path has no folder {column}=YYYY-MM-DD"),
                    help: format!("snapshot = \"{column}\" needs one folder for each day's copy"),
                });
            }
        }
    }
    let days: Vec<_> = copies.keys().copied().collect();
    match copies.range(..=as_of.day()).next_back().map(|(day, _)| *day) {
        Some(day) => Ok((Some(day), copies.remove(&day).unwrap_or_default())),
        None if days.is_empty() => Ok((None, Vec::new())),
        None => Err(Error::NotReady {
            source_name: source.name.to_string(),
            cause: format!("its first copy is of {}, after {}", days[0], as_of.day()),
            help: "this night is older than the extract; choose a later one".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writers_leave_beside_the_data_is_no_input() {
        for hidden in
            ["_SUCCESS", "_delta_log/0.parquet", "dt=1/.x.parquet", "a/_temporary/0/p.parquet"]
        {
            assert!(is_hidden(hidden), "{hidden}");
        }
        assert!(!is_hidden("dt=2026-01-01/part_0.parquet"));
    }

    #[test]
    fn partition_columns_come_from_folders_only_decoded_and_with_hives_null() {
        let read = partitions("region=a%20b%2Fc/dt=__HIVE_DEFAULT_PARTITION__/x=1.parquet");
        assert_eq!(read, [("region".into(), Some("a b/c".into())), ("dt".into(), None)]);
        assert_eq!(partitions("x=%FF/a.parquet"), [("x".into(), Some("%FF".into()))]);
    }
}
