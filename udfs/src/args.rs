//! What the functions share: which arguments they take, in which types, and how rows are read.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, make_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Field, Float64Type, Int64Type, TimeUnit};
use datafusion::common::{exec_err, plan_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Signature, Volatility};

use crate::days::is_utc;

/// The arguments of one function.
pub(crate) struct Parameters {
    pub(crate) function: &'static str,
    /// How many of them can not be left out.
    pub(crate) required: usize,
    pub(crate) all: &'static [(&'static str, Kind)],
}

/// What may arrive in an argument, in whatever encoding, and the one type the function then reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Read as Float64.
    Number,
    /// A number that is summed or ranked without loss: Int64, `UInt64`, Float64, Decimal128 or Decimal256.
    Amount,
    /// Read as Utf8.
    Text,
    /// Read as Date32.
    Date,
    /// A date, or a timestamp for its day in the zone of its type; read as Date32.
    Day,
    /// The same for `days`: read as Date32, or as the timestamp it is if its day is that of UTC.
    EventDay,
    /// A date or timestamp that keeps its type.
    Instant,
    /// Read as List(Float64).
    Numbers,
    /// Read as List(Utf8).
    Texts,
    /// Checked by the function itself.
    Own,
}

impl Parameters {
    pub(crate) fn signature(&self) -> Signature {
        Signature {
            parameter_names: Some(self.all.iter().map(|(name, _)| (*name).to_owned()).collect()),
            ..Signature::user_defined(Volatility::Immutable)
        }
    }

    /// The types to read `types` as; a fault names function and argument.
    pub(crate) fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let function = self.function;
        if types.len() < self.required || types.len() > self.all.len() {
            let names: Vec<_> = self.all.iter().map(|(name, _)| *name).collect();
            return plan_err!(
                "{function}: takes {}{}{} arguments ({}), got {}",
                self.required,
                if self.required < names.len() { " to " } else { "" },
                if self.required < names.len() { names.len().to_string() } else { String::new() },
                names.join(", "),
                types.len()
            );
        }
        let coerced = self.all.iter().zip(types).map(|((name, kind), got)| {
            kind.read_as(got).ok_or_else(|| {
                plan_datafusion_err!("{function}: {name} must be {}, got {got}", kind.expected())
            })
        });
        coerced.collect()
    }
}

impl Kind {
    fn expected(self) -> &'static str {
        match self {
            Self::Number | Self::Amount => "a number",
            Self::Text => "text",
            Self::Date => "a date",
            Self::Day | Self::EventDay | Self::Instant => "a date or a timestamp",
            Self::Numbers => "a list of numbers",
            Self::Texts => "a list of texts",
            Self::Own => "what the function says",
        }
    }

    /// The type to read `got` as. None: not this kind. NULL is of every kind.
    pub(crate) fn read_as(self, got: &DataType) -> Option<DataType> {
        use DataType as T;
        let got = match got {
            T::Dictionary(_, value) => value.as_ref(),
            got => got,
        };
        match self {
            Self::Number => (got.is_numeric() || got.is_null()).then_some(T::Float64),
            Self::Amount => match got {
                T::Int8 | T::Int16 | T::Int32 | T::Int64 => Some(T::Int64),
                T::UInt8 | T::UInt16 | T::UInt32 | T::UInt64 => Some(T::UInt64),
                T::Float16 | T::Float32 | T::Float64 | T::Null => Some(T::Float64),
                T::Decimal32(precision, scale) | T::Decimal64(precision, scale) => {
                    Some(T::Decimal128(*precision, *scale))
                }
                T::Decimal128(..) | T::Decimal256(..) => Some(got.clone()),
                _ => None,
            },
            Self::Text => (got.is_string() || got.is_null()).then_some(T::Utf8),
            Self::Date => matches!(got, T::Date32 | T::Date64 | T::Null).then_some(T::Date32),
            Self::Day => {
                let day = matches!(got, T::Date32 | T::Date64 | T::Timestamp(..) | T::Null);
                day.then_some(T::Date32)
            }
            Self::EventDay => match got {
                // Others have their day read from a cast: literals that differ in nothing but their zone are equal to the
                // engine, and calls of equal arguments are one.
                T::Timestamp(_, zone) if is_utc(zone.as_deref()) => Some(got.clone()),
                got => Self::Day.read_as(got),
            },
            Self::Instant => match got {
                T::Date32 | T::Timestamp(..) => Some(got.clone()),
                T::Date64 => Some(T::Timestamp(TimeUnit::Millisecond, None)),
                T::Null => Some(T::Timestamp(TimeUnit::Microsecond, None)),
                _ => None,
            },
            Self::Numbers => Self::list_of(Self::Number, got),
            Self::Texts => Self::list_of(Self::Text, got),
            Self::Own => Some(got.clone()),
        }
    }

    fn list_of(kind: Self, got: &DataType) -> Option<DataType> {
        use DataType as T;
        let item = match got {
            T::Null => kind.read_as(&T::Null),
            T::List(item)
            | T::LargeList(item)
            | T::FixedSizeList(item, _)
            | T::ListView(item)
            | T::LargeListView(item) => kind.read_as(item.data_type()),
            _ => None,
        };
        item.map(|item| T::List(Arc::new(Field::new_list_field(item, true))))
    }
}

/// What follows from arguments that are constants in practice: worked out once then, once per row otherwise.
pub(crate) enum PerRow<T> {
    Same(T),
    Each(Vec<T>),
}

