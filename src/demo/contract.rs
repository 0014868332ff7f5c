//! An account's contracts over the years.

use super::calendar::{Day, PAST, add_months};
use super::dice::{Dice, euros, real, small, whole};
use super::leaving::Leave;
use super::words::{FEATURES, PRODUCTS};

/// What is sold, from the smallest plan on.
pub(super) const PLANS: [Plan; 4] = [
    Plan { name: "starter", share: 0.38, seats: 2.4, spread: 0.6, price: 11.0, features: 7 },
    Plan { name: "team", share: 0.33, seats: 9.0, spread: 0.7, price: 24.0, features: 12 },
    Plan { name: "business", share: 0.21, seats: 45.0, spread: 0.7, price: 46.0, features: 18 },
    Plan { name: "enterprise", share: 0.08, seats: 170.0, spread: 0.8, price: 64.0, features: 24 },
];

/// A plan.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    /// Of new customers.
    pub(super) share: f64,
    /// Their median.
    pub(super) seats: f64,
    pub(super) spread: f64,
    /// Of a seat and month at list.
    price: f64,
    /// How many it contains.
    features: usize,
}

impl Plan {
    pub(super) fn features(&self) -> &'static [&'static str] {
        &FEATURES[..self.features]
    }
}

/// A contract. What it costs never changes: an amendment ends it and starts another.
#[derive(Debug)]
pub(super) struct Contract {
    /// Of the core product, not of one beside it.
    pub(super) main: bool,
    pub(super) plan: usize,
    pub(super) products: Vec<&'static str>,
    pub(super) arr_cents: i64,
    pub(super) currency: &'static str,
    /// None for what is not sold by the seat.
    pub(super) seats: Option<i32>,
    pub(super) signed: Day,
    pub(super) started: Day,
    /// 1 or 12.
    pub(super) billed_months: u32,
    /// When it ends, and since when that is known.
    pub(super) cancelled: Option<(Day, Day)>,
    /// The term's end that passed in silence.
    pub(super) lapsed: Option<Day>,
    /// Terms that end on this day or later are not renewed.
    quits: Option<Day>,
    terms: Terms,
}

/// When an account's terms end, and how it renews them. All its contracts end together.
#[derive(Debug, Clone, Copy)]
struct Terms {
    anchor: Day,
    months: u32,
    /// Days between a term's end and its renewal, turn by turn.
    habits: [i32; 8],
}

impl Terms {
    fn end(&self, turn: u32) -> Day {
        add_months(self.anchor, turn * self.months)
    }

    fn renewed(&self, turn: u32) -> Day {
        let habit = if self.months == 1 { 0 } else { self.habits[turn as usize % 8] };
        self.end(turn) + habit
    }
}

impl Contract {
    /// The first day on which it is no longer served or billed.
    pub(super) fn over(&self) -> Day {
        let cancelled = self.cancelled.map_or(PAST, |(on, _)| on);
        self.lapsed.unwrap_or(PAST).min(cancelled)
    }

    /// The end of the current term and the last renewal, as known on a day.
    pub(super) fn renewal(&self, day: Day) -> (Day, Option<Day>) {
        let now = day.min(self.over() - 1).max(self.started);
        // 31 days are the longest month: no turn that is skipped here can still be open.
        let passed = u32::try_from((now - self.terms.anchor) / 31).unwrap_or(0) / self.terms.months;
        let mut turn = passed.saturating_sub(1);
        loop {
            let (end, next) = (self.terms.end(turn + 1), self.terms.renewed(turn + 1));
            if next > now || self.quits.is_some_and(|quits| end >= quits) {
                let renewed = (turn > 0).then(|| self.terms.renewed(turn));
                // Earlier renewals are those of the contract before.
                return (end, renewed.filter(|day| *day > self.started));
            }
            turn += 1;
        }
    }
}

/// What an account signs first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    pub(super) plan: usize,
    pub(super) seats: i32,
    pub(super) start: Day,
    pub(super) annual: bool,
    pub(super) currency: &'static str,
}

