//! Runs `tests/slt`, the functions' manual.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::{Path, PathBuf};

use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use datafusion_functions_segmentation::{
    AsOf, CLOCK_FUNCTIONS, all_aggregate, all_scalar, all_window, register_all, register_clock,
};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner, strict_column_validator};

/// A plain session with the functions, on the night of 2026-06-30 in Berlin.
pub(crate) fn session() -> Result<SessionContext> {
    #[expect(clippy::disallowed_methods, reason = "the functions need nothing of the project's")]
    let mut session = SessionContext::new();
    let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 30).unwrap();
    register_all(&mut session)?;
    register_clock(&mut session, AsOf::new(day, chrono_tz::Europe::Berlin).unwrap())?;
    Ok(session)
}

struct Db(SessionContext);

#[async_trait]
impl AsyncDB for Db {
    type Error = DataFusionError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>> {
        // EXPLAIN shows a fault of planning as a row of its answer; a manual wants it as the error it is.
        if let Some(query) = sql.strip_prefix("EXPLAIN ") {
            self.0.sql(query).await?.create_physical_plan().await?;
        }
        let frame = self.0.sql(sql).await?;
        let fields = frame.schema().fields().clone();
        let batches = frame.collect().await?;
        if fields.is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        let mut rows = Vec::new();
        for batch in &batches {
            let options = FormatOptions::default().with_null("NULL");
            let columns = batch.columns().iter();
            let columns: Vec<_> = columns
                .map(|column| ArrayFormatter::try_new(column, &options))
                .collect::<Result<_, _>>()?;
            for row in 0..batch.num_rows() {
                let texts = columns.iter().map(|column| match column.value(row).to_string() {
                    empty if empty.is_empty() => "(empty)".to_owned(),
                    text => text,
                });
                let texts: Vec<_> = texts.collect();
                if texts.iter().any(|text| text.contains('\n')) {
                    // A plan: sqllogictest compares line by line.
                    rows.extend(texts.join(" ").lines().map(|line| vec![line.to_owned()]));
                } else {
                    rows.push(texts);
                }
            }
        }
        let types = fields.iter().map(|field| column_type(field.data_type())).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &'static str {
        "datafusion"
    }
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => DefaultColumnType::FloatingPoint,
        integer if integer.is_integer() => DefaultColumnType::Integer,
        text if text.is_string() => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    files
}

#[tokio::test]
async fn functions_do_what_their_manual_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt/functions");
    let mut faults = Vec::new();
    for file in files(&folder) {
        let mut runner = Runner::new(|| async { session().map(Db) });
        runner.with_column_validator(strict_column_validator);
        if let Err(fault) = runner.run_file_async(&file).await {
            faults.push(fault.to_string()); // names file and line
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[tokio::test]
async fn without_a_clock_as_of_is_refused_while_planning() {
    #[expect(clippy::disallowed_methods, reason = "the functions need nothing of the project's")]
    let mut session = SessionContext::new();
    register_all(&mut session).unwrap();
    for function in CLOCK_FUNCTIONS {
        let error = session.sql(&format!("SELECT {function}()")).await.unwrap_err().to_string();
        assert!(error.contains(&format!("{function}: this session has no clock")), "{error}");
        assert!(error.contains("register_clock"), "{error}");
    }
}

/// A function without a manual would be one nobody can look up.
#[test]
fn every_function_has_its_manual() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt/functions");
    let manuals: Vec<_> = files(&folder)
        .iter()
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let scalar = all_scalar().iter().map(|function| function.name().to_owned()).collect::<Vec<_>>();
    let aggregate = all_aggregate().iter().map(|f| f.name().to_owned()).collect::<Vec<_>>();
    let window = all_window().iter().map(|f| f.name().to_owned()).collect::<Vec<_>>();
    let mut functions = [scalar, aggregate, window].concat();
    functions.sort();
    assert_eq!(functions, manuals);
}
