//! Who leaves, when, and what can be seen of it before.

use super::calendar::{Day, FIRST, Month, PAST, add_months, months};
use super::dice::{Dice, small};

/// The month of the wave: a price increase, announced in April 2026, takes effect, and every customer may leave for it,
/// in the midst of a term too.
const WAVE: u8 = 17;

/// An account's end as a customer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leave {
    /// The first day on which it is no customer.
    pub(super) on: Day,
    /// The day on which its contracts say so.
    pub(super) cancelled: Day,
    /// When it said so.
    pub(super) announced: Day,
    /// The end of the term that it let pass in silence.
    pub(super) lapsed: Option<Day>,
    /// No term that ends on this day or later is renewed.
    pub(super) quits: Option<Day>,
    /// What becomes of its usage before.
    pub(super) fall: Option<Fall>,
    /// Whether it struggles (tickets, late payment, bad ratings) on the way out.
    pub(super) troubled: bool,
}

/// Usage on its way down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fall {
    /// The first lower day.
    pub(super) start: Day,
    /// How many days it takes to the floor.
    pub(super) days: i32,
    /// The share of usage that stays.
    pub(super) floor: f64,
}

impl Fall {
    /// The share of usage that is left on a day.
    pub(super) fn share(&self, day: Day) -> f64 {
        let passed = f64::from((day - self.start).max(0)) / f64::from(self.days.max(1));
        (1.0 - passed * (1.0 - self.floor)).max(self.floor)
    }
}

/// What makes some more likely to leave than others, if leaving shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bond {
    /// The first day of the first contract.
    pub(super) start: Day,
    /// Whether contracts bind for a year.
    pub(super) annual: bool,
    /// How well things go; 0 is usual, 1 a deviation better.
    pub(super) health: f64,
    /// From 0, the smallest plan, to 3.
    pub(super) plan: usize,
}

/// Draws an account's end. Unless it `shows`, the hazard is the same for each live account on each day of a month.
pub(super) fn draw(dice: &mut Dice, bond: Bond, shows: bool) -> Option<Leave> {
    for month in months().filter(|month| month.next > bond.start) {
        let any_day = month.first + dice.between(0, month.next - month.first - 1);
        let (hazard, on, lapsed) = if shows {
            reasons(dice, bond, month, any_day)
        } else {
            (if month.index == WAVE { 0.095 } else { 0.02 }, any_day, None)
        };
        if dice.chance(hazard) && on > bond.start {
            return Some(end(dice, on, lapsed, shows, bond.start));
        }
    }
    None
}

/// How likely it is that a month is the last one, the day, and the term that lapses.
fn reasons(dice: &mut Dice, bond: Bond, month: Month, any_day: Day) -> (f64, Day, Option<Day>) {
    let wave = month.index == WAVE;
    let base = if wave { 0.098 } else { 0.019 };
    let mut hazard = base * (-0.5 * bond.health).exp() * [1.3, 1.05, 0.8, 0.5][bond.plan];
    // Most of the wave goes with the first bill of the new price.
    let day = if wave { month.first + small(29.0 * dice.unit() * dice.unit()) } else { any_day };
    if !bond.annual {
        return (hazard, day, None);
    }
    // The end of a term in a month, if it has one.
    let anniversary = |first: Day, next: Day| {
        let years = u32::try_from((first - bond.start) / 366).unwrap_or(0);
        let ends = (years.max(1)..years + 3).map(|year| add_months(bond.start, 12 * year));
        ends.into_iter().find(|day| (first..next).contains(day))
    };
    let at_end = anniversary(month.first, month.next);
    let silent = month.before().and_then(|month| anniversary(month.first, month.next));
    match (at_end, silent) {
        // Who lets a term end in silence is given up a month later.
        (None, Some(term_end)) => (hazard * 2.2, term_end + 31, Some(term_end)),
        (Some(term_end), _) => {
            hazard *= if wave { 1.4 } else { 2.4 };
            (hazard.min(0.6), if dice.chance(0.7) { term_end } else { day }, None)
        }
        (None, None) => (hazard * if wave { 0.75 } else { 0.35 }, day, None),
    }
}

fn end(dice: &mut Dice, on: Day, lapsed: Option<Day>, shows: bool, start: Day) -> Leave {
    // Two weeks after giving up on a lapsed term somebody tidies the books.
    let cancelled = if lapsed.is_some() { on + 14 } else { on };
    let ahead = if lapsed.is_none() && dice.chance(0.6) { dice.between(1, 30) } else { 0 };
    let mut leave = Leave {
        on,
        cancelled,
        announced: (cancelled - ahead).max(start),
        lapsed,
        // Who leaves for no reason may have renewed the day before.
        quits: shows.then_some(lapsed.unwrap_or(on)),
        fall: None,
        troubled: false,
    };
    // Some leave without a sign: they are bought, or lose a budget in one afternoon.
    if shows && dice.chance(0.91) {
        leave.fall = Some(Fall {
            start: on - dice.between(30, 60),
            days: dice.between(4, 18),
            floor: dice.range(0.02, 0.35),
        });
        leave.troubled = dice.chance(0.4);
    }
    leave
}

/// Weeks of the history, each with a factor of usage: noise, seasons, growth, and lulls that look like leaving and are
/// none.
pub(super) fn weeks(dice: &mut Dice) -> Vec<f32> {
    const COUNT: i32 = (PAST - FIRST) / 7 + 1;
    let growth = 0.05 + 0.22 * dice.normal();
    let mut factors: Vec<f64> = (0..COUNT)
        .map(|week| (growth * f64::from(week) / 52.0 + 0.16 * dice.normal()).exp())
        .collect();
    for _ in 0..dice.count(1.1) {
        let first = dice.between(0, COUNT - 1);
        let (weeks, depth) = (dice.between(2, 9), dice.range(0.15, 0.85));
        for week in first..(first + weeks).min(COUNT) {
            factors[usize::try_from(week).unwrap_or(0)] *= depth;
        }
    }
    factors.into_iter().map(narrow).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a factor needs no more than a few digits")]
fn narrow(factor: f64) -> f32 {
    factor as f32
}
