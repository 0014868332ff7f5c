"""Polars lazy + streaming engine. Env: POLARS_MAX_THREADS (default 2), VARIANT=sql (n_unique) | fused (bit masks), POLARS_ENGINE=streaming|in-memory
segments MODE: separate (one filter per segment over the in-memory frame, rechunk once) | union (lazy concat, collected by the engine) | fused"""

import os

os.environ.setdefault("POLARS_MAX_THREADS", os.environ.get("THREADS", "2"))
import datetime as dt, polars as pl
from job import *

data, out, part, n, mode = parse_args()
ENG = os.environ.get("POLARS_ENGINE", "streaming")
fused = os.environ.get("VARIANT", "sql") == "fused"
D = dt.date.fromisoformat
T = lambda s: dt.datetime.fromisoformat(s)
c = pl.col
asof = pl.lit(D(AS_OF))
days = lambda e: (asof - e.cast(pl.Date)).dt.total_days()
orders = lambda: pl.scan_parquet(f"{data}/orders/**/*.parquet", hive_partitioning=True, try_parse_hive_dates=False)
events = lambda: pl.scan_parquet(
    f"{data}/usage_events/**/*.parquet", hive_partitioning=True, try_parse_hive_dates=True
).filter(c("dt") >= D(EV_PART_FROM))
P = lambda t: pl.scan_parquet(f"{data}/{t}/*.parquet")


def rfm():
    paid, w365 = c("status") == "paid", c("ts") >= T(W365)
    o = (
        orders()
        .filter(c("account_id").is_not_null(), c("ts") < T(AS_OF))
        .group_by("account_id")
        .agg(
            pl.when(paid).then(c("ts")).max().alias("last_paid"),
            (paid & w365).sum().cast(pl.Int64).alias("frequency"),
            pl.when(w365 & paid)
            .then(c("amount"))
            .when(w365 & (c("status") == "refunded"))
            .then(-c("amount"))
            .otherwise(None)
            .sum()
            .alias("monetary"),
            ((c("status") == "failed") & (c("ts") >= T(W90))).sum().cast(pl.Int64).alias("failed_90"),
        )
        .filter(c("last_paid").is_not_null())
    )
    q = lambda e: (5 * (e.rank("min").cast(pl.Int64) - 1)) // pl.len().cast(pl.Int64)
    o = o.select(
        "account_id", days(c("last_paid")).alias("recency_days"), "frequency", c("monetary").fill_null(0), "failed_90"
    )
    return o.with_columns(
        (5 - q(c("recency_days"))).alias("r"), (1 + q(c("frequency"))).alias("f"), (1 + q(c("monetary"))).alias("m")
    )


def usage():
    e = events().filter(c("account_id").is_not_null(), c("ts") >= T(W90), c("ts") < T(AS_OF))
    cnt = c("count").fill_null(1)
    if fused:
        day = (c("ts").cast(pl.Date) - pl.lit(D(W90))).dt.total_days()
        two = pl.lit(2, pl.UInt64)
        e = e.with_columns(
            pl.when(day < 60).then(two.pow(day)).otherwise(0).cast(pl.UInt64).alias("d0"),
            pl.when(day >= 60).then(two.pow(day - 60)).otherwise(0).cast(pl.UInt64).alias("d1"),
            two.pow(c("feature").cast(pl.Enum(FEATURES)).to_physical()).cast(pl.UInt64).alias("fb"),
        )
        nd = c("d0").bitwise_or().bitwise_count_ones() + c("d1").bitwise_or().bitwise_count_ones()
        nf = c("fb").bitwise_or().bitwise_count_ones()
    else:
        nd, nf = c("ts").cast(pl.Date).n_unique(), c("feature").n_unique()
    return (
        e.group_by("account_id")
        .agg(
            nd.cast(pl.Int64).alias("active_days_90"),
            nf.cast(pl.Int64).alias("features_90"),
            pl.when(c("ts") >= T(W28)).then(cnt).otherwise(0).cast(pl.Int64).sum().alias("events_28"),
            pl.when((c("ts") >= T(W56)) & (c("ts") < T(W28)))
            .then(cnt)
            .otherwise(0)
            .cast(pl.Int64)
            .sum()
            .alias("events_prev28"),
            c("ts").max().alias("mx"),
        )
        .with_columns(days(c("mx")).alias("days_since_active"))
        .drop("mx")
    )


