"""An independent recomputation of the reference project's nights, from the raw extracts, in DuckDB.

    python tests/oracle/oracle.py DEMO_DIR [--nights 2026-05-31 2026-06-30] [--time-zone Europe/Berlin]

DEMO_DIR holds `extracts/`, `sql/` and `published/` (`roster demo`, then `roster run` of each night). Every row of every table is
compared with what is published (of the account table the columns that are computed here too); floats at 1e-9 relative. Exit code 1 on any difference.

Nothing here is shared with sql/: the rules are taken from SEGMENTS.md and FUNCTIONS.md, the cuts, masks and snapshots are made
here from the raw files, and where it can be, the way is another one (long tables of measures, plain ranks, sets of days).

Where those documents leave a choice, both sides follow this list:
- live: started on or before the night, and not cancelled on or before it. The plan of several subscriptions: largest ARR, then
  smallest subscription_id. Customer since: the first subscription ever, live or not.
- money: latest rate not after the night, also for old amounts; half cents away from zero.
- usage, support: an account without events (tickets) is a known 0 if any live account has some, else not known. Billing, profit,
  sentiment: no row, not known. No quantity = 1. Events, but none with a user: users not known.
- adoption: features of the account's plan, 90 days; not known where the plan lists none, or nobody used any.
- satisfaction: mean rating of tickets closed in the last 90 days. Overdue: open or failed, due before the night.
- sentiment: the latest NPS, else the latest CSAT; two at one instant: the lower.
- margin: costs of months that begin after as_of - 12 months.
- RFM: orders, or paid invoices (by issued_at) where the company has no orders; refunds count as money only.
- health: the score to ten decimals, so that an exact 75 is 75 whatever the floats made of it.
- an override holds while as_of < expires_on, score and band each where given; one with neither, or another value, does not count.
- success_group: overdue is within 90 days; top fifth = percent_rank of ARR in the highest of five bins.
- after-renewal view: days from the renewal on, its own day included, of renewals 14 to 90 days old; the days used are scaled to 30;
  tickets opened, rated and escalated, answers, and invoices issued since; the margin as it stands.
- churn: who never came is away since the first subscription; billing trouble is the worse of days overdue (0..60) and payments
  failed in 12 months (0..3); support is that of health turned round.
- an hour of care a week: 160, 60, 15 and 0 minutes from high to tech touch; overbooked is more than 2,000,000 or the week's hours.
- csm_gap: no manager counts for high and mid touch; one that is not in a delivered list has left.
- time zone band: by the zone's offset, Honolulu in the Americas; else by the country.
"""

import argparse
import glob
import json
import math
import os
import sys
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

import derived
import published

# Schemas of absent optional extracts, and of what is read here.
SCHEMAS = {
    "accounts": "account_id VARCHAR, industry VARCHAR, country VARCHAR, time_zone VARCHAR, employees BIGINT, employees_a_year_ago BIGINT, "
    "csm VARCHAR, use_case VARCHAR, desired_outcomes VARCHAR[]",
    "subscriptions": "subscription_id VARCHAR, account_id VARCHAR, plan VARCHAR, products VARCHAR[], arr DECIMAL(18,2), currency VARCHAR, "
    "started_on DATE, renewal_date DATE, renewed_on DATE, cancelled_on DATE, seats BIGINT",
    "invoices": "account_id VARCHAR, issued_at TIMESTAMPTZ, due_on DATE, paid_at TIMESTAMPTZ, finalized_at TIMESTAMPTZ, "
    "amount DECIMAL(18,2), currency VARCHAR, status VARCHAR",
    "orders": "account_id VARCHAR, ordered_at TIMESTAMPTZ, amount DECIMAL(18,2), currency VARCHAR",
    "usage_events": "account_id VARCHAR, user_id VARCHAR, occurred_at TIMESTAMPTZ, feature VARCHAR, quantity BIGINT",
    "plan_features": "plan VARCHAR, feature VARCHAR",
    "tickets": "account_id VARCHAR, opened_at TIMESTAMPTZ, closed_at TIMESTAMPTZ, escalated_at TIMESTAMPTZ, satisfaction BIGINT",
    "surveys": "account_id VARCHAR, answered_at TIMESTAMPTZ, kind VARCHAR, score BIGINT",
    "costs": 'account_id VARCHAR, month DATE, cost_to_serve DECIMAL(18,2)',
    "csms": "csm VARCHAR, region VARCHAR, languages VARCHAR[], hours_per_week BIGINT, active BOOLEAN",
    "overrides": "account_id VARCHAR, score BIGINT, band VARCHAR, author VARCHAR, reason VARCHAR, expires_on DATE",
    "fx_rates": 'currency VARCHAR, "on" DATE, rate DECIMAL(18,6)',
}
SNAPSHOTS = {"accounts", "subscriptions", "plan_features", "csms", "overrides"}
# table -> the column that says when a row happened
EVENTS = {
    "invoices": "issued_at", "orders": "ordered_at", "usage_events": "occurred_at", "tickets": "opened_at",
    "surveys": "answered_at", "costs": "month", "fx_rates": "on",
}
# table -> {column: the date before which nobody knew it}
LATER = {
    "subscriptions": {"renewed_on": "renewed_on", "cancelled_on": "cancelled_on"},
    "invoices": {"paid_at": "paid_at", "finalized_at": "finalized_at", "status": "finalized_at"},
    "tickets": {"closed_at": "closed_at", "escalated_at": "escalated_at", "satisfaction": "closed_at"},
}
WEIGHTS = {"consumption": "0.30", "adoption": "0.20", "profit": "0.15", "support": "0.15", "sentiment": "0.10", "billing": "0.10"}
CHURN_WEIGHTS = {"falling_usage": "0.35", "absence": "0.25", "billing_trouble": "0.20", "unused_features": "0.10",
                 "support_trouble": "0.10"}
# Where the made-up companies' customers are, and what is spoken there.
COUNTRIES = {"DE": "emea de", "AT": "emea de", "CH": "emea de fr it", "FR": "emea fr", "NL": "emea nl en", "ES": "emea es",
             "IT": "emea it", "SE": "emea sv en", "PL": "emea pl", "GB": "emea en", "US": "americas en", "CA": "americas en fr",
             "BR": "americas pt", "IN": "apac en hi", "SG": "apac en zh", "JP": "apac ja", "AU": "apac en"}
