"""The job, stated once: constants, segment generator (neutral AST) and compilers to SQL / Polars / pandas masks.
Three-valued logic: a clause over NULL never matches; only 'null'/'notnull' look at nullness. NOT IN over NULL does not match."""

import random

AS_OF = "2026-01-01"  # exclusive; all windows end here
W365, W90, W56, W28, W180 = "2025-01-01", "2025-10-03", "2025-11-06", "2025-12-04", "2025-07-05"
EV_PART_FROM = "2025-10-02"  # partition pruning for the 90-day window: one day of slack for clock skew
FEATURES = [
    f"{a}.{b}"
    for a in ["dashboard", "report", "export", "import", "api", "alert", "share", "admin", "billing", "workflow"]
    for b in ["view", "create", "edit", "delete"]
]
INDUSTRIES = [
    "software",
    "fintech",
    "retail",
    "healthcare",
    "manufacturing",
    "logistics",
    "education",
    "media",
    "energy",
    "telecom",
    "insurance",
    "hospitality",
    "construction",
    "agriculture",
    "government",
    "nonprofit",
    "automotive",
    "pharma",
]
COUNTRIES = [
    "US",
    "GB",
    "DE",
    "FR",
    "CA",
    "AU",
    "NL",
    "IN",
    "BR",
    "ES",
    "IT",
    "SE",
    "CH",
    "JP",
    "SG",
    "PL",
    "IE",
    "DK",
    "NO",
    "MX",
    "BE",
    "AT",
    "FI",
    "NZ",
    "ZA",
]
LABELS = [
    "champions",
    "loyal",
    "new",
    "at_risk",
    "cant_lose",
    "hibernating",
    "promising",
    "need_attention",
    "no_orders",
]
# numeric column -> (low, high) thresholds, about the 40th..95th percentile band so that conjunctions stay selective
NUM = {
    "recency_days": (1, 120),
    "frequency": (5, 200),
    "monetary": (5e3, 5e5),
    "r": (1, 5),
    "f": (1, 5),
    "m": (1, 5),
    "failed_90": (1, 5),
    "active_days_90": (5, 75),
    "features_90": (3, 35),
    "events_28": (20, 1500),
    "days_since_active": (1, 40),
    "open_tickets": (1, 3),
    "tickets_90": (1, 8),
    "sev12_90": (1, 4),
    "csat_avg": (2, 4.5),
    "mrr": (100, 2000),
    "seats": (5, 300),
    "days_to_renewal": (15, 330),
    "nps_last": (3, 9),
    "health": (20, 90),
    "employees": (10, 800),
    "age_days": (60, 1500),
}
SCORES = ["health", "mrr", "monetary", "active_days_90", "recency_days", "nps_last"]
INTS = {
    "r",
    "f",
    "m",
    "failed_90",
    "open_tickets",
    "tickets_90",
    "sev12_90",
    "nps_last",
    "recency_days",
    "frequency",
    "active_days_90",
    "features_90",
    "events_28",
    "days_since_active",
    "seats",
    "days_to_renewal",
    "employees",
    "age_days",
}


def segments(n):
    """n deterministic segments: [(name, AST, score_column)]; AST = ('and'|'or', [..]) | (op, col, value...)"""
    r = random.Random(42)
    out = []

    def val(c):
        lo, hi = NUM[c]
        v = lo * (hi / lo) ** r.random()
        return int(round(v)) if c in INTS else round(v, 2)

    def clause():
        k = r.random()
        if k < 0.62:
            c = r.choice(list(NUM))
            return (r.choice([">=", ">", "<", "<="]), c, val(c))
        if k < 0.70:
            c = r.choice(["recency_days", "active_days_90", "mrr", "health", "days_to_renewal", "age_days"])
            a, b = val(c), val(c)
            return ("between", c, min(a, b), max(a, b) + (5 if c in INTS else 5.0))
        if k < 0.78:
            return ("in", "industry", r.sample(INDUSTRIES, r.randint(1, 5)))
        if k < 0.84:
            return ("in", "country", r.sample(COUNTRIES, r.randint(1, 6)))
        if k < 0.90:
            return ("in", "plan", r.sample(["free", "starter", "pro", "enterprise"], r.randint(1, 2)))
        if k < 0.93:
            return ("notin", "rfm_label", r.sample(LABELS, r.randint(1, 3)))
        if k < 0.96:
            return ("in", "rfm_label", r.sample(LABELS, r.randint(1, 2)))
        if k < 0.98:
            return (r.choice(["null", "notnull"]), r.choice(["csm", "nps_last", "csat_avg", "mrr", "employees"]))
        return ("prefix", "csm", f"csm-{r.randint(0, 19):02d}")

    for i in range(n):
        cl = [clause() for _ in range(r.randint(2, 4))]
        if r.random() < 0.3:
            cl.append(("or", [clause(), clause()]))
        out.append((f"seg_{i:04d}", ("and", cl), r.choice(SCORES)))
    return out


