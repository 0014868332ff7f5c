//! The one place that builds a `DataFusion` context.

mod calls;
mod compact_views;
mod container;
mod distinct_count;
mod local_day;
mod no_wrap;
mod numbered_groups;
mod numbered_keys;
mod one_group;
mod whole_sum;

pub use compact_views::{compact, compact_column};
pub use container::container_bytes;

use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_functions_segmentation::{register_all, register_clock};

use tempfile::TempDir;

use crate::config::RunSettings;
use crate::core::AsOf;
use crate::error::{Error, Result};
use crate::spool::SPILL_PREFIX;
use crate::store::{PinnedStore, pinned_url};
use compact_views::CompactJoins;
use distinct_count::FastDistinctCount;
use local_day::FastLocalDay;
use no_wrap::NoWrap;
use numbered_groups::GroupByNumber;
use numbered_keys::NumberedKeys;

/// The catalog's name; SQL never needs it.
pub const CATALOG: &str = "roster";

/// A context with the project's limits, its clock and all functions, that reads `inputs` and nothing else; and the
/// directory that it spills to, which is gone when its owner is: a query that is cut off leaves no file behind.
///
/// # Errors
/// A spill directory that can not be made.
pub fn context(
    settings: &RunSettings,
    as_of: AsOf,
    inputs: &Arc<PinnedStore>,
) -> Result<(SessionContext, TempDir)> {
    make(settings, as_of, inputs).map_err(|error| Error::Store {
        doing: "make",
        url: std::env::temp_dir().display().to_string(),
        cause: error.strip_backtrace(),
        help: "queries spill there: make room, or set TMPDIR to another directory",
    })
}

fn make(
    settings: &RunSettings,
    as_of: AsOf,
    inputs: &Arc<PinnedStore>,
) -> Result<(SessionContext, TempDir), DataFusionError> {
    // For the job's user alone: it holds rows.
    let spill = tempfile::Builder::new().prefix(SPILL_PREFIX).tempdir()?;
    let mut config = SessionConfig::new()
        .with_target_partitions(settings.threads())
        .with_information_schema(false)
        .with_default_catalog_and_schema(CATALOG, "none")
        .with_create_default_catalog_and_schema(false);
    let options = config.options_mut();
    options.sql_parser.collect_spans = true;
    options.execution.time_zone = Some(as_of.zone().name().to_owned());
    // INT96 has no unit; nanoseconds would end in the year 2262.
    options.execution.parquet.coerce_int96 = Some("us".to_owned());

    // `SELECT id, s['x'] FROM raw.t` as a segment fails in 55.2: `id` and `raw.t.id` would be ambiguous.
    options.optimizer.enable_leaf_expression_pushdown = false;
    // What they skip by is what files say of their values, and no file says that it holds NaN, which is greater than all.
    options.optimizer.enable_topk_dynamic_filter_pushdown = false;
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;

    // Sorts and aggregations share what there is and spill beyond it; the greedy pool fails where this one spills.
    let mut runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(
        DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![spill.path().to_owned()])),
    );
    if let Some(limit) = settings.memory_limit.or_else(container::memory_limit) {
        runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(limit)));
    }
    let mut state = SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_runtime_env(runtime.build_arc()?);
    if !settings.plain {
        state = state
            .with_physical_optimizer_rule(Arc::new(CompactJoins))
            .with_physical_optimizer_rule(Arc::new(GroupByNumber));
    }
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let mut context = SessionContext::new_with_state(state.build());
    context.register_object_store(pinned_url()?.as_ref(), Arc::clone(inputs) as _);
    if !settings.plain {
        context.add_analyzer_rule(Arc::new(FastDistinctCount));
        context.add_analyzer_rule(Arc::new(FastLocalDay));
        context.add_optimizer_rule(Arc::new(NumberedKeys));
    }
    context.add_analyzer_rule(Arc::new(NoWrap));
    register_all(&mut context)?;
    register_clock(&mut context, as_of)?;
    Ok((context, spill))
}
