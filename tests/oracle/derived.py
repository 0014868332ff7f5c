"""What follows from a night's memberships: the account, summary, transition and drift tables, recomputed from the oracle's own rows.

Labels that are declared, and nobody has, come from the front matter in sql/segments/.
"""

import bisect
import glob
import math
import os
import re
import tomllib

# Columns of the account table that the oracle computes too, by its names for them.
CUSTOMER = {"arr": "arr", "plan": "plan", "seats": "seats", "renewal_date": "renewal_date", "industry": "industry", "employees": "employees",
            "employees_a_year_ago": "employees_a_year_ago", "first_started_on": "since", "days_to_renewal": "days_left"}
SUMMARY = ["as_of", "previous_as_of", "segmentation", "segment", "title", "owner", "playbook", "members", "share", "entered", "left",
           "moved_in", "moved_out", "score_p10", "score_p25", "score_p50", "score_p75", "score_p90", "stale_since"]
TRANSITION = ["as_of", "previous_as_of", "segmentation", "from_segment", "to_segment", "accounts"]
DRIFT = ["as_of", "previous_as_of", "segmentation", "members", "size_drift", "score_drift"]


def front_matter(sql):
    """By segmentation."""
    found = {}
    for path in glob.glob(os.path.join(sql, "segments", "*.sql")):
        with open(path) as file:
            header = re.search(r"^\+\+\+$(.*?)^\+\+\+$", file.read(), re.M | re.S)
        found[os.path.splitext(os.path.basename(path))[0]] = tomllib.loads(header.group(1)) if header else {}
    return found


def load(connection, rows, before, headers, not_exclusive):
    for table, side in [("now", rows), ("earlier", before)]:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} (segmentation VARCHAR, key VARCHAR, slot VARCHAR, segment VARCHAR, score DOUBLE)")
        if side:
            # A key has one slot, or one for each label.
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)",
                                   [(*place[:2], place[2] if place[0] in not_exclusive else "", row[0], row[1]) for place, row in side.items()])
    connection.execute("CREATE OR REPLACE TEMP TABLE header (segmentation VARCHAR, title VARCHAR, owner VARCHAR, playbook VARCHAR, labels VARCHAR[])")
    connection.executemany("INSERT INTO header VALUES (?, ?, ?, ?, ?)",
                           [(name, header.get("title"), header.get("owner"), header.get("playbook"), header.get("labels", []))
                            for name, header in headers.items()])
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE way AS
        SELECT segmentation, slot, earlier.segment AS from_segment, now.segment AS to_segment, count(*) AS accounts
        FROM now FULL JOIN earlier USING (segmentation, key, slot) GROUP BY ALL""")


def transition(connection):
    """{(segmentation, from, to): accounts}"""
    return {row[:3]: row[3:] for row in connection.execute("SELECT * EXCLUDE (slot) FROM way WHERE slot = ''").fetchall()}


def stability_index(before, now):
    """Of counts in the same bins; a bin without cases counts as half a case."""
    if not sum(before) or not sum(now):
        return None
    share = lambda count, of: (count or 0.5) / sum(of)
    pairs = [(share(b, before), share(n, now)) for b, n in zip(before, now) if b or n]
    return sum((n - b) * math.log(n / b) for b, n in pairs)


def drift(connection):
    """{(segmentation,): members, drift of sizes, drift of scores}"""
    rows = {}
    names = connection.execute("SELECT segmentation FROM header UNION SELECT segmentation FROM now UNION SELECT segmentation FROM earlier")
    for segmentation, in names.fetchall():
        def of(table, sql):
            return connection.execute(f"SELECT {sql} FROM {table} WHERE segmentation = ?", [segmentation]).fetchall()

        labels = {table: [label for label, in of(table, "segment")] for table in ("earlier", "now")}
        scores = {table: sorted(score for score, in of(table, "score") if score is not None) for table in ("earlier", "now")}
        every = sorted({*labels["earlier"], *labels["now"]})
        sizes = stability_index(*([labels[table].count(label) for label in every] for table in ("earlier", "now")))
        edges, = of("earlier", "quantile_cont(score, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])")[0]
        edges = sorted(set(edges or []))
        bins = {table: [0] * (len(edges) + 1) for table in scores}
        for table, values in scores.items():
            for score in values:
                bins[table][bisect.bisect_left(edges, score)] += 1
        members = of("now", "count(DISTINCT key)")[0][0]
        rows[segmentation,] = (members, sizes, stability_index(bins["earlier"], bins["now"]))
    return rows


def summary(connection):
    """{(segmentation, segment): all that stands in the row behind them}"""
    found = connection.execute("""
        WITH label AS (
            SELECT segmentation, unnest(labels) AS segment FROM header
            UNION SELECT segmentation, segment FROM now UNION SELECT segmentation, segment FROM earlier
        ), member AS (
            SELECT segmentation, segment, count(*) AS members, quantile_cont(score, [0.1, 0.25, 0.5, 0.75, 0.9]) AS scores
            FROM now GROUP BY ALL
        ), flow AS (
            SELECT label.segmentation, label.segment,
                   sum(accounts) FILTER (WHERE to_segment = segment AND from_segment IS NULL) AS entered,
                   sum(accounts) FILTER (WHERE from_segment = segment AND to_segment IS NULL) AS gone,
                   sum(accounts) FILTER (WHERE to_segment = segment AND from_segment <> segment) AS moved_in,
                   sum(accounts) FILTER (WHERE from_segment = segment AND to_segment <> segment) AS moved_out
            FROM label JOIN way USING (segmentation) GROUP BY ALL
        )
        SELECT segmentation, segment, title, owner, playbook, coalesce(members, 0),
               coalesce(members, 0) / (SELECT count(*) FROM customer),
               coalesce(entered, 0), coalesce(gone, 0), coalesce(moved_in, 0), coalesce(moved_out, 0),
               scores[1], scores[2], scores[3], scores[4], scores[5], NULL
        FROM label LEFT JOIN member USING (segmentation, segment) LEFT JOIN flow USING (segmentation, segment)
             LEFT JOIN header USING (segmentation)""")
    return {row[:2]: row[2:] for row in found.fetchall()}


def account(connection, segmentations):
    """{(key,): the columns of CUSTOMER, a label for each segmentation, the list of memberships}"""
    known = connection.execute(f"SELECT account_id, {', '.join(CUSTOMER.values())} FROM customer").fetchall()
    lists = {key: [] for key, *_ in known}
    for segmentation, key, segment, score in connection.execute("SELECT * EXCLUDE (slot) FROM now ORDER BY segmentation, segment").fetchall():
        lists[key].append({"segmentation": segmentation, "segment": segment, "score": score})
    rows = {}
    for key, *values in known:
        label = {entry["segmentation"]: entry["segment"] for entry in lists[key]}
        rows[key,] = (*values, *(label.get(name) for name in segmentations), lists[key])
    return rows
