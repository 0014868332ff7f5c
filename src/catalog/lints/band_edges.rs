//! Bands of one column in one CASE that leave a gap between them, overlap, or can not be reached.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use datafusion::sql::sqlparser::ast::{BinaryOperator, CaseWhen, Expr, UnaryOperator, Value};

use super::Finding;
use super::subject::Subject;
use super::text::{bare, parts};

/// Values of one column, from one edge to another.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Band {
    from: Edge,
    to: Edge,
}

/// A cut through the numbers, just before or just after one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Edge {
    at: f64,
    after: bool,
}

pub(super) fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    subject.visit_text(|expr| {
        let Expr::Case { operand, conditions, else_result, .. } = expr else { return };
        let mut seen = HashSet::new();
        for when in conditions {
            if !seen.insert(&when.condition) {
                found.push(Finding {
                    span: subject.span(&when.condition),
                    message: "this WHEN is never reached: the same stands before it".to_owned(),
                    help: "take it out, or mend its condition".to_owned(),
                });
            }
        }
        if operand.is_none() {
            found.extend(look_at(subject, conditions, else_result.is_some()));
        }
    });
    found
}

fn look_at(subject: &Subject<'_>, whens: &[CaseWhen], has_else: bool) -> Vec<Finding> {
    let bands: Vec<_> = whens.iter().filter_map(|when| of_condition(&when.condition)).collect();
    let Some((column, _)) = bands.first() else { return Vec::new() };
    if bands.iter().any(|(other, _)| other != column) {
        return Vec::new();
    }
    let whole = subject.column(column).is_some_and(|field| field.data_type().is_integer());
    let mut found = Vec::new();
    let mut earlier: Vec<Band> = Vec::new();
    let mut complete = true;
    for when in whens {
        let Some((_, band)) = of_condition(&when.condition) else {
            // What is NULL is in no band.
            complete &=
                matches!(bare(&when.condition), Expr::IsNull(inner) if bare(inner) == *column);
            continue;
        };
        let mut warn = |message: String, help: &str| {
            let span = subject.span(&when.condition);
            found.push(Finding { span, message, help: help.to_owned() });
        };
        if is_covered(band, &earlier) {
            warn(
                "this WHEN is never reached: those before it take all its rows".to_owned(),
                "put the narrower condition first, or mend its edge",
            );
        } else if let Some(other) = earlier.iter().find(|other| overlaps(band, **other, whole)) {
            let both = band.with(*other);
            warn(
                format!("`{column}` {both} is in this band and in an earlier one, which wins"),
                "let each band begin where the one before it ends: WHEN x < 10 .. WHEN x < 20 .. ELSE ..",
            );
        }
        earlier.push(band);
    }
    if complete && found.is_empty() {
        found.extend(gap(subject, whens, column, earlier, whole, has_else));
    }
    found
}

/// The first gap between the bands that nobody can have meant.
fn gap(
    subject: &Subject<'_>,
    whens: &[CaseWhen],
    column: &Expr,
    mut bands: Vec<Band>,
    whole: bool,
    has_else: bool,
) -> Option<Finding> {
    if bands.iter().any(|band| band.is_point()) {
        return None; // values one by one
    }
    bands.sort_by(|left, right| left.from.cmp(right.from));
    let mut reached = bands.first()?.to;
    for band in &bands[1..] {
        let open = Band { from: reached, to: band.from };
        if !open.has_nothing(whole) {
            // A wide gap is what ELSE is for, and `< 0`, `> 0`, ELSE is a sign.
            let narrow = match open.only_value(whole) {
                Some(value) => value != 0.0,
                None => open.is_one_step(),
            };
            if narrow || !has_else {
                let falls = if has_else { "falls to the ELSE" } else { "gets NULL" };
                let message = format!("`{column}` {open} is in no band and {falls}");
                let above = whens.iter().find(|when| {
                    of_condition(&when.condition).is_some_and(|(_, other)| other == *band)
                })?;
                return Some(Finding {
                    span: subject.span(&above.condition),
                    message,
                    help: if narrow {
                        "close it with <= or >=, or give it a WHEN of its own".to_owned()
                    } else {
                        "close it, or write ELSE NULL where that is meant".to_owned()
                    },
                });
            }
        }
        reached = reached.max(band.to);
    }
    None
}

impl Edge {
    fn cmp(self, other: Self) -> Ordering {
        self.at.total_cmp(&other.at).then(self.after.cmp(&other.after))
    }

    fn min(self, other: Self) -> Self {
        if self.cmp(other).is_lt() { self } else { other }
    }

    fn max(self, other: Self) -> Self {
        if self.cmp(other).is_gt() { self } else { other }
    }
}

impl Band {
    const ALL: Self = Self {
        from: Edge { at: f64::NEG_INFINITY, after: false },
        to: Edge { at: f64::INFINITY, after: true },
    };

    fn is_empty(self) -> bool {
        self.from.cmp(self.to).is_ge()
    }

    fn is_point(self) -> bool {
        self.from.at.total_cmp(&self.to.at).is_eq()
    }

