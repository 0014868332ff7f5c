"""Do Delta readers see what `roster resolve` names? deltalake, Polars and DuckDB's delta extension must.

    python delta.py EXPECTED

EXPECTED is JSON: per table its URI, options of its store, a Delta version (null = the newest) with the version of the log
that it has to be, and the Parquet files of that version (null = their files are deleted: reading has to fail).
"""

import json
import sys
from pathlib import Path

import duckdb
import duckdb_extension_delta
import duckdb_extension_httpfs
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyarrow import fs


def rows(table):
    """In one order, whatever the reader's."""
    return sorted((list(row.values()) for row in table.to_pylist()), key=repr)


def committed(files, options):
    if not options:
        return pa.concat_tables([pq.read_table(file) for file in files])
    store = fs.S3FileSystem(
        endpoint_override=options["AWS_ENDPOINT_URL"],
        region="us-east-1",
        access_key=options["AWS_ACCESS_KEY_ID"],
        secret_key=options["AWS_SECRET_ACCESS_KEY"],
    )
    return pa.concat_tables([pq.read_table(file.removeprefix("s3://"), filesystem=store) for file in files])


def extension(package):
    return next(Path(package.__file__).parent.glob("extensions/*/*.duckdb_extension"))


def with_duckdb(uri, version, options):
    with duckdb.connect() as connection:
        for package in (duckdb_extension_httpfs, duckdb_extension_delta):
            connection.execute(f"LOAD '{extension(package)}'")
        if options:
            endpoint = options["AWS_ENDPOINT_URL"].removeprefix("http://")
            connection.execute(
                "CREATE SECRET (TYPE s3, KEY_ID '{AWS_ACCESS_KEY_ID}', SECRET '{AWS_SECRET_ACCESS_KEY}', REGION 'us-east-1', "
                "URL_STYLE 'path', USE_SSL false, ENDPOINT '{endpoint}')".format(endpoint=endpoint, **options)
            )
        which = "" if version is None else f", version = {version}"
        return connection.execute(f"SELECT * FROM delta_scan('{uri}'{which})").to_arrow_table()


def check(uri, version, is_version, files, options):
    delta = lambda: DeltaTable(uri, version=version, storage_options=options or None)
    readers = {
        "deltalake": lambda: delta().to_pyarrow_table(),
        "DuckDB": lambda: with_duckdb(uri, version, options),
    }
    if not options:  # Polars opens tables of an S3 that is not Amazon's by other options.
        import polars

        readers["Polars"] = lambda: polars.read_delta(uri, version=version).to_arrow()
    for name, read in readers.items():
        if files is None:
            try:
                yield f"{name} reads {read().num_rows} rows of version {version} of {uri}, whose files are deleted"
            except Exception:  # which one is the reader's business
                pass
            continue
        read, expected = read(), committed(files, options)
        if read.column_names != expected.column_names:
            yield f"{name} sees columns {read.column_names}, not {expected.column_names}"
        if rows(read) != rows(expected):
            yield f"{name} reads {read.num_rows} other rows than the {expected.num_rows} of {files} from {uri} {version}"
    if files is not None and delta().version() != is_version - 1:
        yield f"{uri} is at version {delta().version()}, the log at {is_version}"


def main():
    expected = json.loads(Path(sys.argv[1]).read_text())
    problems = [problem for table in expected for problem in check(**table)]
    sys.exit("\n".join(problems) or None)


if __name__ == "__main__":
    main()
