//! Columns of a row group that we encode ourselves, where the parquet crate would look at each value several times: those
//! whose values hardly ever change cost next to nothing so, and keys what copying and compressing them costs. The crate's own
//! writer puts their pages into the file.

mod coded;
mod hybrid;
mod keys;

pub(super) use coded::Coded;
pub(super) use keys::Keys;

use std::cmp::Ordering;

use bytes::Bytes;
use datafusion::parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type, ZstdLevel};
use datafusion::parquet::column::page::{CompressedPage, Page, PageWriter};
use datafusion::parquet::column::writer::ColumnCloseResult;
use datafusion::parquet::data_type::ByteArray;
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use datafusion::parquet::file::statistics::Statistics;
use datafusion::parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use datafusion::parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

/// Rows of a page: who looks for some rows need not decode many others. As in the parquet crate.
const PAGE_ROWS: usize = 20_000;

/// The longest text that statistics tell. As in the parquet crate.
const LONGEST_BOUND: usize = 64;

/// The pages of a column of a row group.
struct Chunk {
    column: ColumnDescPtr,
    compressor: Compressor<'static>,
    sink: TrackedWrite<Vec<u8>>,
    uncompressed: usize,
    dictionary_at: Option<i64>,
    encodings: Vec<PageEncodingStats>,
    index: ColumnIndexBuilder,
    offsets: OffsetIndexBuilder,
    /// Least and greatest value of all pages and of the last one that has some.
    bounds: Option<(Bound, Bound)>,
    last: Option<(Bound, Bound)>,
    ascending: bool,
    descending: bool,
    rows: u64,
    values: i64,
    nulls: u64,
}

/// A value in its plain form, without its length.
type Bound = Vec<u8>;

/// What a data page says, and what is known of it.
struct DataPage<'a> {
    body: &'a [u8],
    encoding: Encoding,
    rows: usize,
    /// NULLs and empty lists included.
    values: u32,
    /// Values that are not there.
    nulls: u64,
    /// Its least and greatest value, where there is one.
    bounds: Option<(&'a [u8], &'a [u8])>,
}

impl Chunk {
    fn new(column: ColumnDescPtr) -> Result<Self> {
        let index = ColumnIndexBuilder::new(column.physical_type());
        Ok(Self {
            column,
            compressor: Compressor::new(ZstdLevel::default().compression_level())?,
            sink: TrackedWrite::new(Vec::new()),
            uncompressed: 0,
            dictionary_at: None,
            encodings: Vec::new(),
            index,
            offsets: OffsetIndexBuilder::new(),
            bounds: None,
            last: None,
            ascending: true,
            descending: true,
            rows: 0,
            values: 0,
            nulls: 0,
        })
    }

    /// Bytes so far.
    fn bytes(&self) -> usize {
        self.sink.bytes_written()
    }

    /// The values that the pages after it have numbers of.
    fn dictionary(&mut self, plain: &[u8], values: u32) -> Result<()> {
        let buf = self.compressor.compress(plain)?.into();
        let encoding = Encoding::PLAIN;
        let page = Page::DictionaryPage { buf, num_values: values, encoding, is_sorted: false };
        let (at, _) = self.append(page, plain.len(), PageType::DICTIONARY_PAGE, encoding)?;
        self.dictionary_at = Some(at);
        Ok(())
    }

