"""Apache DataFusion Python wheel, built-in functions only. Env: THREADS, DF_MEM_MB (fair spill pool), DF_PUSHDOWN=1.
segments MODE: separate | union | fused (one scan, unnest(make_array(CASE ..)))"""

import os, pyarrow as pa
from datafusion import SessionContext, SessionConfig, RuntimeEnvBuilder
from job import *

data, out, part, n, mode = parse_args()
cfg = (
    SessionConfig()
    .with_target_partitions(int(os.environ.get("THREADS", "2")))
    .set("datafusion.execution.parquet.pushdown_filters", os.environ.get("DF_PUSHDOWN", "false"))
)
for kv in filter(None, os.environ.get("DF_SET", "").split(";")):
    cfg = cfg.set(*kv.split("="))
rt = RuntimeEnvBuilder().with_disk_manager_os()
if os.environ.get("DF_MEM_MB"):
    rt = rt.with_fair_spill_pool(int(os.environ["DF_MEM_MB"]) << 20)
ctx = SessionContext(cfg, rt)
I = lambda x: f"arrow_cast(CAST({x} AS DATE), 'Int32')"
d = dict(
    ts=lambda s: f"TIMESTAMP '{s}T00:00:00'",
    dt=lambda s: f"DATE '{s}'",
    days=lambda x: f"({I(lit(AS_OF))} - {I(x)})",
    daysto=lambda x: f"({I(x)} - {I(lit(AS_OF))})",
    idiv=lambda a, b: f"(CAST({a} AS BIGINT) / CAST({b} AS BIGINT))",
    date=lambda x: f"CAST({x} AS DATE)",
    dbl=lambda x: f"CAST({x} AS DOUBLE)",
    evpart=f"dt >= '{EV_PART_FROM}'",
    argmax=lambda v, k: f"last_value({v} ORDER BY {k})",
)
if part != "segments":
    for t in ("accounts", "contracts", "tickets", "surveys"):
        ctx.register_parquet(t, f"{data}/{t}/")
    ctx.register_parquet("orders", f"{data}/orders/", table_partition_cols=[("month", pa.string())])
    ctx.register_parquet("events", f"{data}/usage_events/", table_partition_cols=[("dt", pa.string())])
rel = {t: t for t in ("accounts", "contracts", "tickets", "surveys")}
rfm, usage = rfm_sql(d, "orders"), usage_sql(d, "events")
if (
    os.environ.get("VARIANT") == "fused"
):  # bit_or of day/feature bits + popcount in shifts and masks (no bit_count built in)
    day = f"({I('ts')} - {I(lit(W90))})"
    bit = "CASE feature " + " ".join(f"WHEN {lit(f)} THEN {1 << i}" for i, f in enumerate(FEATURES)) + " END"
    q = f"""SELECT account_id, bit_or(CASE WHEN {day} < 45 THEN arrow_cast(1, 'Int64') << {day} ELSE 0 END) AS w0, bit_or(CASE WHEN {day} >= 45 THEN arrow_cast(1, 'Int64') << ({day} - 45) ELSE 0 END) AS w1,
      bit_or({bit}) AS w2, sum(CASE WHEN ts >= {d["ts"](W28)} THEN coalesce("count", 1) ELSE 0 END) AS events_28,
      sum(CASE WHEN ts >= {d["ts"](W56)} AND ts < {d["ts"](W28)} THEN coalesce("count", 1) ELSE 0 END) AS events_prev28, max(ts) AS mx
      FROM events WHERE account_id IS NOT NULL AND {d["evpart"]} AND ts >= {d["ts"](W90)} AND ts < {d["ts"](AS_OF)} GROUP BY account_id"""
    st = lambda f: ", ".join(f"{f(w)} AS {w}" for w in ("w0", "w1", "w2"))
    keep = "account_id, events_28, events_prev28, mx"
    for f in (
        lambda w: f"{w} - (({w} >> 1) & 6148914691236517205)",
        lambda w: f"({w} & 3689348814741910323) + (({w} >> 2) & 3689348814741910323)",
        lambda w: f"({w} + ({w} >> 4)) & 1085102592571150095",
        lambda w: f"{w} + ({w} >> 8)",
        lambda w: f"{w} + ({w} >> 16)",
        lambda w: f"({w} + ({w} >> 32)) & 127",
    ):
        q = f"SELECT {keep}, {st(f)} FROM ({q})"
    usage = f"SELECT account_id, w0 + w1 AS active_days_90, w2 AS features_90, events_28, events_prev28, {d['days']('mx')} AS days_since_active FROM ({q})"


def copy(q, f):
    ctx.sql(f"COPY ({q}) TO '{out}/{f}.parquet' STORED AS PARQUET OPTIONS ('format.compression' 'zstd(3)')").collect()


def seg(src, segs, mode):
    if mode == "separate":
        for s, a, sc in segs:
            copy(
                f"SELECT '{s}' AS segment, account_id, CAST({sc} AS DOUBLE) AS score FROM {src} WHERE {to_sql(a)}",
                f"membership_{s}",
            )
    elif mode == "union":
        copy(seg_union_sql(segs, src, d["dbl"]), "membership")
    else:
        hits = ", ".join(f"CASE WHEN {to_sql(a)} THEN {i} END" for i, (_, a, _) in enumerate(segs))
        names = "make_array(" + ",".join(f"'{s}'" for s, _, _ in segs) + ")"
        sc = (
            "CASE make_array("
            + ",".join(str(SCORES.index(c)) for _, _, c in segs)
            + ")[k + 1] "
            + " ".join(f"WHEN {i} THEN CAST({c} AS DOUBLE)" for i, c in enumerate(SCORES))
            + " END"
        )
        copy(
            f"SELECT {names}[k + 1] AS segment, account_id, {sc} AS score FROM (SELECT account_id, {','.join(SCORES)}, unnest(make_array({hits})) AS k FROM {src}) WHERE k IS NOT NULL",
            "membership",
        )


if part == "rfm":
    copy(rfm, "rfm")
elif part == "usage":
    copy(usage, "usage")
elif part == "features":
    copy(f"SELECT {','.join(FEATURE_COLS)} FROM ({features_sql(d, rel, rfm, usage)})", "features")
elif part == "segments":
    ctx.register_parquet("features", data)
    seg("features", segments(n), mode or "union")
elif part == "all":
    # cache() = materialise the feature table once in memory (otherwise UNION ALL re-runs the whole plan per segment)
    df = ctx.sql(f"SELECT {','.join(FEATURE_COLS)} FROM ({features_sql(d, rel, rfm, usage)})").cache()
    ctx.register_view("features", df) if hasattr(ctx, "register_view") else ctx.register_table("features", df)
    seg("features", segments(n), mode or "union")
elif part == "scan":
    print(ctx.sql("SELECT max(account_id), max(ts), sum(amount), max(status) FROM orders").collect())
    print(
        ctx.sql(
            f'SELECT max(account_id), max(ts), max(feature), sum("count") FROM events WHERE {d["evpart"]}'
        ).collect()
    )
