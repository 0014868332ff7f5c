//! What `retention_net` and `retention_gross` share: the part of the recurring revenue that was kept.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, Expr, GroupsAccumulator};

use super::one_group::{Groups, array, counted, each_its_own, number};
use super::sums::{self, Sums};
use crate::args::{Kind, Parameters, finite};
use crate::exact::FloatSum;

const START: &str = "start";
const END: &str = "end";

pub(super) const fn parameters(function: &'static str) -> Parameters {
    Parameters { function, required: 2, all: &[(START, Kind::Number), (END, Kind::Number)] }
}

pub(super) fn check(function: &str, position: usize, argument: &Expr) -> Result<()> {
    let name = if position == 0 { START } else { END };
    number(argument).map_or(Ok(()), |value| finite(function, name, value).map(drop))
}

pub(super) fn state() -> Vec<(&'static str, DataType)> {
    vec![(START, sums::STATE), ("kept", sums::STATE)]
}

/// One item per group in each.
#[derive(Debug, Clone)]
pub(super) struct RetentionGroups {
    function: &'static str,
    /// What of a start and an end above it, below it or 0 counts as kept.
    kept_of: fn(f64, f64) -> f64,
    start: Sums<FloatSum>,
    kept: Sums<FloatSum>,
}

impl RetentionGroups {
    pub(super) fn new(function: &'static str, kept_of: fn(f64, f64) -> f64) -> Self {
        Self { function, kept_of, start: Sums::default(), kept: Sums::default() }
    }
}

impl Groups for RetentionGroups {
    fn grow(&mut self, groups: usize) {
        self.start.grow(groups);
        self.kept.grow(groups);
    }
}

impl GroupsAccumulator for RetentionGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let starts = values[0].as_primitive::<Float64Type>();
        let ends = values[1].as_primitive::<Float64Type>();
        for (row, group) in counted(group_indices, starts, opt_filter) {
            let start = finite(self.function, START, starts.value(row))?;
            if start <= 0.0 {
                continue;
            }
            let end = if ends.is_valid(row) { ends.value(row) } else { 0.0 };
            let end = finite(self.function, END, end)?;
            self.start.add(group, self.function, START, start)?;
            self.kept.add(group, self.function, END, (self.kept_of)(start, end))?;
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let [start, kept] = [0, 1].map(|at| values[at].as_binary_view());
        for (row, group) in group_indices.iter().enumerate() {
            self.start.merge(*group, start, row)?;
            self.kept.merge(*group, kept, row)?;
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = self.start.take(emit_to).into_iter().zip(self.kept.take(emit_to));
        let shares = sums.map(|(start, kept)| Some(kept?.rounded() / start?.rounded()));
        Ok(array(shares.collect::<Float64Array>()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.start.state(emit_to), self.kept.state(emit_to)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = each_its_own(values);
        let mut groups = Self::new(self.function, self.kept_of);
        groups.update_batch(values, &rows, opt_filter, rows.len())?;
        groups.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.start.size() + self.kept.size()
    }
}
