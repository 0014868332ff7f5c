//! Texts and days of which there are few, or which stay the same for many rows.

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Date32Array, RunArray, StringArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Date32Type, Int32Type, UInt32Type};
use datafusion::common::HashMap;
use datafusion::parquet::basic::{Encoding, Type};
use datafusion::parquet::column::writer::ColumnCloseResult;
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::schema::types::ColumnDescPtr;

use super::hybrid::Hybrid;
use super::{Chunk, DataPage, PAGE_ROWS, count, order};

/// The values of such a column, or of the elements of such lists, in a row group: each value once, and runs of their
/// numbers.
#[derive(Debug)]
pub(in crate::output) struct Coded {
    column: ColumnDescPtr,
    values: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u32>,
    bytes_of_values: usize,
    /// The number of a value, and how often it follows.
    runs: Vec<(u32, u32)>,
    /// Elements of each row's list, where the column is one of lists.
    lists: Option<Vec<u32>>,
    rows: usize,
}

/// The number of what is NULL.
const NULL: u32 = u32::MAX;

/// Texts or days.
enum Values<'a> {
    Texts(&'a StringArray),
    Days(&'a Date32Array),
}

impl Coded {
    pub(in crate::output) fn new(column: ColumnDescPtr) -> Self {
        let lists = (column.max_rep_level() > 0).then(Vec::new);
        Self {
            column,
            values: Vec::new(),
            numbers: HashMap::new(),
            bytes_of_values: 0,
            runs: Vec::new(),
            lists,
            rows: 0,
        }
    }

    /// Bytes that it has in memory.
    pub(in crate::output) fn bytes(&self) -> usize {
        let lists = self.lists.as_ref().map_or(0, Vec::len);
        self.bytes_of_values + self.runs.len() * size_of::<(u32, u32)>() + lists * size_of::<u32>()
    }

    /// Adds rows: texts or days, as such, in runs, or by number.
    ///
    /// # Errors
    /// An array of another type: a bug.
    pub(in crate::output) fn write(&mut self, rows: &ArrayRef) -> Result<()> {
        self.rows += rows.len();
        self.add(rows)
    }

    /// Adds rows that are lists, the elements of which are texts.
    ///
    /// # Errors
    /// As [`Coded::write`].
    pub(in crate::output) fn write_lists(
        &mut self,
        offsets: &OffsetBuffer<i32>,
        elements: &ArrayRef,
    ) -> Result<()> {
        let lengths = offsets.lengths().map(count).collect::<Result<Vec<u32>>>()?;
        self.rows += lengths.len();
        self.lists.get_or_insert_default().extend(lengths);
        let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
        self.add(&elements.slice(count(first)?, count(last - first)?))
    }

    fn add(&mut self, rows: &ArrayRef) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        match rows.data_type() {
            DataType::RunEndEncoded(..) => {
                let Some(runs) = rows.as_any().downcast_ref::<RunArray<Int32Type>>() else {
                    return Err(unknown(rows));
                };
                let values = runs.values_slice();
                let (values, mut start) = (Values::of(&values)?, 0);
                for (run, end) in runs.run_ends().sliced_values().enumerate() {
                    let number = self.number(values.plain(run).as_ref())?;
                    self.push(number, count(end - start)?);
                    start = end;
                }
            }
            DataType::Dictionary(key, _) if **key == DataType::UInt32 => {
                let dictionary = rows.as_dictionary::<UInt32Type>();
                let values = Values::of(dictionary.values())?;
                let mut numbers = vec![None; dictionary.values().len()];
                for key in dictionary.keys() {
                    let number = match key {
                        None => NULL,
                        Some(key) => match numbers[key as usize] {
                            Some(known) => known,
                            None => *numbers[key as usize]
                                .insert(self.number(values.plain(key as usize).as_ref())?),
                        },
                    };
                    self.push(number, 1);
                }
            }
            _ => {
                let (values, mut start) = (Values::of(rows)?, 0);
                for row in 1..=rows.len() {
                    if row == rows.len() || !values.same(row - 1, row) {
                        let number = self.number(values.plain(start).as_ref())?;
                        self.push(number, count(row - start)?);
                        start = row;
                    }
                }
            }
        }
        Ok(())
    }

    fn number(&mut self, plain: Option<&Plain<'_>>) -> Result<u32> {
        let Some(plain) = plain.map(AsRef::as_ref) else { return Ok(NULL) };
        if let Some(known) = self.numbers.get(plain) {
            return Ok(*known);
        }
        let number = count(self.values.len())?;
        self.values.push(plain.into());
        self.numbers.insert(plain.into(), number);
        self.bytes_of_values += plain.len();
        Ok(number)
    }

    fn push(&mut self, number: u32, times: u32) {
        match self.runs.last_mut() {
            Some((last, of_last)) if *last == number => *of_last += times,
            _ => self.runs.push((number, times)),
        }
    }

    /// Its pages.
    ///
    /// # Errors
    /// None but bugs.
    pub(in crate::output) fn close(self) -> Result<(Bytes, ColumnCloseResult)> {
        let physical_type = self.column.physical_type();
        let mut chunk = Chunk::new(ColumnDescPtr::clone(&self.column))?;
        if !self.values.is_empty() {
            chunk.dictionary(&self.dictionary()?, count(self.values.len())?)?;
        }
        let mut by_value: Vec<_> = (0..self.values.len()).collect();
        by_value.sort_unstable_by(|a, b| order(physical_type, &self.values[*a], &self.values[*b]));
        let mut ranks = vec![0; self.values.len()];
        by_value.iter().enumerate().for_each(|(rank, value)| ranks[*value] = rank);

        let mut runs = self.runs.iter().copied();
        let mut run = (NULL, 0);
        for first in (0..self.rows).step_by(PAGE_ROWS) {
            let rows = PAGE_ROWS.min(self.rows - first);
            let lists = self.lists.as_ref().map(|lists| &lists[first..first + rows]);
            let mut page = CodedPage::new(&self.column, self.values.len())?;
            let mut elements = match lists {
                Some(lists) => page.lists(lists),
                None => rows,
            };
            let mut ranks_of_page: Option<(usize, usize)> = None;
            while elements > 0 {
                if run.1 == 0 {
                    run = runs.next().ok_or_else(short)?;
                }
                let times = elements.min(run.1 as usize);
                page.elements(run.0, times, lists.is_some());
                if let Some(rank) = ranks.get(run.0 as usize).copied() {
                    let (least, greatest) = ranks_of_page.unwrap_or((rank, rank));
                    ranks_of_page = Some((least.min(rank), greatest.max(rank)));
                }
                elements -= times;
                run.1 -= count::<_, u32>(times)?;
            }
            let value = |rank: usize| self.values[by_value[rank]].as_ref();
            let bounds = ranks_of_page.map(|(least, greatest)| (value(least), value(greatest)));
            page.append_to(&mut chunk, rows, bounds)?;
        }
        chunk.close()
    }

    /// The values in the order of their numbers.
    fn dictionary(&self) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        for value in &self.values {
            if self.column.physical_type() == Type::BYTE_ARRAY {
                plain.extend(count::<_, u32>(value.len())?.to_le_bytes());
            }
            plain.extend(value);
        }
        Ok(plain)
    }
}