/// Draws all contracts: the first, amendments, further products, up to the account's end.
pub(super) fn draw(
    dice: &mut Dice,
    opening: Opening,
    health: f64,
    leave: Option<&Leave>,
) -> Vec<Contract> {
    let last = leave.map_or(PAST + 40, |leave| leave.lapsed.unwrap_or(leave.on));
    let terms = Terms {
        anchor: opening.start,
        months: if opening.annual { 12 } else { 1 },
        habits: std::array::from_fn(|_| dice.between(-25, 9)),
    };
    let billed_months = if opening.annual && dice.chance(0.75) { 12 } else { 1 };
    let discount = dice.around(0.9, 0.22);
    let further = Further::draw(dice, opening);
    // Some starters pay nothing yet.
    let free = opening.plan == 0 && dice.chance(0.08);
    let mut contracts: Vec<Contract> = Vec::new();
    let (mut plan, mut seats, mut start) = (opening.plan, opening.seats, opening.start);
    let mut products = vec![PRODUCTS[0]];
    for product in &PRODUCTS[1..] {
        if dice.chance(0.12 * real(plan)) {
            products.push(product);
        }
    }
    loop {
        let monthly = PLANS[plan].price * f64::from(seats) * discount;
        let monthly = monthly * (1.0 + 0.12 * (real(products.len()) - 1.0));
        // New customers only: a signed amendment would tell that its customer is not about to leave.
        let ahead = if contracts.is_empty() && dice.chance(0.3) { dice.between(1, 20) } else { 0 };
        contracts.push(Contract {
            main: true,
            plan,
            products: products.clone(),
            // Whole euros a month.
            arr_cents: if free { 0 } else { whole(monthly.max(5.0)) * 1200 },
            currency: opening.currency,
            seats: dice.known(0.02, seats),
            signed: start - ahead,
            started: start,
            billed_months,
            cancelled: None,
            lapsed: None,
            quits: None,
            terms,
        });
        // About every fourth account amends within a year; at the start of a month of the term.
        let wait = small(-(1.0 - dice.unit()).ln() * 365.0 * 4.0) / 30 + 2;
        let next = add_months(start, u32::try_from(wait).unwrap_or(2));
        if next >= last || free {
            break;
        }
        let up = dice.chance((0.74 + 0.06 * health).clamp(0.4, 0.95));
        let other_plan = dice.chance(0.35);
        match (up, other_plan) {
            (true, true) if plan < 3 => plan += 1,
            (false, true) if plan > 0 => plan -= 1,
            _ => {}
        }
        let growth = if up { dice.range(1.05, 1.5) } else { dice.range(0.5, 0.9) };
        seats = small(f64::from(seats) * growth).max(1) + i32::from(up);
        if let Some(before) = contracts.last_mut() {
            before.cancelled = Some((next, next));
        }
        start = next;
    }
    contracts.extend(further.and_then(|further| further.contract(&contracts[0], last)));
    for contract in contracts.iter_mut().filter(|contract| contract.cancelled.is_none()) {
        if let Some(leave) = leave {
            contract.cancelled = Some((leave.cancelled, leave.announced));
            contract.lapsed = leave.lapsed;
            contract.quits = leave.quits;
        }
    }
    contracts
}

/// A second product or department.
struct Further {
    product: &'static str,
    started: Day,
    /// Of the first contract.
    share: f64,
    dropped: Option<Day>,
}

impl Further {
    /// Some have one, and a few drop it again. Drawn before all that depends on the account's end.
    fn draw(dice: &mut Dice, opening: Opening) -> Option<Self> {
        if opening.plan == 0 || !dice.chance(0.13) {
            return None;
        }
        let started = opening.start + dice.between(20, PAST + 40 - opening.start);
        Some(Self {
            product: PRODUCTS[1 + dice.below(PRODUCTS.len() - 1)],
            started,
            share: dice.range(0.08, 0.4),
            dropped: dice.chance(0.15).then(|| started + dice.between(90, 500)),
        })
    }

    fn contract(self, first: &Contract, last: Day) -> Option<Contract> {
        let monthly = euros(first.arr_cents) * self.share / 12.0;
        let dropped = self.dropped.filter(|on| *on < last);
        (self.started < last).then(|| Contract {
            main: false,
            products: vec![self.product],
            arr_cents: whole(monthly).max(5) * 1200,
            seats: None,
            signed: self.started,
            started: self.started,
            cancelled: dropped.map(|on| (on, on - 10)),
            lapsed: None,
            quits: None,
            ..*first
        })
    }
}
