//! The functions of `datafusion-functions-segmentation` as capsules, which the `datafusion` package of Python registers.

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::registry::MemoryFunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion_ffi::udaf::FFI_AggregateUDF;
use datafusion_ffi::udf::FFI_ScalarUDF;
use datafusion_ffi::udwf::FFI_WindowUDF;
use datafusion_functions_segmentation::{AsOf, register_all, register_clock};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

#[pyclass(frozen)]
struct Scalar(Arc<ScalarUDF>);

#[pymethods]
impl Scalar {
    fn __datafusion_scalar_udf__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let function = FFI_ScalarUDF::from(Arc::clone(&self.0));
        PyCapsule::new_with_value(py, function, c"datafusion_scalar_udf")
    }
}

#[pyclass(frozen)]
struct Aggregate(Arc<AggregateUDF>);

#[pymethods]
impl Aggregate {
    fn __datafusion_aggregate_udf__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let function = FFI_AggregateUDF::from(Arc::clone(&self.0));
        PyCapsule::new_with_value(py, function, c"datafusion_aggregate_udf")
    }
}

#[pyclass(frozen)]
struct Window(Arc<WindowUDF>);

#[pymethods]
impl Window {
    fn __datafusion_window_udf__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let function = FFI_WindowUDF::from(Arc::clone(&self.0));
        PyCapsule::new_with_value(py, function, c"datafusion_window_udf")
    }
}

type Functions = (Vec<Scalar>, Vec<Aggregate>, Vec<Window>);

/// All functions; without `as_of` the clock's refuse every query. A zone is an IANA name, UTC if left out.
#[pyfunction]
#[pyo3(signature = (as_of=None, time_zone=None))]
fn functions(as_of: Option<NaiveDate>, time_zone: Option<&str>) -> PyResult<Functions> {
    let night = match (as_of, time_zone) {
        (Some(day), zone) => Some(night(day, zone.unwrap_or("UTC"))?),
        (None, None) => None,
        (None, Some(_)) => {
            return Err(PyValueError::new_err("time_zone is the zone of as_of; give both"));
        }
    };
    all(night).map_err(|fault| PyRuntimeError::new_err(fault.to_string()))
}

fn night(day: NaiveDate, time_zone: &str) -> PyResult<AsOf> {
    let zone: Tz = time_zone.parse().map_err(|_| {
        PyValueError::new_err(format!(
            "time_zone must be an IANA name such as Europe/Berlin, got {time_zone:?}"
        ))
    })?;
    AsOf::new(day, zone).ok_or_else(|| {
        PyValueError::new_err(format!("as_of must be a day with a day after it, got {day}"))
    })
}

fn all(night: Option<AsOf>) -> Result<Functions> {
    let mut registry = MemoryFunctionRegistry::new();
    register_all(&mut registry)?;
    if let Some(night) = night {
        register_clock(&mut registry, night)?;
    }
    let (scalar, aggregate, window) = (registry.udfs(), registry.udafs(), registry.udwfs());
    Ok((
        scalar.iter().map(|name| registry.udf(name).map(Scalar)).collect::<Result<_>>()?,
        aggregate.iter().map(|name| registry.udaf(name).map(Aggregate)).collect::<Result<_>>()?,
        window.iter().map(|name| registry.udwf(name).map(Window)).collect::<Result<_>>()?,
    ))
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(functions, module)?)
}