def features():
    tk = (
        P("tickets")
        .filter(c("account_id").is_not_null())
        .group_by("account_id")
        .agg(
            c("closed_at").is_null().sum().cast(pl.Int64).alias("open_tickets"),
            (c("opened_at") >= T(W90)).sum().cast(pl.Int64).alias("tickets_90"),
            ((c("opened_at") >= T(W90)) & c("severity").is_in(["sev1", "sev2"])).sum().cast(pl.Int64).alias("sev12_90"),
            pl.when(c("opened_at") >= T(W180)).then(c("csat")).cast(pl.Int64).sum().alias("csat_s"),
            pl.when(c("opened_at") >= T(W180)).then(c("csat")).count().cast(pl.Int64).alias("csat_n"),
        )
    )
    ct = (
        P("contracts")
        .filter(c("status") == "active")
        .group_by("account_id")
        .agg(
            c("mrr").sum().cast(pl.Float64),
            c("seats").cast(pl.Int64).sum(),
            pl.when(c("renewal_date") >= D(AS_OF)).then(c("renewal_date")).min().alias("nr"),
        )
        .with_columns((c("nr") - asof).dt.total_days().alias("days_to_renewal"))
        .drop("nr")
    )
    nps = (
        P("surveys")
        .filter(c("nps").is_not_null())
        .group_by("account_id")
        .agg(c("nps").sort_by("ts").last().cast(pl.Int32).alias("nps_last"))
    )
    j = P("accounts").select(
        "account_id", "industry", "country", "plan", "csm", "employees", days(c("created_at")).alias("age_days")
    )
    for x in (rfm(), usage(), tk, ct, nps):
        j = j.join(x, on="account_id", how="left")
    z = [
        "frequency",
        "failed_90",
        "active_days_90",
        "features_90",
        "events_28",
        "events_prev28",
        "open_tickets",
        "tickets_90",
        "sev12_90",
    ]
    w = pl.when
    r, f, m = c("r"), c("f"), c("m")
    j = j.with_columns(
        c("monetary").cast(pl.Float64).fill_null(0.0),
        *[c(k).fill_null(0) for k in z],
        w(c("csat_n") > 0).then(c("csat_s").cast(pl.Float64) / c("csat_n").cast(pl.Float64)).alias("csat_avg"),
    )
    low = w(c("csat_avg") < 3).then(20).otherwise(0)
    sup = 10 * c("open_tickets") + 15 * c("sev12_90") + low
    j = j.with_columns(
        w(r.is_null())
        .then(pl.lit("no_orders"))
        .when((r >= 4) & (f >= 4) & (m >= 4))
        .then(pl.lit("champions"))
        .when((f >= 4) & (r >= 3))
        .then(pl.lit("loyal"))
        .when((r >= 4) & (f == 1))
        .then(pl.lit("new"))
        .when((r <= 2) & (f >= 4) & (m >= 4))
        .then(pl.lit("cant_lose"))
        .when((r <= 2) & (f >= 3))
        .then(pl.lit("at_risk"))
        .when((r <= 2) & (f <= 2))
        .then(pl.lit("hibernating"))
        .when((r >= 3) & (f <= 2))
        .then(pl.lit("promising"))
        .otherwise(pl.lit("need_attention"))
        .alias("rfm_label"),
        w(c("active_days_90") >= 60).then(100).otherwise(c("active_days_90") * 100 // 60).alias("c_usage"),
        w(c("features_90") >= 20).then(100).otherwise(c("features_90") * 5).alias("c_adoption"),
        w(c("events_28") == 0)
        .then(0)
        .when((c("events_prev28") == 0) | (c("events_28") * 10 >= c("events_prev28") * 12))
        .then(100)
        .when(c("events_28") >= c("events_prev28"))
        .then(80)
        .when(c("events_28") * 10 >= c("events_prev28") * 8)
        .then(60)
        .when(c("events_28") * 2 >= c("events_prev28"))
        .then(30)
        .otherwise(0)
        .alias("c_trend"),
        w(sup >= 100).then(0).otherwise(100 - sup).alias("c_support"),
        w(r.is_null())
        .then(None)
        .when(c("failed_90") >= 4)
        .then(0)
        .otherwise(100 - 25 * c("failed_90"))
        .alias("c_billing"),
        (c("nps_last") * 10).alias("c_nps"),
    )
    num = (
        30 * c("c_usage")
        + 20 * c("c_adoption")
        + 15 * c("c_trend")
        + 15 * c("c_support")
        + (10 * c("c_billing")).fill_null(0)
        + (10 * c("c_nps")).fill_null(0)
    )
    den = 80 + w(c("c_billing").is_null()).then(0).otherwise(10) + w(c("c_nps").is_null()).then(0).otherwise(10)
    return j.with_columns((num.cast(pl.Float64) / den.cast(pl.Float64)).alias("health")).select(FEATURE_COLS)


def sink(lf, f):
    lf.sink_parquet(f"{out}/{f}.parquet", compression="zstd", compression_level=3, engine=ENG)


def seg(df, segs, mode):
    sel = lambda f, s, a, sc: f.filter(to_polars(a)).select(
        pl.lit(s).alias("segment"), "account_id", c(sc).cast(pl.Float64).alias("score")
    )
    if mode == "separate":  # N independent lazy queries
        for s in segs:
            sink(sel(df.lazy() if isinstance(df, pl.DataFrame) else pl.scan_parquet(df), *s), f"membership_{s[0]}")
    elif mode == "union":  # one lazy plan, engine shares what it can (CSE)
        lf = df.lazy() if isinstance(df, pl.DataFrame) else pl.scan_parquet(df)
        sink(pl.concat([sel(lf, *s) for s in segs]), "membership")
    else:  # fused: one projection evaluates all predicates, then gather per mask
        if not isinstance(df, pl.DataFrame):
            df = pl.scan_parquet(df).collect(engine=ENG)
        masks = (
            df.lazy().select([to_polars(a).fill_null(False).alias(s) for s, a, _ in segs]).collect(engine="in-memory")
        )
        pl.concat(
            [
                df.select("account_id", c(sc).cast(pl.Float64).alias("score"))
                .filter(masks[s])
                .select(pl.lit(s).alias("segment"), "account_id", "score")
                for s, _, sc in segs
            ]
        ).write_parquet(f"{out}/membership.parquet", compression="zstd", compression_level=3)


if part == "rfm":
    sink(rfm(), "rfm")
elif part == "usage":
    sink(usage(), "usage")
elif part == "features":
    sink(features(), "features")
elif part == "segments":
    seg(data, segments(n), mode or "fused")
elif part == "all":
    seg(features().collect(engine=ENG), segments(n), mode or "fused")
elif part == "scan":
    print(
        orders().select(c("account_id").max(), c("ts").max(), c("amount").sum(), c("status").max()).collect(engine=ENG)
    )
    print(
        events().select(c("account_id").max(), c("ts").max(), c("feature").max(), c("count").sum()).collect(engine=ENG)
    )
