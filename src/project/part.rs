//! A part of a project: what some of its tables need, and nothing else.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::{Project, check_references, edges, known_tables};
use crate::config::Config;
use crate::core::{Layer, Name, ProjectFile, SqlFile, TableName};
use crate::error::{Error, Result};

/// What a question is called where a file would be.
const QUESTION: &str = "query";

impl Project {
    /// A project without files, for questions about what is published.
    #[must_use]
    pub fn of_config(config: Config) -> Self {
        Self { config, files: BTreeMap::new(), order: Vec::new(), selection: None }
    }

    /// The project reduced to `wanted` and all that they read, directly or not; in a group also those who come before them.
    #[must_use]
    pub fn only(mut self, wanted: &BTreeSet<TableName>) -> Self {
        let needed = needed(&self, wanted);
        let is_read = |name: &Name| needed.contains(&TableName::new(Layer::Raw, name.clone()));
        self.config.sources.retain(|name, _| is_read(name));
        self.files.retain(|table, _| needed.contains(table));
        self.order.retain(|table| needed.contains(table));
        self
    }

    /// The project reduced to what a question reads, with the question as its last table.
    ///
    /// # Errors
    /// Tables that are neither of the project nor among the `published`.
    pub fn ask(mut self, question: SqlFile, published: &BTreeSet<TableName>) -> Result<Self> {
        let problems = RefCell::default();
        let known = known_tables(&self.config, &self.files);
        check_references([&question], &(&known | published), &problems);
        let problems = problems.into_inner();
        if !problems.is_empty() {
            return Err(Error::Project(problems));
        }
        let table = question.table.clone();
        self.files.insert(table.clone(), question);
        self.order.push(table.clone());
        Ok(self.only(&BTreeSet::from([table])))
    }
}

/// Tables with all that they read, directly or not, and in a group those who come before them.
pub(super) fn needed(project: &Project, wanted: &BTreeSet<TableName>) -> BTreeSet<TableName> {
    let edges = edges(&project.files, &RefCell::default());
    let mut needed = BTreeSet::new();
    let mut waiting: Vec<_> = wanted.iter().cloned().collect();
    while let Some(table) = waiting.pop() {
        waiting.extend(edges.get(&table).into_iter().flatten().cloned());
        needed.insert(table);
        waiting.retain(|table| !needed.contains(table));
    }
    needed
}

/// Understands a question as far as its text goes.
///
/// # Errors
/// SQL that is no single SELECT, or names what can not be a table.
pub fn read_question(text: &str) -> Result<SqlFile> {
    let problems = RefCell::default();
    let name = Name::new(QUESTION).ok_or_else(|| Error::Bug(format!("{QUESTION} is no name")))?;
    let table = TableName::new(Layer::Question, name);
    let file = SqlFile::parse(table, ProjectFile::new(QUESTION, text), &problems);
    let problems = problems.into_inner();
    file.filter(|_| problems.is_empty()).ok_or(Error::Project(problems))
}
