//! Daily full copies: each shows what was known on its day.

use std::io;
use std::path::Path;

use super::account::Account;
use super::calendar::{Day, copy_days, date, instant};
use super::contract::{Contract, PLANS};
use super::dice::{Dice, Topic, index, real, whole};
use super::table::{Columns, part};
use super::words::{FIRST_NAMES, LAST_NAMES};

/// A customer success manager.
#[derive(Debug)]
pub(super) struct Csm {
    name: String,
    region: &'static str,
    languages: Option<Vec<&'static str>>,
    hours: Option<i64>,
    left: Option<Day>,
}

/// Managers, about one for each 2 million EUR of revenue: some too few, as everywhere.
pub(super) fn draw_csms(seed: u64, accounts: usize) -> Vec<Csm> {
    let count = 4 + accounts / 110;
    let mut csms = Vec::with_capacity(count);
    for number in 0..count {
        let dice = &mut Dice::new(seed, Topic::Csms, number);
        let first = FIRST_NAMES[number % FIRST_NAMES.len()];
        let last = LAST_NAMES[number / 2 % LAST_NAMES.len()];
        let again = number / (FIRST_NAMES.len() * LAST_NAMES.len() / 8);
        let name =
            format!("{first}.{last}{}", if again == 0 { String::new() } else { again.to_string() });
        // Each region has one before chance decides.
        let drawn = ["emea", "emea", "emea", "americas", "apac"][dice.below(5)];
        let region = ["emea", "americas", "apac"].get(number).copied().unwrap_or(drawn);
        let mut languages = match region {
            "emea" => vec!["en", *dice.pick(&["de", "fr", "es", "it", "nl"])],
            "americas" => vec!["en", "es"],
            _ => vec!["en", "ja"],
        };
        if dice.chance(0.4) {
            languages.truncate(1);
        }
        let hours = [40, 40, 38, 32, 20][dice.below(5)];
        csms.push(Csm {
            name,
            region,
            languages: dice.known(0.05, languages),
            hours: dice.known(0.05, hours),
            left: (number > 2 && dice.chance(0.1)).then(|| 20_454 + dice.between(30, 160)),
        });
    }
    csms
}

/// A manager for a customer: mostly of its region, and some get more than their share.
pub(super) fn choose_csm(csms: &[Csm], dice: &mut Dice, region: &str) -> usize {
    for _ in 0..12 {
        let share = dice.unit();
        let chosen = index(real(csms.len()) * share * (0.4 + 0.6 * share));
        if csms[chosen].region == region || dice.chance(0.05) {
            return chosen;
        }
    }
    0
}

fn each_copy(
    extracts: &Path,
    table: &str,
    columns: &dyn Fn(Day) -> io::Result<Columns>,
) -> io::Result<u64> {
    let mut rows = 0;
    for day in copy_days() {
        let folder = format!("dt={}", date(day));
        rows += columns(day)?.write(&part(extracts, table, &folder))?;
    }
    Ok(rows)
}

pub(super) fn accounts(extracts: &Path, accounts: &[Account], csms: &[Csm]) -> io::Result<u64> {
    each_copy(extracts, "accounts", &|day| {
        let known: Vec<_> = accounts.iter().filter(|account| account.created <= day).collect();
        let profiles = || known.iter().map(|account| &account.profile);
        Ok(Columns::default()
            .text("account_id!", known.iter().map(|account| account.id.as_str()))
            .text("name", profiles().map(|p| p.name.as_deref()))
            .text("industry", profiles().map(|p| p.industry))
            .text("country", profiles().map(|p| p.country))
            .text("time_zone", profiles().map(|p| p.time_zone))
            .int("employees", profiles().map(|p| p.employees(day)))
            .int("employees_a_year_ago", profiles().map(|p| p.employees(day - 365)))
            .text("parent_account_id", profiles().map(|p| p.parent.as_deref()))
            .text("csm", profiles().map(|p| p.csm.map(|csm| csms[csm].name.as_str())))
            .text("use_case", profiles().map(|p| p.use_case))
            .texts("desired_outcomes", profiles().map(|p| p.outcomes.as_deref()))
            .text("persona", profiles().map(|p| p.persona))
            .instant(
                "created_at!",
                known.iter().map(|account| {
                    // Some time of a working day.
                    let second = i32::try_from(account.number * 7919 % 36_000).unwrap_or(0);
                    instant(account.created, 25_200 + second)
                }),
            ))
    })
}

