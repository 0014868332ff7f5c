//! What could not be computed or must not be published, and what falls with it.

use std::collections::BTreeMap;

use crate::core::{Audit, TableName};
use crate::error::{Error, Result};
use crate::project::Project;

/// Tables of a night that failed, each with the reason. What reads one of them has failed too, as have all of a group:
/// who comes first in it decides about the others.
#[derive(Debug, Default)]
pub struct Failures {
    tables: BTreeMap<TableName, Failure>,
    first: Option<Error>,
}

/// Why a table failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// In a few words, without any value of the data: what the log keeps.
    pub because: String,
    /// With the place and the next step.
    pub told: String,
}

impl Failures {
    /// Notes that a query failed on the data.
    ///
    /// # Errors
    /// What is not about that query alone, and what took the universe with it: given back.
    pub fn note(&mut self, project: &Project, table: &TableName, error: Error) -> Result<()> {
        let Error::Query { file, .. } = &error else { return Err(error) };
        let (because, told) = (format!("{table} failed ({file})"), error.to_string());
        self.add(project, table, Failure { because, told });
        if project.universe().is_some_and(|universe| self.tables.contains_key(&universe)) {
            return Err(error);
        }
        self.first.get_or_insert(error);
        Ok(())
    }

    /// Notes that `audit` keeps a segmentation from being published.
    pub fn block(&mut self, project: &Project, table: &TableName, audit: &Audit) {
        let because = format!("{} ({})", audit.of, audit.rule);
        let told = match audit.can_be_accepted() {
            true => format!(
                "{because}: {}\n  mend it, or let it pass this once: `roster run --replace --accept {}`",
                audit.message,
                audit.id()
            ),
            false => format!("{because}: {}", audit.message),
        };
        self.add(project, table, Failure { because, told });
    }

    /// Why `table` failed, if it did.
    #[must_use]
    pub fn get(&self, table: &TableName) -> Option<&Failure> {
        self.tables.get(table)
    }

    /// What stopped the first query that failed, if one did.
    #[must_use]
    pub fn into_first(self) -> Option<Error> {
        self.first
    }

    fn add(&mut self, project: &Project, table: &TableName, failure: Failure) {
        self.tables.entry(table.clone()).or_insert(failure);
        let mut known = 0;
        while known < self.tables.len() {
            known = self.tables.len();
            for table in &project.order {
                if let Some(failure) = self.falls(project, table) {
                    self.tables.entry(table.clone()).or_insert(failure);
                }
            }
        }
    }

    fn falls(&self, project: &Project, table: &TableName) -> Option<Failure> {
        let file = project.files.get(table)?;
        let read = file.references.iter().find_map(|read| self.tables.get(&read.table));
        let group = file.segmentation().and_then(|mine| mine.group.as_ref());
        let mates = project.segmentations().filter(|other| {
            group.is_some_and(|group| other.group.as_ref().is_some_and(|of| of.name == group.name))
        });
        let mut mates = mates.filter_map(|mate| self.tables.get(&mate.table()));
        let failure = read.or_else(|| mates.next())?;
        Some(Failure { told: format!("with it: {}", failure.because), ..failure.clone() })
    }
}
