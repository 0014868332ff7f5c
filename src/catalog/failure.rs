//! Says what the failure of a query means.

use datafusion::common::DataFusionError;

use super::Catalog;
use crate::core::TableName;
use crate::error::Error;
use crate::project::Project;
use crate::source::{find_broken_file, read_error, store_error};

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
        let root = error.find_root();
        let cause = root.strip_backtrace();
        match root {
            DataFusionError::ResourcesExhausted(_) => {
                return Error::Resources { table: table.to_string(), cause };
            }
            DataFusionError::IoError(_) => {
                return Error::Store {
                    doing: "write",
                    url: format!("spill files of {table}"),
                    cause,
                    help: "make room where TMPDIR points to, then run the same command again",
                };
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
        let file = project.files.get(table);
        Error::Query {
            table: table.clone(),
            file: file.map_or_else(String::new, |file| file.file.path.display().to_string()),
            cause: if self.show_values { clean(&cause) } else { hide_values(&clean(&cause)) },
            help: advice(&cause).to_owned(),
        }
    }
}

fn clean(cause: &str) -> String {
    let mut text = cause;
    for prefix in ["Arrow error: ", "Execution error: ", "Compute error: ", "External error: "] {
        text = text.trim_start_matches(prefix);
    }
    text.to_owned()
}

/// Data is about people: what an engine or a function quotes of it stays hidden.
fn hide_values(text: &str) -> String {
    let mut text = text.to_owned();
    // From the first quote to the last: a value may hold quotes itself.
    if let (Some(first), Some(last)) = (text.find('\''), text.rfind('\''))
        && first < last
    {
        text.replace_range(first + 1..last, "...");
    }
    for before in ["happened on: ", ", got "] {
        if let Some(at) = text.find(before) {
            text.replace_range(at + before.len().., "...");
        }
    }
    text
}

/// The usual ways out.
fn advice(cause: &str) -> &'static str {
    if cause.contains("Divide by zero") || cause.contains("ivision by zero") {
        "guard the division: a / NULLIF(b, 0); WHERE and AND do not guard it"
    } else if cause.contains("Cast error") || cause.contains("cast") {
        "some value is not of that type (--show-values shows it): TRY_CAST makes it NULL, CASE can decide"
    } else if cause.contains("verflow") {
        "a number grew too large: CAST to a wider decimal before the sum"
    } else {
        "mend the query; `roster run --dry-run` computes without publishing"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden_and_the_rest_of_the_complaint_stays() {
        for (told, shown) in [
            ("Cannot cast string 'Ann O'Hara' to Int64", "Cannot cast string '...' to Int64"),
            (
                "Arithmetic overflow: Overflow happened on: 7 * 8",
                "Arithmetic overflow: Overflow happened on: ...",
            ),
            ("tier: value must be finite, got NaN", "tier: value must be finite, got ..."),
            ("Divide by zero", "Divide by zero"),
        ] {
            assert_eq!(hide_values(told), shown);
        }
    }
}