impl<T> PerRow<T> {
    /// `parse` gets the arrays of `args` and a row of them.
    pub(crate) fn new(
        args: &[ColumnarValue],
        rows: usize,
        parse: impl Fn(&[ArrayRef], usize) -> Result<T>,
    ) -> Result<Self> {
        if args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) {
            let arrays = ColumnarValue::values_to_arrays(args)?;
            return Ok(Self::Same(parse(&arrays, 0)?));
        }
        let arrays: Vec<_> =
            args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        (0..rows).map(|row| parse(&arrays, row)).collect::<Result<_>>().map(Self::Each)
    }

    pub(crate) fn get(&self, row: usize) -> &T {
        match self {
            Self::Same(value) => value,
            Self::Each(values) => &values[row],
        }
    }
}

/// How many rows to answer: one if every argument is a constant, `DataFusion` turns that back into a constant.
pub(crate) fn rows_of(args: &[ColumnarValue], rows: usize) -> usize {
    if args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) { 1 } else { rows }
}

/// The argument as Float64 rows.
pub(crate) fn floats(arg: &ColumnarValue, rows: usize) -> Result<Float64Array> {
    Ok(arg.to_array(rows)?.as_primitive::<Float64Type>().clone())
}

/// Of each row a finite measure and what its setting says; None where one of the two is not known.
pub(crate) fn measured<'a, T>(
    function: &'static str,
    argument: &'static str,
    values: &'a Float64Array,
    settings: &'a PerRow<Option<T>>,
) -> impl Iterator<Item = Result<Option<(f64, &'a T)>>> {
    values.iter().enumerate().map(move |(row, value)| {
        let value = value.map(|value| finite(function, argument, value)).transpose()?;
        Ok(value.zip(settings.get(row).as_ref()))
    })
}

/// A Float64 array's value in `row`.
pub(crate) fn float(array: &ArrayRef, row: usize) -> Option<f64> {
    let values = array.as_primitive::<Float64Type>();
    values.is_valid(row).then(|| values.value(row))
}

/// The Float64 values in `row`; None if one is NULL.
pub(crate) fn numbers<const N: usize>(arrays: &[ArrayRef], row: usize) -> Option<[f64; N]> {
    let values = arrays.iter().map(|array| float(array, row));
    values.collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// A Date32 array's value in `row`, in days since 1970.
pub(crate) fn day(array: &ArrayRef, row: usize) -> Option<i32> {
    let values = array.as_primitive::<Date32Type>();
    values.is_valid(row).then(|| values.value(row))
}

/// Dates or timestamps as integers in their own unit.
pub(crate) fn ticks(instants: &ArrayRef) -> Result<Int64Array> {
    let ticks = match instants.data_type() {
        DataType::Date32 => cast(instants, &DataType::Int64)?,
        // Same bits, another name: a cast would need to know what zone to read them in.
        _ => make_array(instants.to_data().into_builder().data_type(DataType::Int64).build()?),
    };
    Ok(ticks.as_primitive::<Int64Type>().clone())
}

/// A Utf8 array's value in `row`.
pub(crate) fn text(array: &ArrayRef, row: usize) -> Option<&str> {
    let values = array.as_string::<i32>();
    values.is_valid(row).then(|| values.value(row))
}

/// The items of a list in `row`; None if there is no list, an error if one of its items is NULL.
pub(crate) fn items(
    function: &str,
    argument: &str,
    lists: &ArrayRef,
    row: usize,
) -> Result<Option<ArrayRef>> {
    let lists = lists.as_list::<i32>();
    if lists.is_null(row) {
        return Ok(None);
    }
    let items = lists.value(row);
    if items.null_count() > 0 {
        return exec_err!("{function}: {argument} must not hold NULL");
    }
    Ok(Some(items))
}

/// `value`, unless it is NaN or infinite: a score of that would be a lie.
pub(crate) fn finite(function: &str, argument: &str, value: f64) -> Result<f64> {
    if value.is_finite() {
        Ok(value)
    } else {
        exec_err!("{function}: {argument} must be finite, got {value}")
    }
}

/// `value`, unless it lies outside `least` to `most`, or is NaN.
pub(crate) fn within(
    function: &str,
    argument: &str,
    value: f64,
    least: f64,
    most: f64,
) -> Result<f64> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        exec_err!("{function}: {argument} must be within {least} and {most}, got {value}")
    }
}

/// Beyond any time, money, weight or parameter that means something. What is computed of such stays within a float.
pub(crate) const LARGEST: f64 = 1e18;

/// `value`, unless it is not above 0, or so near to it or so large that it means nothing.
pub(crate) fn positive(function: &str, argument: &str, value: f64) -> Result<f64> {
    if value > 0.0 {
        within(function, argument, value, 1.0 / LARGEST, LARGEST)
    } else {
        exec_err!("{function}: {argument} must be > 0, got {value}")
    }
}

/// `value` as a whole number from `least` to `most`.
pub(crate) fn whole(
    function: &str,
    argument: &str,
    value: f64,
    least: u32,
    most: u32,
) -> Result<u32> {
    if value.fract() == 0.0 && (f64::from(least)..=f64::from(most)).contains(&value) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        return Ok(value as u32);
    }
    exec_err!("{function}: {argument} must be a whole number from {least} to {most}, got {value}")
}