OUTCOMES = ["save_time", "cut_costs", "grow_revenue", "stay_compliant", "better_decisions", "faster_onboarding", "happier_customers"]
# Who is in one of these has its name as the label.
ONE_LABEL = {"top_accounts", "usage_falling", "advocates", "expansion_ready", "executive_attention"}
# A key may have several labels of these, or none.
NOT_EXCLUSIVE = {"product", "desired_outcome", "adoption_gap", "csm_gap"} | ONE_LABEL
GRID = {  # recency -> names for ceil((frequency + money) / 2) = 1..5
    5: ["Recent", "Potential Loyalist", "Loyal", "Champions", "Champions"],
    4: ["Promising", "Potential Loyalist", "Potential Loyalist", "Loyal", "Champions"],
    3: ["Promising", "Needs Attention", "Potential Loyalist", "Loyal", "Loyal"],
    2: ["About To Sleep", "Needs Attention", "Needs Attention", "At Risk", "At Risk"],
    1: ["Lost", "Hibernating", "At Risk", "Can't Lose", "Can't Lose"],
}
# Evidence after account_id, segment, score: the columns of each query below, in their order.
SEGMENTATIONS = {
    "value_tier": """
        SELECT account_id, CASE WHEN arr >= 100000 THEN 'enterprise' WHEN arr >= 20000 THEN 'mid' WHEN arr < 20000 THEN 'small' END,
               arr AS score
        FROM customer""",
    "industry": "SELECT account_id, coalesce(industry, 'unknown'), NULL AS score FROM customer",
    "plan": "SELECT account_id, plan, NULL AS score, seats FROM customer",
    "lifecycle": """
        SELECT account_id,
               -- whole calendar months since the start, the last one complete only when its day has come or the month is over
               CASE WHEN months < 3 THEN 'onboarding' WHEN months < 12 THEN 'adopting' WHEN months < 36 THEN 'established'
                    ELSE 'veteran' END,
               date_diff('day', since, night()) AS score, since AS first_started_on
        FROM (SELECT *, date_diff('month', since, night())
                        - (day(night()) < day(since) AND night() <> last_day(night()))::INT AS months
              FROM customer)""",
    "renewal_due": """
        SELECT account_id, segment, arr AS score, renewal_date, days_left AS days_to_renewal
        FROM (SELECT *, CASE WHEN days_left < 0 THEN 'overdue' WHEN days_left BETWEEN 0 AND 15 THEN 'due_15'
                             WHEN days_left BETWEEN 16 AND 30 THEN 'due_30' WHEN days_left BETWEEN 31 AND 90 THEN 'due_90' END AS segment
              FROM customer)
        WHERE segment IS NOT NULL""",
    "usage_behaviour": """
        SELECT account_id,
               CASE WHEN NOT usage_delivered THEN 'unknown' WHEN last_day_used IS NULL THEN 'never' WHEN days_used >= 20 THEN 'power'
                    WHEN days_used >= 8 THEN 'regular' WHEN days_used >= 1 THEN 'occasional' ELSE 'dormant' END,
               days_used AS score, users AS active_users_30, last_day_used AS last_active_on
        FROM usage""",
    "health": """
        SELECT account_id, band, score, consumption, adoption, profit, support, sentiment, billing, coverage, weakest, contributions,
               overridden, computed_score, author AS override_author, reason AS override_reason, expires_on AS override_expires_on
        FROM health""",
    "churn_risk": """
        SELECT account_id, CASE WHEN score >= 70 THEN 'high' WHEN score >= 40 THEN 'medium' WHEN score < 40 THEN 'low' ELSE 'unknown' END,
               score, coverage, contributions
        FROM churn""",
    "success_group_after_renewal": """
        SELECT account_id,
               CASE WHEN after_band = 'poor' OR (after_band = 'average' AND coalesce(days_left, 1000) <= 90) THEN 'at_risk'
                    WHEN top_fifth THEN 'key_account'
                    WHEN signs >= 2 THEN 'high_potential' ELSE 'low_value' END,
               arr AS score, after_band AS health, after_score AS health_score, after_weakest AS weakest,
               night() - renewed_on AS days_since_renewal, signs AS growth_signs
        FROM judged WHERE night() - renewed_on <= 90""",
    "value_health_quadrant": """
        SELECT account_id,
               CASE WHEN band = 'unknown' THEN 'unknown'
                    -- above the median: at least half of all are below
                    WHEN 2 * below >= others + 1 THEN if(band = 'good', 'grow', 'save') ELSE if(band = 'good', 'automate', 'watch') END,
               arr AS score, band AS health
        FROM judged""",
    "top_accounts": """
        SELECT account_id, 'top_accounts', arr AS score, arr::DOUBLE / total::DOUBLE AS share_of_arr
        FROM top JOIN customer USING (account_id) WHERE top""",
    "country": "SELECT account_id, coalesce(country, 'unknown'), NULL AS score FROM customer",
    "use_case": "SELECT account_id, coalesce(use_case, 'unknown'), NULL AS score FROM customer",
    "product": """
        SELECT DISTINCT account_id, trim(p), NULL AS score, seats
        FROM customer JOIN (SELECT account_id, unnest(products) AS p FROM live) USING (account_id) WHERE trim(p) <> ''""",
    "company_size": """
        SELECT account_id, CASE WHEN employees < 50 THEN 'small' WHEN employees < 500 THEN 'medium' WHEN employees >= 500 THEN 'large'
                                ELSE 'unknown' END, employees AS score
        FROM customer""",
    "company_growth": """
        SELECT account_id, growth, (employees - employees_a_year_ago) / nullif(employees_a_year_ago, 0)::DOUBLE AS score,
               employees, employees_a_year_ago
        FROM judged""",
    "time_zone_band": "SELECT account_id, coalesce(band, 'unknown'), NULL AS score, time_zone, country FROM customer",
    "desired_outcome": """
        SELECT DISTINCT account_id, outcome, NULL AS score
        FROM (SELECT account_id, lower(trim(unnest(desired_outcomes))) AS outcome FROM customer) WHERE outcome IN (FROM known_outcome)""",
    "usage_falling": """
        SELECT account_id, 'usage_falling', (now - before) / before::DOUBLE AS score, days_used AS active_days_30,
               last_day_used AS last_active_on
        FROM usage WHERE usage_delivered AND 10 * now < 7 * before""",
    "adoption_gap": """
        SELECT account_id, p.feature, (100.0 * used / entitled)::DOUBLE AS score
        FROM adoption JOIN customer USING (account_id) JOIN plan_features AS p USING (plan)
        WHERE EXISTS (FROM adoption AS any_account WHERE any_account.used > 0)
          AND NOT EXISTS (FROM usage_events AS e WHERE e.account_id = adoption.account_id AND e.feature = p.feature
                          AND night() - e.occurred_at::DATE < 90)""",
    "care_level": """
        SELECT account_id, level, stage + complexity + risk AS score, stage AS stage_points, complexity AS complexity_points,
               risk AS risk_points
        FROM care""",
    "profitability": """
        SELECT account_id, CASE WHEN cost IS NULL OR arr <= 0 THEN 'unknown' WHEN 10 * (arr - cost) >= arr THEN 'profitable'
                                WHEN 10 * (arr - cost) >= -arr THEN 'break_even' ELSE 'loss_making' END,
               CASE WHEN arr > 0 THEN (arr - cost)::DOUBLE / arr::DOUBLE END AS score, arr, cost AS cost_12m
        FROM customer""",
    "advocates": """
        SELECT account_id, 'advocates', score, nps, night() - since AS customer_age_days
        FROM judged WHERE band = 'good' AND nps IN (9, 10) AND night() - since >= 365""",
    "expansion_ready": """
        SELECT account_id, 'expansion_ready', arr AS score, seats, users / nullif(seats, 0)::DOUBLE AS seats_used,
               growth AS company_growth
        FROM judged WHERE band = 'good' AND churn_score < 40 AND (10 * users >= 9 * nullif(seats, 0) OR growth LIKE 'growing%')""",
    "executive_attention": """
        SELECT account_id, 'executive_attention', arr AS score,
               CASE WHEN arr >= 100000 THEN 'enterprise' WHEN arr >= 20000 THEN 'mid' ELSE 'small' END AS value_tier, band AS health,
               CASE WHEN churn_score >= 70 THEN 'high' WHEN churn_score >= 40 THEN 'medium' WHEN churn_score < 40 THEN 'low'
                    ELSE 'unknown' END AS churn_risk,
               CASE WHEN days_left < 0 THEN 'overdue' WHEN days_left <= 15 THEN 'due_15' WHEN days_left <= 30 THEN 'due_30'
                    WHEN days_left <= 90 THEN 'due_90' END AS renewal
        FROM judged JOIN top USING (account_id)
        WHERE (arr >= 100000 OR coalesce(top, false))
          AND (band = 'poor' OR coalesce(churn_score >= 70, false) OR (coalesce(days_left <= 30, false) AND band <> 'good'))""",
    "csm_gap": """
        SELECT account_id, gap, arr AS score, care_level, csm, arr_load, hours_load
        FROM (SELECT c.account_id, c.arr, care.level AS care_level, c.csm, arr_load, hours_load,
                     unnest([if(c.csm IS NULL AND care.level IN ('high_touch', 'mid_touch'), 'no_csm', NULL),
                             if(here = false, 'csm_left', NULL),
                             if(coalesce(here, true) AND (arr_load > 1 OR hours_load > 1), 'csm_overbooked', NULL),
                             if(here AND lower(trim(region)) <> band, 'other_region', NULL),
                             if(here AND book.languages IS NOT NULL AND c.languages IS NOT NULL
                                AND len(list_intersect(book.languages, c.languages)) = 0, 'other_language', NULL)]) AS gap
              FROM customer AS c JOIN care USING (account_id) LEFT JOIN book ON book.csm = c.csm)""",
    "success_group": """
        SELECT account_id,
               CASE WHEN band = 'poor' OR (band = 'average' AND coalesce(days_left, 1000) <= 90) THEN 'at_risk'
                    WHEN top_fifth THEN 'key_account'
                    WHEN signs >= 2 THEN 'high_potential' ELSE 'low_value' END,
               arr AS score, band AS health, days_left AS days_to_renewal, signs AS growth_signs
        FROM judged""",
    "rfm": """
        SELECT account_id, name, monetary AS score, s.r, s.f, s.m, concat(s.r, s.f, s.m) AS cell, recency_days, frequency
        FROM scored AS s JOIN grid ON grid.r = s.r AND grid.fm = (f + m + 1) // 2""",
}