impl<'a> Values<'a> {
    fn of(array: &'a ArrayRef) -> Result<Self> {
        match array.data_type() {
            DataType::Utf8 => Ok(Self::Texts(array.as_string())),
            DataType::Date32 => Ok(Self::Days(array.as_primitive::<Date32Type>())),
            _ => Err(unknown(array)),
        }
    }

    fn same(&self, a: usize, b: usize) -> bool {
        match self {
            Self::Texts(texts) => {
                texts.is_valid(a) == texts.is_valid(b) && texts.value(a) == texts.value(b)
            }
            Self::Days(days) => {
                days.is_valid(a) == days.is_valid(b) && days.value(a) == days.value(b)
            }
        }
    }

    fn plain(&self, row: usize) -> Option<Plain<'a>> {
        match self {
            Self::Texts(texts) => {
                texts.is_valid(row).then(|| Plain::Text(texts.value(row).as_bytes()))
            }
            Self::Days(days) => {
                days.is_valid(row).then(|| Plain::Day(days.value(row).to_le_bytes()))
            }
        }
    }
}

/// A value in its plain form.
enum Plain<'a> {
    Text(&'a [u8]),
    Day([u8; 4]),
}

impl AsRef<[u8]> for Plain<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::Day(day) => day,
        }
    }
}

/// A page: which rows have an element, which elements are there, and the numbers of those.
struct CodedPage {
    repetition: Hybrid,
    definition: Hybrid,
    numbers: Hybrid,
    levels: usize,
    elements: usize,
    nested: bool,
    nullable: bool,
}

impl CodedPage {
    fn new(column: &ColumnDescPtr, values: usize) -> Result<Self> {
        let level = |most: i16| count(most).map(Hybrid::new);
        Ok(Self {
            repetition: level(column.max_rep_level())?,
            definition: level(column.max_def_level())?,
            numbers: Hybrid::new(count(values.saturating_sub(1))?),
            levels: 0,
            elements: 0,
            nested: column.max_rep_level() > 0,
            nullable: column.max_def_level() > 0,
        })
    }

    /// Rows that are lists of so many elements; how many those are together.
    fn lists(&mut self, lists: &[u32]) -> usize {
        let mut elements = 0;
        for length in lists {
            let length = *length as usize;
            self.repetition.push(0, 1);
            if length == 0 {
                self.definition.push(0, 1);
            } else {
                self.repetition.push(1, length - 1);
                self.definition.push(1, length);
            }
            self.levels += length.max(1);
            elements += length;
        }
        elements
    }

    /// An element, so many times; elements of `lists` are never NULL.
    fn elements(&mut self, number: u32, times: usize, lists: bool) {
        let known = number != NULL;
        if !lists {
            self.levels += times;
            if self.nullable {
                self.definition.push(u32::from(known), times);
            }
        }
        if known {
            self.numbers.push(number, times);
            self.elements += times;
        }
    }

    fn append_to(
        self,
        chunk: &mut Chunk,
        rows: usize,
        bounds: Option<(&[u8], &[u8])>,
    ) -> Result<()> {
        let mut body = Vec::new();
        let levels =
            [self.nested.then_some(self.repetition), self.nullable.then_some(self.definition)];
        for level in levels.into_iter().flatten() {
            let level = level.finish();
            body.extend(count::<_, u32>(level.len())?.to_le_bytes());
            body.extend(level);
        }
        // Where there are no values there is no dictionary.
        let encoding = match chunk.dictionary_at {
            Some(_) => {
                body.push(count(self.numbers.bits())?);
                body.extend(self.numbers.finish());
                Encoding::RLE_DICTIONARY
            }
            None => Encoding::PLAIN,
        };
        let nulls = (self.levels - self.elements) as u64;
        let values = count(self.levels)?;
        chunk.data(&DataPage { body: &body, encoding, rows, values, nulls, bounds })
    }
}

fn unknown(array: &ArrayRef) -> ParquetError {
    ParquetError::General(format!("{} is neither text nor a day", array.data_type()))
}

fn short() -> ParquetError {
    ParquetError::General("fewer elements than the lists have".to_owned())
}
