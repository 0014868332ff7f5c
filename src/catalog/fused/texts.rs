//! Conditions on a text column: asked once for each different text, and looked up for each row.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_plan::aggregates::group_values::new_group_values;
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::pass::holding;
use super::{Condition, Ordered};

/// Different texts that a column has at most, to be worth it: countries, plans and managers, but not names.
const MOST_TEXTS: usize = 1024;

pub(super) struct Texts {
    /// For each condition that is answered here its column, and whether it holds for each text.
    answers: BTreeMap<usize, (usize, BooleanBuffer)>,
    /// The number of each row's text, by column.
    columns: BTreeMap<usize, Vec<u16>>,
}

impl Texts {
    /// What can be answered of `conditions` over all rows of their table.
    pub(super) fn of(conditions: &[Condition], rows: &Ordered) -> Result<Self> {
        let (mut answers, mut columns) = (BTreeMap::new(), BTreeMap::new());
        let mut texts = BTreeMap::new();
        for (number, condition) in conditions.iter().enumerate() {
            let Some(column) = condition.column.filter(|_| condition.safe) else { continue };
            let field = rows.schema().field(column);
            if !matches!(field.data_type(), DataType::Utf8 | DataType::Utf8View) {
                continue;
            }
            let texts = match texts.entry(column) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let numbered = numbered(rows, column)?;
                    new.insert(numbered.map(|(numbers, texts)| {
                        columns.insert(column, numbers);
                        texts
                    }))
                }
            };
            let Some(texts) = texts else { continue };
            let alone = Arc::new(Schema::new(vec![field.clone().with_nullable(true)]));
            let holds = reassign_expr_columns(Arc::clone(&condition.holds), &alone)?;
            let texts = RecordBatch::try_new(alone, vec![Arc::clone(texts)])?;
            let holds = holding(&Condition { holds, ..condition.clone() }, &texts)?;
            answers.insert(number, (column, holds));
        }
        Ok(Self { answers, columns })
    }

    /// For which of some rows a condition holds, if it is answered here.
    pub(super) fn holds(&self, condition: usize, rows: Range<usize>) -> Option<BooleanBuffer> {
        let (column, holds) = self.answers.get(&condition)?;
        let numbers = &self.columns.get(column)?[rows];
        Some(BooleanBuffer::collect_bool(numbers.len(), |row| {
            holds.value(usize::from(numbers[row]))
        }))
    }
}

/// The number of each row's text, and the texts by number; none where they are many.
fn numbered(rows: &Ordered, column: usize) -> Result<Option<(Vec<u16>, ArrayRef)>> {
    let schema = rows.schema().project(&[column])?;
    let mut texts = new_group_values(Arc::new(schema), &GroupOrdering::None)?;
    let (mut numbers, mut of_batch) = (Vec::with_capacity(rows.num_rows()), Vec::new());
    for batch in rows.batches() {
        texts.intern(std::slice::from_ref(batch.column(column)), &mut of_batch)?;
        if texts.len() > MOST_TEXTS {
            return Ok(None);
        }
        numbers.extend(of_batch.iter().map(|number| u16::try_from(*number).unwrap_or(u16::MAX)));
    }
    if texts.is_empty() {
        return Ok(None);
    }
    Ok(Some((numbers, texts.emit(EmitTo::All)?.swap_remove(0))))
}