def connect(time_zone):
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = '{time_zone}'")  # the day of an instant is the day there
    connection.execute("SET preserve_insertion_order = false")
    return connection


def load(connection, extracts, night):
    """Tables as they were known at the end of `night`."""
    connection.execute(f"CREATE OR REPLACE MACRO night() AS DATE '{night}'")
    connection.execute("CREATE OR REPLACE MACRO known_on(happened) AS happened::DATE <= night()")
    for table, schema in SCHEMAS.items():
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({schema})")
        files = glob.glob(os.path.join(extracts, table, "**", "*.parquet"), recursive=True)
        if table in SNAPSHOTS:
            days = {path: next(part[3:] for part in path.split(os.sep) if part.startswith("dt=")) for path in files}
            newest = max((day for day in days.values() if day <= str(night)), default=None)
            files = [path for path in files if days[path] == newest]
        if not files:
            continue
        relation = f"read_parquet({sorted(files)!r}, hive_partitioning = false, union_by_name = true)"
        types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE FROM {relation}").fetchall()}
        later = LATER.get(table, {})
        columns = []
        for name, _, _ in connection.execute(
            "SELECT column_name, data_type, column_index FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
        ).fetchall():
            value = instant(name, types)
            if name in later:
                # known only from that day on; a day that nobody has written down hides nothing
                value = f"CASE WHEN known_on({instant(later[name], types)}) IS NOT FALSE THEN {value} END"
            columns.append(value)
        where = f"WHERE known_on({instant(EVENTS[table], types)})" if table in EVENTS else ""
        connection.execute(f"INSERT INTO {table} SELECT {', '.join(columns)} FROM {relation} {where}")


def instant(name, types):
    """A timestamp without a zone is UTC."""
    return f"(\"{name}\" AT TIME ZONE 'UTC')" if types[name].startswith("TIMESTAMP") and "ZONE" not in types[name] else f'"{name}"'


