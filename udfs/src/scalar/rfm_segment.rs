//! `rfm_segment`: a name for each of the 125 cells.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::exec_datafusion_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;

use super::row_function::RowFunction;
use crate::args::{Kind, Parameters, PerRow, floats, text, whole};

#[user_doc(
    doc_section(label = "RFM Functions"),
    description = "The segment's name for three scores of 1 to 5. NULL if an argument is NULL.",
    syntax_example = "rfm_segment(r, f, m, map => 'grid')",
    argument(name = "r", description = "Recency score, 1 to 5, else an error."),
    argument(name = "f", description = "Frequency score, 1 to 5, else an error."),
    argument(name = "m", description = "Monetary score, 1 to 5, else an error."),
    argument(
        name = "map",
        description = "`grid` (if left out): recency against the mean of frequency and monetary, rounded up; `cells`: the \
                       published list of 125 cells; `r_rfm`: the first match in the table of R's rfm 0.3.0, else `Others`."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct RfmSegment;

impl RowFunction for RfmSegment {
    const PARAMETERS: Parameters = Parameters {
        function: "rfm_segment",
        required: 3,
        all: &[("r", Kind::Number), ("f", Kind::Number), ("m", Kind::Number), ("map", Kind::Text)],
    };

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answers(_: &[DataType]) -> DataType {
        DataType::Utf8
    }

    fn evaluate(args: &[ColumnarValue], rows: usize) -> Result<ArrayRef> {
        let (r, f, m) = (floats(&args[0], rows)?, floats(&args[1], rows)?, floats(&args[2], rows)?);
        let maps = PerRow::new(&args[3..], rows, |maps, row| match maps.first() {
            Some(map) => text(map, row).map(str::parse::<Map>).transpose(),
            None => Ok(Some(Map::Grid)),
        })?;
        let names = r.iter().zip(&f).zip(&m).enumerate().map(|(row, ((r, f), m))| {
            let checked = |name, score: Option<f64>| {
                score.map(|score| whole("rfm_segment", name, score, 1, 5)).transpose()
            };
            let (r, f, m) = (checked("r", r)?, checked("f", f)?, checked("m", m)?);
            let scores = r.zip(f).zip(m);
            Ok(scores.zip(*maps.get(row)).map(|(((r, f), m), map)| map.name(r, f, m)))
        });
        Ok(Arc::new(names.collect::<Result<StringArray>>()?))
    }
}

#[derive(Debug, Clone, Copy)]
enum Map {
    Grid,
    Cells,
    RRfm,
}

impl FromStr for Map {
    type Err = DataFusionError;

    fn from_str(map: &str) -> Result<Self> {
        match map {
            "grid" => Ok(Self::Grid),
            "cells" => Ok(Self::Cells),
            "r_rfm" => Ok(Self::RRfm),
            _ => Err(exec_datafusion_err!(
                "rfm_segment: map must be 'grid', 'cells' or 'r_rfm', got '{map}'"
            )),
        }
    }
}

impl Map {
    fn name(self, r: u32, f: u32, m: u32) -> &'static str {
        match self {
            Self::Grid => GRID[(r - 1) as usize][((f + m).div_ceil(2) - 1) as usize],
            Self::Cells => CELL_NAMES[(25 * (r - 1) + 5 * (f - 1) + (m - 1)) as usize],
            Self::RRfm => {
                let scores = [r, f, m];
                let matching = R_RFM.iter().find(|(_, ranges)| {
                    ranges
                        .iter()
                        .zip(scores)
                        .all(|((least, most), score)| (*least..=*most).contains(&score))
                });
                matching.map_or("Others", |(name, _)| name)
            }
        }
    }
}

/// Every name of a map, `grid` if it is left out; none of a map that is not known.
pub(crate) fn labels(map: Option<&str>) -> Option<Vec<String>> {
    let map = map.map_or(Ok(Map::Grid), str::parse).ok()?;
    let scores = || 1..=5_u32;
    let names = scores().flat_map(|r| scores().flat_map(move |f| scores().map(move |m| (r, f, m))));
    let names: BTreeSet<_> = names.map(|(r, f, m)| map.name(r, f, m)).collect();
    Some(names.into_iter().map(str::to_owned).collect())
}

/// Rows: recency 1 to 5. Columns: mean of frequency and monetary, rounded up, 1 to 5.
const GRID: [[&str; 5]; 5] = [
    ["Lost", "Hibernating", "At Risk", "Can't Lose", "Can't Lose"],
    ["About To Sleep", "Needs Attention", "Needs Attention", "At Risk", "At Risk"],
    ["Promising", "Needs Attention", "Potential Loyalist", "Loyal", "Loyal"],
    ["Promising", "Potential Loyalist", "Potential Loyalist", "Loyal", "Champions"],
    ["Recent", "Potential Loyalist", "Loyal", "Champions", "Champions"],
];

