"""Whether all systems wrote the same rows: their number, and a hash of them that does not depend on their order.

python benches/compare.py PART SYSTEM=DIRECTORY ...
"""

import glob
import os
import sys

import duckdb

part, *results = sys.argv[1:]
COLUMNS = {
    "rfm": "account_id::VARCHAR, recency_days::INT, frequency::BIGINT, monetary::DECIMAL(18,2), failed_90::BIGINT, "
    "r::INT, f::INT, m::INT",
    "usage": "account_id::VARCHAR, active_days_90::INT, features_90::INT, events_28::BIGINT, events_prev28::BIGINT, "
    "days_since_active::INT",
    "membership": "segment::VARCHAR, account_id::VARCHAR, round(score, 9)",  # divisions differ by one unit in the last place
}
table = part if part in COLUMNS else "membership"


def files(system, directory):
    name = {"rfm": "account", "usage": "account"}.get(table, table) if system == "roster" else table
    below = f"{directory}/published/tables/{name}/*/*" if system == "roster" else f"{directory}/{name}*"
    return [file for file in glob.glob(f"{below}.parquet") if os.path.isfile(file)]


found = {}
for result in results:
    system, _, directory = result.partition("=")
    counted = f"SELECT count(*), sum(hash({COLUMNS[table]})) FROM read_parquet({files(system, directory)!r})"
    found[system] = duckdb.connect().execute(counted).fetchone()
if len(set(found.values())) != 1:
    lines = [f"{system}: {rows} rows, {hashed}" for system, (rows, hashed) in found.items()]
    sys.exit(f"{part}: the results differ\n" + "\n".join(lines))