def compute(connection):
    """The facts that the segmentations are made of."""
    run = connection.execute
    run("""
        CREATE OR REPLACE TEMP TABLE rate AS
        SELECT currency, arg_max(rate, "on") AS rate FROM fx_rates WHERE currency <> 'EUR' GROUP BY currency
        UNION ALL SELECT 'EUR', 1""")
    for table, amount in [("subscriptions", "arr"), ("invoices", "amount"), ("orders", "amount")]:
        lost = run(f"SELECT DISTINCT currency FROM {table} WHERE currency NOT IN (SELECT currency FROM rate)").fetchall()
        if lost:
            raise SystemExit(f"{table}: no rate for {lost}; such a night must not have been published")
        run(f"UPDATE {table} AS t SET {amount} = round(t.{amount} * rate.rate, 2) FROM rate WHERE rate.currency = t.currency")

    # The ordinal of a subscription within its account says whose plan counts; the sums run over the live ones.
    run("""
        CREATE OR REPLACE TEMP TABLE live AS
        SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY arr DESC, subscription_id) AS size_rank
        FROM subscriptions WHERE started_on <= night() AND cancelled_on IS NULL""")
    zones = [zone for zone, in run("SELECT DISTINCT time_zone FROM accounts WHERE time_zone IS NOT NULL").fetchall()]
    run("CREATE OR REPLACE TEMP TABLE zone (time_zone VARCHAR, band VARCHAR)")
    connection.executemany("INSERT INTO zone VALUES (?, ?)", [("none", None), *((zone, band_of(zone)) for zone in zones)])
    run("CREATE OR REPLACE TEMP TABLE land (country VARCHAR, band VARCHAR, languages VARCHAR[])")
    connection.executemany("INSERT INTO land VALUES (?, ?, ?)",
                           [(country, *(lambda band, *spoken: (band, spoken))(*text.split())) for country, text in COUNTRIES.items()])
    run("CREATE OR REPLACE TEMP TABLE known_outcome (outcome VARCHAR)")
    connection.executemany("INSERT INTO known_outcome VALUES (?)", [(outcome,) for outcome in OUTCOMES])
    run("""
        CREATE OR REPLACE TEMP TABLE customer AS
        WITH summed AS (
            SELECT account_id, sum(arr) AS arr, max(plan) FILTER (WHERE size_rank = 1) AS plan,
                   sum(seats)::BIGINT AS seats, min(renewal_date) AS renewal_date, max(renewed_on) AS renewed_on
            FROM live GROUP BY account_id
        )
        SELECT summed.*, renewal_date - night() AS days_left, nullif(trim(a.industry), '') AS industry,
               upper(nullif(trim(a.country), '')) AS country, nullif(trim(a.use_case), '') AS use_case, nullif(trim(a.csm), '') AS csm,
               a.desired_outcomes, a.employees, a.employees_a_year_ago,
               nullif(trim(a.time_zone), '') AS time_zone, coalesce(zone.band, land.band) AS band, land.languages,
               (SELECT sum(cost_to_serve) FROM costs AS k
                WHERE k.account_id = summed.account_id AND k.month + INTERVAL 12 MONTH > night()) AS cost,
               (SELECT min(started_on) FROM subscriptions AS s WHERE s.account_id = summed.account_id) AS since
        FROM summed LEFT JOIN accounts AS a USING (account_id) LEFT JOIN zone USING (time_zone)
             LEFT JOIN land ON land.country = upper(trim(a.country))""")

    # Sets of days and users instead of counters.
    run("""
        CREATE OR REPLACE TEMP TABLE usage AS
        WITH event AS (
            SELECT e.*, night() - occurred_at::DATE AS age, coalesce(quantity, 1) AS used
            FROM usage_events AS e SEMI JOIN customer USING (account_id)
        ), per_account AS (
            SELECT account_id, max(occurred_at::DATE) AS last_day_used,
                   len(list_distinct(list(age) FILTER (WHERE age BETWEEN 0 AND 29))) AS days,
                   list(user_id) FILTER (WHERE age BETWEEN 0 AND 29) AS seen,
                   sum(CASE WHEN age BETWEEN 0 AND 29 THEN used ELSE 0 END) AS now,
                   sum(CASE WHEN age BETWEEN 30 AND 59 THEN used ELSE 0 END) AS before
            FROM event GROUP BY account_id
        ), delivered AS (SELECT count(*) > 0 AS usage_delivered FROM event)
        SELECT c.account_id, c.seats, usage_delivered, last_day_used, before, now,
               CASE WHEN usage_delivered THEN coalesce(days, 0) END AS days_used,
               CASE WHEN len(seen) > 0 AND len(list_filter(seen, lambda u: u IS NOT NULL)) = 0 THEN NULL
                    WHEN usage_delivered THEN coalesce(len(list_distinct(seen)), 0) END AS users
        FROM customer AS c CROSS JOIN delivered LEFT JOIN per_account USING (account_id)""")

    # One row per account and measure, each 0..100: what is not known has no row.
    run("""
        CREATE OR REPLACE MACRO between100(value, worst, best) AS
            -- DuckDB's least and greatest pass over NULL: unknown would be worst.
            CASE WHEN value IS NOT NULL THEN
                least(100.0::DOUBLE, greatest(0.0::DOUBLE, 100 * (value::DOUBLE - worst::DOUBLE) / (best::DOUBLE - worst::DOUBLE)))
            END""")
    run("""
        CREATE OR REPLACE TEMP TABLE adoption AS
        SELECT c.account_id,
               count(*) AS entitled,
               count(*) FILTER (WHERE EXISTS (FROM usage_events AS e WHERE e.account_id = c.account_id AND e.feature = p.feature
                                              AND night() - e.occurred_at::DATE < 90)) AS used
        FROM customer AS c JOIN plan_features AS p USING (plan) GROUP BY ALL""")
    run("""
        CREATE OR REPLACE TEMP TABLE measure AS
        WITH ticket AS (SELECT t.* FROM tickets AS t SEMI JOIN customer USING (account_id)),
        part AS (
            SELECT account_id, 'consumption' AS name, between100(days_used, 0, 20) AS score FROM usage
            UNION ALL SELECT account_id, 'consumption', between100(users / seats::DOUBLE, 0, 0.8) FROM usage WHERE seats > 0
            UNION ALL SELECT account_id, 'consumption', between100((now - before) / before::DOUBLE, -0.8, 0)
                      FROM usage, range(2) WHERE before > 0  -- as much as the other two
            UNION ALL SELECT account_id, 'adoption', 100.0 * used / entitled FROM adoption
                      WHERE EXISTS (FROM adoption AS any_account WHERE any_account.used > 0)
            UNION ALL SELECT account_id, 'profit', between100((arr - cost)::DOUBLE / arr::DOUBLE, -0.2, 0.6)
                      FROM customer WHERE arr > 0
            UNION ALL SELECT account_id, 'support', between100(
                          (SELECT count(*) FROM ticket AS t
                           WHERE t.account_id = c.account_id AND escalated_at IS NOT NULL AND closed_at IS NULL), 5, 0)
                      FROM customer AS c WHERE EXISTS (FROM ticket)
            UNION ALL SELECT account_id, 'support', between100(avg(satisfaction), 1, 5) FROM ticket
                      WHERE night() - closed_at::DATE < 90 GROUP BY account_id
            UNION ALL SELECT account_id, 'sentiment', between100(min(score), min(worst), min(best))
                      FROM (SELECT *, rank() OVER (PARTITION BY account_id ORDER BY kind = 'nps' DESC, answered_at DESC) AS latest,
                                   CASE kind WHEN 'nps' THEN 0 ELSE 1 END AS worst, CASE kind WHEN 'nps' THEN 10 ELSE 5 END AS best
                            FROM surveys WHERE kind IN ('nps', 'csat'))
                      WHERE latest = 1 GROUP BY account_id
            UNION ALL SELECT account_id, 'billing', between100(
                          coalesce(max(night() - due_on) FILTER (WHERE coalesce(status, 'open') IN ('open', 'failed')
                                                                 AND due_on < night()), 0), 60, 0)
                      FROM invoices GROUP BY account_id
        )
        SELECT account_id, name, avg(score) AS score FROM part SEMI JOIN customer USING (account_id)
        WHERE score IS NOT NULL GROUP BY ALL""")
    after_renewal(run)
    for grade, measures, weights in [("grade", "measure", WEIGHTS), ("after_grade", "after_measure", WEIGHTS)]:
        mean(connection, grade, measures, weights)
    run("""
        CREATE OR REPLACE MACRO band_of_score(score) AS
            CASE WHEN score >= 75 THEN 'good' WHEN score >= 50 THEN 'average' WHEN score < 50 THEN 'poor' ELSE 'unknown' END""")
    run("""
        CREATE OR REPLACE TEMP TABLE health AS
        WITH wide AS (PIVOT measure ON name IN ('consumption', 'adoption', 'profit', 'support', 'sentiment', 'billing')
                      USING any_value(score) GROUP BY account_id)
        SELECT g.account_id, g.score AS computed_score, g.coverage, g.weakest, g.contributions, wide.* EXCLUDE (account_id),
               o.account_id IS NOT NULL AS overridden, o.author, o.reason, o.expires_on,
               coalesce(o.score::DOUBLE, g.score) AS score,
               coalesce(lower(trim(o.band)), band_of_score(coalesce(o.score::DOUBLE, g.score))) AS band
        FROM grade AS g LEFT JOIN wide USING (account_id)
        LEFT JOIN (FROM overrides WHERE night() < expires_on AND NOT (score IS NULL AND band IS NULL) AND coalesce(score, 50) BETWEEN 0 AND 100
                   AND coalesce(lower(trim(band)), 'good') IN ('good', 'average', 'poor', 'unknown')) AS o USING (account_id)""")
    churn(connection)
    judge(run)

    # Ranks counted by hand: how many are strictly worse.
    run("""
        CREATE OR REPLACE TEMP TABLE scored AS
        WITH purchase AS (
            SELECT account_id, ordered_at AS bought_at, amount FROM orders
            UNION ALL SELECT account_id, issued_at, amount FROM invoices WHERE status = 'paid' AND NOT EXISTS (FROM orders)
        ), summed AS (
            SELECT account_id, night() - max(bought_at::DATE) FILTER (WHERE amount > 0) AS recency_days,
                   count(*) FILTER (WHERE amount > 0) AS frequency, sum(amount) AS monetary
            FROM purchase SEMI JOIN customer USING (account_id) GROUP BY account_id
        ), buyer AS (FROM summed WHERE frequency > 0), n AS (SELECT count(*) AS n FROM buyer),
        worse AS (
            SELECT *, count(*) OVER (ORDER BY recency_days DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES) - 1 AS wr,
                      count(*) OVER (ORDER BY frequency RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES) - 1 AS wf,
                      count(*) OVER (ORDER BY monetary RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES) - 1 AS wm
            FROM buyer
        )
        SELECT account_id, recency_days, frequency, monetary,
               if(n = 1, 1, least(5, 1 + 5 * wr // (n - 1))) AS r, if(n = 1, 1, least(5, 1 + 5 * wf // (n - 1))) AS f,
               if(n = 1, 1, least(5, 1 + 5 * wm // (n - 1))) AS m
        FROM worse CROSS JOIN n""")
    run("CREATE OR REPLACE TEMP TABLE grid (r INT, fm INT, name VARCHAR)")
    connection.executemany("INSERT INTO grid VALUES (?, ?, ?)", [(r, i + 1, name) for r, row in GRID.items() for i, name in enumerate(row)])