pub(super) fn subscriptions(extracts: &Path, accounts: &[Account]) -> io::Result<u64> {
    each_copy(extracts, "subscriptions", &|day| {
        let known: Vec<(String, &Account, &Contract)> = accounts
            .iter()
            .flat_map(|account| {
                let numbered = account.contracts.iter().enumerate();
                numbered.map(move |(number, contract)| {
                    (format!("S{:07}-{}", account.number + 1, number + 1), account, contract)
                })
            })
            .filter(|(_, account, contract)| contract.signed.max(account.created) <= day)
            .collect();
        let contracts = || known.iter().map(|(_, _, contract)| *contract);
        let columns = Columns::default()
            .text("subscription_id!", known.iter().map(|(id, _, _)| id.as_str()))
            .text("account_id!", known.iter().map(|(_, account, _)| account.id.as_str()))
            .text("plan!", contracts().map(|c| PLANS[c.plan].name))
            .texts("products", contracts().map(|c| Some(c.products.as_slice())))
            .decimal("arr!", 2, contracts().map(|c| c.arr_cents))?
            .text("currency!", contracts().map(|c| c.currency))
            .date("started_on!", contracts().map(|c| c.started))
            .date("renewal_date", contracts().map(|c| c.renewal(day).0))
            .date("renewed_on", contracts().map(|c| c.renewal(day).1))
            .date(
                "cancelled_on",
                contracts().map(|c| {
                    let (on, announced) = c.cancelled?;
                    (announced <= day).then_some(on)
                }),
            )
            .int("seats", contracts().map(|c| c.seats.map(i64::from)));
        Ok(columns)
    })
}

pub(super) fn plan_features(extracts: &Path) -> io::Result<u64> {
    let pairs = || PLANS.iter().flat_map(|plan| plan.features().iter().map(|f| (plan.name, *f)));
    each_copy(extracts, "plan_features", &|_| {
        let columns = Columns::default();
        Ok(columns
            .text("plan!", pairs().map(|pair| pair.0))
            .text("feature!", pairs().map(|pair| pair.1)))
    })
}

pub(super) fn csms(extracts: &Path, csms: &[Csm]) -> io::Result<u64> {
    each_copy(extracts, "csms", &|day| {
        Ok(Columns::default()
            .text("csm!", csms.iter().map(|csm| csm.name.as_str()))
            .text("region", csms.iter().map(|csm| csm.region))
            .texts("languages", csms.iter().map(|csm| csm.languages.as_deref()))
            .int("hours_per_week", csms.iter().map(|csm| csm.hours))
            .flag("active", csms.iter().map(|csm| csm.left.is_none_or(|left| day < left))))
    })
}

/// A manager's word against the score's.
struct Override<'a> {
    account: &'a Account,
    made: Day,
    score: Option<i64>,
    band: Option<&'static str>,
    author: usize,
    reason: &'static str,
    expires: Day,
}

const REASONS: [&str; 5] = [
    "Champion left, new contact not yet met",
    "Usage runs through their own portal: the events do not show it",
    "Executive sponsor confirmed the roll-out",
    "Don't trust the survey: it's one angry user",
    "Rollout paused until the merger is through",
];

/// Managers know a part of what goes on, whatever the numbers say.
pub(super) fn overrides(
    extracts: &Path,
    seed: u64,
    accounts: &[Account],
    csms: &[Csm],
) -> io::Result<u64> {
    let mut made = Vec::new();
    for account in accounts {
        let dice = &mut Dice::new(seed, Topic::Overrides, account.number);
        let Some(csm) = account.profile.csm else { continue };
        let on = 20_400 + dice.between(0, 230);
        if !dice.chance(0.14) || on < account.created || on >= account.until() {
            continue;
        }
        let score =
            (52.0 + 18.0 * account.character.health + 14.0 * dice.normal()).clamp(0.0, 100.0);
        let band = if score >= 75.0 {
            "good"
        } else if score >= 50.0 {
            "average"
        } else {
            "poor"
        };
        made.push(Override {
            account,
            made: on,
            score: dice.known(0.2, whole(score)),
            band: dice.known(0.3, band),
            author: csm,
            reason: REASONS[dice.below(REASONS.len())],
            expires: on + dice.between(20, 120),
        });
    }
    each_copy(extracts, "overrides", &|day| {
        let known: Vec<_> = made.iter().filter(|row| row.made <= day).collect();
        Ok(Columns::default()
            .text("account_id!", known.iter().map(|row| row.account.id.as_str()))
            .int("score", known.iter().map(|row| row.score))
            .text("band", known.iter().map(|row| row.band))
            .text("author!", known.iter().map(|row| csms[row.author].name.as_str()))
            .text("reason!", known.iter().map(|row| row.reason))
            .date("expires_on!", known.iter().map(|row| row.expires)))
    })
}
