//! Segmentations over one table, whose conditions are evaluated together.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, RecordBatch};

use crate::catalog::{Catalog, Failures, Ordered, Pick, passing};
use crate::core::{Layer, TableName};
use crate::project::Project;

/// Bits of rows that pass, for as many segmentations as are evaluated together: memory stays flat, however many there are.
const PASSED_BYTES: usize = 16 << 20;

/// Segmentations are evaluated together up to this many, however few rows there are: the more, the more they share.
const MOST_PICKS: usize = 256;

pub(super) struct Together<'a> {
    catalog: &'a Catalog,
    project: &'a Project,
    /// What is evaluated and not yet asked for; nothing where evaluating it with others failed.
    passed: BTreeMap<&'a TableName, Option<BooleanArray>>,
}

impl<'a> Together<'a> {
    pub(super) fn new(catalog: &'a Catalog, project: &'a Project) -> Self {
        Self { catalog, project, passed: BTreeMap::new() }
    }

    /// The rows of a segmentation by key; none where it has to be evaluated alone.
    pub(super) async fn rows(
        &mut self,
        table: &'a TableName,
        failures: &Failures,
    ) -> Option<RecordBatch> {
        let pick = self.pick(table)?;
        let all = pick.table.ordered()?;
        if !self.passed.contains_key(table) {
            self.evaluate(table, pick, all, failures).await;
        }
        let passed = self.passed.remove(table)??;
        pick.rows(all, &passed).ok()
    }

    fn pick(&self, table: &TableName) -> Option<&'a Pick> {
        self.catalog.queries.get(table)?.pick.as_ref()
    }

    /// Evaluates a segmentation, and those after it that read the same table.
    async fn evaluate(
        &mut self,
        first: &'a TableName,
        of: &Pick,
        all: &Ordered,
        failures: &Failures,
    ) {
        let bytes_of_one = all.num_rows() / 8;
        let most = (PASSED_BYTES / bytes_of_one.max(1)).clamp(1, MOST_PICKS);
        let order = self.project.order.iter().filter(|table| table.layer == Layer::Segment);
        let (tables, picks): (Vec<_>, Vec<_>) = order
            .skip_while(|table| *table != first)
            .filter(|table| failures.get(table).is_none())
            .filter_map(|table| Some((table, self.pick(table)?)))
            .filter(|(_, pick)| Arc::ptr_eq(&pick.table, &of.table))
            .take(most)
            .map(|(table, pick)| (table, pick.clone()))
            .unzip();
        let passed = passing(&picks, all, self.project.config.run.threads()).await;
        match passed {
            Ok(passed) => self.passed.extend(tables.into_iter().zip(passed.into_iter().map(Some))),
            // Which of them it was shows when each is evaluated alone.
            Err(_) => self.passed.extend(tables.into_iter().map(|table| (table, None))),
        }
    }
}
