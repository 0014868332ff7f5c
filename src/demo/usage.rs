//! What users do: the one large table, written month by month.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::parquet::arrow::ArrowWriter;

use super::account::Account;
use super::calendar::{DAY_US, Day, FIRST, Month, months, offsets, weekday};
use super::contract::PLANS;
use super::dice::{Dice, Topic, index, real, small};
use super::table::{open, part};
use super::words::{BETA_FEATURE, FEATURES, PLACES};

/// Rows that are gathered before they are encoded.
const BATCH: usize = 16_384;
/// Days at a month's end of which every tenth event is late: 1 % of all.
const LATE_DAYS: i32 = 3;
/// No feature is named.
const NO_FEATURE: u8 = u8::MAX;
/// No user is named, as where a machine calls.
const NO_USER: u32 = u32::MAX;

/// An event: a user's work with a feature, aggregated by the product's own collector.
#[derive(Debug, Clone, Copy)]
struct Event {
    account: usize,
    user: u32,
    at: i64,
    feature: u8,
    /// 0 is unknown.
    quantity: u8,
}

/// Writes all months.
pub(super) fn write(extracts: &Path, seed: u64, accounts: &[Account]) -> io::Result<u64> {
    let zones: Vec<Vec<i32>> = PLACES.iter().map(|place| offsets(place.zone)).collect();
    let mut rows = 0;
    let mut late: Vec<Event> = Vec::new();
    for month in months() {
        let folder = format!("month={}", month.text());
        let mut sink = Sink::open(&part(extracts, "usage_events", &folder))?;
        for event in std::mem::take(&mut late) {
            sink.add(&accounts[event.account].id, event)?;
        }
        for account in accounts {
            draw(seed, account, month, &zones[account.place], &mut |event, is_late| {
                if is_late {
                    late.push(event);
                    return Ok(());
                }
                sink.add(&account.id, event)
            })?;
        }
        rows += sink.close()?;
    }
    Ok(rows)
}

/// Draws one account's month.
fn draw(
    seed: u64,
    account: &Account,
    month: Month,
    ahead: &[i32],
    take: &mut dyn FnMut(Event, bool) -> io::Result<()>,
) -> io::Result<()> {
    // East of Greenwich its last hours are of the local day after.
    let (first, next) = (month.first.max(account.start), month.next.min(account.until() + 1));
    let character = &account.character;
    if first >= next || character.activity <= 0.0 {
        return Ok(());
    }
    let contract = account.contract(first);
    let plan = &PLANS[contract.plan];
    let seats = contract.seats.map_or(plan.seats, f64::from);
    let dice = &mut Dice::new(seed, Topic::Usage(month.index), account.number);
    // Few people are busier one by one; in a large company many look in now and then.
    let users = (seats * character.engaged).max(1.0);
    let daily = character.activity * users.powf(0.6);
    let tenure = f64::from(first - account.start) / 365.0;
    let curiosity = (character.curiosity * (0.6 + 0.4 * tenure.min(1.0))).max(0.05);
    let features: Vec<u8> = (character.taste.iter().copied())
        .filter(|feature| usize::from(*feature) < plan.features().len())
        .collect();
    let used = real(features.len()) * curiosity;
    let closes = i64::from(account.until()) * DAY_US;
    for day in first..next {
        let left = account.left(day);
        let events = dice.count(daily * left * rhythm(account, day));
        // Who is on the way out loses people and habits too.
        let (users, used) = (users * (0.25 + 0.75 * left), used * (0.4 + 0.6 * left));
        let offset = ahead[usize::try_from(day - FIRST).unwrap_or(0)];
        for _ in 0..events {
            let bits = dice.bits();
            // Squares: a few users and features get most of it.
            let (who, what) = (share(bits, 0), share(bits, 13));
            let event = Event {
                account: account.number,
                user: if bits >> 58 == 0 { NO_USER } else { number(users * who * who) },
                at: i64::from(day) * DAY_US + i64::from(second(bits) - offset) * 1_000_000,
                feature: match bits >> 52 & 0xff {
                    0 | 1 => NO_FEATURE,
                    2 => u8::try_from(FEATURES.len()).unwrap_or(NO_FEATURE),
                    _ => features[index(used * what * what).min(features.len() - 1)],
                },
                quantity: quantity(bits),
            };
            if event.at >= closes {
                continue;
            }
            let is_late = day >= month.next - LATE_DAYS && bits.is_multiple_of(10);
            take(event, is_late || event.at >= i64::from(month.next) * DAY_US)?;
        }
    }
    Ok(())
}

