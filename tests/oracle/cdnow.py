"""Compares the RFM scores of examples/cdnow with scores computed by other people's code, customer by customer.

    python tests/oracle/cdnow.py PUBLISHED_DIR [--golden rfm_quintiles.parquet]
"""

import argparse
import json
import os
import sys

import pyarrow.parquet as parquet

import published

# Where the project's shared data lies beside the repository.
GOLDEN = os.path.join(os.path.dirname(__file__), "../../../shared/data/cdnow_sample/golden/rfm_quintiles.parquet")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("published")
    parser.add_argument("--golden", default=GOLDEN)
    parser.add_argument("--night", default="1998-06-30", help="the golden file's day")
    options = parser.parse_args()

    night = next((n for n in published.nights_of(options.published) if str(n.as_of) == options.night), None)
    if night is None:
        raise SystemExit(f"{options.night} is not published in {options.published}")
    problems = []
    columns, rows, schema = published.read(night.tables["membership"], problems, night.known)
    published.check_sorted("membership", columns, rows, ["segmentation", "segment", "customer_id"], problems)
    for table in sorted(night.tables):
        _, _, table_schema = published.read(night.tables[table], problems, night.known)
        if "customer_id" in table_schema.names and str(table_schema.field("customer_id").type) != "int32":
            problems.append(f"{table}: customer_id is {table_schema.field('customer_id').type}, and int32 in the extract")

    golden = {row["customer_id"]: row for row in parquet.ParquetFile(options.golden).read(use_threads=False).to_pylist()}
    rows = [dict(zip(columns, row)) for row in rows]
    found = {row["customer_id"]: json.loads(row["evidence"]) for row in rows if row["segmentation"] == "rfm"}
    if len(found) != sum(row["segmentation"] == "rfm" for row in rows):
        problems.append("a customer stands twice in rfm")
    differ = 0
    for customer in sorted(golden.keys() | found.keys()):
        want, have = golden.get(customer), found.get(customer)
        if want and have:
            expected = {axis: want[f"{axis}_percent_rank"] for axis in "rfm"}
            expected |= {"recency_days": want["recency_days"], "frequency": want["frequency"]}
            scores = {name: int(have[name]) for name in expected}
            # To the cent: money is a decimal on the way.
            if scores == expected and round(float(have["monetary"]) * 100) == want["monetary_cents"]:
                continue
        differ += 1
        if differ <= 3:
            problems.append(f"customer {customer}: golden {want}, published {have}")
    print(f"{len(golden)} customers, {len(golden) - differ} with equal r, f and m, {differ} differ; key {schema.field('customer_id').type}")
    for problem in problems:
        print(f"DIFFERENT {problem}")
    sys.exit(bool(problems) or differ > 0)


if __name__ == "__main__":
    main()
