//! Chance, from one seed: each account and topic has a stream of its own, so that none shifts another.
//!
//! Every drawn number is rounded before it is written, so that the last bit in which the mathematical functions of
//! platforms differ is not seen.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// What a stream is for. Usage has one for each month, so that a month is drawn without those before it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Topic {
    Account,
    Contracts,
    Leaving,
    Rhythm,
    Invoices,
    Orders,
    Tickets,
    Surveys,
    Costs,
    Overrides,
    Csms,
    Rates,
    Usage(u8),
}

/// A stream of chance.
#[derive(Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of a topic for one account (or other number).
    pub(super) fn new(seed: u64, topic: Topic, number: usize) -> Self {
        let topic = match topic {
            Topic::Account => 0,
            Topic::Contracts => 1,
            Topic::Leaving => 2,
            Topic::Rhythm => 3,
            Topic::Invoices => 4,
            Topic::Orders => 5,
            Topic::Tickets => 6,
            Topic::Surveys => 7,
            Topic::Costs => 8,
            Topic::Overrides => 9,
            Topic::Csms => 10,
            Topic::Rates => 11,
            Topic::Usage(month) => 16 + u64::from(month),
        };
        let mut stream = ChaCha8Rng::seed_from_u64(seed);
        stream.set_stream((number as u64) << 8 | topic);
        Self(stream)
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// In [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        self.0.random()
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Evenly from `low` to below `high`.
    pub(super) fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Evenly from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i32, high: i32) -> i32 {
        self.0.random_range(low..=high.max(low))
    }

    /// An index below `count`, which is not 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count.max(1))
    }

    /// With mean 0 and deviation 1.
    pub(super) fn normal(&mut self) -> f64 {
        self.0.sample(StandardNormal)
    }

    /// Lognormal: the median times `e` to a normal deviation.
    pub(super) fn around(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// How many events happen where `mean` are expected.
    pub(super) fn count(&mut self, mean: f64) -> u32 {
        if mean > 30.0 {
            let near = mean + mean.sqrt() * self.normal();
            return u32::try_from(whole(near).max(0)).unwrap_or(0);
        }
        // Inversion: one draw for each count, which is what keeps a debug build's usage quick.
        let (mut count, mut term) = (0, (-mean).exp());
        let mut left = self.unit();
        while left >= term && count < 200 {
            left -= term;
            count += 1;
            term *= mean / f64::from(count);
        }
        count
    }

    /// One of these, evenly.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// An index, as often as its weight says.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len() - 1
    }

    /// The value, but for the share that nobody entered.
    pub(super) fn known<T>(&mut self, missing: f64, value: T) -> Option<T> {
        (!self.chance(missing)).then_some(value)
    }
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "the demo's numbers are small")]
pub(super) fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// The nearest whole number of days, seats and the like.
#[expect(clippy::cast_possible_truncation, reason = "the demo's numbers are small")]
pub(super) fn small(number: f64) -> i32 {
    number.round() as i32
}

/// The whole part, as an index.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 or more, and small")]
pub(super) fn index(number: f64) -> usize {
    number as usize
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "the demo's counts are small")]
pub(super) fn real(count: usize) -> f64 {
    count as f64
}

/// An amount in cents as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "the demo's amounts are small")]
pub(super) fn euros(cents: i64) -> f64 {
    cents as f64 / 100.0
}

/// From 0 at minus infinity to 1.
pub(super) fn logistic(number: f64) -> f64 {
    1.0 / (1.0 + (-number).exp())
}
