"""The project that Roster runs for a part of the job: SQL as an analyst would write it, beside segments out of `job.py`.

python benches/project.py DIR PART      PART = rfm | usage | segments:N | all:N
"""

import pathlib
import shutil
import sys

import job

HERE = pathlib.Path(__file__).parent / "project"

SOURCES = {
    "orders": """event_time = "ts"
columns = { account_id = "text", ts = "timestamp!", amount = "decimal(12,2)", status = "text" }""",
    "usage_events": """event_time = "ts"
columns = { dt = "date", account_id = "text", ts = "timestamp!", feature = "text", count = "int" }""",
    "tickets": "",
    "contracts": "",
    "surveys": "",
    "accounts": 'unique = ["account_id"]',
}
FEATURES = {
    "rfm": ["orders"],
    "usage": ["usage_events"],
    "support": ["tickets"],
    "contract": ["contracts"],
    "survey": ["surveys"],
    "account": ["accounts"],
}

# What is measured is the feature, which the account table publishes; a project has one segment at least.
BEST = {
    "rfm": "SELECT account_id, frequency AS score FROM feature.rfm WHERE r = 5 AND f = 5 AND m = 5\n",
    "usage": "SELECT account_id, events_28 AS score FROM feature.usage WHERE active_days_90 >= 80\n",
}


def head(universe):
    return (
        '[project]\nname = "bench"\nkey = "account_id"\ntime_zone = "UTC"\nenv = ["DATA"]\n'
        f'universe = "{universe}"\n\n'
        '[run]\nthreads = 2\n\n[output]\nlocation = "published/"\n'
    )


def source(name, location):
    return f'\n[sources.{name}]\nlocation = "${{DATA}}{location}"\n{SOURCES.get(name, "")}\n'


def write(directory, part, count):
    sql = pathlib.Path(directory) / "sql"
    for layer in ("features", "segments"):
        (sql / layer).mkdir(parents=True)
    if part == "segments":
        text = head("feature.everyone") + source("features", "")
        (sql / "features" / "customer.sql").write_text("SELECT * FROM raw.features\n")
        (sql / "features" / "everyone.sql").write_text("SELECT account_id FROM feature.customer\n")
    else:
        features = list(FEATURES) if part == "all" else [part]
        text = head(f"feature.{features[-1]}")
        for feature in features:
            shutil.copy(HERE / "features" / f"{feature}.sql", sql / "features")
            text += "".join(source(name, f"/{name}/") for name in FEATURES[feature])
    if part in ("rfm", "usage"):
        (sql / "segments" / f"{part}_best.sql").write_text(BEST[part])
    table = "feature.customer" if part == "segments" else "feature.account"
    for name, condition, score in job.segments(count) if part in ("segments", "all") else []:
        segment = f"SELECT account_id, {score} AS score FROM {table} WHERE {job.to_sql(condition)}\n"
        (sql / "segments" / f"{name}.sql").write_text(segment)
    (pathlib.Path(directory) / "roster.toml").write_text(text)


if __name__ == "__main__":
    directory, part = sys.argv[1:3]
    name, _, count = part.partition(":")
    write(directory, name, int(count or 0))
