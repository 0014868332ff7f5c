//! Texts by number. A key that a file keeps once in a dictionary is looked up once for each file, not once for each row, and
//! groups of numbers are found faster than groups of texts.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder, UInt32Array};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, UInt32Type};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::ptr_eq::PtrEq;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use string_interner::backend::StringBackend;
use string_interner::symbol::SymbolU32;
use string_interner::{StringInterner, Symbol};

/// What a text takes beside its bytes: where it ends, and its number in a table that is half empty.
const BYTES_BESIDE: usize = size_of::<usize>() + 2 * size_of::<SymbolU32>();

/// The texts of a column in one query, numbered from 0 in the order in which threads met them: a number means nothing
/// outside of it.
#[derive(Debug, Default)]
pub struct Numbers {
    texts: RwLock<StringInterner<StringBackend<SymbolU32>>>,
    memory: OnceLock<MemoryReservation>,
}

impl Numbers {
    /// From now on texts count against what queries may have.
    pub(super) fn account(&self, pool: &Arc<dyn MemoryPool>) {
        self.memory.get_or_init(|| MemoryConsumer::new("texts by number").register(pool));
    }

    /// The numbers of texts in any encoding; new ones for texts that had none.
    fn number(&self, texts: &ArrayRef) -> Result<UInt32Array> {
        let texts = cast(texts, &DataType::Utf8View)?;
        let texts = texts.as_string_view();
        let mut numbers: Vec<Option<u32>> = {
            let known = self.texts.read().unwrap_or_else(PoisonError::into_inner);
            texts.iter().map(|text| Some(number(known.get(text?)?))).collect()
        };
        let is_new = |at: usize, number: Option<u32>| number.is_none() && texts.is_valid(at);
        let new = numbers.iter().enumerate().filter(|(at, number)| is_new(*at, **number));
        let new: Vec<_> = new.map(|(at, _)| at).collect();
        if new.is_empty() {
            return Ok(numbers.into());
        }
        let mut bytes = 0;
        let mut all = self.texts.write().unwrap_or_else(PoisonError::into_inner);
        for at in new {
            let (text, before) = (texts.value(at), all.len());
            numbers[at] = Some(number(all.get_or_intern(text)));
            // Another row or thread may have brought it in the meantime.
            bytes += (all.len() - before) * (text.len() + BYTES_BESIDE);
        }
        drop(all);
        if let Some(memory) = self.memory.get() {
            memory.try_grow(bytes)?;
        }
        Ok(numbers.into())
    }

    fn texts(&self, numbers: &UInt32Array) -> Result<ArrayRef> {
        let texts = self.texts.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = StringViewBuilder::with_capacity(numbers.len());
        for number in numbers {
            let text = number.map(|number| {
                let symbol = SymbolU32::try_from_usize(number as usize);
                let text = symbol.and_then(|symbol| texts.resolve(symbol));
                text.ok_or_else(|| exec_datafusion_err!("no text has the number {number}"))
            });
            found.append_option(text.transpose()?);
        }
        Ok(Arc::new(found.finish()))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is a number of 32 bits")]
fn number(symbol: SymbolU32) -> u32 {
    symbol.to_usize() as u32
}

/// A dictionary, and the numbers of its texts.
type LookedUp = (ArrayRef, UInt32Array);

/// Text to number: what is asked of one file. It remembers the last dictionary that it looked up.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct NumberOf {
    numbers: PtrEq<Arc<Numbers>>,
    last: PtrEq<Arc<Mutex<Option<LookedUp>>>>,
    signature: Signature,
}

impl NumberOf {
    pub(super) fn new(numbers: Arc<Numbers>) -> Self {
        let signature = Signature::any(1, Volatility::Immutable);
        Self { numbers: numbers.into(), last: Arc::new(Mutex::default()).into(), signature }
    }

    fn of_dictionary(&self, dictionary: &ArrayRef) -> Result<UInt32Array> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, numbers)) = &*last
            && before.to_data().ptr_eq(&dictionary.to_data())
        {
            return Ok(numbers.clone());
        }
        let numbers = self.numbers.number(dictionary)?;
        *last = Some((Arc::clone(dictionary), numbers.clone()));
        Ok(numbers)
    }
}

impl ScalarUDFImpl for NumberOf {
    fn name(&self) -> &'static str {
        "number_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [texts] = take_function_args(self.name(), &args.args)?;
        let texts = texts.to_array(args.number_rows)?;
        let numbers = match texts.as_any_dictionary_opt() {
            Some(coded) => take(&self.of_dictionary(coded.values())?, coded.keys(), None)?,
            None => Arc::new(self.numbers.number(&texts)?),
        };
        Ok(ColumnarValue::Array(numbers))
    }
}

/// Number to text.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TextOf {
    numbers: PtrEq<Arc<Numbers>>,
    signature: Signature,
}

/// A function from the numbers of [`Numbers`] to their texts.
#[must_use]
pub fn text_of(numbers: Arc<Numbers>) -> ScalarUDF {
    let signature = Signature::exact(vec![DataType::UInt32], Volatility::Immutable);
    ScalarUDF::from(TextOf { numbers: numbers.into(), signature })
}

impl ScalarUDFImpl for TextOf {
    fn name(&self) -> &'static str {
        "text_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [numbers] = take_function_args(self.name(), &args.args)?;
        let numbers = numbers.to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(self.numbers.texts(numbers.as_primitive::<UInt32Type>())?))
    }
}