    fn data(&mut self, page: &DataPage<'_>) -> Result<()> {
        let encoded = Page::DataPage {
            buf: self.compressor.compress(page.body)?.into(),
            num_values: page.values,
            encoding: page.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (at, bytes) =
            self.append(encoded, page.body.len(), PageType::DATA_PAGE, page.encoding)?;
        self.offsets.append_row_count(count(page.rows)?);
        self.offsets.append_offset_and_size(at, bytes);
        self.rows += page.rows as u64;
        self.values += i64::from(page.values);
        self.nulls += page.nulls;
        self.bound(page)
    }

    fn bound(&mut self, page: &DataPage<'_>) -> Result<()> {
        let nulls = count(page.nulls)?;
        let Some((least, greatest)) = page.bounds else {
            self.index.append(true, Vec::new(), Vec::new(), nulls);
            return Ok(());
        };
        if least.len().max(greatest.len()) > LONGEST_BOUND {
            self.index.to_invalid();
        }
        let order = |a: &[u8], b: &[u8]| order(self.column.physical_type(), a, b);
        if let Some((last_least, last_greatest)) = &self.last {
            let steps = [order(last_least, least), order(last_greatest, greatest)];
            self.ascending &= steps.iter().all(|step| step.is_le());
            self.descending &= steps.iter().all(|step| step.is_ge());
        }
        let (least, greatest) = (least.to_vec(), greatest.to_vec());
        self.index.append(false, least.clone(), greatest.clone(), nulls);
        self.bounds = Some(match self.bounds.take() {
            None => (least.clone(), greatest.clone()),
            Some((least_of_all, greatest_of_all)) => (
                if order(&least, &least_of_all).is_lt() { least.clone() } else { least_of_all },
                if order(&greatest, &greatest_of_all).is_gt() {
                    greatest.clone()
                } else {
                    greatest_of_all
                },
            ),
        });
        self.last = Some((least, greatest));
        Ok(())
    }

    /// Where the page begins, and how long it is.
    fn append(
        &mut self,
        page: Page,
        uncompressed: usize,
        page_type: PageType,
        encoding: Encoding,
    ) -> Result<(i64, i32)> {
        let mut writer = SerializedPageWriter::new(&mut self.sink);
        let written = writer.write_page(CompressedPage::new(page, uncompressed))?;
        self.uncompressed += written.uncompressed_size;
        let known = self.encodings.iter_mut();
        match known.into_iter().find(|of| of.page_type == page_type && of.encoding == encoding) {
            Some(of) => of.count += 1,
            None => self.encodings.push(PageEncodingStats { page_type, encoding, count: 1 }),
        }
        Ok((count(written.offset)?, count(written.compressed_size)?))
    }

    fn close(mut self) -> Result<(Bytes, ColumnCloseResult)> {
        let offsets = self.offsets.build();
        let pages = self.sink.into_inner()?;
        let encodings = self.encodings.iter().map(|of| of.encoding).chain([Encoding::RLE]);
        let told = self.bounds.filter(|_| self.index.valid());
        let metadata = ColumnChunkMetaData::builder(ColumnDescPtr::clone(&self.column))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_encodings(encodings.collect())
            .set_page_encoding_stats(self.encodings)
            .set_total_compressed_size(count(pages.len())?)
            .set_total_uncompressed_size(count(self.uncompressed)?)
            .set_num_values(self.values)
            .set_data_page_offset(offsets.page_locations.first().map_or(0, |page| page.offset))
            .set_dictionary_page_offset(self.dictionary_at)
            .set_statistics(statistics(self.column.physical_type(), told, self.nulls))
            .build()?;
        self.index.set_boundary_order(match (self.ascending, self.descending) {
            (true, _) => BoundaryOrder::ASCENDING,
            (false, true) => BoundaryOrder::DESCENDING,
            (false, false) => BoundaryOrder::UNORDERED,
        });
        let close = ColumnCloseResult {
            bytes_written: pages.len() as u64,
            rows_written: self.rows,
            metadata,
            bloom_filter: None,
            column_index: self.index.valid().then(|| self.index.build()).transpose()?,
            offset_index: Some(offsets),
        };
        Ok((pages.into(), close))
    }
}

/// How two values of a type compare: days are numbers, the rest is text.
fn order(of: Type, a: &[u8], b: &[u8]) -> Ordering {
    match of {
        Type::INT32 => day(a).cmp(&day(b)),
        _ => a.cmp(b),
    }
}

fn day(plain: &[u8]) -> i32 {
    plain.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes))
}

fn statistics(of: Type, bounds: Option<(Bound, Bound)>, nulls: u64) -> Statistics {
    let (least, greatest) = bounds.unzip();
    match of {
        Type::INT32 => {
            let [least, greatest] = [least, greatest].map(|bound| bound.map(|plain| day(&plain)));
            Statistics::int32(least, greatest, None, Some(nulls), false)
        }
        _ => {
            let [least, greatest] = [least, greatest].map(|bound| bound.map(ByteArray::from));
            Statistics::byte_array(least, greatest, None, Some(nulls), false)
        }
    }
}

