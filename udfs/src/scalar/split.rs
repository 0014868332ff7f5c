//! `split`: a stable assignment for hold-outs and experiments.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;
use xxhash_rust::xxh3::xxh3_64;

use super::row_function::RowFunction;
use crate::args::{Kind, Parameters, PerRow, items, positive, text};

#[user_doc(
    doc_section(label = "Experiment Functions"),
    description = "One of `labels` for a key, each for its share of keys by `weights`: always the same, on any machine, in \
                   any order of rows. `labels` divide the numbers from 0 to 2^64 among them, in their order; the key's is \
                   XXH3 (64 bits, seed 0) of salt and key, each as UTF-8 behind its length in bytes (64 bits, little endian). \
                   So a key keeps its label as long as salt, labels and weights stay; appending to `labels` moves keys. NULL \
                   if an argument is NULL.",
    syntax_example = "split(key, salt, labels, weights)",
    sql_example = "```sql\nSELECT split(account_id, 'onboarding-2026', ['treated', 'hold-out'], [9, 1])\n```",
    argument(name = "key", description = "What is assigned, as text."),
    argument(
        name = "salt",
        description = "Name of the experiment: another one assigns the same keys anew, independently."
    ),
    argument(name = "labels", description = "The names to choose from, at least one."),
    argument(
        name = "weights",
        description = "How many keys each label gets, > 0, on any scale; as many as there are labels."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Split;

impl RowFunction for Split {
    const PARAMETERS: Parameters = Parameters {
        function: "split",
        required: 4,
        all: &[
            ("key", Kind::Text),
            ("salt", Kind::Text),
            ("labels", Kind::Texts),
            ("weights", Kind::Numbers),
        ],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Utf8
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let (keys, salts) = (args[0].to_array(rows)?, args[1].to_array(rows)?);
        let shares = PerRow::new(&args[2..], rows, Shares::read)?;
        let labels = (0..rows).map(|row| {
            let number = number(text(&salts, row)?, text(&keys, row)?);
            let shares = shares.get(row).as_ref()?;
            Some(shares.labels.value(label(number, &shares.ends)))
        });
        Ok(Arc::new(labels.collect::<StringArray>()))
    }
}

/// Of a key in an experiment. Lengths keep `('a', 'bc')` and `('ab', 'c')` apart.
fn number(salt: &str, key: &str) -> u64 {
    let mut bytes = Vec::with_capacity(16 + salt.len() + key.len());
    for part in [salt, key] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    xxh3_64(&bytes)
}

struct Shares {
    labels: StringArray,
    ends: Vec<f64>,
}

impl Shares {
    fn read(args: &[ArrayRef], row: usize) -> Result<Option<Self>> {
        let labels = items("split", "labels", &args[0], row)?;
        if labels.as_ref().is_some_and(Array::is_empty) {
            return exec_err!("split: labels must not be empty");
        }
        let weights = items("split", "weights", &args[1], row)?;
        let values = weights.iter().flat_map(|all| all.as_primitive::<Float64Type>().values());
        let values = values.map(|weight| positive("split", "weights", *weight));
        let ends = ends(&values.collect::<Result<Vec<_>>>()?);
        let (Some(labels), Some(_)) = (labels, weights) else { return Ok(None) };
        if labels.len() != ends.len() {
            return exec_err!(
                "split: weights must be as many as labels, got {} weights for {} labels",
                ends.len(),
                labels.len()
            );
        }
        Ok(Some(Self { labels: labels.as_string().clone(), ends }))
    }
}

/// Where each label's share of [0, 1] ends; the last ends at 1.
fn ends(weights: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut ends: Vec<_> = weights
        .iter()
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect();
    for end in &mut ends {
        *end /= sum;
    }
    ends
}

fn label(number: u64, ends: &[f64]) -> usize {
    // The upper 53 bits are what a float holds; they stay below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let place = (number >> 11) as f64 / (1_u64 << 53) as f64;
    ends.partition_point(|end| *end <= place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_share_begins_where_the_one_before_ends() {
        let (ends, quarter) = (ends(&[1.0, 3.0]), 1 << 62);
        let labels = [0, quarter - (1 << 11), quarter, u64::MAX].map(|number| label(number, &ends));
        assert_eq!(labels, [0, 0, 1, 1]);
    }

    #[test]
    fn salt_and_key_do_not_run_into_each_other() {
        assert_ne!(number("a", "bc"), number("ab", "c"));
    }

    #[test]
    fn each_label_gets_its_share_of_keys() {
        let ends = ends(&[70.0, 20.0, 10.0]);
        let mut keys = [0; 3];
        for key in 1..=10_000 {
            keys[label(number("onboarding", &format!("A{key}")), &ends)] += 1;
        }
        assert_eq!(keys, [7016, 2013, 971]); // as Python's xxhash counts them
    }

    proptest! {
        #[test]
        fn every_number_has_a_label(
            number: u64, weights in proptest::collection::vec(1e-18..1e18, 1..9),
        ) {
            prop_assert!(label(number, &ends(&weights)) < weights.len());
        }
    }
}
