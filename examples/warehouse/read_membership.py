"""Reads the membership of one night as it was published; prints a JSON line for each row.

    python read_membership.py s3://lake/segments                        the current night
    python read_membership.py s3://lake/segments --as-of 2026-06-29     the live night of a day
    python read_membership.py s3://lake/segments --version 41           what was current at that version

The only dependency is pyarrow, whose file systems read s3://, gs://, abfs:// and paths. sync_postgres.py uses the class
below for the change feed.

The way from a place to rows: latest.json -> log/<version>.json -> attempts/<attempt>/manifest.json -> data files. Never list
`tables/`: it also holds nights that were replaced, withdrawn or never committed.
"""

import argparse
import datetime
import hashlib
import json
import os
import sys

import pyarrow
import pyarrow.parquet
from pyarrow import fs

FORMAT = 1  # the newest format of the log that this program understands


class Gone(Exception):
    """Files were deleted, as the log has said they would be: resolve again."""


class Log:
    """What one project publishes."""

    def __init__(self, location):
        if "://" in location:
            self.files, root = fs.FileSystem.from_uri(location)
        else:
            self.files, root = fs.LocalFileSystem(), os.path.abspath(location)
        self.root = root.rstrip("/")

    # ---- the log ----

    def record(self, version):
        """One commit, with the whole state after it; None if there is none yet."""
        content = self.read(f"log/{version:020}.json")
        if content is None:
            return None
        record = json.loads(content)
        if record["format"] > FORMAT:
            raise SystemExit(f"version {version} is written in format {record['format']}: get a newer read_membership.py")
        return record

    def head(self):
        """The newest record. latest.json may lag behind, so whatever it says is only where the walk begins."""
        hint = self.read("latest.json")
        version = json.loads(hint)["version"] if hint else 0
        head = self.record(version) if version else None
        version = head["version"] if head else 0
        while (later := self.record(version + 1)) is not None:
            head, version = later, version + 1
        if head is None:
            raise SystemExit(f"nothing is committed yet at {self.root}")
        return head

    # ---- from a record to files ----

    def files_of(self, attempt_id, manifest_sha256, table):
        """The files of a table: path, size, rows and sha256 of each. The record holds the manifest's hash, the manifest
        those of the files: what is read is what was committed, or an error."""
        content = self.committed(f"attempts/{attempt_id}/manifest.json", manifest_sha256, attempt_id)
        return json.loads(content)["tables"][table]["files"]

    def table(self, attempt_id, manifest_sha256, table):
        """The rows of one attempt's table."""
        parts = []
        for file in self.files_of(attempt_id, manifest_sha256, table):
            content = self.committed(file["path"], file["sha256"], attempt_id)
            # ParquetFile and not read_table: that would take folder names for columns. One thread: pyarrow's others, if
            # the program ends before they do, may abort it.
            parts.append(pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content)).read(use_threads=False))
        return pyarrow.concat_tables(parts)

    def committed(self, path, sha256, attempt_id):
        """A file's bytes. One that is missing is fine if a later record has named its attempt for deletion."""
        content = self.read(path)
        if content is None:
            if attempt_id in self.head()["state"]["stale"]:
                raise Gone(path)
            raise SystemExit(f"{self.root}/{path} is missing, though the log names it: `roster verify` lists the damage")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise SystemExit(f"{self.root}/{path} is not what was committed: `roster verify --deep` lists the damage")
        return content

    def read(self, path):
        """Bytes; None if there is no such file. On S3 that answer needs the right to list: without it a missing file is
        a denied one."""
        try:
            with self.files.open_input_stream(f"{self.root}/{path}", compression=None) as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    # ---- one night ----

    def membership(self, as_of=None, version=None):
        """(version, night, rows) of the current night, of a day's, or of the one current at a version. Everything comes
        from one record, so the rows are one night's, whatever is published meanwhile."""
        while True:
            record = self.record(version) if version else self.head()
            if record is None:
                raise SystemExit(f"there is no version {version}")
            wanted = str(as_of or record["state"]["current"])
            # A rollback leaves withdrawn nights in the state.
            night = next((n for n in record["state"]["nights"] if n["as_of"] == wanted and n["live"]), None)
            if night is None:
                raise SystemExit(f"the night of {wanted} is not committed")
            try:
                rows = self.table(night["attempt_id"], night["manifest_sha256"], "membership")
                return record["version"], night["as_of"], rows
            except Gone:
                if version:  # the same record would name the same files
                    raise SystemExit(f"version {version} can not be read any more: its files are past retention") from None


def main():
    parser = argparse.ArgumentParser(description="Print the membership of one night.")
    parser.add_argument("location", help="where the project publishes: a path or URL")
    parser.add_argument("--as-of", type=datetime.date.fromisoformat)
    parser.add_argument("--version", type=int)
    arguments = parser.parse_args()
    version, as_of, rows = Log(arguments.location).membership(arguments.as_of, arguments.version)
    print(f"version {version}: the night of {as_of}, {rows.num_rows} rows", file=sys.stderr)
    for batch in rows.to_batches():
        for row in batch.to_pylist():
            print(json.dumps(row, default=str))


if __name__ == "__main__":
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever closes the pipe has read enough; Python flushes once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