/// A size as the format has it.
fn count<N, M: TryFrom<N>>(size: N) -> Result<M> {
    M::try_from(size).map_err(|_| ParquetError::General("a page of more than 2 GiB".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        Array, ArrayRef, AsArray, Date32Array, DictionaryArray, Int32Array, ListArray, RecordBatch,
        RunArray, StringArray, UInt32Array,
    };
    use datafusion::arrow::buffer::OffsetBuffer;
    use datafusion::arrow::compute::{concat_batches, interleave};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::arrow::arrow_reader::{
        ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelector,
    };
    use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
    use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
    use proptest::prelude::*;

    use super::*;

    type Encoded = Result<(Bytes, ColumnCloseResult)>;

    /// A whole part of a page, and not too few.
    const PAGE_STEP: usize = PAGE_ROWS / 20;

    /// A column of a file, encoded by us, or by the parquet crate.
    fn file(
        column: &ArrayRef,
        nullable: bool,
        encoded: impl FnOnce(ColumnDescPtr) -> Encoded,
    ) -> [Bytes; 2] {
        let field = Field::new("column", column.data_type().clone(), nullable);
        let rows =
            RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::clone(column)])
                .unwrap();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_write_batch_size(PAGE_STEP); // it cuts pages behind such steps only
        let writer = || {
            let properties = properties.clone().build();
            ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).unwrap()
        };
        let mut theirs = writer();
        theirs.write(&rows).unwrap();

        let (mut ours, _) = writer().into_serialized_writer().unwrap();
        let (pages, close) = encoded(ours.schema_descr().column(0)).unwrap();
        let mut group = ours.next_row_group().unwrap();
        group.append_column(&pages, close).unwrap();
        group.close().unwrap();
        [ours.into_inner().unwrap(), theirs.into_inner().unwrap()].map(Bytes::from)
    }

    fn coded(column: ColumnDescPtr, rows: &[ArrayRef]) -> Encoded {
        let mut coded = Coded::new(column);
        for rows in rows {
            coded.write(rows)?;
        }
        coded.close()
    }

    fn reader(file: &Bytes) -> ParquetRecordBatchReaderBuilder<Bytes> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).unwrap()
    }

    fn read(file: &Bytes) -> (RecordBatch, Arc<ParquetMetaData>) {
        let reader = reader(file);
        let (metadata, schema) = (Arc::clone(reader.metadata()), Arc::clone(reader.schema()));
        let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        (concat_batches(&schema, &batches).unwrap(), metadata)
    }

    /// The same rows, and the same said of them.
    fn compare([ours, theirs]: &[Bytes; 2]) {
        let ((rows, about), (their_rows, their_about)) = (read(ours), read(theirs));
        assert_eq!(rows, their_rows);
        let [column, theirs] = [&about, &their_about].map(|about| about.row_group(0).column(0));
        assert_eq!(column.num_values(), theirs.num_values());
        assert_eq!(
            column.statistics().unwrap().null_count_opt(),
            theirs.statistics().unwrap().null_count_opt()
        );
        let bounds = |column: &ColumnChunkMetaData| {
            let statistics = column.statistics().unwrap();
            [statistics.min_bytes_opt(), statistics.max_bytes_opt()]
                .map(|bound| bound.map(<[u8]>::to_vec))
        };
        assert_eq!(bounds(column), bounds(theirs));
        let pages = |about: &ParquetMetaData| {
            let pages = about.offset_index().unwrap()[0][0].page_locations();
            pages.iter().map(|page| page.first_row_index).collect::<Vec<_>>()
        };
        let said = |about: &ParquetMetaData| format!("{:?}", about.column_index().unwrap()[0][0]);
        // Ours says nothing of levels; of lists the crate cuts pages elsewhere.
        let said = |about| said(about).split("repetition_level").next().map(str::to_owned);
        if !rows.schema().field(0).data_type().is_nested() {
            assert_eq!((pages(&about), said(&about)), (pages(&their_about), said(&their_about)));
        }
        // Where pages begin, who reads a few rows has to know.
        let last = rows.num_rows().min(3);
        let skipped = rows.num_rows() - last;
        let selection = vec![RowSelector::skip(skipped), RowSelector::select(last)];
        let reader = reader(ours).with_row_selection(selection.into()).build().unwrap();
        let selected: Vec<_> = reader.map(Result::unwrap).collect();
        assert_eq!(concat_batches(&rows.schema(), &selected).unwrap(), rows.slice(skipped, last));
    }

    /// Runs of a few texts, among them none; as many rows as make several pages now and then.
    fn runs() -> impl Strategy<Value = Vec<(Option<String>, usize)>> {
        let text = prop::option::weighted(0.9, "[abä]{0,3}");
        let times = prop_oneof![4 => 1_usize..12, 1 => 1_usize..30_000];
        prop::collection::vec((text, times), 1..40)
    }

    fn flat(runs: &[(Option<String>, usize)]) -> StringArray {
        runs.iter().flat_map(|(text, times)| std::iter::repeat_n(text.as_deref(), *times)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn texts_are_written_as_the_parquet_crate_has_them_in_whatever_form_they_come(
            runs in runs(), cut in 0.0..1.0,
        ) {
            let rows = flat(&runs);
            let column: ArrayRef = Arc::new(rows.clone());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "some row")]
            let cut = (cut * rows.len() as f64) as usize;
            let mut end = 0;
            let ends = runs.iter().map(|(_, times)| { end += times; i32::try_from(end).unwrap() });
            let of_runs: StringArray = runs.iter().map(|(text, _)| text.as_deref()).collect();
            let in_runs = RunArray::try_new(&Int32Array::from_iter_values(ends), &of_runs).unwrap();
            let numbers = (0_u32..).zip(&runs).flat_map(|(number, (_, times))| std::iter::repeat_n(number, *times));
            let numbered = DictionaryArray::new(UInt32Array::from_iter_values(numbers), Arc::new(of_runs));
            for form in [Arc::clone(&column), Arc::new(in_runs), Arc::new(numbered)] {
                let parts = [form.slice(0, cut), form.slice(cut, form.len() - cut)];
                compare(&file(&column, true, |column| coded(column, &parts)));
            }
            if rows.null_count() == 0 {
                compare(&file(&column, false, |of| coded(of, &[Arc::clone(&column)])));
            }
        }

        #[test]
        fn days_are_numbers(days in prop::collection::vec(prop::option::of(-3..3), 1..30)) {
            let column: ArrayRef = Arc::new(Date32Array::from(days));
            compare(&file(&column, true, |of| coded(of, &[Arc::clone(&column)])));
        }

        #[test]
        fn keys_are_written_as_the_parquet_crate_has_them(
            runs in prop::collection::vec(prop::collection::btree_set("(account-[ab]{0,12}|[ab\\x00]{0,3})", 1..50), 1..20),
            times in 1_usize..150, cut in 0_usize..50,
        ) {
            let keys = runs.iter().flatten().map(String::as_str);
            let keys: StringArray = std::iter::repeat_n(keys, times).flatten().map(Some).collect();
            let column: ArrayRef = Arc::new(keys.clone());
            let cut = cut.min(keys.len());
            compare(&file(&column, false, |column| {
                let mut written = Keys::new(column)?;
                written.write(&keys.slice(0, cut))?;
                written.write(&keys.slice(cut, keys.len() - cut))?;
                written.close()
            }));
        }

        #[test]
        fn lists_have_their_own(
            lengths in prop::collection::vec(0_usize..5, 1..30_000), of in prop::collection::vec("[ab]{1,2}", 1..4),
        ) {
            let elements = lengths.iter().sum();
            let of: ArrayRef = Arc::new(StringArray::from(of));
            let picked: Vec<_> = (0..elements).map(|nth| (0, nth * nth % of.len())).collect();
            let elements = interleave(&[of.as_ref()], &picked).unwrap();
            let item = Arc::new(Field::new_list_field(DataType::Utf8, false));
            let lists = ListArray::new(item, OffsetBuffer::from_lengths(lengths), elements, None);
            let column: ArrayRef = Arc::new(lists);
            compare(&file(&column, false, |of| {
                let mut coded = Coded::new(of);
                for part in [column.slice(0, 1), column.slice(1, column.len() - 1)] {
                    let part = part.as_list();
                    coded.write_lists(part.offsets(), part.values())?;
                }
                coded.close()
            }));
        }
    }

    #[test]
    fn more_values_than_sixteen_bits_can_number() {
        let texts = (0_u32..1 << 16 | 9).map(|number| format!("{:x}", number.reverse_bits()));
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        compare(&file(&column, false, |of| coded(of, &[Arc::clone(&column)])));
    }

    #[test]
    fn of_texts_too_long_for_statistics_none_are_told() {
        let column: ArrayRef =
            Arc::new(StringArray::from(vec!["a", &"b".repeat(LONGEST_BOUND + 1)]));
        let [ours, _] = file(&column, false, |of| coded(of, &[Arc::clone(&column)]));
        let reader = ParquetRecordBatchReaderBuilder::try_new(ours).unwrap();
        let statistics = reader.metadata().row_group(0).column(0).statistics().cloned().unwrap();
        assert_eq!((statistics.min_bytes_opt(), statistics.null_count_opt()), (None, Some(0)));
        let rows = reader.build().unwrap().next().unwrap().unwrap();
        assert_eq!(rows.column(0), &column);
    }
}
