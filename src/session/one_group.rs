//! An accumulator of many groups as that of one: where the optimizer finds that there is no other.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use datafusion::arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// Makes room for groups.
pub(super) trait Grow: GroupsAccumulator + Debug {
    fn grow(&mut self, groups: usize);
}

/// Nobody else has it: the lock is what `Sync` asks for.
#[derive(Debug)]
pub(super) struct OneGroup<G>(Mutex<G>);

impl<G: Grow> OneGroup<G> {
    pub(super) fn new(groups: G) -> Self {
        Self(Mutex::new(groups))
    }

    fn group(&mut self) -> &mut G {
        let groups = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        groups.grow(1);
        groups
    }
}

impl<G: Grow> Accumulator for OneGroup<G> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.group().update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.group().merge_batch(states, &vec![0; states[0].len()], 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.group().evaluate(EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state = self.group().state(EmitTo::All)?;
        state.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size()
    }
}
