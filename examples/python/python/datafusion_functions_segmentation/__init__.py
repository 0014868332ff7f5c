"""SQL functions for customer health, churn and RFM, for a session of the datafusion package."""

import datetime

from datafusion import SessionContext, udaf, udf, udwf

from . import _native

__all__ = ["register_all"]


def register_all(ctx: SessionContext, as_of: datetime.date | None = None, time_zone: str | None = None) -> None:
    """Adds every function to the session.

    `as_of` is the day that `as_of()` and `as_of_end()` answer, as people in `time_zone` live it (an IANA name; UTC if left
    out). Without a day, queries with the two are refused. Called again, it sets another day for queries made from then on.
    """
    scalar, aggregate, window = _native.functions(as_of, time_zone)
    for function in scalar:
        ctx.register_udf(udf(function))
    for function in aggregate:
        ctx.register_udaf(udaf(function))
    for function in window:
        ctx.register_udwf(udwf(function))
