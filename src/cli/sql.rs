//! `roster sql`.

use std::io::{BufWriter, ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::arrow::{csv, json};
use datafusion::parquet::arrow::ArrowWriter;
use futures::StreamExt;
use tempfile::NamedTempFile;

use super::host::{Terminal, interrupted};
use super::output::{colours, complain, is_terminal};
use super::{Day, ProjectArguments, problems, variable};
use crate::error::{Error, Result};
use crate::question::{Answer, Question, ask};

pub(super) const EXAMPLES: &str = "\
Examples:
  roster sql \"SELECT * FROM published.summary\"
  roster sql \"SELECT account_id FROM segment_members('rfm', 'Champions')\" --format csv
  roster sql \"SELECT as_of, segment FROM membership_history('A0000003') WHERE segmentation = 'health'\"
  roster sql \"SELECT plan, count(*) FROM feature.account GROUP BY plan\" --as-of 2026-06-30
  roster sql --output champions.parquet --format parquet < champions.sql

It reads the project's tables as a night sees them (raw, staging, feature, segment, previous), what is published
(published.<table>, of the current night), and two functions over all of it:
  segment_members(segmentation, segment [, version or day])   who was in a segment, on the current night or another
  membership_history(key)                                     all rows of a key, on all nights that are live
Nothing is published. Personal columns are left out, unless --show-values asks for them.";

#[derive(Debug, Args)]
pub(super) struct SqlArguments {
    #[command(flatten)]
    pub(super) project: ProjectArguments,
    /// One SELECT; `-`, or nothing, reads it from standard input
    #[arg(default_value = "-")]
    query: String,
    /// The night whose tables it reads, YYYY-MM-DD or today; by itself the current one
    #[arg(long, value_name = "DATE")]
    as_of: Option<Day>,
    /// How the rows are written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write them into this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Give out personal columns too, and values of the data in errors
    #[arg(long)]
    show_values: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// With a line of names; NULL is nothing between two commas
    Csv,
    /// An object a line
    Json,
    /// For programs; needs --output or a pipe
    Parquet,
}

pub(super) async fn sql(arguments: SqlArguments) -> Result<u8> {
    let to_terminal = arguments.output.is_none() && std::io::stdout().is_terminal();
    if arguments.format == Format::Parquet && to_terminal {
        return Err(Error::Setting {
            message: "Parquet is nothing to look at".to_owned(),
            help: "add --output FILE, or pipe it on".to_owned(),
        });
    }
    let sql = match arguments.query.as_str() {
        "-" => read_standard_input()?,
        query => query.to_owned(),
    };
    let zone = arguments.project.config()?.time_zone;
    let as_of = arguments.as_of.map(|day| day.as_of(zone)).transpose()?;
    let question = Question { sql: &sql, as_of, show_values: arguments.show_values };
    // In a pipe the rows are all there is to say.
    let host = Terminal::new(!is_terminal());
    let asked = async {
        let answer = ask(&arguments.project.project, &variable, question, &host).await?;
        host.finish();
        write(answer, &arguments).await
    };
    let ended = tokio::select! {
        ended = asked => ended,
        signal = interrupted() => Err(Error::Interrupted { signal }),
    };
    host.finish();
    match ended {
        // Where it stands is said there; a count of mistakes says nothing of one query.
        Err(Error::Project(found)) => {
            complain(problems::render(&found, colours()).trim_end());
            Ok(Error::Project(found).exit_code())
        }
        ended => ended,
    }
}

fn read_standard_input() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| Error::Setting {
        message: format!("cannot read the query from standard input: {error}"),
        help: "give it as an argument".to_owned(),
    })?;
    Ok(text)
}

async fn write(mut answer: Answer, arguments: &SqlArguments) -> Result<u8> {
    if !answer.hidden.is_empty() {
        let hidden = answer.hidden.join(", ");
        complain(&format!("personal columns are left out: {hidden}; --show-values shows them"));
    }
    // A file appears when it is whole.
    let file = arguments.output.as_deref().map(new_file).transpose()?;
    let to: Box<dyn Write + Send> = match &file {
        Some(file) => Box::new(BufWriter::new(file.reopen().map_err(|error| not_written(&error))?)),
        None => Box::new(BufWriter::new(std::io::stdout())),
    };
    let mut rows = match Rows::new(arguments.format, &answer.rows.schema(), to) {
        Ok(rows) => rows,
        Err(error) => return ended(&error),
    };
    while let Some(batch) = answer.rows.next().await {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return Err(answer.failure(&error).await),
        };
        if let Err(error) = rows.write(batch) {
            return ended(&error);
        }
    }
    if let Err(error) = rows.finish() {
        return ended(&error);
    }
    if let Some((file, path)) = file.zip(arguments.output.as_ref()) {
        file.persist(path).map_err(|error| not_written(&error.error))?;
    }
    Ok(0)
}

fn new_file(path: &Path) -> Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
    file.map_err(|error| not_written(&error))
}

fn not_written(error: &std::io::Error) -> Error {
    Error::Setting {
        message: format!("cannot write the rows: {error}"),
        help: "name a file in a folder that is there and has room: --output".to_owned(),
    }
}

/// What it means that the rows can not be written: whoever closes the pipe has read enough.
fn ended(error: &ArrowError) -> Result<u8> {
    match error {
        ArrowError::IoError(_, error) if error.kind() == ErrorKind::BrokenPipe => Ok(0),
        ArrowError::IoError(_, error) => Err(not_written(error)),
        other => Err(Error::Setting {
            message: format!("cannot write the rows: {other}"),
            help: "lists and structs need --format json, parquet or table; else CAST them to text"
                .to_owned(),
        }),
    }
}

/// Rows on their way out.
enum Rows {
    Table { batches: Vec<RecordBatch>, to: Box<dyn Write + Send> },
    Csv(Box<csv::Writer<Box<dyn Write + Send>>>),
    Json(json::LineDelimitedWriter<Box<dyn Write + Send>>),
    Parquet(Box<ArrowWriter<Box<dyn Write + Send>>>),
}

impl Rows {
    fn new(
        format: Format,
        schema: &SchemaRef,
        to: Box<dyn Write + Send>,
    ) -> Result<Self, ArrowError> {
        Ok(match format {
            // The columns show also where there are no rows.
            Format::Table => {
                Self::Table { batches: vec![RecordBatch::new_empty(Arc::clone(schema))], to }
            }
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().with_header(true).build(to);
                writer.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
                Self::Csv(Box::new(writer))
            }
            Format::Json => {
                let builder = json::WriterBuilder::new().with_explicit_nulls(true);
                Self::Json(builder.build(to))
            }
            Format::Parquet => {
                Self::Parquet(Box::new(ArrowWriter::try_new(to, Arc::clone(schema), None)?))
            }
        })
    }

    fn write(&mut self, batch: RecordBatch) -> Result<(), ArrowError> {
        match self {
            Self::Table { batches, .. } => {
                batches.push(batch);
                Ok(())
            }
            Self::Csv(writer) => writer.write(&batch),
            Self::Json(writer) => writer.write(&batch),
            Self::Parquet(writer) => Ok(writer.write(&batch)?),
        }
    }

    fn finish(self) -> Result<(), ArrowError> {
        let mut to = match self {
            Self::Table { batches, mut to } => {
                writeln!(to, "{}", pretty_format_batches(&batches)?)?;
                to
            }
            Self::Csv(writer) => writer.into_inner(),
            Self::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
            Self::Parquet(writer) => writer.into_inner()?,
        };
        Ok(to.flush()?)
    }
}
