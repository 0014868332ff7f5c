"""ClickHouse in-process (chdb). Env: THREADS, CH_MEM (max_memory_usage bytes), CH_SPILL (max_bytes_before_external_group_by)
segments MODE: separate | union | fused (ARRAY JOIN over one scan). VARIANT=fused: bitmask group-by for usage"""

import os, chdb
from chdb import session
from job import *

data, out, part, n, mode = parse_args()
data = os.path.abspath(data)
out = os.path.abspath(out)
fused = os.environ.get("VARIANT", "sql") == "fused"
s = session.Session()
S = {
    "max_threads": os.environ.get("THREADS", "2"),
    "join_use_nulls": 1,
    "cast_keep_nullable": 1,
    "use_hive_partitioning": 1,
    "union_default_mode": "'ALL'",
    "output_format_parquet_compression_method": "'zstd'",
    "prefer_column_name_to_alias": 1,
    "max_query_size": 100000000,
    "max_ast_elements": 10000000,
    "max_expanded_ast_elements": 10000000,
    "max_ast_depth": 100000,
    "output_format_parquet_string_as_string": 1,
    "engine_file_truncate_on_insert": 1,
    "max_parser_depth": 100000,
    "max_parser_backtracks": 100000000,
    "max_subquery_depth": 10000,
}
if os.environ.get("CH_MEM"):
    S["max_memory_usage"] = os.environ["CH_MEM"]
if os.environ.get("CH_SPILL"):
    S["max_bytes_before_external_group_by"] = S["max_bytes_before_external_sort"] = os.environ["CH_SPILL"]
SET = " SETTINGS " + ", ".join(f"{k}={v}" for k, v in S.items())
q = lambda sql: s.query(sql + SET)
d = dict(
    ts=lambda x: f"toDateTime64('{x} 00:00:00', 6, 'UTC')",
    dt=lambda x: f"toDate32('{x}')",
    days=lambda x: f"dateDiff('day', toDate32({x}, 'UTC'), toDate32('{AS_OF}'))",
    daysto=lambda x: f"dateDiff('day', toDate32('{AS_OF}'), toDate32({x}))",
    idiv=lambda a, b: f"intDiv(toInt64({a}), toInt64({b}))",
    date=lambda x: f"toDate({x}, 'UTC')",
    dbl=lambda x: f"toFloat64({x})",
    evpart=f"dt >= toDate('{EV_PART_FROM}')",
    argmax=lambda v, k: f"argMax({v}, {k})",
)
F = lambda p: f"file('{data}/{p}', Parquet)"
orders, events = F("orders/*/*.parquet"), F("usage_events/*/*.parquet")
rel = {t: F(f"{t}/*.parquet") for t in ("accounts", "contracts", "tickets", "surveys")}
rfm, usage = rfm_sql(d, orders), usage_sql(d, events)
if fused:
    usage = f"""SELECT account_id, bitCount(groupBitOr(bitShiftLeft(toUInt128(1), dateDiff('day', toDate(ts, 'UTC'), toDate('{AS_OF}'))))) AS active_days_90,
      bitCount(groupBitOr(bitShiftLeft(toUInt64(1), transform(assumeNotNull(feature), [{",".join(map(lit, FEATURES))}], [{",".join(map(str, range(40)))}], 63)))) AS features_90,
      toInt64(sum(if(ts >= {d["ts"](W28)}, coalesce("count", 1), 0))) AS events_28, toInt64(sum(if(ts >= {d["ts"](W56)} AND ts < {d["ts"](W28)}, coalesce("count", 1), 0))) AS events_prev28,
      {d["days"]("max(ts)")} AS days_since_active FROM {events} WHERE account_id IS NOT NULL AND {d["evpart"]} AND ts >= {d["ts"](W90)} AND ts < {d["ts"](AS_OF)} GROUP BY account_id"""
copy = lambda sql, f: q(f"INSERT INTO FUNCTION file('{out}/{f}.parquet', Parquet) {sql}")


def seg(src, segs, mode):
    if mode == "separate":
        for x, a, sc in segs:
            copy(
                f"SELECT '{x}' AS segment, account_id, toFloat64({sc}) AS score FROM {src} WHERE {to_sql(a)}",
                f"membership_{x}",
            )
    elif mode == "union":
        copy(seg_union_sql(segs, src, d["dbl"]), "membership")
    else:
        hits = ", ".join(f"if({to_sql(a)}, {i}, -1)" for i, (_, a, _) in enumerate(segs))
        names = "[" + ",".join(f"'{x}'" for x, _, _ in segs) + "]"
        sc = (
            "["
            + ",".join(f"toFloat64({c})" for c in SCORES)
            + "][ ["
            + ",".join(str(1 + SCORES.index(c)) for _, _, c in segs)
            + "][k + 1] ]"
        )
        copy(
            f"SELECT {names}[k + 1] AS segment, account_id, {sc} AS score FROM {src} ARRAY JOIN arrayFilter(x -> x >= 0, [{hits}]) AS k",
            "membership",
        )


feat = lambda: f"SELECT {','.join(FEATURE_COLS)} FROM ({features_sql(d, rel, rfm, usage)})"
if part == "rfm":
    copy(rfm, "rfm")
elif part == "usage":
    copy(usage, "usage")
elif part == "features":
    copy(feat(), "features")
elif part == "segments":
    seg(f"file('{data}', Parquet)", segments(n), mode or "fused")
elif part == "all":
    s.query("CREATE DATABASE IF NOT EXISTS b")
    q(f"CREATE TABLE b.features ENGINE = Memory AS {feat()}")
    seg("b.features", segments(n), mode or "fused")
elif part == "scan":
    print(q(f"SELECT max(account_id), max(ts), sum(amount), max(status) FROM {orders}"))
    print(q(f'SELECT max(account_id), max(ts), max(feature), sum("count") FROM {events} WHERE {d["evpart"]}'))
