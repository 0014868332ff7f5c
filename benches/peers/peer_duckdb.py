"""DuckDB. Env: DUCKDB_MEM (memory_limit), THREADS. VARIANT=sql (idiomatic, default) | fused (bit_or distincts, single scan segments)
segments MODE: separate (N COPY statements) | union (one UNION ALL) | fused (one scan, UNNEST of matching ids)"""

import os, duckdb
from job import *

data, out, part, n, mode = parse_args()
fused = os.environ.get("VARIANT", "sql") == "fused"
con = duckdb.connect()
con.execute(
    f"SET threads={os.environ.get('THREADS', '2')}; SET preserve_insertion_order=false; SET temp_directory='{out}/tmp'"
)
if os.environ.get("DUCKDB_MEM"):
    con.execute(f"SET memory_limit='{os.environ['DUCKDB_MEM']}'")
d = dict(
    ts=lambda s: f"TIMESTAMP '{s}'",
    dt=lambda s: f"DATE '{s}'",
    days=lambda x: f"(DATE '{AS_OF}' - ({x})::DATE)",
    daysto=lambda x: f"({x} - DATE '{AS_OF}')",
    idiv=lambda a, b: f"(({a}) // ({b}))",
    date=lambda x: f"{x}::DATE",
    dbl=lambda x: f"({x})::DOUBLE",
    evpart=f"dt >= DATE '{EV_PART_FROM}'",
    argmax=lambda v, k: f"arg_max({v}, {k})",
)
P = lambda t: f"read_parquet('{data}/{t}/*.parquet')"
orders = f"read_parquet('{data}/orders/*/*.parquet', hive_partitioning=true)"
events = f"read_parquet('{data}/usage_events/*/*.parquet', hive_partitioning=true)"
rel = {t: P(t) for t in ("accounts", "contracts", "tickets", "surveys")}
rfm, usage = rfm_sql(d, orders), usage_sql(d, events)
if fused:
    con.execute("CREATE TYPE feat AS ENUM (" + ",".join(map(lit, FEATURES)) + ")")
    usage = f"""SELECT account_id, bit_count(bit_or(1::HUGEINT << (DATE '{AS_OF}' - ts::DATE)))::INT AS active_days_90,
      bit_count(bit_or(1::BIGINT << enum_code(feature::feat)))::INT AS features_90,
      coalesce(sum(coalesce("count", 1)) FILTER (ts >= TIMESTAMP '{W28}'), 0)::BIGINT AS events_28,
      coalesce(sum(coalesce("count", 1)) FILTER (ts >= TIMESTAMP '{W56}' AND ts < TIMESTAMP '{W28}'), 0)::BIGINT AS events_prev28,
      {d["days"]("max(ts)")} AS days_since_active
      FROM {events} WHERE account_id IS NOT NULL AND {d["evpart"]} AND ts >= TIMESTAMP '{W90}' AND ts < TIMESTAMP '{AS_OF}' GROUP BY account_id"""
Z = "(FORMAT parquet, COMPRESSION zstd)"
copy = lambda q, f: con.execute(f"COPY ({q}) TO '{out}/{f}.parquet' {Z}")


def seg(src, segs, mode):
    if mode == "separate":
        for s, a, sc in segs:
            copy(
                f"SELECT '{s}' AS segment, account_id, {sc}::DOUBLE AS score FROM {src} WHERE {to_sql(a)}",
                f"membership_{s}",
            )
    elif mode == "union":
        copy(seg_union_sql(segs, src, d["dbl"]), "membership")
    else:  # fused: one scan; list of matching segment numbers per row, then unnest
        hits = ", ".join(f"CASE WHEN {to_sql(a)} THEN {i} END" for i, (_, a, _) in enumerate(segs))
        sc = (
            "CASE ["
            + ",".join(str(SCORES.index(c)) for _, _, c in segs)
            + "][k + 1] "
            + " ".join(f"WHEN {i} THEN {c}::DOUBLE" for i, c in enumerate(SCORES))
            + " END"
        )
        names = "[" + ",".join(f"'{s}'" for s, _, _ in segs) + "]"
        copy(
            f"SELECT {names}[k + 1] AS segment, account_id, {sc} AS score FROM (SELECT account_id, {','.join(SCORES)}, unnest([{hits}]) AS k FROM {src}) WHERE k IS NOT NULL",
            "membership",
        )


if part == "rfm":
    copy(rfm, "rfm")
elif part == "usage":
    copy(usage, "usage")
elif part == "features":
    copy(features_sql(d, rel, rfm, usage), "features")
elif part == "segments":
    seg(f"read_parquet('{data}')", segments(n), mode or "fused")
elif part == "all":
    con.execute(f"CREATE TEMP TABLE features AS {features_sql(d, rel, rfm, usage)}")
    seg("features", segments(n), mode or ("fused" if fused else "union"))
elif part == "scan":  # physical limit: decode the needed columns only, cheapest aggregate over each
    print(con.execute(f"SELECT max(account_id), max(ts), sum(amount), max(status) FROM {orders}").fetchall())
    print(
        con.execute(
            f'SELECT max(account_id), max(ts), max(feature), sum("count") FROM {events} WHERE {d["evpart"]}'
        ).fetchall()
    )
