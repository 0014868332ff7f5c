//! `--select`: which segmentations a run is about.

use std::collections::{BTreeMap, BTreeSet};

use super::Project;
use super::part::needed;
use crate::core::{Layer, Name, Segmentation, TableName, nearest};
use crate::error::{Error, Result};

/// What of a project a run is about; all else stays as it is published.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Segmentations that are published anew.
    pub chosen: BTreeSet<Name>,
    /// The others of the project.
    pub kept: Vec<Segmentation>,
    /// Of the whole project, with what was chosen.
    pub(super) texts: BTreeMap<String, String>,
}

impl Selection {
    /// Whether a segmentation stays as it is published.
    #[must_use]
    pub fn keeps(&self, segmentation: &str) -> bool {
        self.chosen.iter().all(|chosen| chosen.as_str() != segmentation)
    }
}

impl Project {
    /// The project reduced to what some segmentations rest on. Each of `wanted` is a name, `+name` with all segmentations
    /// that it reads, `name+` with all that read it, `tag:x` or `owner:x`. Whoever shares a group with one comes along.
    ///
    /// # Errors
    /// Names, tags and owners that the project does not have.
    pub fn select(mut self, wanted: &[String]) -> Result<Self> {
        let mut chosen = BTreeSet::new();
        for selector in wanted {
            chosen.extend(self.find(selector)?);
        }
        // Of a group all: rows of now beside kept ones could give a key to two of them.
        let group = |known: &Segmentation| known.group.as_ref().map(|group| group.name.clone());
        let groups = self.segmentations().filter(|known| chosen.contains(&known.name));
        let groups: BTreeSet<_> = groups.filter_map(group).collect();
        let mates = self
            .segmentations()
            .filter(|known| group(known).is_some_and(|group| groups.contains(&group)));
        let mates: BTreeSet<_> = mates.map(|known| known.name.clone()).collect();
        chosen.extend(mates);
        let kept = self.segmentations().filter(|known| !chosen.contains(&known.name));
        let kept: Vec<_> = kept.cloned().collect();
        let mut texts = self.texts();
        if kept.is_empty() {
            return Ok(self); // all are chosen: a night like any other
        }
        let names: Vec<_> = chosen.iter().map(Name::as_str).collect();
        texts.insert("--select".to_owned(), names.join(" "));
        let tables = chosen.iter().map(|name| TableName::new(Layer::Segment, name.clone()));
        let tables: BTreeSet<_> = tables.chain(self.universe()).collect();
        let needed = needed(&self, &tables);
        // Audits that ask about nothing else; what the others ask about stays as it is.
        let asked = self.files.values().filter(|file| {
            file.table.layer == Layer::Audit
                && file.references.iter().all(|read| needed.contains(&read.table))
        });
        let asked: Vec<_> = asked.map(|file| file.table.clone()).collect();
        let tables = tables.into_iter().chain(asked).collect();
        self.selection = Some(Selection { chosen, kept, texts });
        Ok(self.only(&tables))
    }

    /// Whether a run publishes the rows of this segmentation anew.
    #[must_use]
    pub fn publishes(&self, segmentation: &Segmentation) -> bool {
        let selection = self.selection.as_ref();
        selection.is_none_or(|selection| selection.chosen.contains(&segmentation.name))
    }

    fn find(&self, selector: &str) -> Result<BTreeSet<Name>> {
        let all = || self.segmentations();
        let names = |chosen: &dyn Fn(&Segmentation) -> bool| -> BTreeSet<Name> {
            all().filter(|known| chosen(known)).map(|known| known.name.clone()).collect()
        };
        let (found, known): (_, BTreeSet<&str>) = if let Some(tag) = selector.strip_prefix("tag:") {
            let found = names(&|known| known.tags.iter().any(|known| known == tag));
            (found, all().flat_map(|known| known.tags.iter().map(String::as_str)).collect())
        } else if let Some(owner) = selector.strip_prefix("owner:") {
            let found = names(&|known| known.owner.as_deref() == Some(owner));
            (found, all().filter_map(|known| known.owner.as_deref()).collect())
        } else {
            let bare = selector.trim_start_matches('+').trim_end_matches('+');
            let (below, above) = (selector.starts_with('+'), selector.ends_with('+'));
            let mut found = names(&|known| known.name.as_str() == bare);
            if let Some(table) =
                found.first().map(|name| TableName::new(Layer::Segment, name.clone()))
            {
                let reads = needed(self, &BTreeSet::from([table.clone()]));
                found.extend(names(&|known| {
                    let of_known = needed(self, &BTreeSet::from([known.table()]));
                    (below && reads.contains(&known.table()))
                        || (above && of_known.contains(&table))
                }));
            }
            (found, all().map(|known| known.name.as_str()).collect())
        };
        if !found.is_empty() {
            return Ok(found);
        }
        let (kind, wanted) = selector.split_once(':').unwrap_or(("segmentation", selector));
        let wanted = wanted.trim_matches('+');
        let help = match nearest(wanted, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("no segmentation of the project has {kind}s"),
            None => format!("there are: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("--select {selector}: the project has no {kind} `{wanted}`");
        Err(Error::Setting { message, help })
    }
}
