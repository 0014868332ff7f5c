//! A customer: what is entered about it, and the story behind what it does.

use super::calendar::{Day, FIRST, PAST};
use super::contract::{self, Contract, Opening, PLANS};
use super::dice::{Dice, Topic, logistic, real, small, whole};
use super::leaving::{self, Bond, Leave};
use super::words::{FEATURES, INDUSTRIES, OUTCOMES, PERSONAS, PLACES, USE_CASES, company_name};

/// The share of accounts that are older than the history.
const OLDER: f64 = 0.68;

/// A customer.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) number: usize,
    pub(super) id: String,
    pub(super) created: Day,
    pub(super) profile: Profile,
    /// Index of its `Place`.
    pub(super) place: usize,
    pub(super) contracts: Vec<Contract>,
    pub(super) start: Day,
    pub(super) leave: Option<Leave>,
    pub(super) character: Character,
    /// Factors of usage, week by week.
    pub(super) weeks: Vec<f32>,
}

/// What somebody entered about it, or did not.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) name: Option<String>,
    pub(super) industry: Option<&'static str>,
    pub(super) country: Option<&'static str>,
    pub(super) time_zone: Option<&'static str>,
    pub(super) parent: Option<String>,
    pub(super) csm: Option<usize>,
    pub(super) use_case: Option<&'static str>,
    pub(super) outcomes: Option<Vec<&'static str>>,
    pub(super) persona: Option<&'static str>,
    headcount_known: bool,
    headcount: f64,
    headcount_growth: f64,
}

/// What nobody sees, and all else comes from.
#[derive(Debug)]
pub(super) struct Character {
    /// How well things go; 0 is usual, 1 a deviation better.
    pub(super) health: f64,
    /// How much it does for its size; 0 for those that never begin.
    pub(super) activity: f64,
    /// The share of seats with somebody behind them.
    pub(super) engaged: f64,
    /// The share of its plan's features that it gets to use.
    pub(super) curiosity: f64,
    /// Features in the order in which it takes to them.
    pub(super) taste: [u8; FEATURES.len()],
    /// Days by which it usually pays late; negative is early.
    pub(super) lateness: f64,
    /// Pays by card: at once, unless the card fails.
    pub(super) by_card: bool,
    /// Whether it answers surveys.
    pub(super) answers: bool,
    /// What serving it costs, as a share of its ARR.
    pub(super) cost_share: f64,
    /// Days of trouble: tickets, late payment, bad ratings.
    pub(super) trouble: Option<(Day, Day)>,
}

