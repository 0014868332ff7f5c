#!/usr/bin/env python3
"""Deterministic SaaS/B2B warehouse extract as Parquet (zstd).  Usage: generate.py SCALE OUT_DIR [--ids short|sfdc] [--jobs N]
SCALE: XS | S | M, or accounts:orders:events (e.g. 5000:100000:300000).
Same scale + same library versions => same bytes; every file has its own seed, so --jobs does not change the data."""

import argparse, datetime as dt, os, sys
from multiprocessing import Pool
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from job import COUNTRIES, FEATURES, INDUSTRIES

SCALES = {
    "XS": (2_000, 100_000, 300_000),
    "S": (100_000, 10_000_000, 30_000_000),
    "M": (1_000_000, 50_000_000, 100_000_000),
}
AS_OF = dt.date(2026, 1, 1)
ASOF_DAY = (AS_OF - dt.date(1970, 1, 1)).days
DAY_US = 86_400_000_000
EVENT_DAYS, ORDER_MONTHS = 120, 24
PLANS = ["free", "starter", "pro", "enterprise"]
EVENTS = ["click", "view", "submit", "api_call", "login", "error"]
STATUS = ["paid", "pending", "failed", "refunded", "void"]
CHANNELS = ["web", "sales", "partner", "api"]
SEED = 20260101


def rng_for(*k):
    return np.random.default_rng([SEED, *k])


def us(days_float):
    return (np.asarray(days_float) * DAY_US).astype("int64")


def ts_arr(us_i64):
    return pa.array(us_i64).cast(pa.timestamp("us"))


def dec(cents, mask=None):
    a = pa.array(np.asarray(cents, dtype="int64"), mask=mask)  # int64 cents -> decimal(12,2), buffer-level, exact
    lo = np.asarray(cents, dtype="int64")
    buf = np.empty((len(lo), 2), dtype="int64")
    buf[:, 0] = lo
    buf[:, 1] = lo >> 63
    return pa.Array.from_buffers(pa.decimal128(12, 2), len(lo), [a.buffers()[0], pa.py_buffer(buf.tobytes())])


def pick(values, codes, mask=None):
    idx = pa.array(codes.astype("int32"), mask=mask)
    return pa.array(values, pa.string()).take(idx)


def write(table, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=3,
        row_group_size=1 << 20,
        store_schema=False,
        store_decimal_as_integer=True,
        use_dictionary=True,
        write_statistics=True,
    )


def zipf_choice(rng, n, k, s=1.1):
    w = 1.0 / np.arange(1, k + 1) ** s
    return np.searchsorted(np.cumsum(w) / w.sum(), rng.random(n)).clip(0, k - 1)


W = {}


def world(nacc, style):
    """per-account latent traits shared by all tables (rebuilt identically in each worker)"""
    r = rng_for(0, nacc)
    rank = r.permutation(nacc)
    w = 1.0 / (rank + 20.0) ** 0.85
    W["cdf_ev"] = np.cumsum(w) / w.sum()
    w2 = 1.0 / (r.permutation(nacc) * 0.5 + rank * 0.5 + 20.0) ** 0.75
    W["cdf_or"] = np.cumsum(w2) / w2.sum()
    W["rank"] = rank
    W["created"] = ASOF_DAY - 20 - (1800 * r.random(nacc) ** 0.8)  # day (float)
    churn = np.where(r.random(nacc) < 0.15, ASOF_DAY - 400 * r.random(nacc), ASOF_DAY + 10.0)
    W["churn"] = np.maximum(churn, W["created"] + 10)
    W["slope"] = r.choice([-0.7, -0.3, 0.0, 0.3, 0.7], nacc, p=[0.1, 0.2, 0.4, 0.2, 0.1])
    W["breadth"] = (1 + 39 * r.random(nacc) ** 2.2).astype("int32")  # how many features an account ever uses
    W["featrot"] = r.integers(0, 40, nacc).astype("int32")
    W["users"] = np.maximum(1, (3000.0 / (rank * (100_000 / nacc) + 20.0) ** 0.6)).astype("int32") + 1
    W["bad"] = r.random(nacc) ** 4  # propensity to failed payments / tickets
    if style == "short":
        ids = np.char.add("acc_", np.char.zfill(np.arange(nacc).astype("U7"), 6))
    else:
        ids = np.char.add("001Kx00000", np.char.zfill(np.arange(nacc).astype("U8"), 8))  # 18 chars, > 12 bytes
    orphan = [("acc_9%05d" if style == "short" else "001Kz0000099%06d") % (i + 99_000) + ("x") for i in range(50)]
    W["ids"] = pa.array(list(ids) + orphan, pa.string())
    W["nacc"] = nacc


def acct_col(rng, a, null_p):
    """account_id column: some nulls (anonymous), some orphans unknown to accounts"""
    n = len(a)
    a = a.astype("int32")
    u = rng.random(n)
    a = np.where(u < 0.001, W["nacc"] + (a % 50), a).astype("int32")
    return W["ids"].take(pa.array(a, mask=(u > 1 - null_p)))