def band_of(zone):
    """The band of a time zone, by its offset from UTC in winter; none for what is no place."""
    try:
        hours = datetime(2026, 1, 15, 12, tzinfo=ZoneInfo(zone)).utcoffset().total_seconds() / 3600
    except (ValueError, ZoneInfoNotFoundError):
        return None
    if "/" not in zone or zone.startswith("Etc/"):
        return None
    return "americas" if hours <= -3 else "emea" if hours < 4.5 else "apac"


def after_renewal(run):
    """Measures of the days since the renewal, of who renewed 14 to 90 days ago."""
    run("""
        CREATE OR REPLACE TEMP TABLE after_measure AS
        WITH renewed AS (
            SELECT *, night() - renewed_on + 1 AS days FROM customer WHERE night() - renewed_on BETWEEN 14 AND 90
        ), event AS (
            SELECT e.*, r.days, r.seats FROM usage_events AS e JOIN renewed AS r USING (account_id) WHERE e.occurred_at::DATE >= renewed_on
        ), used AS (
            SELECT account_id, len(list_distinct(list(occurred_at::DATE))) AS days_used, list_filter(list(user_id), lambda u: u IS NOT NULL) AS seen
            FROM event GROUP BY account_id
        ), answer AS (
            SELECT s.*, r.renewed_on FROM surveys AS s JOIN renewed AS r USING (account_id) WHERE answered_at::DATE >= renewed_on
        ), ticket AS (
            SELECT t.*, r.renewed_on FROM tickets AS t JOIN renewed AS r USING (account_id)
        ), part AS (
            SELECT account_id, 'consumption' AS name, between100(coalesce(days_used, 0) * 30 / days::DOUBLE, 0, 20) AS score
            FROM renewed LEFT JOIN used USING (account_id) WHERE (SELECT any_value(usage_delivered) FROM usage)
            UNION ALL SELECT account_id, 'consumption', between100(coalesce(len(list_distinct(seen)), 0) / seats::DOUBLE, 0, 0.8)
                      FROM renewed LEFT JOIN used USING (account_id)
                      WHERE seats > 0 AND (SELECT any_value(usage_delivered) FROM usage) AND (days_used IS NULL OR len(seen) > 0)
            UNION ALL SELECT account_id, 'consumption', between100((now - before) / before::DOUBLE, -0.8, 0)
                      FROM usage JOIN renewed USING (account_id), range(2) WHERE days >= 60 AND before > 0
            UNION ALL SELECT account_id, 'adoption', 100.0 * count(*) FILTER (WHERE EXISTS (
                          FROM event AS e WHERE e.account_id = r.account_id AND e.feature = p.feature)) / count(*)
                      FROM renewed AS r JOIN plan_features AS p USING (plan)
                      WHERE EXISTS (FROM adoption AS any_account WHERE any_account.used > 0) GROUP BY account_id
            UNION ALL SELECT account_id, 'profit', between100((arr - cost)::DOUBLE / arr::DOUBLE, -0.2, 0.6) FROM renewed WHERE arr > 0
            UNION ALL SELECT account_id, 'support', between100(
                          (SELECT count(*) FROM ticket AS t WHERE t.account_id = r.account_id AND t.opened_at::DATE >= t.renewed_on
                                                              AND escalated_at IS NOT NULL AND closed_at IS NULL), 5, 0)
                      FROM renewed AS r WHERE EXISTS (FROM tickets SEMI JOIN customer USING (account_id))
            UNION ALL SELECT account_id, 'support', between100(avg(satisfaction), 1, 5) FROM ticket
                      WHERE closed_at::DATE >= renewed_on GROUP BY account_id
            UNION ALL SELECT account_id, 'sentiment', between100(min(score), min(worst), min(best))
                      FROM (SELECT *, rank() OVER (PARTITION BY account_id ORDER BY kind = 'nps' DESC, answered_at DESC) AS latest,
                                   CASE kind WHEN 'nps' THEN 0 ELSE 1 END AS worst, CASE kind WHEN 'nps' THEN 10 ELSE 5 END AS best
                            FROM answer WHERE kind IN ('nps', 'csat'))
                      WHERE latest = 1 GROUP BY account_id
            UNION ALL SELECT account_id, 'billing', between100(
                          coalesce(max(night() - due_on) FILTER (WHERE coalesce(status, 'open') IN ('open', 'failed')
                                                                 AND due_on < night()), 0), 60, 0)
                      FROM invoices JOIN renewed USING (account_id) WHERE issued_at::DATE >= renewed_on GROUP BY account_id
        )
        SELECT account_id, name, avg(score) AS score FROM part WHERE score IS NOT NULL GROUP BY ALL""")


