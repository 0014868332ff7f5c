"""The functions in the datafusion package of Python: what their manual says, and results computed by other people's code.

    pytest test_functions.py
"""

import datetime
import json
import os
import re

import pytest
from datafusion import RuntimeEnvBuilder, SessionContext, col, lit
from datafusion_functions_segmentation import register_all

HERE = os.path.dirname(os.path.abspath(__file__))
MANUAL = os.path.join(HERE, "../../tests/slt/functions")
# Calls of the manual that only simplification refuses, which DataFusion does not carry over.
NOT_REFUSED = ["OVER (ORDER BY column1)", "OVER (ROWS 2 PRECEDING)", "quantile_breaks(column1, (SELECT 5))"]
# Where the project's shared data lies beside the repository.
CDNOW = os.path.join(HERE, "../../../shared/data/cdnow_sample")


def session(*clock):
    ctx = SessionContext()
    register_all(ctx, *clock)
    return ctx


# ---- the manual ----


def records(manual):
    """What a manual asks: the line that says what is expected, the SQL, and the words of the answer."""
    with open(os.path.join(MANUAL, manual)) as file:
        text = re.sub(r"^#.*\n", "", file.read(), flags=re.MULTILINE)
    for record in re.split(r"\n\n+", text.strip()):
        head, _, rest = record.partition("\n")
        sql, _, answer = rest.partition("\n----")
        yield head, sql, answer.split()


def rows(ctx, sql):
    batches = ctx.sql(sql).collect()
    return [row for batch in batches for row in zip(*(column.to_pylist() for column in batch.columns))]


def text(value):
    """A value as the manual writes it."""
    match value:
        case None:
            return "NULL"
        case "":
            return "(empty)"
        case bool():
            return str(value).lower()
        case float():
            return re.sub(r"e([+-])0*", lambda e: "e" + e[1].strip("+"), repr(value))
        case datetime.date():
            return value.isoformat().replace("+00:00", "Z")
        case dict():
            return "{" + ", ".join(f"{name}: {text(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(text, value)) + "]"
    return str(value)


@pytest.mark.parametrize("manual", sorted(os.listdir(MANUAL)))
def test_functions_do_what_their_manual_says(manual):
    ctx = session(datetime.date(2026, 6, 30), "Europe/Berlin")
    problems = []
    for head, sql, answer in records(manual):
        error = head.removeprefix("query error ") if head.startswith("query error") else None
        if any(call in sql for call in NOT_REFUSED):
            continue
        if "=>" in sql:
            error = "does not support named arguments"
        try:
            # EXPLAIN shows a fault of planning as a row of its answer.
            ours = rows(ctx, sql.removeprefix("EXPLAIN ") if error else sql)
        except Exception as fault:
            if not error or not re.search(error, str(fault)):
                problems.append(f"{sql}\n  {fault}")
        else:
            words = " ".join(text(value) for row in ours for value in row).split()
            if error or words != answer:
                problems.append(f"{sql}\n  {words} instead of {error or answer}")
    assert not problems, "\n".join(problems)


# ---- results of other people's code ----


def golden():
    ctx = session()
    for table, file in [
        ("orders", "transactions"),
        ("quintiles", "golden/rfm_quintiles"),
        ("summary", "golden/summary_days_all"),
        ("predictions", "golden/predictions_all_weeks"),
        ("bundled", "golden/bundled_summary_predictions"),
    ]:
        ctx.register_parquet(table, os.path.join(CDNOW, f"{file}.parquet"))
    return ctx


def parameters(model, *names):
    with open(os.path.join(CDNOW, "golden/parameters.json")) as file:
        fitted = json.load(file)[model]
    return ", ".join(repr(fitted[name]) for name in names)


def assert_all(ctx, source, *conditions):
    """Each condition is true of each of the 2,357 customers."""
    holds = " AND ".join(f"({condition}) IS TRUE" for condition in conditions)
    assert rows(ctx, f"SELECT count(*), count(*) FILTER (WHERE {holds}) FROM ({source})") == [(2357, 2357)]


def near(ours, golden):
    return f"abs({ours} - {golden}) <= 1e-9 * {golden}"


def test_rfm_equals_the_golden_summary():
    ours = """SELECT * FROM quintiles FULL JOIN
              (SELECT customer_id, rfm(order_date, amount_cents, DATE '1998-06-30') AS cents,
                      rfm(order_date, amount, DATE '1998-06-30') AS money
               FROM orders GROUP BY customer_id) USING (customer_id)"""
    assert_all(
        golden(),
        ours,
        "cents['recency_days'] = recency_days",
        "cents['frequency'] = frequency_rows",
        "cents['monetary'] = monetary_cents",
        near("money['monetary']", "monetary"),
        "money['first_at'] = first_order",
        "money['last_at'] = last_order",
    )


def test_purchase_summaries_equal_lifetimes():
    ours = """SELECT * FROM summary FULL JOIN
              (SELECT customer_id, purchase_summary(order_date, amount, DATE '1998-06-30') AS ours
               FROM orders GROUP BY customer_id) USING (customer_id)"""
    assert_all(
        golden(),
        ours,
        "ours['frequency'] = frequency",
        "ours['recency'] = recency",
        "ours['t'] = \"T\"",
        near("ours['monetary']", "monetary_value"),
    )


