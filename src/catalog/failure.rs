//! Says what the failure of a query means.

use datafusion::common::DataFusionError;
use regex::{Captures, Regex};

use super::Catalog;
use super::wording::{Told, told};
use crate::config::Source;
use crate::core::TableName;
use crate::error::Error;
use crate::project::Project;
use crate::source::{find_broken_file, read_error, store_error};
use crate::spool::disk_failure;

impl Catalog {
    /// Says what stopped the query of `table`.
    pub async fn failure(
        &self,
        project: &Project,
        table: &TableName,
        error: &DataFusionError,
    ) -> Error {
        if let Some(error) = store_error(error) {
            return read_error(error, &format!("the inputs of {table}"));
        }
        // Inputs are read through stores: what else there is are spill files.
        if let Some(error) = disk_failure(&table.to_string(), error) {
            return error;
        }
        let root = error.find_root();
        let cause = root.strip_backtrace();
        match root {
            DataFusionError::ResourcesExhausted(_) => {
                return Error::Resources { table: table.to_string(), cause };
            }
            DataFusionError::ExecutionJoin(_) => return Error::Bug(format!("{table}: {cause}")),
            _ => {}
        }
        if cause.contains("arquet") || cause.contains("Corrupt") || cause.contains("EOF") {
            let files: Vec<_> = (self.sources.iter())
                .flat_map(|(name, table)| table.files().map(move |file| (name.as_str(), file)))
                .collect();
            let files = files.iter().map(|(name, file)| (*name, file));
            if let Some(broken) = find_broken_file(files, &self.store).await {
                return broken;
            }
        }
        if let Some(error) = self.nulls(project, &cause) {
            return error;
        }
        let file = project.files.get(table);
        let Told { message, help, .. } = told(&cause);
        Error::Query {
            table: table.clone(),
            file: file.map_or_else(String::new, |file| file.file.path.display().to_string()),
            cause: match self.show_values {
                true => message,
                false => hide_values(&message, file.map_or("", |file| &file.file.text)),
            },
            help: match advice(&cause) {
                Some(advice) => advice.to_owned(),
                None if help.is_empty() => {
                    "mend the query; `roster run --dry-run` computes without publishing".to_owned()
                }
                None => help,
            },
        }
    }
}

impl Catalog {
    /// A column that is declared not null, holds NULLs, and has no statistics to see that before a row is read.
    fn nulls(&self, project: &Project, cause: &str) -> Option<Error> {
        let (before, _) =
            cause.split_once(" is declared as non-nullable but contains null values")?;
        let name = before.rsplit('\'').nth(1)?;
        let declares = |source: &&Source| {
            let mut columns = source.columns.iter().flatten();
            columns.any(|column| column.required && column.name == name)
        };
        let sources: Vec<_> = project.config.sources.values().filter(declares).collect();
        let first = sources.first()?;
        let files = self.sources.get(&first.name).into_iter().flat_map(|table| table.files());
        let files: Vec<_> = files.map(|file| self.store.show(&file.meta.location)).collect();
        Some(Error::Extract {
            source_name: first.name.to_string(),
            file: files.first().cloned().unwrap_or_default(),
            cause: format!(
                "column `{name}` is declared not null, and this or another of its {} files holds NULLs",
                files.len()
            ),
            help: "deliver the values, or leave out the ! of its type and decide in staging SQL"
                .to_owned(),
        })
    }
}

/// Data is about people: numbers and quoted texts that do not stand in the SQL come from it, and stay hidden.
fn hide_values(text: &str, sql: &str) -> String {
    // From the first quote to the last: a value may hold quotes itself.
    let values = Regex::new(r#"'.*'|".*"|\b[0-9][0-9A-Za-z_.:+-]*"#);
    let Ok(values) = values else { return "the cause is hidden".to_owned() };
    let hidden = values.replace_all(text, |found: &Captures<'_>| {
        let value = &found[0];
        let bare = value.trim_matches(['\'', '"']);
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        match value.chars().next() {
            Some('\'' | '"') if sql.contains(bare) => value.to_owned(),
            Some(quote @ ('\'' | '"')) => format!("{quote}...{quote}"),
            _ if sql.split(|c| !is_word(c)).any(|word| word == bare) => value.to_owned(),
            _ => "...".to_owned(),
        }
    });
    hidden.into_owned()
}

/// What helps against values of the data, other than against those that stand in the SQL.
fn advice(cause: &str) -> Option<&'static str> {
    if cause.contains("representable i64 range") {
        Some(
            "a time of the extract lies after the year 294246, which microseconds do not reach: often it stands for \
             'never', so deliver NULL",
        )
    } else if ["verflow", "out of range"].iter().any(|word| cause.contains(word)) {
        Some(
            "a number grew too large for its type, or fell below 0 in one without a sign: CAST to DECIMAL(38, 2) or \
             DOUBLE before",
        )
    } else if cause.contains("Cast error") {
        Some(
            "some value is not of that type (--show-values shows it): TRY_CAST makes it NULL, CASE can decide",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden_and_the_rest_of_the_complaint_stays() {
        let sql = "SELECT tier(x, [10, 20], labels)";
        for (told, shown) in [
            ("Cannot cast string 'Ann O'Hara' to Int64", "Cannot cast string '...' to Int64"),
            ("Overflow happened on: 7 * 81", "Overflow happened on: ... * ..."),
            (
                "12345.50 is too large for Decimal128(18, 2)",
                "... is too large for Decimal128(..., ...)",
            ),
            ("Invalid input syntax: \"ann@x.y\"", "Invalid input syntax: \"...\""),
            ("tier: breaks 10, 20 must rise, got -3", "tier: breaks 10, 20 must rise, got -..."),
            ("Divide by zero", "Divide by zero"),
        ] {
            assert_eq!(hide_values(told, sql), shown);
        }
    }
}