def mean(connection, grade, measures, weights):
    """A table with a row per customer: the weighted mean of what is known, and what it is made of."""
    connection.execute("CREATE OR REPLACE TEMP TABLE weight (name VARCHAR, weight DECIMAL(9,2))")
    connection.executemany("INSERT INTO weight VALUES (?, ?)", list(weights.items()))
    shares = ", ".join(f"{name} := max(score * weight::DOUBLE / known::DOUBLE) FILTER (WHERE name = '{name}')" for name in weights)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {grade} AS
        WITH weighed AS (
            SELECT *, sum(weight) OVER (PARTITION BY account_id) AS known,
                   row_number() OVER (PARTITION BY account_id ORDER BY weight::DOUBLE * (100 - score) DESC, name) AS cost_rank
            FROM {measures} JOIN weight USING (name)
        )
        SELECT c.account_id, coalesce(max(known), 0) / (SELECT sum(weight) FROM weight) AS coverage,
               CASE WHEN max(known) >= 0.5 * (SELECT sum(weight) FROM weight)
                    THEN round(sum(score * weight::DOUBLE) / max(known)::DOUBLE, 10) END AS score,
               max(name) FILTER (WHERE cost_rank = 1) AS weakest,
               struct_pack({shares}) AS contributions
        FROM customer AS c LEFT JOIN weighed USING (account_id) GROUP BY c.account_id""")


def churn(connection):
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE sign AS
        WITH part AS (
            SELECT account_id, 'falling_usage' AS name, between100((now - before) / before::DOUBLE, 0, -0.8) AS score
            FROM usage WHERE before > 0
            UNION ALL SELECT account_id, 'absence', between100(night() - coalesce(last_day_used, since), 3, 45)
                      FROM usage JOIN customer USING (account_id) WHERE usage_delivered
            UNION ALL SELECT account_id, 'billing_trouble', 100 - score FROM measure WHERE name = 'billing'
            UNION ALL SELECT account_id, 'billing_trouble', between100(
                          count(*) FILTER (WHERE status = 'failed' AND issued_at::DATE + INTERVAL 12 MONTH > night()), 0, 3)
                      FROM invoices SEMI JOIN customer USING (account_id) GROUP BY account_id
            UNION ALL SELECT account_id, 'unused_features', 100 - score FROM measure WHERE name = 'adoption'
            UNION ALL SELECT account_id, 'support_trouble', 100 - score FROM measure WHERE name = 'support'
        )
        SELECT account_id, name, max(score) AS score FROM part GROUP BY ALL""")
    mean(connection, "churn", "sign", CHURN_WEIGHTS)


