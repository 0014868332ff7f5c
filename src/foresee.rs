//! What a run would read and write.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;

use crate::catalog;
use crate::commit::Log;
use crate::core::{Fingerprint, Plan, Wish, plan};
use crate::error::{Error, Result};
use crate::inputs;
use crate::output;
use crate::project::Project;
use crate::report::InputReport;
use crate::run::{Host, Order, Step, dry_ground, refused};
use crate::session;
use crate::store::PinnedStore;

/// What a run would do.
#[derive(Debug, Serialize)]
pub struct Foreseen {
    /// The night.
    pub as_of: NaiveDate,
    /// It is committed already as this version: nothing would be done.
    pub committed: Option<u64>,
    /// The version it would get, if nobody commits before.
    pub version: u64,
    /// The night it would be compared with.
    pub previous_as_of: Option<NaiveDate>,
    /// Whether it would become the current night.
    pub advances: bool,
    /// What would be read.
    pub sources: BTreeMap<String, SourceForeseen>,
    /// What would be evaluated.
    pub segmentations: Vec<String>,
    /// What would be written.
    pub tables: Vec<&'static str>,
}

/// What a run would read of a source.
#[derive(Debug, Serialize)]
pub struct SourceForeseen {
    /// Its files.
    #[serde(flatten)]
    pub input: InputReport,
    /// Compressed bytes of the columns that queries ask for; row groups that are skipped make it less.
    pub scan_bytes: u64,
}

/// Says what a run would read and write; nothing is computed.
///
/// # Errors
/// What a run would answer before it computes.
pub async fn foresee(project: &Project, order: Order<'_>, host: &dyn Host) -> Result<Foreseen> {
    let day = order.as_of.day();
    host.step(Step::List);
    let log = Log::open(&project.config)?;
    let listed = inputs::list(project, order.as_of).await?;
    let fingerprint = Fingerprint::new(&project.texts(), &inputs::named(&listed));
    let wish = Wish { as_of: day, fingerprint: &fingerprint.sha256, reach: order.reach };
    let head = log.head().await?;
    let state = head.as_ref().map(|record| record.state.clone()).unwrap_or_default();
    let (ground, committed) = match plan(wish, &state) {
        Plan::Compute(ground) => (ground, None),
        Plan::Done(night) => (dry_ground(day, &state), Some(night.version)),
        Plan::Refused(refusal) => return Err(refused(&log, day, refusal, &fingerprint).await),
    };
    host.step(Step::Plan);
    let store = Arc::new(PinnedStore::default());
    let (context, _spill) = session::context(&project.config.run, order.as_of, &store)?;
    let pinned = inputs::pin(project, order.as_of, &listed, &store, &context).await?;
    let previous = vec![output::no_previous()];
    let catalog =
        catalog::plan(project, order.as_of, context, store, pinned.tables, previous).await;
    let mut scan_bytes = catalog.map_err(Error::Project)?.bytes_to_scan().into_iter();
    let sources = pinned.reports.into_iter().map(|(name, input)| {
        let scan = scan_bytes.find(|(source, _)| source.as_str() == name);
        let scan_bytes = scan.map_or(0, |(_, bytes)| bytes);
        (name, SourceForeseen { input, scan_bytes })
    });
    let chosen = project.segmentations().filter(|known| project.publishes(known));
    Ok(Foreseen {
        as_of: day,
        committed,
        version: head.map_or(0, |record| record.version) + 1,
        previous_as_of: ground.previous.map(|night| night.as_of),
        advances: ground.advances,
        sources: sources.collect(),
        segmentations: chosen.map(|known| known.name.to_string()).collect(),
        tables: output::tables_of_a_night().map(|table| table.name).collect(),
    })
}
