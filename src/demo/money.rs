//! Invoices, purchases, costs and exchange rates.

use std::io;
use std::path::Path;

use super::account::Account;
use super::calendar::{Day, FIRST, Month, PAST, PAST_US, add_months, instant, months, weekday};
use super::contract::Contract;
use super::dice::{Dice, Topic, euros, small, whole};
use super::table::{Columns, part};

/// A bill.
struct Invoice<'a> {
    id: String,
    account: &'a Account,
    issued: i64,
    due: Day,
    amount_cents: i64,
    currency: &'static str,
    paid: Option<i64>,
    /// The status that stays, and since when.
    outcome: Option<(i64, &'static str)>,
}

pub(super) fn invoices(extracts: &Path, seed: u64, accounts: &[Account]) -> io::Result<u64> {
    let mut by_month: Vec<Vec<Invoice<'_>>> = months().map(|_| Vec::new()).collect();
    for account in accounts {
        let dice = &mut Dice::new(seed, Topic::Invoices, account.number);
        let mut number = 0;
        let paying = account.contracts.iter().filter(|contract| contract.arr_cents > 0);
        let mut all: Vec<_> = paying.flat_map(bills).collect();
        // In the order of time, so that no bill depends on a later one.
        all.sort_by_key(|(_, day, _)| *day);
        for (month, day, contract) in all {
            number += 1;
            let bill = bill(dice, account, contract, day, number);
            by_month[usize::from(month.index)].push(bill);
        }
    }
    let mut rows = 0;
    for (month, mut bills) in months().zip(by_month) {
        bills.sort_by(|a, b| (a.issued, &a.id).cmp(&(b.issued, &b.id)));
        let columns = Columns::default()
            .text("invoice_id!", bills.iter().map(|bill| bill.id.as_str()))
            .text("account_id!", bills.iter().map(|bill| bill.account.id.as_str()))
            .instant("issued_at!", bills.iter().map(|bill| bill.issued))
            .date("due_on", bills.iter().map(|bill| bill.due))
            .instant("paid_at", bills.iter().map(|bill| bill.paid))
            .instant("finalized_at", bills.iter().map(|bill| bill.outcome.map(|(at, _)| at)))
            .decimal("amount!", 2, bills.iter().map(|bill| bill.amount_cents))?
            .text("currency!", bills.iter().map(|bill| bill.currency))
            .text(
                "status!",
                bills.iter().map(|bill| bill.outcome.map_or("open", |(_, status)| status)),
            );
        rows += columns.write(&part(extracts, "invoices", &format!("month={}", month.text())))?;
    }
    Ok(rows)
}

/// The days of the history on which a contract is billed.
fn bills(contract: &Contract) -> Vec<(Month, Day, &Contract)> {
    let over = contract.over().min(PAST);
    let passed = u32::try_from((FIRST - contract.started).max(0) / 31).unwrap_or(0);
    let first = passed / contract.billed_months;
    let days = (first..).map(|turn| add_months(contract.started, turn * contract.billed_months));
    let days = days.skip_while(|day| *day < FIRST).take_while(|day| *day < over);
    days.filter_map(|day| Some((months().find(|month| day < month.next)?, day, contract))).collect()
}

fn bill<'a>(
    dice: &mut Dice,
    account: &'a Account,
    contract: &Contract,
    day: Day,
    number: u32,
) -> Invoice<'a> {
    let issued = instant(day, 14_400 + dice.between(0, 3600));
    let by_card = account.character.by_card;
    let due = if by_card { day } else { day + if contract.plan > 1 { 30 } else { 14 } };
    let troubled = account.troubled(due + 5);
    let at = |day: Day, dice: &mut Dice| instant(day, dice.between(25_000, 60_000));
    let pay_day = if by_card {
        let fails = dice.chance(if troubled { 0.3 } else { 0.035 });
        day + if fails { dice.between(3, 18) } else { 0 }
    } else {
        let late = account.character.lateness + if troubled { 14.0 } else { 0.0 };
        (due + small(late + 6.0 * dice.normal())).max(day + 1)
    };
    let (paid, outcome) = if dice.chance(0.006) {
        // A mistake, found the next day.
        (None, (at(day + 1, dice), "void"))
    } else if dice.chance(if troubled { 0.22 } else { 0.012 }) {
        // Reminders, then nothing more.
        (None, (at(due + dice.between(21, 45), dice), "failed"))
    } else {
        let paid = if pay_day == day { issued + 45_000_000 } else { at(pay_day, dice) };
        (Some(paid), (paid, "paid"))
    };
    Invoice {
        id: format!("INV-{:07}-{number:03}", account.number + 1),
        account,
        issued,
        due,
        amount_cents: contract.arr_cents / 12 * i64::from(contract.billed_months),
        currency: contract.currency,
        // What happens after the last extract is not known.
        paid: paid.filter(|paid| *paid < PAST_US),
        outcome: Some(outcome).filter(|(at, _)| *at < PAST_US),
    }
}

/// A one-off purchase, or its refund.
struct Order<'a> {
    id: String,
    account: &'a Account,
    ordered: i64,
    amount_cents: i64,
    currency: &'static str,
    status: &'static str,
}