def gen_event_day(args):
    out, d, n = args
    r = rng_for(1, W["nacc"], d)
    day = ASOF_DAY - EVENT_DAYS + d
    date = AS_OF - dt.timedelta(days=EVENT_DAYS - d)
    if date.weekday() >= 5:
        n = int(n * 0.45)
    m = int(n * 1.75)
    a = np.searchsorted(W["cdf_ev"], r.random(m)).clip(0, W["nacc"] - 1)
    s = W["slope"][a]
    p = 0.85 + 0.5 * s * (2 * d / EVENT_DAYS - 1)
    keep = (day >= W["created"][a]) & (day < W["churn"][a]) & (r.random(m) < p)
    a = a[keep][:n]
    n = len(a)
    late = np.where(r.random(n) < 0.02, r.integers(1, 4, n), 0)
    sec = r.beta(3, 3, n) * 86_400
    skew = np.where(r.random(n) < 0.0005, 7200, 0)  # clock skew: may lie past the partition day
    t = (day - late) * DAY_US + ((sec + skew) * 1e6).astype("int64")
    f = (zipf_choice(r, n, 40, 0.9) % W["breadth"][a] + W["featrot"][a]) % 40
    u = (r.random(n) ** 2 * W["users"][a]).astype("int64")
    uid = pa.array(np.char.add("u", (a.astype("int64") % 100_000 * 3000 + u).astype("U10")), pa.string())
    cnt = r.geometric(0.35, n).astype("int32")
    write(
        pa.table(
            {
                "account_id": acct_col(r, a, 0.002),
                "user_id": uid,
                "ts": ts_arr(t),
                "event": pick(EVENTS, zipf_choice(r, n, 6)),
                "feature": pick(FEATURES, f),
                "count": pa.array(cnt, mask=r.random(n) < 0.01),
            }
        ),
        f"{out}/usage_events/dt={date.isoformat()}/part-0.parquet",
    )
    return n


def gen_order_month(args):
    out, k, n, first = args
    r = rng_for(2, W["nacc"], k)
    y, mo = divmod(2024 * 12 + k, 12)
    mo += 1
    d0 = dt.date(y, mo, 1)
    d1 = dt.date(y + (mo == 12), mo % 12 + 1, 1)
    b0 = (d0 - dt.date(1970, 1, 1)).days
    nd = (d1 - d0).days
    m = int(n * 1.7)
    a = np.searchsorted(W["cdf_or"], r.random(m)).clip(0, W["nacc"] - 1)
    day = b0 + nd * r.random(m)
    keep = (day >= W["created"][a]) & (day < W["churn"][a] + 15)
    a = a[keep][:n]
    day = np.sort(day[keep][:n])
    n = len(a)
    day = day - np.where(r.random(n) < 0.01, 5 * r.random(n), 0)  # late-arriving orders belong to an earlier month
    plan = np.minimum(3, (W["rank"][a] < W["nacc"] * 0.02) * 2 + (W["rank"][a] < W["nacc"] * 0.2) * 1)
    cents = np.exp(r.normal(7.2, 1.1, n) + plan * 0.9).astype("int64") + 100
    u = r.random(n)
    b = W["bad"][a]
    st = np.select([u < 0.02 + 0.18 * b, u > 0.97, (u > 0.94), (u > 0.92)], [2, 3, 1, 4], 0)
    oid = np.char.add("ord_", np.char.zfill((first + np.arange(n)).astype("U9"), 9))
    write(
        pa.table(
            {
                "order_id": pa.array(oid, pa.string()),
                "account_id": acct_col(r, a, 0.001),
                "ts": ts_arr(us(day)),
                "amount": dec(cents, r.random(n) < 0.005),
                "currency": pick(["USD", "EUR", "GBP"], zipf_choice(r, n, 3)),
                "status": pick(STATUS, st),
                "channel": pick(CHANNELS, zipf_choice(r, n, 4)),
            }
        ),
        f"{out}/orders/month={d0:%Y-%m}/part-0.parquet",
    )
    return n