@pytest.mark.parametrize(
    "method, column", [("percent_rank", "percent_rank"), ("breaks", "quantile_breaks"), ("r_rfm", "r_rfm")]
)
def test_scores_equal_the_golden_ones(method, column):
    ours = f"""SELECT *, quantile_score(recency_days, 5, 'low', '{method}') OVER () AS r,
                      quantile_score(frequency, 5, 'high', '{method}') OVER () AS f,
                      quantile_score(monetary, 5, 'high', '{method}') OVER () AS m
               FROM quintiles"""
    cell = f"CAST(rfm_cell(r, f, m) AS INT) = rfm_{column}"
    assert_all(golden(), ours, f"r = r_{column}", f"f = f_{column}", f"m = m_{column}", cell)


def test_purchase_models_equal_lifetimes():
    bgnbd = parameters("bgnbd_sample_all_weeks", "r", "alpha", "a", "b")
    history = f'frequency, recency, "T", {bgnbd}'
    spend = parameters("gammagamma_sample_all", "p", "q", "v")
    assert_all(
        golden(),
        "predictions",
        near(f"p_alive_bgnbd({history})", "p_alive_bgnbd"),
        near(f"expected_purchases_bgnbd(39, {history})", "expected_purchases_39w_bgnbd"),
        near(f"expected_spend_gamma_gamma(frequency, monetary_value, {spend})", "expected_avg_profit_gg"),
    )


def test_p_alive_of_mbgnbd_equals_lifetimes():
    mbgnbd = parameters("mbgnbd_bundled_summary", "r", "alpha", "a", "b")
    ours = f'p_alive_mbgnbd(frequency, recency, "T", {mbgnbd})'
    assert_all(golden(), "bundled", near(ours, "p_alive_mbgnbd"))


# ---- the session ----


def test_without_a_day_the_clock_is_refused():
    for function in ["as_of", "as_of_start", "as_of_end"]:
        with pytest.raises(Exception, match=f"{function}: this session has no clock"):
            session().sql(f"SELECT {function}()")


def test_another_day_can_be_set():
    ctx = session(datetime.date(2026, 6, 30))
    register_all(ctx, datetime.date(2026, 7, 1))
    assert rows(ctx, "SELECT as_of()") == [(datetime.date(2026, 7, 1),)]


def test_a_day_ends_in_utc_unless_there_is_a_zone():
    ctx = session(datetime.date(2026, 6, 30))
    assert rows(ctx, "SELECT arrow_typeof(as_of_end()), CAST(as_of_end() AS VARCHAR)") == [
        ('Timestamp(µs, "UTC")', "2026-07-01T00:00:00Z")
    ]


@pytest.mark.parametrize(
    "clock, error",
    [
        ((datetime.date(2026, 6, 30), "Berlin"), 'time_zone must be an IANA name such as Europe/Berlin, got "Berlin"'),
        ((None, "Europe/Berlin"), "time_zone is the zone of as_of; give both"),
    ],
)
def test_a_clock_that_tells_no_day_is_refused(clock, error):
    with pytest.raises(ValueError, match=error):
        session(*clock)


def test_functions_are_expressions_too():
    ctx = session()
    frame = ctx.from_pydict({"logins": [5, None]})
    scores = frame.select(ctx.udf("score_between")(col("logins"), lit(0), lit(20)).alias("score"))
    assert scores.to_pydict() == {"score": [25.0, None]}


# ---- what the way into another program's session changes ----


def test_faulty_constants_of_scalar_functions_are_refused_while_planning():
    with pytest.raises(Exception, match="score_between: worst and best must differ, both are 5"):
        session().sql("SELECT score_between(column1, 5, 5) FROM VALUES (1)")


@pytest.mark.parametrize(
    "call",
    [
        "quantile_score(column1, 3) OVER ()",
        "quantile_score(column1, 3) OVER (ORDER BY column1 DESC)",
        "quantile_score(column1, 3) OVER (ROWS 1 PRECEDING)",
        "quantile_score(column1, 3) IGNORE NULLS OVER ()",
        "quantile_score(DISTINCT column1, 3) OVER ()",
    ],
)
def test_what_a_window_function_would_refuse_is_ignored(call):
    sql = f"SELECT column1, {call} FROM VALUES (1), (1), (2), (3), (NULL) ORDER BY 1"
    assert rows(session(), sql) == [(1, 1), (1, 1), (2, 3), (3, 3), (None, None)]


def test_a_correlated_subquery_without_rows_is_null():
    sql = """SELECT (SELECT rfm(day, 1, day) FROM (VALUES (1, DATE '2026-06-30')) AS o(id, day) WHERE o.id = c.id)
             FROM (VALUES (2)) AS c(id)"""
    assert rows(session(), sql) == [(None,)]


def test_groups_spill_to_disk():
    sql = """SELECT count(*), sum(r['frequency']), sum(r['monetary'])
             FROM (SELECT value % 50000 AS id, rfm(DATE '2026-06-30', value, DATE '2026-06-30') AS r
                   FROM generate_series(1, 200000) GROUP BY 1)"""
    ctx = SessionContext(runtime=RuntimeEnvBuilder().with_disk_manager_os().with_fair_spill_pool(4_000_000))
    register_all(ctx)
    assert rows(ctx, sql) == [(50_000, 200_000, 20_000_100_000)]
    assert re.search(r"spill_count=[1-9]", str(ctx.sql(f"EXPLAIN ANALYZE {sql}").to_pydict()))
