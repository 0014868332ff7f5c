//! Texts that differ in each row.

use std::cmp::Ordering;

use bytes::Bytes;
use datafusion::arrow::array::{Array, StringArray};
use datafusion::parquet::basic::Encoding;
use datafusion::parquet::column::writer::ColumnCloseResult;
use datafusion::parquet::errors::Result;
use datafusion::parquet::schema::types::ColumnDescPtr;

use super::{Chunk, DataPage, PAGE_ROWS, count};

/// Bytes of a page, before they are compressed. As in the parquet crate.
const PAGE_BYTES: usize = 1 << 20;

/// The keys of a row group, none of which is NULL.
pub(in crate::output) struct Keys {
    chunk: Chunk,
    page: Vec<u8>,
    rows: usize,
    /// Least and greatest of the page.
    bounds: Option<(Vec<u8>, Vec<u8>)>,
}

impl Keys {
    pub(in crate::output) fn new(column: ColumnDescPtr) -> Result<Self> {
        Ok(Self { chunk: Chunk::new(column)?, page: Vec::new(), rows: 0, bounds: None })
    }

    /// Bytes that it has in memory.
    pub(in crate::output) fn bytes(&self) -> usize {
        self.chunk.bytes() + self.page.len()
    }

    /// Adds rows.
    ///
    /// # Errors
    /// None but bugs.
    pub(in crate::output) fn write(&mut self, keys: &StringArray) -> Result<()> {
        let mut first = 0;
        while first < keys.len() {
            let rows = (PAGE_ROWS - self.rows).min(keys.len() - first);
            self.add(&keys.slice(first, rows))?;
            first += rows;
            if self.rows == PAGE_ROWS || self.page.len() >= PAGE_BYTES {
                self.end_page()?;
            }
        }
        Ok(())
    }

    /// Adds one row or more to the page.
    fn add(&mut self, keys: &StringArray) -> Result<()> {
        let bytes = keys.values().as_slice();
        let begins = |row: usize| {
            Beginning::of(
                &bytes[keys.value_offsets()[row].cast_unsigned() as usize..],
                keys.value(row).as_bytes(),
            )
        };
        let (mut least, mut greatest) = (begins(0), begins(0));
        self.page.reserve(bytes.len() + keys.len() * size_of::<u32>());
        for row in 0..keys.len() {
            let key = begins(row);
            self.page.extend_from_slice(&count::<_, u32>(key.text.len())?.to_le_bytes());
            self.page.extend_from_slice(key.text);
            if key.cmp(&greatest).is_gt() {
                greatest = key;
            } else if key.cmp(&least).is_lt() {
                least = key;
            }
        }
        self.rows += keys.len();
        let (least, greatest) = (least.text, greatest.text);
        match &mut self.bounds {
            None => self.bounds = Some((least.to_vec(), greatest.to_vec())),
            Some((known_least, known_greatest)) => {
                if least < known_least.as_slice() {
                    *known_least = least.to_vec();
                }
                if greatest > known_greatest.as_slice() {
                    *known_greatest = greatest.to_vec();
                }
            }
        }
        Ok(())
    }

    fn end_page(&mut self) -> Result<()> {
        let Some((least, greatest)) = self.bounds.take() else { return Ok(()) };
        self.chunk.data(&DataPage {
            body: &self.page,
            encoding: Encoding::PLAIN,
            rows: self.rows,
            values: count(self.rows)?,
            nulls: 0,
            bounds: Some((&least, &greatest)),
        })?;
        self.page.clear();
        self.rows = 0;
        Ok(())
    }

    /// Its pages.
    ///
    /// # Errors
    /// None but bugs.
    pub(in crate::output) fn close(mut self) -> Result<(Bytes, ColumnCloseResult)> {
        self.end_page()?;
        self.chunk.close()
    }
}

/// A text with its first bytes as a number, which nearly always say which of two stands before the other.
#[derive(Clone, Copy)]
struct Beginning<'a> {
    number: u128,
    text: &'a [u8],
}

impl<'a> Beginning<'a> {
    /// Of a text, given what is in memory from its beginning on.
    fn of(memory: &[u8], text: &'a [u8]) -> Self {
        let number = match memory.first_chunk() {
            Some(bytes) => {
                let beyond = u32::try_from(8 * text.len()).ok();
                let beyond = beyond.and_then(|bits| u128::MAX.checked_shr(bits)).unwrap_or(0);
                u128::from_be_bytes(*bytes) & !beyond
            }
            None => {
                let mut bytes = [0; size_of::<u128>()];
                let known = text.len().min(bytes.len());
                bytes[..known].copy_from_slice(&text[..known]);
                u128::from_be_bytes(bytes)
            }
        };
        Self { number, text }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number).then_with(|| self.text.cmp(other.text))
    }
}