def lit(v):
    return "'" + v + "'" if isinstance(v, str) else repr(v)


def to_sql(a):
    op = a[0]
    if op in ("and", "or"):
        return "(" + f" {op.upper()} ".join(to_sql(x) for x in a[1]) + ")"
    c = a[1]
    if op in (">=", ">", "<", "<="):
        return f"{c} {op} {lit(a[2])}"
    if op == "between":
        return f"{c} BETWEEN {lit(a[2])} AND {lit(a[3])}"
    if op in ("in", "notin"):
        return f"{c} {'NOT ' if op == 'notin' else ''}IN ({', '.join(map(lit, a[2]))})"
    if op == "null":
        return f"{c} IS NULL"
    if op == "notnull":
        return f"{c} IS NOT NULL"
    if op == "prefix":
        return f"{c} LIKE '{a[2]}%'"
    raise ValueError(op)


def to_polars(a):
    import polars as pl, functools, operator as o

    op = a[0]
    if op in ("and", "or"):
        return functools.reduce(o.and_ if op == "and" else o.or_, [to_polars(x) for x in a[1]])
    c = pl.col(a[1])
    if op in (">=", ">", "<", "<="):
        return {">=": o.ge, ">": o.gt, "<": o.lt, "<=": o.le}[op](c, a[2])
    if op == "between":
        return c.is_between(a[2], a[3])
    if op == "in":
        return c.is_in(a[2])
    if op == "notin":
        return ~c.is_in(a[2])
    if op == "null":
        return c.is_null()
    if op == "notnull":
        return c.is_not_null()
    if op == "prefix":
        return c.str.starts_with(a[2])


def to_mask(a, df):
    """pandas boolean mask with plain numpy semantics (comparisons with NaN are False)"""
    import functools, operator as o

    op = a[0]
    if op in ("and", "or"):
        return functools.reduce(o.and_ if op == "and" else o.or_, [to_mask(x, df) for x in a[1]])
    c = df[a[1]]
    if op in (">=", ">", "<", "<="):
        return {">=": o.ge, ">": o.gt, "<": o.lt, "<=": o.le}[op](c, a[2])
    if op == "between":
        return (c >= a[2]) & (c <= a[3])
    if op == "in":
        return c.isin(a[2])
    if op == "notin":
        return c.notna() & ~c.isin(a[2])
    if op == "null":
        return c.isna()
    if op == "notnull":
        return c.notna()
    if op == "prefix":
        return c.str.startswith(a[2], na=False).astype(bool)


# ---------------------------------------------------------------- feature table, one SQL for every SQL peer
# placeholders: {orders} {events} {tickets} {contracts} {surveys} {accounts} relations; {day(x)} etc. are supplied per dialect
def rfm_sql(d, orders):
    """d: dialect dict with keys days(a) -> int days from a to AS_OF, idiv(a,b)"""
    ts = d["ts"]
    return f"""
WITH o AS (SELECT account_id, max(CASE WHEN status = 'paid' THEN ts END) AS last_paid,
    count(CASE WHEN status = 'paid' AND ts >= {ts(W365)} THEN 1 END) AS frequency,
    sum(CASE WHEN ts >= {ts(W365)} THEN CASE WHEN status = 'paid' THEN amount WHEN status = 'refunded' THEN -amount END END) AS monetary,
    count(CASE WHEN status = 'failed' AND ts >= {ts(W90)} THEN 1 END) AS failed_90
  FROM {orders} WHERE account_id IS NOT NULL AND ts < {ts(AS_OF)} GROUP BY account_id),
p AS (SELECT account_id, {d["days"]("last_paid")} AS recency_days, frequency, coalesce(monetary, 0) AS monetary, failed_90
  FROM o WHERE last_paid IS NOT NULL)
SELECT account_id, recency_days, frequency, monetary, failed_90,
  5 - {d["idiv"]("5 * (rank() OVER (ORDER BY recency_days) - 1)", "count(*) OVER ()")} AS r,
  1 + {d["idiv"]("5 * (rank() OVER (ORDER BY frequency) - 1)", "count(*) OVER ()")} AS f,
  1 + {d["idiv"]("5 * (rank() OVER (ORDER BY monetary) - 1)", "count(*) OVER ()")} AS m
FROM p"""


