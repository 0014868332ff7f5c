//! `roster resolve`.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::ProjectArguments;
use super::output::say;
use crate::commit::Log;
use crate::error::{Error, Result};
use crate::reader::{DataFile, ReadError, Reader};

pub(super) const EXAMPLES: &str = "\
Examples:
  roster resolve --table membership                the current night's files, with sizes and hashes
  roster resolve --table change --format paths     one path a line
  roster resolve --table membership --as-of 2026-05-31
  roster resolve --table membership --version 12   as readers saw it then
  duckdb -c \"$(roster resolve --table membership --format duckdb)\"
  roster resolve --table membership --format redshift | aws s3 cp - s3://lake/membership.manifest
     then: COPY membership FROM 's3://lake/membership.manifest' IAM_ROLE default FORMAT PARQUET MANIFEST";

#[derive(Debug, Args)]
pub(super) struct ResolveArguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The published table
    #[arg(long, value_name = "TABLE")]
    table: String,
    /// The night of that day instead of the current one
    #[arg(long, value_name = "DATE", conflicts_with = "version")]
    as_of: Option<NaiveDate>,
    /// The night that was current at that version of the log
    #[arg(long, value_name = "V")]
    version: Option<u64>,
    /// How to name the files
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Version, night and files with their sizes and hashes
    Json,
    /// One path or URL a line
    Paths,
    /// A SELECT over exactly these files
    Duckdb,
    /// A manifest for COPY ... FORMAT PARQUET MANIFEST; of an output on S3
    Redshift,
    /// A Python expression: the files as a data frame of the session `spark`
    Spark,
}

/// The files of a table on a night.
#[derive(Debug, Serialize)]
struct Resolved<'a> {
    version: u64,
    as_of: NaiveDate,
    attempt_id: &'a str,
    table: &'a str,
    schema_sha256: &'a str,
    files: &'a [DataFile],
}

pub(super) async fn resolve(arguments: ResolveArguments) -> Result<u8> {
    let config = arguments.project.config()?;
    let reader = Reader::of(Log::open(&config)?);
    let snapshot = match (arguments.version, arguments.as_of) {
        (Some(version), _) => reader.at(version).await,
        (None, Some(as_of)) => reader.night(as_of).await,
        (None, None) => reader.latest().await,
    };
    let snapshot = snapshot.map_err(ReadError::into_error)?;
    let table = snapshot.table(&arguments.table).map_err(ReadError::into_error)?;
    match arguments.format {
        Format::Paths => table.files.iter().for_each(|file| say(&file.url)),
        Format::Duckdb => say(&duckdb(&table.files)),
        Format::Redshift => say(&redshift(&table.files)?),
        Format::Spark => say(&spark(&table.files)),
        Format::Json => {
            let resolved = Resolved {
                version: snapshot.version,
                as_of: snapshot.as_of,
                attempt_id: &snapshot.attempt_id,
                table: &table.name,
                schema_sha256: &table.schema_sha256,
                files: &table.files,
            };
            let json = serde_json::to_string_pretty(&resolved);
            say(&json.map_err(|error| Error::Bug(format!("resolve: {error}")))?);
        }
    }
    Ok(0)
}

fn duckdb(files: &[DataFile]) -> String {
    let quoted = files.iter().map(|file| format!("'{}'", file.url.replace('\'', "''")));
    format!("SELECT * FROM read_parquet([{}]);", quoted.collect::<Vec<_>>().join(", "))
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html>: of columnar files the length
/// is required.
fn redshift(files: &[DataFile]) -> Result<String> {
    if let Some(file) = files.iter().find(|file| !file.url.starts_with("s3://")) {
        return Err(Error::Setting {
            message: format!("Redshift copies from S3 alone, and this is {}", file.url),
            help: "publish to s3://..., or take --format paths".to_owned(),
        });
    }
    let entries = files.iter().map(|file| {
        let meta = json!({ "content_length": file.file.size });
        json!({ "url": file.url, "mandatory": true, "meta": meta })
    });
    let manifest = json!({ "entries": entries.collect::<Vec<_>>() });
    serde_json::to_string_pretty(&manifest).map_err(|error| Error::Bug(format!("resolve: {error}")))
}

/// Hadoop's client of S3 goes by `s3a`. A JSON string is a Python string too.
fn spark(files: &[DataFile]) -> String {
    let urls = files.iter().map(|file| match file.url.strip_prefix("s3://") {
        Some(rest) => json!(format!("s3a://{rest}")).to_string(),
        None => json!(file.url).to_string(),
    });
    format!("spark.read.parquet({})", urls.collect::<Vec<_>>().join(", "))
}