/// A day's factor: the week's own, the weekday, holidays, the first weeks of a new customer.
fn rhythm(account: &Account, day: Day) -> f64 {
    const WEEKDAYS: [f64; 7] = [1.1, 1.25, 1.25, 1.2, 1.0, 0.14, 0.1];
    let week = usize::try_from((day - FIRST) / 7).unwrap_or(0);
    let factor = f64::from(account.weeks[week]) * WEEKDAYS[weekday(day)];
    let arrival = f64::from(day - account.start + 5) / 45.0;
    let of_year = (day - FIRST) % 365;
    let season = match of_year {
        0..=4 | 355.. => 0.4,
        205..=235 => 0.85,
        _ => 1.0,
    };
    factor * season * arrival.min(1.0)
}

/// 13 bits as a share in [0, 1).
fn share(bits: u64, from: u32) -> f64 {
    f64::from(u16::try_from(bits >> from & 0x1fff).unwrap_or(0)) / 8192.0
}

/// The local second of an event: mostly within business hours.
fn second(bits: u64) -> i32 {
    let (a, b) = (share(bits, 26), share(bits, 39));
    let hours = if (bits >> 5).is_multiple_of(8) { 24.0 * a } else { 7.5 + 5.5 * (a + b) };
    small(hours * 3600.0).min(86_399)
}

/// Mostly one, sometimes many, now and then not counted.
fn quantity(bits: u64) -> u8 {
    // The other fields have used the bits up: a multiplication mixes them anew.
    let mixed = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let drawn = u8::try_from(mixed >> 56).unwrap_or(1);
    match drawn {
        0..8 => 0,
        8..140 => 1,
        140..200 => 2 + drawn % 3,
        200..246 => 4 + drawn % 9,
        _ => drawn - 200,
    }
}

fn number(share: f64) -> u32 {
    u32::try_from(index(share)).unwrap_or(0)
}

/// Rows on their way into a month's file.
struct Sink {
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    account_ids: StringBuilder,
    user_ids: StringBuilder,
    times: TimestampMicrosecondBuilder,
    features: StringBuilder,
    quantities: Int64Builder,
    user_id: String,
    pending: usize,
    rows: u64,
}

impl Sink {
    fn open(file: &Path) -> io::Result<Self> {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let schema = Arc::new(Schema::new(vec![
            Field::new("account_id", DataType::Utf8, false),
            Field::new("user_id", DataType::Utf8, true),
            Field::new("occurred_at", time, false),
            Field::new("feature", DataType::Utf8, true),
            Field::new("quantity", DataType::Int64, true),
        ]));
        Ok(Self {
            writer: open(file, &schema)?,
            schema,
            account_ids: StringBuilder::new(),
            user_ids: StringBuilder::new(),
            times: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            features: StringBuilder::new(),
            quantities: Int64Builder::new(),
            user_id: String::new(),
            pending: 0,
            rows: 0,
        })
    }

    fn add(&mut self, account_id: &str, event: Event) -> io::Result<()> {
        self.account_ids.append_value(account_id);
        if event.user == NO_USER {
            self.user_ids.append_null();
        } else {
            self.user_id.clear();
            self.user_id.push('u');
            push_digits(&mut self.user_id, event.user);
            self.user_id.push('@');
            self.user_id.push_str(account_id);
            self.user_id.push_str(".example");
            self.user_ids.append_value(&self.user_id);
        }
        self.times.append_value(event.at);
        match event.feature {
            NO_FEATURE => self.features.append_null(),
            feature => {
                let name = FEATURES.get(usize::from(feature));
                self.features.append_value(name.unwrap_or(&BETA_FEATURE));
            }
        }
        self.quantities.append_option((event.quantity > 0).then_some(i64::from(event.quantity)));
        self.pending += 1;
        if self.pending == BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let batch = RecordBatch::try_new(
            Arc::clone(&self.schema),
            vec![
                Arc::new(self.account_ids.finish()),
                Arc::new(self.user_ids.finish()),
                Arc::new(self.times.finish()),
                Arc::new(self.features.finish()),
                Arc::new(self.quantities.finish()),
            ],
        );
        self.writer.write(&batch.map_err(io::Error::other)?)?;
        self.rows += self.pending as u64;
        self.pending = 0;
        Ok(())
    }

    fn close(mut self) -> io::Result<u64> {
        self.flush()?;
        self.writer.close()?;
        Ok(self.rows)
    }
}

/// Three digits or more; `write!` takes several times as long in a debug build.
fn push_digits(text: &mut String, number: u32) {
    let digit = |tens: u32| char::from_digit(number / tens % 10, 10).unwrap_or('0');
    if number >= 1000 {
        text.push(digit(1000));
    }
    text.extend([digit(100), digit(10), digit(1)]);
}