def usage_sql(d, events):
    ts = d["ts"]
    return f"""
SELECT account_id, count(DISTINCT {d["date"]("ts")}) AS active_days_90, count(DISTINCT feature) AS features_90,
  CAST(sum(CASE WHEN ts >= {ts(W28)} THEN coalesce("count", 1) ELSE 0 END) AS BIGINT) AS events_28,
  CAST(sum(CASE WHEN ts >= {ts(W56)} AND ts < {ts(W28)} THEN coalesce("count", 1) ELSE 0 END) AS BIGINT) AS events_prev28,
  {d["days"]("max(ts)")} AS days_since_active
FROM {events} WHERE account_id IS NOT NULL AND {d["evpart"]} AND ts >= {ts(W90)} AND ts < {ts(AS_OF)} GROUP BY account_id"""


def features_sql(d, rel, rfm, usage):
    """rel: names of accounts/contracts/tickets/surveys relations; rfm/usage: relation names or subqueries"""
    ts, days, idiv = d["ts"], d["days"], d["idiv"]
    return f"""
WITH rfm AS ({rfm}), us AS ({usage}),
tk AS (SELECT account_id, count(CASE WHEN closed_at IS NULL THEN 1 END) AS open_tickets,
    count(CASE WHEN opened_at >= {ts(W90)} THEN 1 END) AS tickets_90,
    count(CASE WHEN opened_at >= {ts(W90)} AND severity IN ('sev1', 'sev2') THEN 1 END) AS sev12_90,
    sum(CASE WHEN opened_at >= {ts(W180)} THEN CAST(csat AS BIGINT) END) AS csat_s, count(CASE WHEN opened_at >= {ts(W180)} THEN csat END) AS csat_n
  FROM {rel["tickets"]} WHERE account_id IS NOT NULL GROUP BY account_id),
ct AS (SELECT account_id, {d["dbl"]("sum(mrr)")} AS mrr, CAST(sum(seats) AS BIGINT) AS seats,
    min(CASE WHEN renewal_date >= {d["dt"](AS_OF)} THEN renewal_date END) AS next_renewal
  FROM {rel["contracts"]} WHERE status = 'active' GROUP BY account_id),
nps AS (SELECT account_id, CAST({d["argmax"]("nps", "ts")} AS INT) AS nps_last FROM {rel["surveys"]} WHERE nps IS NOT NULL GROUP BY account_id),
j AS (SELECT a.account_id AS account_id, industry, country, plan, csm, employees, {days("created_at")} AS age_days,
    recency_days, coalesce(frequency, 0) AS frequency, coalesce({d["dbl"]("monetary")}, 0e0) AS monetary, r, f, m, coalesce(failed_90, 0) AS failed_90,
    coalesce(active_days_90, 0) AS active_days_90, coalesce(features_90, 0) AS features_90, coalesce(events_28, 0) AS events_28,
    coalesce(events_prev28, 0) AS events_prev28, days_since_active,
    coalesce(open_tickets, 0) AS open_tickets, coalesce(tickets_90, 0) AS tickets_90, coalesce(sev12_90, 0) AS sev12_90,
    CASE WHEN csat_n > 0 THEN {d["dbl"]("csat_s")} / {d["dbl"]("csat_n")} END AS csat_avg, mrr, seats, {d["daysto"]("next_renewal")} AS days_to_renewal, nps_last
  FROM {rel["accounts"]} a LEFT JOIN rfm ON a.account_id = rfm.account_id LEFT JOIN us ON a.account_id = us.account_id
  LEFT JOIN tk ON a.account_id = tk.account_id LEFT JOIN ct ON a.account_id = ct.account_id LEFT JOIN nps ON a.account_id = nps.account_id),
c AS (SELECT *, CASE WHEN r IS NULL THEN 'no_orders' WHEN r >= 4 AND f >= 4 AND m >= 4 THEN 'champions' WHEN f >= 4 AND r >= 3 THEN 'loyal'
    WHEN r >= 4 AND f = 1 THEN 'new' WHEN r <= 2 AND f >= 4 AND m >= 4 THEN 'cant_lose' WHEN r <= 2 AND f >= 3 THEN 'at_risk'
    WHEN r <= 2 AND f <= 2 THEN 'hibernating' WHEN r >= 3 AND f <= 2 THEN 'promising' ELSE 'need_attention' END AS rfm_label,
    CASE WHEN active_days_90 >= 60 THEN 100 ELSE {idiv("active_days_90 * 100", "60")} END AS c_usage,
    CASE WHEN features_90 >= 20 THEN 100 ELSE features_90 * 5 END AS c_adoption,
    CASE WHEN events_28 = 0 THEN 0 WHEN events_prev28 = 0 OR events_28 * 10 >= events_prev28 * 12 THEN 100 WHEN events_28 >= events_prev28 THEN 80
      WHEN events_28 * 10 >= events_prev28 * 8 THEN 60 WHEN events_28 * 2 >= events_prev28 THEN 30 ELSE 0 END AS c_trend,
    CASE WHEN 10 * open_tickets + 15 * sev12_90 + CASE WHEN csat_avg < 3 THEN 20 ELSE 0 END >= 100 THEN 0
      ELSE 100 - 10 * open_tickets - 15 * sev12_90 - CASE WHEN csat_avg < 3 THEN 20 ELSE 0 END END AS c_support,
    CASE WHEN r IS NULL THEN NULL WHEN failed_90 >= 4 THEN 0 ELSE 100 - 25 * failed_90 END AS c_billing,
    nps_last * 10 AS c_nps FROM j)
SELECT *, {d["dbl"]("30 * c_usage + 20 * c_adoption + 15 * c_trend + 15 * c_support + coalesce(10 * c_billing, 0) + coalesce(10 * c_nps, 0)")}
  / {d["dbl"]("80 + CASE WHEN c_billing IS NULL THEN 0 ELSE 10 END + CASE WHEN c_nps IS NULL THEN 0 ELSE 10 END")} AS health FROM c"""


