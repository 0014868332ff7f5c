//! What a segmentation comes to, without publishing it.

use std::collections::BTreeSet;
use std::path::Path;

use datafusion::arrow::array::{RecordBatch, UInt64Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::error::DataFusionError;

use super::Desk;
use crate::core::{AsOf, Layer, Name, TableName, nearest};
use crate::error::{Error, Result};
use crate::project::Project;
use crate::run::Host;
use crate::spool;
use crate::universe::Universe;

/// A segmentation on a night.
#[derive(Debug)]
pub struct Preview {
    /// The night.
    pub as_of: AsOf,
    /// Keys with a label.
    pub members: usize,
    /// All who are counted; none where the project does not say who that is.
    pub universe: Option<usize>,
    /// By name.
    pub labels: Vec<Label>,
    /// Some rows, spread evenly over all: `<key>, segment, score`, then the evidence. Nothing in them is personal.
    pub sample: RecordBatch,
}

/// A segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Rows with it.
    pub members: i64,
}

/// Evaluates one segmentation of the project in `directory`, named as its file or `segment.<name>`, with at most `limit`
/// rows to look at.
///
/// # Errors
/// A name that is no segmentation's, and whatever stops a night.
pub async fn preview(
    directory: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    name: &str,
    as_of: Option<AsOf>,
    limit: usize,
    host: &dyn Host,
) -> Result<Preview> {
    let project = Project::load(directory, environment)?;
    let table = find(&project, name)?;
    let universe = project.universe();
    let wanted = BTreeSet::from([table.clone()]).into_iter().chain(universe.clone()).collect();
    let project = project.only(&wanted);
    let desk = Desk::new(&project, as_of).await?;
    let as_of = desk.as_of;
    let night = desk.compute(&project, false, host).await?;
    let found = night.members.iter().find(|members| members.segmentation.table() == table);
    let members = found.ok_or_else(|| Error::Bug(format!("{table} was not evaluated")))?;
    let counted = match universe {
        Some(_) => {
            let read = Universe::read(&night.catalog, &project, &night.members, &night.forgotten);
            Some(read.await?.keys().len())
        }
        None => None,
    };
    let look = || {
        let rows = members.read()?;
        let labels = members.counts(&rows)?.into_iter();
        let labels = labels.map(|(name, members)| Label { name, members }).collect();
        let (members, sample) = (rows.distinct_keys()?, spread(rows.batch(), limit)?);
        Ok(Preview { as_of, members, universe: counted, labels, sample })
    };
    look().map_err(|error: DataFusionError| spool::failure(&error))
}

fn find(project: &Project, name: &str) -> Result<TableName> {
    let bare = name.strip_prefix("segment.").unwrap_or(name);
    let table = Name::new(bare).map(|name| TableName::new(Layer::Segment, name));
    if let Some(table) = table.filter(|table| project.files.contains_key(table)) {
        return Ok(table);
    }
    let names: Vec<_> = project.segmentations().map(|known| known.name.as_str()).collect();
    let help = match nearest(bare, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", names.join(", ")),
    };
    Err(Error::Setting { message: format!("there is no segmentation `{bare}`"), help })
}

/// Every so many rows one: a look at the first ones would show one segment only.
fn spread(rows: &RecordBatch, limit: usize) -> Result<RecordBatch, DataFusionError> {
    let shown = limit.min(rows.num_rows());
    let at = (0..shown).map(|nth| (nth * rows.num_rows() / shown) as u64);
    Ok(take_record_batch(rows, &at.collect::<UInt64Array>())?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{AsArray, Int64Array};
    use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    #[test]
    fn a_sample_is_spread_over_all_rows_and_never_longer_than_they_are() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let rows =
            RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(0..10))]);
        let rows = rows.unwrap();
        let sample = |limit| {
            let sample = spread(&rows, limit).unwrap();
            sample.column(0).as_primitive::<Int64Type>().values().to_vec()
        };
        assert_eq!(sample(3), [0, 3, 6]);
        assert_eq!(sample(0), [0_i64; 0]);
        assert_eq!(sample(99).len(), 10);
    }
}