    /// Whether this is what lies between neighbours as people write them: 9 and 10, 0.9 and 1.
    fn is_one_step(self) -> bool {
        let decimals =
            |at: f64| at.to_string().split_once('.').map_or(0, |(_, digits)| digits.len());
        let decimals = decimals(self.from.at).max(decimals(self.to.at));
        // A little more than the step, because 1 - 0.9 is.
        let step: f64 = format!("1.000001e-{decimals}").parse().unwrap_or(0.0);
        self.from.after && !self.to.after && self.to.at - self.from.at <= step
    }

    /// Whether no value lies in it; of a column of whole numbers, no whole one.
    fn has_nothing(self, whole: bool) -> bool {
        let (first, last) = self.first_and_last_whole_number();
        self.is_empty() || whole && first > last
    }

    fn first_and_last_whole_number(self) -> (f64, f64) {
        let first = if self.from.after { self.from.at.floor() + 1.0 } else { self.from.at.ceil() };
        let last = if self.to.after { self.to.at.floor() } else { self.to.at.ceil() - 1.0 };
        (first, last)
    }

    /// The one value in it, if there is but one; of a column of whole numbers, the one whole number.
    fn only_value(self, whole: bool) -> Option<f64> {
        let (first, last) =
            if whole { self.first_and_last_whole_number() } else { (self.from.at, self.to.at) };
        first.total_cmp(&last).is_eq().then_some(first)
    }

    /// The values that are in both.
    fn with(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    fn contains(self, other: Self) -> bool {
        self.with(other) == other
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_point() {
            write!(f, "of exactly {}", self.from.at)
        } else {
            write!(f, "between {} and {}", self.from.at, self.to.at)
        }
    }
}

/// Whether bands before it leave nothing of `band`.
fn is_covered(band: Band, earlier: &[Band]) -> bool {
    let mut rest = vec![band];
    for taken in earlier {
        let pieces = rest.into_iter().flat_map(|piece| {
            let below = Band { to: taken.from, ..Band::ALL };
            let above = Band { from: taken.to, ..Band::ALL };
            [piece.with(below), piece.with(above)]
        });
        rest = pieces.filter(|piece| !piece.is_empty()).collect();
    }
    rest.is_empty()
}

/// Whether two bands share values and each has some of its own: in `x < 10`, `x < 20` the first is part of the second.
fn overlaps(band: Band, other: Band, whole: bool) -> bool {
    let shares = !band.with(other).has_nothing(whole);
    shares && !band.contains(other) && !other.contains(band)
}

/// The column of a condition and its band, if that is all that the condition is about.
fn of_condition(condition: &Expr) -> Option<(&Expr, Band)> {
    let mut facts = parts(condition, &BinaryOperator::And).into_iter().map(of_fact);
    let (column, band) = facts.next()??;
    let band = facts.try_fold(band, |band, fact| {
        let (other, narrower) = fact?;
        (other == column).then(|| band.with(narrower))
    });
    Some((column, band?))
}

fn of_fact(fact: &Expr) -> Option<(&Expr, Band)> {
    let is_column = |expr: &Expr| matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    let (column, band) = match fact {
        Expr::Between { expr, negated: false, low, high } => {
            let (low, high) = (number(low)?, number(high)?);
            let from = Edge { at: low, after: false };
            (bare(expr), Band { from, to: Edge { at: high, after: true } })
        }
        Expr::BinaryOp { left, op, right } => match (number(left), number(right)) {
            (None, Some(at)) => (bare(left), beside(op, at)?),
            (Some(at), None) => (bare(right), beside(&turned(op)?, at)?),
            _ => return None,
        },
        _ => return None,
    };
    is_column(column).then_some((column, band))
}

/// The values for which `value op at` is true.
fn beside(op: &BinaryOperator, at: f64) -> Option<Band> {
    let edge = |after| Edge { at, after };
    Some(match op {
        BinaryOperator::Lt => Band { to: edge(false), ..Band::ALL },
        BinaryOperator::LtEq => Band { to: edge(true), ..Band::ALL },
        BinaryOperator::Gt => Band { from: edge(true), ..Band::ALL },
        BinaryOperator::GtEq => Band { from: edge(false), ..Band::ALL },
        BinaryOperator::Eq => Band { from: edge(false), to: edge(true) },
        _ => return None,
    })
}

/// The operator that says the same with its sides exchanged.
fn turned(op: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match op {
        BinaryOperator::Lt => BinaryOperator::Gt,
        BinaryOperator::LtEq => BinaryOperator::GtEq,
        BinaryOperator::Gt => BinaryOperator::Lt,
        BinaryOperator::GtEq => BinaryOperator::LtEq,
        BinaryOperator::Eq => BinaryOperator::Eq,
        _ => return None,
    })
}

fn number(expr: &Expr) -> Option<f64> {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.parse().ok(),
            _ => None,
        },
        // 0.0 - 0 is 0, and never -0.
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => number(expr).map(|number| 0.0 - number),
        _ => None,
    }
}
