//! Which end of a scale scores highest.

use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Best {
    High,
    Low,
}

impl FromStr for Best {
    type Err = String;

    fn from_str(best: &str) -> Result<Self, String> {
        match best {
            "high" => Ok(Self::High),
            "low" => Ok(Self::Low),
            _ => Err(format!("best must be 'high' or 'low', got '{best}'")),
        }
    }
}

impl Best {
    /// Score, 1 to `bins`, of a value above `below` of the `bins - 1` breaks. The score is turned round: turning the value
    /// round would put one that lies on a break on its other side.
    pub(crate) fn score(self, below: usize, bins: usize) -> i64 {
        let score = match self {
            Self::High => below + 1,
            Self::Low => bins - below,
        };
        i64::try_from(score).unwrap_or(i64::MAX) // it is at most `bins`
    }
}
