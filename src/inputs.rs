//! The extracts of a night, all sources together.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::prelude::SessionContext;

use crate::core::{AsOf, Input, Name};
use crate::error::Result;
use crate::project::Project;
use crate::report::InputReport;
use crate::source::{self, Listed, PinnedTable};
use crate::store::PinnedStore;

/// The night's files of every source that has a location.
pub(crate) async fn list(project: &Project, as_of: AsOf) -> Result<BTreeMap<Name, Vec<Listed>>> {
    let mut listed = BTreeMap::new();
    for (name, source) in &project.config.sources {
        if !source.locations.is_empty() {
            let listing = source::list(source, &project.config, as_of).await?;
            listed.insert(name.clone(), listing.files);
        }
    }
    Ok(listed)
}

/// What goes into the manifest and the fingerprint.
pub(crate) fn named(listed: &BTreeMap<Name, Vec<Listed>>) -> BTreeMap<String, Vec<Input>> {
    let named = listed
        .iter()
        .map(|(name, files)| (name.to_string(), files.iter().map(Listed::input).collect()));
    named.collect()
}

/// All sources of the project, pinned.
pub(crate) struct Inputs {
    pub(crate) tables: BTreeMap<Name, Arc<PinnedTable>>,
    pub(crate) reports: BTreeMap<String, InputReport>,
    pub(crate) point_in_time: bool,
    pub(crate) warnings: Vec<String>,
}

/// Pins the listed files, and reads their footers.
pub(crate) async fn pin(
    project: &Project,
    as_of: AsOf,
    listed: &BTreeMap<Name, Vec<Listed>>,
    store: &PinnedStore,
    context: &SessionContext,
) -> Result<Inputs> {
    let mut all = Inputs {
        tables: BTreeMap::new(),
        reports: BTreeMap::new(),
        point_in_time: true,
        warnings: Vec::new(),
    };
    for (name, source) in &project.config.sources {
        let pinned = match listed.get(name) {
            Some(files) => source::pin(source, files.clone(), store, context).await?,
            None => source::absent(source),
        };
        if !pinned.point_in_time(source, as_of) {
            all.point_in_time = false;
            all.warnings.push(format!(
                "raw.{name} is read as it is now, not as it was on {}: give it event_time, masks or snapshot",
                as_of.day()
            ));
        }
        if let Some(pieces) = pinned.in_small_pieces(source) {
            all.warnings.push(format!("{pieces}; {}", source::SMALL_PIECES_HELP));
        }
        let (files, size_bytes) = (pinned.inputs.len(), pinned.size_bytes());
        let input = InputReport { files, rows: pinned.rows, size_bytes };
        all.reports.insert(name.to_string(), input);
        all.tables.insert(name.clone(), pinned.table);
    }
    Ok(all)
}