def gen_dims(args):
    out, nacc, nparts = args
    r = rng_for(3, nacc)
    n = nacc
    ids = W["ids"].slice(0, nacc)
    rank = W["rank"]
    plan = np.where(rank < n * 0.02, 3, np.where(rank < n * 0.2, 2, np.where(r.random(n) < 0.45, 1, 0)))
    emp = np.exp(r.normal(3.6, 1.5, n) + plan * 0.6).astype("int32") + 1
    csm = [f"csm-{i:03d}" for i in range(200)]
    acc = pa.table(
        {
            "account_id": ids,
            "name": pa.array(np.char.add("Company ", np.arange(n).astype("U8")), pa.string()),
            "industry": pick(INDUSTRIES, zipf_choice(r, n, 18, 0.7), r.random(n) < 0.03),
            "country": pick(COUNTRIES, zipf_choice(r, n, 25)),
            "plan": pick(PLANS, plan),
            "created_at": ts_arr(us(W["created"])),
            "employees": pa.array(emp, mask=r.random(n) < 0.08),
            "csm": pick(csm, r.integers(0, 200, n), (plan < 2) & (r.random(n) < 0.5) | (r.random(n) < 0.05)),
        }
    )

    def parts(t, name, k=nparts):
        step = -(-len(t) // k)
        for i in range(k):
            write(t.slice(i * step, step), f"{out}/{name}/part-{i}.parquet")

    parts(acc, "accounts")
    # contracts: 1-3 per paying account
    nc = np.where(plan == 0, 0, 1 + (r.random(n) < 0.4) + (r.random(n) < 0.15))
    a = np.repeat(np.arange(n), nc)
    k = len(a)
    start = np.maximum(W["created"][a], ASOF_DAY - 900) + 200 * r.random(k)
    ren = (start + 365 * (1 + (r.random(k) < 0.25)) + 365 * (r.random(k) < 0.5)).astype("int32")
    st = np.where(W["churn"][a] < ASOF_DAY, 2, np.where(ren < ASOF_DAY, 1, np.where(start > ASOF_DAY, 3, 0)))
    mrr = (np.exp(r.normal(9.2, 0.9, k) + plan[a] * 0.9)).astype("int64") + 900
    parts(
        pa.table(
            {
                "contract_id": pa.array(np.char.add("ct_", np.arange(k).astype("U9")), pa.string()),
                "account_id": ids.take(pa.array(a)),
                "status": pick(["active", "expired", "cancelled", "pending"], st),
                "start_date": pa.array(start.astype("int32")).cast(pa.date32()),
                "renewal_date": pa.array(ren, mask=r.random(k) < 0.02).cast(pa.date32()),
                "mrr": dec(mrr),
                "seats": pa.array((emp[a] * (0.1 + 0.8 * r.random(k))).astype("int32") + 1),
            }
        ),
        "contracts",
    )
    # tickets: ~10 per account, skewed
    k = n * 10
    a = np.searchsorted(W["cdf_or"], r.random(k)).clip(0, n - 1)
    op = ASOF_DAY - 540 * r.random(k)
    closed = op + r.exponential(3.0, k)
    openm = (closed >= ASOF_DAY) | (r.random(k) < 0.01)
    parts(
        pa.table(
            {
                "ticket_id": pa.array(np.arange(k)),
                "account_id": ids.take(pa.array(a)),
                "opened_at": ts_arr(us(op)),
                "closed_at": pa.array(us(closed), mask=openm).cast(pa.timestamp("us")),
                "severity": pick(["sev1", "sev2", "sev3", "sev4"], 3 - zipf_choice(r, k, 4, 1.2)),
                "csat": pa.array(
                    np.clip(np.round(r.normal(4 - W["bad"][a] * 2, 1)), 1, 5).astype("int8"),
                    mask=openm | (r.random(k) < 0.6),
                ),
            }
        ),
        "tickets",
    )
    # surveys: ~1.5 per account; ts unique by construction (row index in the microseconds)
    k = n * 3 // 2
    a = r.integers(0, n, k)
    sec = ((ASOF_DAY - 700 * r.random(k)) * 86_400).astype("int64")
    parts(
        pa.table(
            {
                "account_id": ids.take(pa.array(a)),
                "ts": ts_arr(sec * 1_000_000 + np.arange(k) % 1_000_000),
                "nps": pa.array(
                    np.clip(np.round(r.normal(7.5 - 4 * W["bad"][a], 2.4)), 0, 10).astype("int8"),
                    mask=r.random(k) < 0.05,
                ),
            }
        ),
        "surveys",
        2,
    )
    return n


def main():
    p = argparse.ArgumentParser()
    p.add_argument("scale")
    p.add_argument("out")
    p.add_argument("--ids", default="short")
    p.add_argument("--jobs", type=int, default=2)
    o = p.parse_args()
    nacc, nord, nev = SCALES[o.scale] if o.scale in SCALES else map(int, o.scale.split(":"))
    assert nacc <= 1_000_000 or o.ids != "short"
    per_m = nord // ORDER_MONTHS
    per_d = int(nev / EVENT_DAYS * 7 / 5.9)
    with Pool(o.jobs, world, (nacc, o.ids)) as pool:
        dims = pool.apply_async(gen_dims, ((o.out, nacc, 4),))
        e = pool.map(gen_event_day, [(o.out, d, per_d) for d in range(EVENT_DAYS)], 1)
        q = pool.map(gen_order_month, [(o.out, k, per_m, k * per_m) for k in range(ORDER_MONTHS)], 1)
        dims.get()
    print(f"accounts={nacc} orders={sum(q)} events={sum(e)}")


if __name__ == "__main__":
    main()
