//! Keys compared with many others that are in order.

use std::cmp::Ordering;
use std::ops::Range;

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
    /// Whether nothing follows those.
    complete: bool,
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
        let complete = texts().all(|text| text.len() <= begins.len() + DIGITS);
        Self { begins, digits, complete }
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

/// Bytes of a text that are compared as a number.
const DIGITS: usize = size_of::<u64>();

/// The first bytes of a text as a number that is greater where the text is.
fn digits(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut all = [0; DIGITS];
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
    /// The keys of some rows that are in their order, none of which is NULL.
    pub(super) fn keys(&self, rows: Range<usize>) -> impl Iterator<Item = Wanted> {
        let begins = |row: usize| match self {
            Self::Texts { order, keys, .. } => {
                keys.value(row).as_bytes().starts_with(&order.begins)
            }
            Self::Others(_) => false,
        };
        // What the first and the last begin with, those between them do as well.
        let all_begin = !rows.is_empty() && begins(rows.start) && begins(rows.end - 1);
        rows.map(move |row| {
            let digits = match self {
                Self::Texts { order, keys, .. } if all_begin || begins(row) => {
                    Some(digits(&keys.value(row).as_bytes()[order.begins.len()..]))
                }
                _ => None,
            };
            Wanted { row, digits }
        })
    }

    /// The first of some places whose key does not stand before the wanted one, and whether it is that one.
    pub(super) fn find(&self, places: Range<usize>, wanted: &Wanted) -> (usize, bool) {
        let from = match (self, wanted.digits) {
            (Self::Texts { order, .. }, Some(digits)) => {
                seek(places.clone(), |at| order.digits[at] < digits)
            }
            _ => places.start,
        };
        let is_it = |at| at < places.end && self.compare(at, wanted).is_eq();
        if is_it(from) {
            return (from, true);
        }
        // Several may begin alike.
        let at = seek(from..places.end, |at| self.compare(at, wanted).is_lt());
        (at, is_it(at))
    }

    /// Where the key that stands `at` a place is, seen from the wanted one.
    pub(super) fn compare(&self, at: usize, wanted: &Wanted) -> Ordering {
        match self {
            Self::Texts { order, keys, with } => {
                let Some(digits) = wanted.digits else {
                    return with.value(at).cmp(keys.value(wanted.row));
                };
                order.digits[at].cmp(&digits).then_with(|| {
                    let (known, wanted) = (with.value(at), keys.value(wanted.row));
                    if order.complete && wanted.len() <= order.begins.len() + DIGITS {
                        known.len().cmp(&wanted.len()) // but for zeros at the end they are the same
                    } else {
                        known.cmp(wanted)
                    }
                })
            }
            Self::Others(compare) => compare(at, wanted.row),
        }
    }
}

/// The first of the places that does not stand before what is looked for: ever longer steps, then halves. Whoever looks
/// for many in their order pays little for each, be they dense or far between.
fn seek(places: Range<usize>, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (places.start, 1);
    while low + step < places.end && is_before(low + step) {
        low += step;
        step *= 2;
    }
    let mut high = places.end.min(low + step);
    while low < high {
        let middle = low.midpoint(high);
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn some_keys(at_least: usize) -> impl Strategy<Value = BTreeSet<String>> {
        let mixed = prop_oneof!["[ab\\x00]{0,3}", "account-[ab]{0,2}", "account-[ab]{7,10}"];
        prop_oneof![
            prop::collection::btree_set(mixed, at_least..40),
            prop::collection::btree_set("account-[ab\\x00]{0,3}", at_least..40),
        ]
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_texts_are(
            known in some_keys(1), wanted in some_keys(0),
        ) {
            let texts = |texts: &mut dyn Iterator<Item = &String>| -> ArrayRef {
                Arc::new(StringArray::from_iter_values(texts))
            };
            let (with, keys) = (texts(&mut known.iter()), texts(&mut wanted.iter()));
            let order = Order::of(&with);
            let order = order.against(&keys, &with).unwrap();
            let by_digits = matches!(order, Against::Texts { .. });
            prop_assert!(by_digits);
            for (key, wanted) in order.keys(0..wanted.len()).zip(&wanted) {
                for (at, known) in known.iter().enumerate() {
                    prop_assert_eq!(order.compare(at, &key), known.cmp(wanted), "{:?}, {:?}", known, wanted);
                }
                let before = known.iter().filter(|known| *known < wanted).count();
                let found = order.find(0..known.len(), &key);
                prop_assert_eq!(found, (before, known.contains(wanted)), "{:?} in {:?}", wanted, known);
            }
        }
    }

    #[test]
    fn what_is_sought_is_found_wherever_it_stands() {
        for places in 0..20 {
            for from in 0..=places {
                for first in from..=places {
                    assert_eq!(seek(from..places, |at| at < first), first);
                }
            }
        }
    }
}
