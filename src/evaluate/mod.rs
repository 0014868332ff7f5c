//! What became of a night's segments, and of what its scores said, by a later night. Only published tables are read.

mod night;
mod scores;
mod segments;

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use serde::Serialize;

pub use scores::{Part, Score};
pub use segments::{Flow, Segment};

use crate::commit::Log;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::reader::{ReadError, Reader, Snapshot};
use crate::statistics::Estimate;
use night::{Facts, Members};

/// How long a term may be over, not renewed, before the account counts as gone: a month to sign what was agreed on.
const GRACE: TimeDelta = TimeDelta::days(30);

/// An interval that is wider says nothing: 20 points lie between a good segment and a bad one. For a share near a half that
/// asks for 93 accounts, for one near 1 for 16.
const WIDEST: f64 = 0.2;

/// Which nights.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Whose segments and scores are evaluated.
    pub from: NaiveDate,
    /// When it is looked what became of them.
    pub to: NaiveDate,
    /// Take nights too whose inputs were not seen as they were that night.
    pub allow_leak: bool,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// The first night.
    pub from: NaiveDate,
    /// The second.
    pub to: NaiveDate,
    /// Whether both saw their inputs as they were; without it a score may have known who would leave.
    pub point_in_time: bool,
    /// Live at the first night.
    pub accounts: usize,
    /// Of those, who had left by the second.
    pub left: usize,
    /// Of the first night, by segmentation and label.
    pub segments: Vec<Segment>,
    /// Of the first night.
    pub scores: Vec<Score>,
    /// What should be known before the numbers are believed.
    pub warnings: Vec<String>,
}

/// An account that was live at the first night.
struct Account {
    first: Facts,
    /// None where it is not live at the second.
    second: Option<Facts>,
    left: bool,
}

/// Compares two committed nights.
///
/// # Errors
/// A night that is not committed, or that saw inputs of later; columns of another type than the settings say; and as
/// [`Reader::night`].
pub async fn evaluate(config: &Config, span: Span) -> Result<Evaluation> {
    if span.from >= span.to {
        return Err(Error::Setting {
            message: format!("{} is not before {}", span.from, span.to),
            help: "--from is the earlier night: `roster log` lists them".to_owned(),
        });
    }
    let reader = Reader::of(Log::open(config)?);
    let first = reader.night(span.from).await.map_err(ReadError::into_error)?;
    let second = reader.night(span.to).await.map_err(ReadError::into_error)?;
    let mut warnings = Vec::new();
    for night in [&first, &second].into_iter().filter(|night| !night.point_in_time) {
        warnings.push(leak(night, span.allow_leak)?);
    }
    let columns = scores::columns(&config.evaluate);
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let read = Read { config, first: &first, second: &second };
    let (keys, accounts) =
        read.accounts(&names, &mut warnings).await.map_err(ReadError::into_error)?;
    let [before, after] = read.members(&keys).await.map_err(ReadError::into_error)?;
    let segments = segments::evaluate(&before, &after, &accounts);
    let scores = scores::evaluate(&columns, &accounts, span.to);
    let mut vague: Vec<_> = segments.iter().filter_map(Segment::warning).collect();
    vague.extend(scores.iter().flat_map(Score::warnings));
    if !vague.is_empty() {
        vague.push("wider segments, or nights further apart, say more".to_owned());
    }
    warnings.extend(vague);
    Ok(Evaluation {
        from: span.from,
        to: span.to,
        point_in_time: first.point_in_time && second.point_in_time,
        accounts: accounts.len(),
        left: accounts.iter().filter(|account| account.left).count(),
        segments,
        scores,
        warnings,
    })
}

fn leak(night: &Snapshot, allowed: bool) -> Result<String> {
    let message = format!(
        "the night of {} saw inputs as they were later: what it says may come from what happened since",
        night.as_of
    );
    match allowed {
        true => Ok(message),
        false => Err(Error::Setting {
            message,
            help: "choose a night that ran on its day, give the sources `event_time`, `masks` or `snapshot`, or take the \
                   numbers for what they are: --allow-leak"
                .to_owned(),
        }),
    }
}

/// The published tables of both nights.
struct Read<'a> {
    config: &'a Config,
    first: &'a Snapshot,
    second: &'a Snapshot,
}

impl Read<'_> {
    /// The accounts that were live at the first night, and the number of each by its key.
    async fn accounts(
        &self,
        scores: &[&str],
        warnings: &mut Vec<String>,
    ) -> Result<(BTreeMap<String, usize>, Vec<Account>), ReadError> {
        let Config { key, evaluate, .. } = self.config;
        let first = night::accounts(self.first, key, evaluate, scores, warnings).await?;
        let mut second = night::accounts(self.second, key, evaluate, &[], warnings).await?;
        let (mut numbers, mut accounts) = (BTreeMap::new(), Vec::new());
        for (account, first) in first {
            let second = second.remove(&account);
            let gone = |second: &Facts| has_lapsed(second.renewal_date, self.second.as_of);
            let left = second.as_ref().is_none_or(gone);
            numbers.insert(account, accounts.len());
            accounts.push(Account { first, second, left });
        }
        Ok((numbers, accounts))
    }

    /// Who was in which segment at each night.
    async fn members(&self, numbers: &BTreeMap<String, usize>) -> Result<[Members; 2], ReadError> {
        let key = &self.config.key;
        let first = night::members(self.first, key, numbers).await?;
        Ok([first, night::members(self.second, key, numbers).await?])
    }
}

/// Whether a term has been over for longer than renewing may take. A renewal moves its end on, so that an end in the past is
/// one that was not renewed.
fn has_lapsed(renewal_date: Option<NaiveDate>, as_of: NaiveDate) -> bool {
    renewal_date.is_some_and(|end| as_of - end > GRACE)
}

/// Why a number says nothing, if it does not.
fn too_vague(what: &str, estimate: Option<Estimate>, accounts: usize) -> Option<String> {
    match estimate?.width() {
        Some(width) if width <= WIDEST => None,
        Some(width) => Some(format!(
            "{what} is too uncertain to act on: {accounts} accounts leave it anywhere within {:.0} points",
            100.0 * width
        )),
        None => Some(format!("{what} says nothing: {accounts} accounts are too few")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_lapses_on_the_31st_day_after_its_end() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 6, day).unwrap();
        let end = NaiveDate::from_ymd_opt(2026, 5, 1).unwrap(); // 30 days before May 31st
        assert!(!has_lapsed(Some(end), day(1) - TimeDelta::days(1)));
        assert!(has_lapsed(Some(end), day(1)));
        assert!(!has_lapsed(None, day(1)), "not known");
    }
}
