//! The order in which tables are computed.

use std::collections::{BTreeMap, BTreeSet};

use super::TableName;

/// Tables that wait for one another; the first is named again at the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<TableName>);

/// Every table after all it reads; among equals by name, so that the order never depends on chance. Tables that wait for
/// themselves, and for such, are left out: the shortest way round from the first of them is the second answer.
#[must_use]
pub fn order(reads: &BTreeMap<TableName, BTreeSet<TableName>>) -> (Vec<TableName>, Option<Cycle>) {
    let mut waiting: BTreeMap<&TableName, BTreeSet<&TableName>> = reads
        .iter()
        .map(|(table, read)| (table, read.iter().filter(|name| reads.contains_key(name)).collect()))
        .collect();
    let mut ordered = Vec::with_capacity(reads.len());
    while let Some(ready) =
        waiting.iter().find(|(_, reads)| reads.is_empty()).map(|(table, _)| *table)
    {
        waiting.remove(ready);
        for reads in waiting.values_mut() {
            reads.remove(ready);
        }
        ordered.push(ready.clone());
    }
    (ordered, waiting.keys().find_map(|start| way_round(start, &waiting)))
}

/// Breadth first from `start` back to itself.
fn way_round(
    start: &TableName,
    reads: &BTreeMap<&TableName, BTreeSet<&TableName>>,
) -> Option<Cycle> {
    let mut paths = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !paths.is_empty() {
        let mut longer = Vec::new();
        for path in paths {
            let last = path.last()?;
            for next in reads.get(last).into_iter().flatten() {
                let path: Vec<_> = path.iter().copied().chain([*next]).collect();
                if *next == start {
                    return Some(Cycle(path.into_iter().cloned().collect()));
                }
                if seen.insert(*next) {
                    longer.push(path);
                }
            }
        }
        paths = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(edges: &[(&str, &[&str])]) -> BTreeMap<TableName, BTreeSet<TableName>> {
        let name = |text: &str| TableName::parse(text).unwrap();
        edges
            .iter()
            .map(|(table, reads)| (name(table), reads.iter().map(|r| name(r)).collect()))
            .collect()
    }

    fn names(tables: &[TableName]) -> Vec<String> {
        tables.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_read_comes_first_and_equals_come_by_name() {
        let (ordered, cycle) = order(&tables(&[
            ("segment.b", &["feature.z"]),
            ("segment.a", &["feature.z", "segment.c"]),
            ("segment.c", &["raw.not_a_file"]),
            ("feature.z", &[]),
        ]));
        assert_eq!(names(&ordered), ["feature.z", "segment.b", "segment.c", "segment.a"]);
        assert_eq!(cycle, None);
    }

    #[test]
    fn a_cycle_is_told_by_its_shortest_way_and_without_those_who_only_wait_for_it() {
        let (ordered, cycle) = order(&tables(&[
            ("feature.z", &[]),
            ("segment.a", &["segment.b"]),
            ("segment.b", &["segment.c", "segment.d"]),
            ("segment.c", &["segment.d"]),
            ("segment.d", &["segment.b"]),
        ]));
        assert_eq!(names(&ordered), ["feature.z"]);
        let Cycle(path) = cycle.unwrap();
        assert_eq!(names(&path), ["segment.b", "segment.d", "segment.b"]);
    }
}