/// The list as published, so that it can be compared with its source.
const CELLS: [(&str, &[u32]); 11] = [
    ("Champions", &[555, 554, 544, 545, 454, 455, 445]),
    ("Loyal", &[543, 444, 435, 355, 354, 345, 344, 335]),
    (
        "Potential Loyalist",
        &[
            553, 551, 552, 541, 542, 533, 532, 531, 452, 451, 442, 441, 431, 453, 433, 432, 423,
            353, 352, 351, 342, 341, 333, 323,
        ],
    ),
    ("Recent", &[512, 511, 422, 421, 412, 411, 311]),
    (
        "Promising",
        &[525, 524, 523, 522, 521, 515, 514, 513, 425, 424, 413, 414, 415, 315, 314, 313],
    ),
    ("Needs Attention", &[535, 534, 443, 434, 343, 334, 325, 324]),
    ("About To Sleep", &[331, 321, 312, 221, 213]),
    (
        "At Risk",
        &[
            255, 254, 245, 244, 253, 252, 243, 242, 235, 234, 225, 224, 153, 152, 145, 143, 142,
            135, 134, 133, 125, 124,
        ],
    ),
    ("Can't Lose", &[155, 154, 144, 214, 215, 115, 114, 113]),
    ("Hibernating", &[332, 322, 231, 241, 251, 233, 232, 223, 222, 132, 123, 122, 212, 211]),
    ("Lost", &[111, 112, 121, 131, 141, 151]),
];

/// Names by `25 (r-1) + 5 (f-1) + (m-1)`.
static CELL_NAMES: LazyLock<[&str; 125]> = LazyLock::new(|| {
    let mut names = [""; 125];
    for (name, cells) in CELLS {
        for cell in cells {
            let (r, f, m) = (cell / 100, cell / 10 % 10, cell % 10);
            names[(25 * (r - 1) + 5 * (f - 1) + (m - 1)) as usize] = name;
        }
    }
    names
});

/// R rfm 0.3.0's documentation: inclusive ranges of R, F and M; the first match wins.
const R_RFM: [(&str, [(u32, u32); 3]); 10] = [
    ("Champions", [(5, 5), (5, 5), (5, 5)]),
    ("Potential Loyalist", [(3, 5), (3, 5), (2, 5)]),
    ("Loyal Customers", [(2, 4), (2, 4), (2, 4)]),
    ("Promising", [(3, 4), (1, 3), (3, 5)]),
    ("New Customers", [(4, 5), (1, 3), (1, 5)]),
    ("Can't Lose Them", [(1, 2), (3, 4), (4, 5)]),
    ("At Risk", [(1, 2), (2, 5), (4, 5)]),
    ("Need Attention", [(1, 3), (3, 5), (3, 5)]),
    ("About To Sleep", [(2, 3), (1, 3), (1, 4)]),
    ("Lost", [(1, 1), (1, 5), (1, 5)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn all_cells() -> impl Iterator<Item = (u32, u32, u32)> {
        (1..=5).flat_map(|r| (1..=5).flat_map(move |f| (1..=5).map(move |m| (r, f, m))))
    }

    #[test]
    fn every_cell_is_in_the_published_list_exactly_once() {
        let mut listed: Vec<_> =
            CELLS.iter().flat_map(|(_, cells)| cells.iter().copied()).collect();
        listed.sort_unstable();
        let cells: Vec<_> = all_cells().map(|(r, f, m)| 100 * r + 10 * f + m).collect();
        assert_eq!(listed, cells);
        for (name, cells) in CELLS {
            for cell in cells {
                assert_eq!(Map::Cells.name(cell / 100, cell / 10 % 10, cell % 10), name, "{cell}");
            }
        }
    }

    #[test]
    fn grid_and_cells_name_every_cell_with_the_same_eleven_names() {
        let named = |map: Map| all_cells().map(move |(r, f, m)| map.name(r, f, m));
        let published: BTreeSet<_> = CELLS.iter().map(|(name, _)| *name).collect();
        assert_eq!(published.len(), 11);
        assert_eq!(named(Map::Grid).collect::<BTreeSet<_>>(), published);
        assert_eq!(named(Map::Cells).collect::<BTreeSet<_>>(), published);
    }

    #[test]
    fn the_mean_of_frequency_and_monetary_is_rounded_up() {
        assert_eq!(Map::Grid.name(5, 1, 2), "Potential Loyalist");
        assert_eq!(Map::Grid.name(5, 4, 3), "Champions");
    }

    #[test]
    fn cells_the_r_table_leaves_out_are_others() {
        assert_eq!(Map::RRfm.name(5, 5, 1), "Others");
        assert_eq!(Map::RRfm.name(5, 5, 5), "Champions"); // also a potential loyalist, further down
    }
}
