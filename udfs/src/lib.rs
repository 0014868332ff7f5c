//! Functions.
mod as_of;
pub use as_of::AsOf;
/// temporary
pub fn register_all(
    _: &mut dyn datafusion::execution::FunctionRegistry,
) -> datafusion::error::Result<()> {
    Ok(())
}
/// temporary
pub fn register_clock(
    _: &mut dyn datafusion::execution::FunctionRegistry,
    _: AsOf,
) -> datafusion::error::Result<()> {
    Ok(())
}
