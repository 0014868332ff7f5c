"""What a night published, found the way any outside reader would find it: last log record -> attempt -> manifest -> files.

Every file is read three times (DuckDB, pyarrow, Polars): whoever syncs a warehouse uses one of them, and they must agree.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import date

import duckdb
import polars
import pyarrow
import pyarrow.parquet as parquet


@dataclass
class Night:
    as_of: date
    attempt_id: str
    previous: str | None  # attempt of the night it was computed against
    tables: dict[str, list[str]] = field(default_factory=dict)  # table -> files
    known: dict[str, dict] = field(default_factory=dict)  # file -> its manifest entry


def nights_of(root):
    """The live nights of the last log record, oldest first."""
    log = os.path.join(root, "log")
    records = sorted(name for name in os.listdir(log) if name.endswith(".json"))
    if not records:
        raise SystemExit(f"{log} holds no commit: run `roster run` first")
    with open(os.path.join(log, records[-1])) as file:
        state = json.load(file)["state"]
    nights = []
    for entry in sorted(state["nights"], key=lambda entry: entry["as_of"]):
        if not entry.get("live", True):
            continue
        before = nights[-1].attempt_id if nights else None
        night = Night(date.fromisoformat(entry["as_of"]), entry["attempt_id"], entry.get("previous", before))
        with open(os.path.join(root, "attempts", night.attempt_id, "manifest.json")) as file:
            manifest = json.load(file)
        for table, content in manifest["tables"].items():
            for entry in content["files"]:
                path = os.path.join(root, entry["path"])
                night.tables.setdefault(table, []).append(path)
                night.known[path] = entry
        nights.append(night)
    return nights


def read(paths, problems, entries=None):
    """Column names and rows of a table; what the readers disagree on, or the metadata lacks, goes to `problems`."""
    # One thread: pyarrow's others, if the program ends before they do, may abort it.
    arrow = pyarrow.concat_tables([parquet.ParquetFile(path).read(use_threads=False) for path in paths])
    columns = arrow.column_names
    rows = [tuple(row.values()) for row in arrow.to_pylist()]

    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = true; SET TimeZone = 'UTC'")
        quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        found = connection.execute(f"FROM read_parquet([{quoted}], hive_partitioning = false)")
        compare_readers("DuckDB", paths, columns, rows, [c[0] for c in found.description], found.fetchall(), problems)
    frame = polars.concat([polars.read_parquet(path, hive_partitioning=False) for path in paths])
    compare_readers("Polars", paths, columns, rows, frame.columns, frame.rows(), problems)

    for path in paths:
        check_file(path, (entries or {}).get(path), problems)
    return columns, rows, arrow.schema


def compare_readers(reader, paths, columns, rows, other_columns, other_rows, problems):
    place = os.path.basename(os.path.dirname(os.path.dirname(paths[0])))
    if columns != other_columns:
        problems.append(f"{place}: {reader} sees columns {other_columns}, pyarrow {columns}")
    elif len(rows) != len(other_rows):
        problems.append(f"{place}: {reader} reads {len(other_rows)} rows, pyarrow {len(rows)}")
    else:
        for number, (row, other) in enumerate(zip(rows, other_rows)):
            # NaN differs from itself; as text it does not.
            if row != tuple(other) and str(row) != str(tuple(other)):
                problems.append(f"{place}: row {number} is {other} for {reader}, {row} for pyarrow")
                break


def check_file(path, entry, problems):
    """zstd, page index and recorded sort order; and that the manifest tells the truth."""
    metadata = parquet.ParquetFile(path).metadata
    if entry is not None:
        if entry.get("rows", metadata.num_rows) != metadata.num_rows:
            problems.append(f"{path}: {metadata.num_rows} rows, the manifest says {entry['rows']}")
        if "sha256" in entry:
            with open(path, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != entry["sha256"]:
                    problems.append(f"{path}: its SHA-256 is not the manifest's")
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        if not row_group.sorting_columns:
            problems.append(f"{path}: row group {group} records no sorting columns")
        for number in range(row_group.num_columns):
            column = row_group.column(number)
            if column.compression != "ZSTD":
                problems.append(f"{path}: {column.path_in_schema} is {column.compression}, not ZSTD")
            if not column.has_offset_index:
                problems.append(f"{path}: {column.path_in_schema} has no page index")


def sort_order(path):
    """Names of the recorded sorting columns; none for a file without row groups."""
    metadata = parquet.ParquetFile(path).metadata
    if metadata.num_row_groups == 0:
        return None
    group = metadata.row_group(0)
    return [group.column(column.column_index).path_in_schema for column in group.sorting_columns]


def has_bloom_filter(path, column):
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT bool_and(bloom_filter_offset IS NOT NULL) FROM parquet_metadata(?) WHERE path_in_schema = ?",
            [path, column],
        )
        return found.fetchone()[0] in (True, None)


def check_sorted(table, columns, rows, by, problems):
    """Rising by these columns, NULLs together at one end; text by code point, which is the order of UTF-8 bytes."""
    at = [columns.index(name) for name in by if name in columns]
    for nulls_last in (True, False):
        keys = [tuple((nulls_last,) if row[i] is None else (not nulls_last, row[i]) for i in at) for row in rows]
        broken = next((number for number, (one, two) in enumerate(zip(keys, keys[1:])) if one > two), None)
        if broken is None:
            return
    problems.append(f"{table}: row {broken + 1} {rows[broken + 1]} stands behind {rows[broken]}: not sorted by {by}")
