//! Many nights: computed side by side, published in order.

use chrono::NaiveDate;
use futures::future::Shared;
use futures::{Future, StreamExt};

use crate::commit::Log;
use crate::core::{AsOf, Reach, Refusal, State};
use crate::error::{Error, Result};
use crate::inputs;
use crate::membership::Published;
use crate::project::Project;
use crate::report::RunReport;
use crate::run::{Host, Order, Prepared, prepare, run_prepared};
use crate::spool::Spool;

/// What became of a night.
#[derive(Debug)]
pub enum Filled {
    /// It is committed.
    Committed(Box<RunReport>),
    /// It was, under other SQL or inputs, or a rollback withdrew it; it stays so.
    Kept(Refusal),
}

/// Runs every night from `from` to `to` that is not committed; `order` says how, but for the day. If it
/// may replace, those are recomputed too that are committed under other SQL or inputs. Up to `jobs` nights are computed at once, unless SQL looks
/// back on the night before. The same call again goes on where this one stopped.
///
/// # Errors
/// Of the first night that fails; those before it are published.
pub async fn backfill(
    project: &Project,
    (from, to): (NaiveDate, NaiveDate),
    jobs: usize,
    order: Order<'_>,
    host: &dyn Host,
    interrupted: Shared<impl Future<Output = u8>>,
    mut done: impl FnMut(NaiveDate, Filled),
) -> Result<()> {
    let head = Log::open(&project.config)?.head().await?;
    let state = head.map(|record| record.state).unwrap_or_default();
    let ahead = if project.looks_back() { 0 } else { jobs };
    let nights = from.iter_days().take_while(|day| *day <= to).map(|day| {
        let (zone, state) = (project.config.time_zone, &state);
        async move {
            let as_of = AsOf::new(day, zone);
            let as_of = as_of.ok_or_else(|| Error::Bug(format!("no night {day} in {zone}")))?;
            let order = Order { as_of, ..order };
            let prepared = match ahead {
                0 => None,
                _ => prepare_ahead(project, order, host, state).await?,
            };
            Ok((order, prepared))
        }
    });
    let mut nights = std::pin::pin!(futures::stream::iter(nights).buffered(jobs.max(1)));
    loop {
        let next = tokio::select! {
            next = nights.next() => next,
            signal = interrupted.clone() => return Err(Error::Interrupted { signal }),
        };
        let Some(next) = next else { return Ok(()) };
        let (order, prepared): (Order, Option<Prepared>) = next?;
        let ended =
            Box::pin(run_prepared(project, order, host, interrupted.clone(), prepared)).await;
        let filled = match ended {
            Ok(report) => Filled::Committed(Box::new(report)),
            Err(Error::Refused { refusal, .. })
                if matches!(*refusal, Refusal::Differs(_) | Refusal::Withdrawn(_)) =>
            {
                Filled::Kept(*refusal)
            }
            Err(error) => return Err(error),
        };
        done(order.as_of.day(), filled);
    }
}

/// Computes a night whose publication is not due yet, unless it is known and stays.
async fn prepare_ahead(
    project: &Project,
    order: Order<'_>,
    host: &dyn Host,
    state: &State,
) -> Result<Option<Prepared>> {
    let known = state.night(order.as_of.day()).is_some();
    if known && order.reach != Reach::Replace {
        return Ok(None);
    }
    let listed = inputs::list(project, order.as_of).await?;
    let (spool, previous) = (Spool::default(), Published::default());
    let prepared = prepare(project, order, host, &listed, &spool, &previous, &state.forgotten);
    prepared.await.map(Some)
}
