//! `feature_adoption`: how much of what an account pays for it uses.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use crate::args::{Kind, Parameters, PerRow, items};

#[user_doc(
    doc_section(label = "Health Functions"),
    description = "Share, 0 to 100, of the entitled features that are in use. What is listed twice counts once, and use of \
                   what the plan does not contain is ignored. NULL if a list is NULL, or nothing is entitled. A feature must \
                   not be NULL.",
    syntax_example = "feature_adoption(used, entitled)",
    sql_example = "```sql\nSELECT feature_adoption(['export'], ['export', 'api'])  -- 50.0\n```",
    argument(
        name = "used",
        description = "A list of the features in use. An empty one says that none is; NULL that it is not known."
    ),
    argument(name = "entitled", description = "A list of the features the plan contains.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct FeatureAdoption;

impl RowFunction for FeatureAdoption {
    const PARAMETERS: Parameters = Parameters {
        function: "feature_adoption",
        required: 2,
        all: &[("used", Kind::Texts), ("entitled", Kind::Texts)],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let used = args[0].to_array(rows)?;
        let entitled =
            PerRow::new(&args[1..], rows, |args, row| features("entitled", &args[0], row))?;
        let shares = (0..rows).map(|row| {
            let used = features("used", &used, row)?;
            Ok(used
                .zip(entitled.get(row).as_ref())
                .and_then(|(used, entitled)| share(&used, entitled)))
        });
        Ok(Arc::new(shares.collect::<Result<Float64Array>>()?))
    }
}

fn features(argument: &str, lists: &ArrayRef, row: usize) -> Result<Option<BTreeSet<String>>> {
    let list = items("feature_adoption", argument, lists, row)?;
    Ok(list.map(|list| list.as_string::<i32>().iter().flatten().map(str::to_owned).collect()))
}

/// None: there is nothing to use.
fn share(used: &BTreeSet<String>, entitled: &BTreeSet<String>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "no list is that long")]
    let [used, all] =
        [used.intersection(entitled).count(), entitled.len()].map(|count| count as f64);
    (all > 0.0).then(|| 100.0 * used / all)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn use_of_what_is_not_entitled_is_ignored() {
        assert_eq!(share(&set(&["api", "trial"]), &set(&["api", "export"])), Some(50.0));
    }

    #[test]
    fn nothing_entitled_is_no_share() {
        assert_eq!(share(&set(&["api"]), &set(&[])), None);
    }

    proptest! {
        #[test]
        fn a_share_is_within_0_and_100_and_one_more_feature_in_use_never_lowers_it(
            used in proptest::collection::btree_set("[a-f]", 0..6),
            entitled in proptest::collection::btree_set("[a-f]", 1..6),
            more in "[a-f]",
        ) {
            let before = share(&used, &entitled).unwrap();
            let after = share(&(&used | &BTreeSet::from([more])), &entitled).unwrap();
            prop_assert!(0.0 <= before && before <= after && after <= 100.0);
        }
    }
}
