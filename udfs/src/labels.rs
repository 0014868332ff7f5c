//! The labels that a call can answer, for whoever compares them with those that are expected.

use datafusion::common::ScalarValue;

use crate::scalar::{health_band, renewal_window, rfm_segment};

/// The labels that a call of `function` can answer; none where only rows can tell. `constants` are those of each argument:
/// the value itself, or the items of a list.
#[must_use]
pub fn labels(function: &str, constants: &[Option<Vec<ScalarValue>>]) -> Option<Vec<String>> {
    let constant = |index: usize| constants.get(index)?.as_deref();
    match function {
        "health_band" => Some(health_band::labels()),
        "renewal_window" => renewal_window::labels(constant(2)?),
        "rfm_segment" if constants.len() == 3 => rfm_segment::labels(None),
        "rfm_segment" => rfm_segment::labels(Some(text(constant(3)?.first()?)?)),
        "split" | "tier" => {
            constant(2)?.iter().map(|label| text(label).map(str::to_owned)).collect()
        }
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<&str> {
    value.try_as_str()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_of_a_renewal_tell_its_labels_in_any_order() {
        let days = [ScalarValue::from(30_i64), ScalarValue::from(15_i64)];
        let labels = labels("renewal_window", &[None, None, Some(days.to_vec())]).unwrap();
        assert_eq!(labels, ["overdue", "due_15", "due_30"]);
    }

    #[test]
    fn labels_that_come_from_rows_are_not_told() {
        assert_eq!(labels("tier", &[None, None, None]), None);
        assert_eq!(labels("rfm_segment", &[None, None, None, None]), None);
        assert_eq!(labels("lower", &[None]), None);
    }
}
