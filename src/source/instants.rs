//! Times of files that have no zone are UTC's: the same number, with another name. The engine's cast asks the calendar for each
//! of them, as it would have to for other zones.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, cast};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

/// Fits what is asked of a file to the columns that it has.
#[derive(Debug)]
pub(super) struct Instants;

impl PhysicalExprAdapterFactory for Instants {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let default = DefaultPhysicalExprAdapterFactory.create(table, Arc::clone(&file))?;
        Ok(Arc::new(OfFile { default, file }))
    }
}

#[derive(Debug)]
struct OfFile {
    default: Arc<dyn PhysicalExprAdapter>,
    file: SchemaRef,
}

impl PhysicalExprAdapter for OfFile {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let fitted = self.default.rewrite(expr)?;
        Ok(fitted.transform_up(|expr| self.renamed(expr))?.data)
    }
}

impl OfFile {
    fn renamed(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
        let Some(to_utc) = expr.downcast_ref::<CastExpr>() else {
            return Ok(Transformed::no(expr));
        };
        let (DataType::Timestamp(unit, Some(zone)), DataType::Timestamp(_, None)) =
            (to_utc.cast_type(), to_utc.expr().data_type(&self.file)?)
        else {
            return Ok(Transformed::no(expr));
        };
        if zone.as_ref() != "UTC" {
            return Ok(Transformed::no(expr));
        }
        let mut value = Arc::clone(to_utc.expr());
        for step in [DataType::Timestamp(*unit, None), DataType::Int64, to_utc.cast_type().clone()]
        {
            value = cast(value, &self.file, step)?;
        }
        Ok(Transformed::yes(value))
    }
}