def judge(run):
    """What the composed segmentations are made of."""
    run("""
        CREATE OR REPLACE TEMP TABLE judged AS
        WITH ranked AS (
            SELECT *, (SELECT count(*) FROM customer AS o WHERE o.arr < c.arr) AS below, (SELECT count(*) FROM customer) - 1 AS others
            FROM customer AS c
        )
        SELECT c.* EXCLUDE (band), 5 * below >= 4 * others AS top_fifth, h.score, h.band, u.users, churn.score AS churn_score,
               a.score AS after_score, band_of_score(a.score) AS after_band, a.weakest AS after_weakest,
               (SELECT min(s.score) FROM surveys AS s WHERE s.account_id = c.account_id AND s.kind = 'nps'
                AND s.answered_at = (SELECT max(l.answered_at) FROM surveys AS l WHERE l.account_id = c.account_id AND l.kind = 'nps')) AS nps,
               CASE WHEN employees_a_year_ago > 0 THEN
                    CASE WHEN 100 * employees < 95 * employees_a_year_ago THEN 'shrinking'
                         WHEN 100 * employees < 110 * employees_a_year_ago THEN 'stable'
                         WHEN 100 * employees < 130 * employees_a_year_ago THEN 'growing'
                         WHEN employees IS NOT NULL THEN 'growing_fast' ELSE 'unknown' END
                    ELSE 'unknown' END AS growth,
               len(list_filter([u.now - u.before >= 0.1 * u.before AND u.before > 0, h.adoption >= 60,
                                c.employees >= 1.1 * c.employees_a_year_ago AND c.employees_a_year_ago > 0,
                                u.users >= 0.9 * c.seats AND c.seats > 0], lambda sign: sign)) AS signs
        FROM ranked AS c JOIN health AS h USING (account_id) JOIN usage AS u USING (account_id) JOIN churn USING (account_id)
             JOIN after_grade AS a USING (account_id)""")
    run("""
        CREATE OR REPLACE TEMP TABLE top AS
        SELECT account_id, total,
               arr > 0 AND 2 * coalesce((SELECT sum(arr) FROM customer AS o WHERE o.arr > c.arr), 0) < total AS top
        FROM customer AS c CROSS JOIN (SELECT sum(arr) AS total FROM customer)""")
    run("""
        CREATE OR REPLACE TEMP TABLE care AS
        SELECT *, CASE WHEN stage + complexity + risk >= 5 THEN 'high_touch' WHEN stage + complexity + risk >= 3 THEN 'mid_touch'
                       WHEN stage + complexity + risk >= 1 THEN 'low_touch' ELSE 'tech_touch' END AS level
        FROM (SELECT account_id,
                     CASE WHEN since + INTERVAL 3 MONTH > night() THEN 2 WHEN since + INTERVAL 12 MONTH > night() THEN 1 ELSE 0 END AS stage,
                     CASE WHEN seats >= 200 THEN 2 WHEN seats >= 50 THEN 1 ELSE 0 END AS complexity,
                     CASE band WHEN 'good' THEN 0 WHEN 'poor' THEN 2 ELSE 1 END AS risk
              FROM judged)""")
    run("""
        CREATE OR REPLACE TEMP TABLE book AS
        WITH booked AS (
            SELECT csm, sum(arr) AS arr,
                   sum(CASE level WHEN 'high_touch' THEN 160 WHEN 'mid_touch' THEN 60 WHEN 'low_touch' THEN 15 ELSE 0 END) AS minutes
            FROM customer JOIN care USING (account_id) WHERE csm IS NOT NULL GROUP BY csm
        )
        SELECT booked.csm, m.region, m.languages, arr::DOUBLE / 2e6 AS arr_load, minutes / 60 / nullif(m.hours_per_week, 0) AS hours_load,
               CASE WHEN m.csm IS NOT NULL THEN coalesce(m.active, true) WHEN EXISTS (FROM csms) THEN false END AS here
        FROM booked LEFT JOIN csms AS m ON trim(m.csm) = booked.csm""")


def place(segmentation, key, label):
    """What a row is found by: its key, and where that may have several rows the label too."""
    return (segmentation, key, label) if segmentation in NOT_EXCLUSIVE else (segmentation, key)


def membership(connection, night, before):
    """{place: (segment, score, since, evidence)}"""
    rows = {}
    for segmentation, query in SEGMENTATIONS.items():
        found = connection.execute(query)
        names = [column[0] for column in found.description][3:]
        for key, segment, score, *evidence in found.fetchall():
            if segment is None:
                continue
            at = place(segmentation, key, segment)
            last = before.get(at)
            since = last[2] if last and last[0] == segment else night
            rows[at] = (segment, score, since, dict(zip(names, evidence)) if names else None)
    return rows


def changes(rows, before, before_as_of):
    feed = {}
    for place in rows.keys() | before.keys():
        now, last = rows.get(place), before.get(place)
        if last is None:
            feed[place] = ("entered", now[0], None, now[1], None, before_as_of)
        elif now is None:
            feed[place] = ("left", None, last[0], None, last[1], before_as_of)
        elif now[0] != last[0]:
            feed[place] = ("moved", now[0], last[0], now[1], last[1], before_as_of)
    return feed


def same(expected, found):
    """By value: a decimal may be a number or text in JSON, a day is ISO text there."""
    if isinstance(expected, (list, tuple)):
        return len(expected) == len(found) and all(same(*pair) for pair in zip(expected, found))
    if isinstance(expected, dict):
        return list(expected) == list(found) and all(same(expected[name], found[name]) for name in expected)
    if expected is None or found is None:
        return expected is found
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, (int, float, Decimal)):
        try:
            return math.isclose(float(expected), float(found), rel_tol=1e-9, abs_tol=1e-12)
        except (TypeError, ValueError):
            return False
    if isinstance(expected, date) and isinstance(found, str):
        return expected.isoformat() == found
    return expected == found


def same_evidence(expected, text):
    if expected is None or text is None:
        return expected is None and text is None
    found = json.loads(text)
    # The order of the columns; NULLs may be written or left out.
    if [name for name in expected if name in found] != list(found):
        return False
    return all(same(value, found.get(name)) for name, value in expected.items())


def compare(table, expected, found, fits, problems):
    """Counts per segmentation, and the first differences."""
    wrong = Counter()
    for place in sorted(expected.keys() | found.keys(), key=str):
        if place in expected and place in found and fits(expected[place], found[place]):
            continue
        wrong[place[0]] += 1
        if wrong[place[0]] <= 3:
            problems.append(f"{table} {place}: expected {expected.get(place)}, published {found.get(place)}")
    return wrong


def check_derived(table, expected, content, problems):
    """Rows by their first columns, as many as the expected ones have there."""
    width = len(next(iter(expected)))
    found = {tuple(row[:width]): tuple(row[width:]) for row in content}
    if len(found) != len(content):
        problems.append(f"{table}: {len(content) - len(found)} rows stand twice")
    wrong = compare(table, expected, found, same, problems)
    return f"  {table:<11} {len(found):>9} rows compared, {sum(wrong.values())} differ"