impl Account {
    /// Draws the account of a number; `csms` are the indexes of managers by region.
    pub(super) fn draw(
        seed: u64,
        number: usize,
        accounts: usize,
        shows: bool,
        csms: &dyn Fn(&mut Dice, &'static str) -> usize,
    ) -> Self {
        let dice = &mut Dice::new(seed, Topic::Account, number);
        let created = created(dice, number, accounts);
        let start = created + small(dice.around(9.0, 1.0)).min(70);
        let place = dice.weighted(&PLACES.each_ref().map(|place| place.weight));
        let plan = dice.weighted(&PLANS.each_ref().map(|plan| plan.share));
        let seats = small(dice.around(PLANS[plan].seats, PLANS[plan].spread)).clamp(1, 1500);
        let annual = dice.chance([0.2, 0.45, 0.8, 0.97][plan]);
        let in_euros = dice.chance(0.35);
        let currency = if in_euros { "EUR" } else { PLACES[place].currency };

        let character = Character::draw(dice, plan);
        let profile = Profile::draw(dice, place, plan, seats, number, csms);
        let health = character.health;
        let leave = leaving::draw(
            &mut Dice::new(seed, Topic::Leaving, number),
            Bond { start, annual, health, plan },
            shows,
        );
        let contracts = contract::draw(
            &mut Dice::new(seed, Topic::Contracts, number),
            Opening { plan, seats, start, annual, currency },
            health,
            leave.as_ref(),
        );
        let mut account = Self {
            number,
            id: id(number),
            created,
            profile,
            place,
            contracts,
            start,
            leave,
            character,
            weeks: leaving::weeks(&mut Dice::new(seed, Topic::Rhythm, number)),
        };
        if let Some(Leave { troubled: true, on, fall: Some(fall), .. }) = account.leave {
            account.character.trouble = Some((fall.start - 10, on));
        }
        account
    }

    /// The first day on which it is no customer, or the end of the history.
    pub(super) fn until(&self) -> Day {
        self.leave.map_or(PAST, |leave| leave.on.min(PAST))
    }

    /// The contract of its plan and seats on a day: amendments follow each other.
    pub(super) fn contract(&self, day: Day) -> &Contract {
        let mut started = self.contracts.iter().filter(|c| c.main && c.started <= day);
        started.next_back().unwrap_or(&self.contracts[0])
    }

    /// Whether it is in trouble on a day.
    pub(super) fn troubled(&self, day: Day) -> bool {
        self.character.trouble.is_some_and(|(first, last)| (first..=last).contains(&day))
    }

    /// The share of its usual usage that is left on a day.
    pub(super) fn left(&self, day: Day) -> f64 {
        self.leave.and_then(|leave| leave.fall).map_or(1.0, |fall| fall.share(day))
    }

    /// Its annual revenue on a day, in cents of its currency.
    pub(super) fn arr_cents(&self, day: Day) -> i64 {
        let live = self.contracts.iter().filter(|c| c.started <= day && day < c.over());
        live.map(|contract| contract.arr_cents).sum()
    }
}

/// `A0001234`.
pub(super) fn id(number: usize) -> String {
    format!("A{:07}", number + 1)
}

/// In the order of the numbers: half of those older than the history came in its last two years.
fn created(dice: &mut Dice, number: usize, accounts: usize) -> Day {
    let place = (real(number) + dice.unit()) / real(accounts.max(1));
    if place < OLDER {
        let age = 1.0 - place / OLDER;
        FIRST - 1 - small(6.0 * 365.0 * age * age.sqrt())
    } else {
        FIRST
            + small(f64::from(PAST - FIRST) * (place - OLDER) / (1.0 - OLDER)).min(PAST - FIRST - 1)
    }
}

impl Character {
    fn draw(dice: &mut Dice, plan: usize) -> Self {
        let health = dice.normal();
        let mut order: Vec<(f64, u8)> = (0_u8..)
            .zip(FEATURES)
            .map(|(feature, _)| (f64::from(feature) + 5.0 * dice.normal(), feature))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut taste = [0; FEATURES.len()];
        for (place, (_, feature)) in taste.iter_mut().zip(order) {
            *place = feature;
        }
        let begins = dice.chance(0.96);
        let activity = dice.around(0.44, 0.75) * (0.35 * health).exp();
        // Those who stay have their bad times too.
        let trouble = dice.chance(0.12).then(|| {
            let first = dice.between(FIRST, PAST);
            (first, first + dice.between(20, 120))
        });
        Self {
            health,
            activity: if begins { activity } else { 0.0 },
            engaged: logistic(0.5 + 0.6 * health + 0.7 * dice.normal()),
            curiosity: logistic(0.3 + 0.6 * health + 0.7 * dice.normal()),
            taste,
            lateness: -4.0 + 7.0 * dice.normal() - 2.0 * health,
            by_card: dice.chance([0.95, 0.7, 0.2, 0.03][plan]),
            answers: dice.chance(0.33),
            cost_share: dice.around([0.65, 0.6, 0.55, 0.55][plan], 0.5) * (-0.1 * health).exp(),
            trouble,
        }
    }
}

impl Profile {
    fn draw(
        dice: &mut Dice,
        place: usize,
        plan: usize,
        seats: i32,
        number: usize,
        csms: &dyn Fn(&mut Dice, &'static str) -> usize,
    ) -> Self {
        let place = &PLACES[place];
        let name = company_name(dice, place);
        let outcomes = (0..=dice.below(3)).map(|_| *dice.pick(&OUTCOMES)).fold(
            Vec::new(),
            |mut list, outcome| {
                if !list.contains(&outcome) {
                    list.push(outcome);
                }
                list
            },
        );
        // A customer's parent was there before it.
        let parent = (number > 0 && dice.chance(0.06)).then(|| id(dice.below(number)));
        // Small customers are looked after by all, that is by nobody by name.
        let csm = dice.chance([0.02, 0.3, 0.93, 0.98][plan]).then(|| csms(dice, place.region));
        let (industry, use_case) = (*dice.pick(&INDUSTRIES), *dice.pick(&USE_CASES));
        let persona = *dice.pick(&PERSONAS);
        Self {
            name: dice.known(0.01, name),
            industry: dice.known(0.07, industry),
            country: dice.known(0.03, place.country),
            time_zone: dice.known(0.1, place.zone.name()),
            parent,
            csm,
            use_case: dice.known(0.2, use_case),
            outcomes: dice.known(0.35, outcomes),
            persona: dice.known(0.25, persona),
            headcount_known: !dice.chance(0.15),
            headcount: f64::from(seats) * (1.0 + dice.around(2.5, 0.9)),
            headcount_growth: 0.06 + 0.16 * dice.normal(),
        }
    }

    /// How many people work there on a day.
    pub(super) fn employees(&self, day: Day) -> Option<i64> {
        let years = f64::from(day - PAST) / 365.0;
        let people = self.headcount * (self.headcount_growth * years).exp();
        self.headcount_known.then(|| whole(people).max(1))
    }
}