FEATURE_COLS = [
    "account_id",
    "industry",
    "country",
    "plan",
    "csm",
    "employees",
    "age_days",
    "recency_days",
    "frequency",
    "monetary",
    "r",
    "f",
    "m",
    "failed_90",
    "active_days_90",
    "features_90",
    "events_28",
    "events_prev28",
    "days_since_active",
    "open_tickets",
    "tickets_90",
    "sev12_90",
    "csat_avg",
    "mrr",
    "seats",
    "days_to_renewal",
    "nps_last",
    "rfm_label",
    "c_usage",
    "c_adoption",
    "c_trend",
    "c_support",
    "c_billing",
    "c_nps",
    "health",
]


def seg_union_sql(segs, rel, dbl):
    return "\nUNION ALL ".join(
        f"SELECT '{n}' AS segment, account_id, {dbl(s)} AS score FROM {rel} WHERE {to_sql(a)}" for n, a, s in segs
    )


def parse_args():
    """DATA_DIR OUT_DIR PART;  PART = rfm | usage | features | scan | all[:N] | segments:N[:MODE] (DATA_DIR then = a features.parquet)"""
    import sys, os

    if len(sys.argv) < 4:
        sys.exit(f"usage: {sys.argv[0]} DATA_DIR OUT_DIR PART")
    data, out, part = sys.argv[1:4]
    os.makedirs(out, exist_ok=True)
    p = part.split(":")
    return data, out, p[0], int(p[1]) if len(p) > 1 else 100, p[2] if len(p) > 2 else ""