def check_night(connection, night, files, rows, feed, before_as_of, key, problems):
    """Reads the night's tables, and compares them with what was computed here. Returns the lines to print."""
    lines, skipped = [], set()
    for table, paths in sorted(files.items()):
        columns, content, schema = published.read(paths, problems, night.known)
        recorded = published.sort_order(paths[0])
        if recorded:
            published.check_sorted(table, columns, content, recorded, problems)
        if table == "membership":
            order = ["segmentation", "segment", key]
            published.check_sorted(table, columns, content, order, problems)
            if recorded not in (None, order):
                problems.append(f"{table}: recorded sorting columns are {recorded}, not {order}")
            expect_schema(table, schema, {"as_of": "date32[day]", "segmentation": "string", "segment": "string", key: "string",
                                          "score": "double", "since": "date32[day]", "evidence": "string"}, problems)
            found, twice = {}, 0
            for as_of, segmentation, segment, account, score, since, evidence in content:
                if segmentation not in SEGMENTATIONS:
                    skipped.add(segmentation)
                    continue
                at = place(segmentation, account, segment)
                twice += at in found
                found[at] = (segment, score, since, evidence, as_of)
            if twice:
                problems.append(f"{table}: {twice} keys stand twice in a segmentation")
            wrong = compare(table, rows, found, lambda e, f: e[0] == f[0] and same(e[1], f[1]) and e[2] == f[2]
                            and same_evidence(e[3], f[3]) and f[4] == night.as_of, problems)
            lines += [f"  {table:<11} {len(found):>9} rows compared, {sum(wrong.values())} differ"]
            counts = Counter(place[0] for place in rows)
            lines += [f"    {name:<20} {counts[name]:>7} expected, {wrong[name]} differ" for name in SEGMENTATIONS]
        elif table == "change":
            expect_schema(table, schema, {"as_of": "date32[day]", "segmentation": "string", key: "string", "change": "string",
                                          "segment": "string", "previous_segment": "string", "score": "double",
                                          "previous_score": "double", "previous_as_of": "date32[day]"}, problems)
            found = {}
            for as_of, segmentation, account, change, segment, last_segment, score, last_score, last_as_of in content:
                if segmentation in SEGMENTATIONS:
                    at = place(segmentation, account, segment or last_segment)
                    if at in found:
                        problems.append(f"{table}: {at} stands twice")
                    found[at] = (change, segment, last_segment, score, last_score, last_as_of, as_of)
            wrong = compare(table, feed, found, lambda e, f: e[:3] == f[:3] and same(e[3], f[3]) and same(e[4], f[4])
                            and e[5] == f[5] and f[6] == night.as_of, problems)
            kinds = Counter(change[0] for change in feed.values())
            lines += [f"  {table:<11} {len(found):>9} rows compared, {sum(wrong.values())} differ "
                      f"({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))})"]
        elif table in ("summary", "transition", "drift"):
            names = {"summary": derived.SUMMARY, "transition": derived.TRANSITION, "drift": derived.DRIFT}[table]
            if columns != names:
                problems.append(f"{table}: columns are {columns}, expected {names}")
            if any(row[:2] != (night.as_of, before_as_of) for row in content):
                problems.append(f"{table}: a row is not of {night.as_of} against {before_as_of}")
            content = [row[2:] for row in content if row[2] in SEGMENTATIONS]
            expected = {"summary": derived.summary, "transition": derived.transition, "drift": derived.drift}[table](connection)
            lines += [check_derived(table, expected, content, problems)]
        elif table == "account":
            segmentations = sorted(SEGMENTATIONS.keys() - NOT_EXCLUSIVE)
            wanted = [key, *derived.CUSTOMER, *(f"segment_{name}" for name in segmentations), "memberships"]
            at = [columns.index(name) for name in wanted]
            content = [tuple(row[i] for i in at) for row in content]
            lines += [check_derived(table, derived.account(connection, segmentations), content, problems)]
            if not all(published.has_bloom_filter(path, key) for path in paths):
                problems.append(f"{table}: no bloom filter on {key}")
        else:
            lines += [f"  {table:<11} {len(content):>9} rows read alike by DuckDB, pyarrow and Polars"]
    for table in ("membership", "change", "account", "summary", "transition", "drift"):
        if table not in files:
            problems.append(f"{night.as_of}: no {table} among the published tables")
    if skipped:
        lines += [f"  not recomputed here: {', '.join(sorted(skipped))}"]
    return lines


def expect_schema(table, schema, expected, problems):
    # Text may come as a view or with large offsets, by the reader's choice.
    found = {field.name: str(field.type).replace("large_", "").replace("_view", "") for field in schema}
    if list(found.items()) != list(expected.items()):
        problems.append(f"{table}: columns are {found}, expected {expected}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("demo", help="folder with extracts/ and published/")
    parser.add_argument("--nights", nargs="*", default=["2026-05-31", "2026-06-30"], help="that must have been published")
    parser.add_argument("--time-zone", default="Europe/Berlin")
    parser.add_argument("--key", default="account_id")
    parser.add_argument("--file", action="append", default=[], metavar="AS_OF:TABLE:PATH",
                        help="a published file, instead of looking it up in published/log; repeat")
    options = parser.parse_args()

    if options.file:
        nights = {}
        for text in options.file:
            day, table, path = text.split(":", 2)
            night = nights.setdefault(day, published.Night(date.fromisoformat(day), day, None))
            night.tables.setdefault(table, []).append(path)
        nights = [nights[day] for day in sorted(nights)]
        for earlier, night in zip(nights, nights[1:]):
            night.previous = earlier.attempt_id
    else:
        nights = published.nights_of(os.path.join(options.demo, "published"))

    problems = []
    missing = set(options.nights) - {str(night.as_of) for night in nights}
    if missing:
        problems.append(f"not published: {', '.join(sorted(missing))}")
    done = {None: (None, {})}  # attempt -> its night and rows
    connection = connect(options.time_zone)
    for night in nights:
        load(connection, os.path.join(options.demo, "extracts"), night.as_of)
        compute(connection)
        if night.previous not in done:
            raise SystemExit(f"{night.as_of} was computed against attempt {night.previous}, which is no live night before it")
        before_as_of, before = done[night.previous]
        rows = membership(connection, night.as_of, before)
        feed = changes(rows, before, before_as_of)
        done[night.attempt_id] = (night.as_of, rows)
        print(f"{night.as_of}")
        headers = derived.front_matter(os.path.join(options.demo, "sql"))
        headers = {name: header for name, header in headers.items() if name in SEGMENTATIONS}
        for name in ONE_LABEL & headers.keys():
            headers[name]["labels"] = [name]
        derived.load(connection, rows, before, headers, NOT_EXCLUSIVE)
        print("\n".join(check_night(connection, night, night.tables, rows, feed, before_as_of, options.key, problems)))
    for problem in problems[:40]:
        print(f"DIFFERENT {problem}")
    if len(problems) > 40:
        print(f"... and {len(problems) - 40} more")
    print("all equal" if not problems else f"{len(problems)} differences told")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
