//! `rfm_cell`: three scores as one word.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use crate::args::{Kind, Parameters, floats, whole};

#[user_doc(
    doc_section(label = "RFM Functions"),
    description = "The three scores side by side, as in `'545'`. NULL if one is NULL.",
    syntax_example = "rfm_cell(r, f, m)",
    argument(name = "r", description = "Recency score, 1 to 9, else an error."),
    argument(name = "f", description = "Frequency score, 1 to 9, else an error."),
    argument(name = "m", description = "Monetary score, 1 to 9, else an error.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct RfmCell;

impl RowFunction for RfmCell {
    const PARAMETERS: Parameters = Parameters {
        function: "rfm_cell",
        required: 3,
        all: &[("r", Kind::Number), ("f", Kind::Number), ("m", Kind::Number)],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Utf8
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let (r, f, m) = (floats(&args[0], rows)?, floats(&args[1], rows)?, floats(&args[2], rows)?);
        let cells = r.iter().zip(&f).zip(&m).map(|((r, f), m)| {
            let checked = |name, score: Option<f64>| {
                score.map(|score| whole("rfm_cell", name, score, 1, 9)).transpose()
            };
            let (r, f, m) = (checked("r", r)?, checked("f", f)?, checked("m", m)?);
            Ok(r.zip(f).zip(m).map(|((r, f), m)| cell(r, f, m)))
        });
        Ok(Arc::new(cells.collect::<Result<StringArray>>()?))
    }
}

fn cell(r: u32, f: u32, m: u32) -> String {
    format!("{r}{f}{m}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recency_comes_first_and_monetary_last() {
        assert_eq!(cell(5, 4, 3), "543");
    }
}
