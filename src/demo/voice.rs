//! What customers say: support tickets and surveys.

use std::io;
use std::path::Path;

use super::account::Account;
use super::calendar::{Day, PAST_US, instant, months};
use super::contract::PLANS;
use super::dice::{Dice, Topic, small, whole};
use super::money::by_year;
use super::table::Columns;

const HOUR_US: f64 = 3_600_000_000.0;

/// A support ticket.
struct Ticket<'a> {
    id: String,
    account: &'a Account,
    opened: i64,
    closed: Option<i64>,
    escalated: Option<i64>,
    priority: Option<&'static str>,
    satisfaction: Option<i64>,
}

pub(super) fn tickets(extracts: &Path, seed: u64, accounts: &[Account]) -> io::Result<u64> {
    let mut tickets = Vec::new();
    for account in accounts {
        let dice = &mut Dice::new(seed, Topic::Tickets, account.number);
        let character = &account.character;
        let contract = &account.contracts[0];
        let seats = contract.seats.map_or(PLANS[contract.plan].seats, f64::from);
        let habit =
            0.13 * seats.powf(0.4) * dice.around(1.0, 0.6) * (-0.2 * character.health).exp();
        let mut number = 0;
        for month in months() {
            // New customers ask more.
            let new = if (0..90).contains(&(month.first - account.start)) { 1.8 } else { 1.0 };
            let trouble = if account.troubled(month.first + 15) { 2.8 } else { 1.0 };
            for _ in 0..dice.count(habit * new * trouble) {
                let day = dice.between(month.first, month.next - 1);
                let drawn = ticket(dice, account, day);
                if day >= account.start && day < account.until() {
                    number += 1;
                    let id = format!("T{:07}-{number:03}", account.number + 1);
                    tickets.push(Ticket { id, ..drawn });
                }
            }
        }
    }
    tickets.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
    by_year(
        extracts,
        "tickets",
        &tickets,
        |ticket| ticket.opened,
        |tickets| {
            Ok(Columns::default()
                .text("ticket_id!", tickets.iter().map(|ticket| ticket.id.as_str()))
                .text("account_id!", tickets.iter().map(|ticket| ticket.account.id.as_str()))
                .instant("opened_at!", tickets.iter().map(|ticket| ticket.opened))
                .instant("closed_at", tickets.iter().map(|ticket| ticket.closed))
                .instant("escalated_at", tickets.iter().map(|ticket| ticket.escalated))
                .text("priority", tickets.iter().map(|ticket| ticket.priority))
                .int("satisfaction", tickets.iter().map(|ticket| ticket.satisfaction)))
        },
    )
}

fn ticket<'a>(dice: &mut Dice, account: &'a Account, day: Day) -> Ticket<'a> {
    let troubled = account.troubled(day);
    let weights = if troubled { [0.15, 0.4, 0.3, 0.15] } else { [0.3, 0.52, 0.14, 0.04] };
    let urgency = dice.weighted(&weights);
    let opened = instant(day, dice.between(21_600, 68_000));
    let hours =
        dice.around([70.0, 40.0, 22.0, 10.0][urgency], 1.0) * if troubled { 1.8 } else { 1.0 };
    let after = |hours: f64| opened + whole(hours * HOUR_US / 1e6) * 1_000_000;
    // A few are forgotten.
    let closed = (!dice.chance(0.02)).then(|| after(hours));
    let angry = dice.chance([0.0, 0.02, 0.12, 0.3][urgency] * if troubled { 1.8 } else { 1.0 });
    let mood = 4.1 + 0.35 * account.character.health - if troubled { 1.2 } else { 0.0 };
    let rating = mood - 0.25 * (hours / 40.0).ln() + 0.8 * dice.normal();
    // Most never rate.
    let rated = dice.chance(0.32);
    let closed = closed.filter(|closed| *closed < PAST_US);
    let escalated = angry.then(|| after(hours * dice.range(0.2, 0.9)));
    Ticket {
        id: String::new(),
        account,
        opened,
        closed,
        escalated: escalated.filter(|escalated| *escalated < PAST_US),
        priority: dice.known(0.01, ["low", "normal", "high", "urgent"][urgency]),
        satisfaction: closed.filter(|_| rated).map(|_| whole(rating).clamp(1, 5)),
    }
}

/// NPS twice a year, CSAT now and then, from the third that answers at all.
pub(super) fn surveys(extracts: &Path, seed: u64, accounts: &[Account]) -> io::Result<u64> {
    let mut answers = Vec::new();
    for account in accounts.iter().filter(|account| account.character.answers) {
        let dice = &mut Dice::new(seed, Topic::Surveys, account.number);
        for month in months() {
            for (kind, chance) in [("nps", 0.13), ("csat", 0.17)] {
                let day = dice.between(month.first, month.next - 1);
                let mood = account.character.health - if account.troubled(day) { 1.6 } else { 0.0 };
                let noise = dice.normal();
                let score = match kind {
                    "nps" => small(7.9 + 1.1 * mood + 1.6 * noise).clamp(0, 10),
                    _ => small(4.1 + 0.4 * mood + 0.8 * noise).clamp(1, 5),
                };
                let second = dice.between(25_000, 68_000);
                let answered = dice.chance(chance);
                if answered && day >= account.start + 20 && day < account.until() {
                    answers.push((instant(day, second), account, kind, i64::from(score)));
                }
            }
        }
    }
    answers.sort_by_key(|answer| (answer.0, answer.1.number));
    by_year(
        extracts,
        "surveys",
        &answers,
        |answer| answer.0,
        |answers| {
            Ok(Columns::default()
                .text("account_id!", answers.iter().map(|answer| answer.1.id.as_str()))
                .instant("answered_at!", answers.iter().map(|answer| answer.0))
                .text("kind!", answers.iter().map(|answer| answer.2))
                .int("score!", answers.iter().map(|answer| answer.3)))
        },
    )
}