/// Add-ons, training, services: more before the budget year ends, and a few very large.
pub(super) fn orders(extracts: &Path, seed: u64, accounts: &[Account]) -> io::Result<u64> {
    const SEASON: [f64; 12] = [0.8, 0.9, 1.2, 0.9, 0.9, 1.1, 0.7, 0.5, 1.0, 1.1, 1.4, 1.6];
    let mut orders = Vec::new();
    for account in accounts {
        let dice = &mut Dice::new(seed, Topic::Orders, account.number);
        let habit = dice.around(1.0, 0.9) * (0.3 * account.character.health).exp();
        let mut number = 0;
        for month in months() {
            let plan = account.contract(month.first).plan;
            let season = SEASON[month.of_year() as usize - 1];
            let left = account.left(month.first + 15).sqrt();
            let mean = [0.03, 0.1, 0.25, 0.55][plan] * habit * season * left;
            for _ in 0..dice.count(mean) {
                let day = dice.between(month.first, month.next - 1);
                let price = dice.around([60.0, 190.0, 750.0, 2600.0][plan], 1.1);
                let amount_cents = whole(price).max(10) * 100;
                let order = |id: String, day: Day, second, amount_cents, status| Order {
                    id,
                    account,
                    ordered: instant(day, second),
                    amount_cents,
                    currency: account.contracts[0].currency,
                    status,
                };
                let (second, refund) = (dice.between(25_000, 65_000), dice.between(2, 25));
                let refunded = dice.chance(0.025);
                if day < account.start || day >= account.until() {
                    continue;
                }
                number += 1;
                let id = format!("O{:07}-{number:03}", account.number + 1);
                if refunded && day + refund < account.until() {
                    let id = format!("{id}R");
                    orders.push(order(id, day + refund, second, -amount_cents, "refund"));
                }
                orders.push(order(id, day, second, amount_cents, "completed"));
            }
        }
    }
    orders.sort_by(|a, b| (a.ordered, &a.id).cmp(&(b.ordered, &b.id)));
    by_year(
        extracts,
        "orders",
        &orders,
        |order| order.ordered,
        |orders| {
            Columns::default()
                .text("order_id!", orders.iter().map(|order| order.id.as_str()))
                .text("account_id!", orders.iter().map(|order| order.account.id.as_str()))
                .instant("ordered_at!", orders.iter().map(|order| order.ordered))
                .decimal("amount!", 2, orders.iter().map(|order| order.amount_cents))
                .map(|columns| {
                    columns
                        .text("currency!", orders.iter().map(|order| order.currency))
                        .text("status", orders.iter().map(|order| order.status))
                })
        },
    )
}

/// Writes sorted rows into one folder for each year.
pub(super) fn by_year<T>(
    extracts: &Path,
    table: &str,
    rows: &[T],
    at: impl Fn(&T) -> i64,
    columns: impl Fn(&[T]) -> io::Result<Columns>,
) -> io::Result<u64> {
    const NEW_YEAR: i64 = 20_454 * super::calendar::DAY_US;
    let (older, newer) = rows.split_at(rows.partition_point(|row| at(row) < NEW_YEAR));
    columns(older)?.write(&part(extracts, table, "year=2025"))?;
    columns(newer)?.write(&part(extracts, table, "year=2026"))?;
    Ok(rows.len() as u64)
}

/// What each customer costs a month: hosting, support, its share of the managers.
pub(super) fn costs(extracts: &Path, seed: u64, accounts: &[Account]) -> io::Result<u64> {
    let mut dice: Vec<_> =
        accounts.iter().map(|account| Dice::new(seed, Topic::Costs, account.number)).collect();
    let mut rows = Vec::new();
    for month in months() {
        for (account, dice) in accounts.iter().zip(&mut dice) {
            if account.start >= month.next || account.until() <= month.first {
                continue;
            }
            let monthly = euros(account.arr_cents(month.first.max(account.start))) / 12.0;
            let care = if account.troubled(month.first + 15) { 1.25 } else { 1.0 };
            let cost = monthly * account.character.cost_share * care * dice.around(1.0, 0.15);
            rows.push((&account.id, month.first, whole((cost + 4.0) * 100.0)));
        }
    }
    by_year(
        extracts,
        "costs",
        &rows,
        |row| instant(row.1, 0),
        |rows| {
            Columns::default()
                .text("account_id!", rows.iter().map(|row| row.0.as_str()))
                .date("month!", rows.iter().map(|row| row.1))
                .decimal("cost_to_serve!", 2, rows.iter().map(|row| row.2))
        },
    )
}

/// EUR for one unit of each currency, on each day; weekends keep Friday's.
pub(super) fn fx_rates(extracts: &Path, seed: u64) -> io::Result<u64> {
    let mut rows = Vec::new();
    let mut rates = [("EUR", 1.0), ("GBP", 1.18), ("USD", 0.93)];
    let mut dice = Dice::new(seed, Topic::Rates, 0);
    for day in FIRST..PAST {
        for (currency, rate) in &mut rates {
            let step = 0.003 * dice.normal();
            if weekday(day) < 5 && *currency != "EUR" {
                *rate *= 1.0 + step;
            }
            rows.push((*currency, day, whole(*rate * 1e6)));
        }
    }
    by_year(
        extracts,
        "fx_rates",
        &rows,
        |row| instant(row.1, 0),
        |rows| {
            Columns::default()
                .text("currency!", rows.iter().map(|row| row.0))
                .date("on!", rows.iter().map(|row| row.1))
                .decimal("rate!", 6, rows.iter().map(|row| row.2))
        },
    )
}
