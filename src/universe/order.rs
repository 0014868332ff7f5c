//! Keys compared with many others that are in order.

use std::cmp::Ordering;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, DynComparator, StringArray, make_comparator,
};
use datafusion::arrow::compute::SortOptions;
use datafusion::error::Result;

/// Texts are looked at in the end alone: eight bytes of each, behind what all begin with, nearly always say which one stands
/// before the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    /// How all texts begin.
    begins: Vec<u8>,
    /// What follows in each.
    digits: Vec<u64>,
}

impl Order {
    /// Of all keys, in their order.
    pub(super) fn of(keys: &ArrayRef) -> Self {
        let Some(texts) = keys.as_string_opt::<i32>().filter(|texts| texts.null_count() == 0)
        else {
            return Self::default();
        };
        let texts = || texts.iter().flatten().map(str::as_bytes);
        let (first, last) =
            (texts().next().unwrap_or_default(), texts().last().unwrap_or_default());
        let begins = first.iter().zip(last).take_while(|(first, last)| first == last);
        let begins: Vec<_> = begins.map(|(byte, _)| *byte).collect();
        let digits = texts().map(|text| digits(&text[begins.len()..])).collect();
        Self { begins, digits }
    }

    /// For some keys that are compared with those it is of.
    ///
    /// # Errors
    /// Keys that can not be compared: a bug.
    pub(super) fn against<'a>(
        &'a self,
        keys: &'a ArrayRef,
        with: &'a ArrayRef,
    ) -> Result<Against<'a>> {
        Ok(match (keys.as_string_opt(), with.as_string_opt()) {
            (Some(keys), Some(with)) if !self.digits.is_empty() => {
                Against::Texts { order: self, keys, with }
            }
            _ => Against::Others(make_comparator(with, keys, SortOptions::default())?),
        })
    }
}

/// The first bytes of a text as a number that is greater where the text is.
fn digits(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut all = [0; 8];
            all[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(all)
        }
    }
}

/// Some keys against those that have the order.
pub(super) enum Against<'a> {
    Texts { order: &'a Order, keys: &'a StringArray, with: &'a StringArray },
    Others(DynComparator),
}

/// One of the keys: its row, and what follows behind the beginning of all, if it begins so.
pub(super) struct Wanted {
    row: usize,
    digits: Option<u64>,
}

impl Against<'_> {
    /// The key of a row, which is not NULL.
    pub(super) fn key(&self, row: usize) -> Wanted {
        let digits = match self {
            Self::Texts { order, keys, .. } => {
                keys.value(row).as_bytes().strip_prefix(order.begins.as_slice()).map(digits)
            }
            Self::Others(_) => None,
        };
        Wanted { row, digits }
    }

    /// Where the key that stands `at` a place is, seen from the wanted one.
    pub(super) fn compare(&self, at: usize, wanted: &Wanted) -> Ordering {
        match self {
            Self::Texts { order, keys, with } => {
                let first =
                    wanted.digits.map_or(Ordering::Equal, |digits| order.digits[at].cmp(&digits));
                first.then_with(|| with.value(at).cmp(keys.value(wanted.row)))
            }
            Self::Others(compare) => compare(at, wanted.row),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn some_key() -> impl Strategy<Value = String> {
        prop_oneof!["[ab\\x00]{0,3}", "account-[ab]{0,2}", "account-[ab]{7,10}"]
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_texts_are(
            known in prop::collection::btree_set(some_key(), 1..40),
            wanted in prop::collection::vec(some_key(), 0..40),
        ) {
            let texts = |texts: &mut dyn Iterator<Item = &String>| -> ArrayRef {
                Arc::new(StringArray::from_iter_values(texts))
            };
            let (with, keys) = (texts(&mut known.iter()), texts(&mut wanted.iter()));
            let order = Order::of(&with);
            let order = order.against(&keys, &with).unwrap();
            let by_digits = matches!(order, Against::Texts { .. });
            prop_assert!(by_digits);
            for (row, wanted) in wanted.iter().enumerate() {
                let key = order.key(row);
                for (at, known) in known.iter().enumerate() {
                    prop_assert_eq!(order.compare(at, &key), known.cmp(wanted), "{:?}, {:?}", known, wanted);
                }
            }
        }
    }
}
