"""Keeps a table in PostgreSQL equal to the current membership: who is in which segment.

    python sync_postgres.py s3://lake/segments "host=db dbname=crm user=sync" --once
    python sync_postgres.py s3://lake/segments "host=db dbname=crm user=sync" --every 60

The first call copies the current night. From then on only change sets are read: each record of the log that changed the
current night names the rows that lead there, after a rollback and a replaced night too.

It may be killed at any point and started again: the rows of a change set and the token, the version they lead to, are one
transaction. Two that run at once wait for each other, and neither applies a set twice. Readers of the table see the
night before or the night after, never half of one.
"""

import argparse
import time

import psycopg
import pyarrow
from psycopg import sql

from read_membership import Gone, Log


class Drifted(Exception):
    """The table does not hold what the feed says it holds: somebody else wrote to it."""


class Follower:
    def __init__(self, log, connection, table):
        self.log, self.connection = log, connection
        self.names = {"table": sql.Identifier(table), "token": sql.Identifier(f"{table}_token")}

    def execute(self, text, parameters=None, **names):
        return self.connection.execute(sql.SQL(text).format(**self.names, **names), parameters)

    # ---- what to do ----

    def catch_up(self):
        """Applies all that is new."""
        token = self.token()
        if token is None:
            return self.rebase("there is no copy yet")
        project, version = token
        held = self.log.record(version)
        if held is None or held["project"] != project:
            # Not to be repaired by copying: a wrong location would replace the table.
            raise SystemExit(f"the table holds version {version} of project {project}, and this log does not: wrong location?")
        records = []
        while (record := self.log.record(version + 1)) is not None:
            records.append(record)
            version += 1
        # A forget rewrites rows in place, and no feed may tell which. Looked for first: the key should be gone soon.
        if any(record["kind"] == "forget" for record in records):
            return self.rebase("a key was forgotten")
        try:
            for record in records:
                self.apply(record)
        except Gone:
            self.rebase("the feed has a gap: its files are past retention")
        except Drifted as drift:
            self.rebase(str(drift))

    def apply(self, record):
        """One change set. All files are read and verified before the transaction begins: it stays short."""
        feed, version = record["feed"], record["version"]
        rows = feed and self.log.table(feed["attempt_id"], feed["manifest_sha256"], feed["table"])
        with self.connection.transaction():
            if self.lock() != (record["project"], version - 1):
                return  # another sync was faster
            if rows:
                self.apply_rows(rows)
            self.set_token(record)
        print(f"version {version}: {record['kind']}, {rows.num_rows if rows else 0} changes", flush=True)

    def apply_rows(self, rows):
        key = sql.Identifier(rows.column_names[2])  # as_of, segmentation, <key>, change, segment, previous_segment, ...
        self.execute(
            "CREATE TEMP TABLE change ON COMMIT DROP AS SELECT segmentation, {key}, '' AS change, segment,"
            " segment AS previous_segment FROM {table} WHERE false",
            key=key,
        )
        self.copy("change", rows.select([1, 2, 3, 4, 5]))
        # `moved` is both: out of previous_segment, into segment. All exits go first.
        left = self.execute(
            "DELETE FROM {table} AS t USING change AS c WHERE c.change IN ('left', 'moved')"
            " AND t.segmentation = c.segmentation AND t.{key} = c.{key} AND t.segment = c.previous_segment",
            key=key,
        ).rowcount
        entered = self.execute(
            "INSERT INTO {table} (segmentation, {key}, segment) SELECT segmentation, {key}, segment FROM change"
            " WHERE change IN ('entered', 'moved') ON CONFLICT DO NOTHING",
            key=key,
        ).rowcount
        changes = rows["change"].to_pylist()
        moved = changes.count("moved")
        if left != changes.count("left") + moved or entered != changes.count("entered") + moved:
            raise Drifted("the table does not hold what the feed changes: somebody else wrote to it")

    def rebase(self, why):
        """Copies the current night whole."""
        version, as_of, rows = self.log.membership()
        rows = rows.select([1, 3, 2])  # segmentation, <key>, segment
        record = self.log.record(version)
        with self.connection.transaction():
            held = self.lock()
            self.create(rows.schema.field(1))
            if held and held[1] > version:
                return  # another sync went past it; a token never goes back
            # Not TRUNCATE: readers of the table would wait for us.
            self.execute("DELETE FROM {table}")
            self.copy(self.names["table"].as_string(), rows)
            self.set_token(record)
        print(f"version {version}: {rows.num_rows} rows of the night of {as_of}, as {why}", flush=True)

    # ---- the table and its token ----

    def create(self, key):
        kind = sql.SQL("bigint" if pyarrow.types.is_integer(key.type) else "text")
        self.execute(
            "CREATE TABLE IF NOT EXISTS {table} (segmentation text NOT NULL, {key} {kind} NOT NULL,"
            " segment text NOT NULL, PRIMARY KEY (segmentation, {key}, segment))",
            key=sql.Identifier(key.name),
            kind=kind,
        )
        self.execute(
            "CREATE TABLE IF NOT EXISTS {token} (single boolean PRIMARY KEY DEFAULT true CHECK (single),"
            " project text NOT NULL, version bigint NOT NULL, current date NOT NULL)"
        )

    def token(self):
        """(project, version) that the table holds; None before the first copy."""
        there = self.connection.execute("SELECT to_regclass(%s)", [self.names["token"].as_string()]).fetchone()[0]
        return there and self.execute("SELECT project, version FROM {token}").fetchone()

    def lock(self):
        """Until the transaction ends no other sync writes; what the table holds now. Not a lock of the table: at first
        there is none."""
        self.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [self.names["token"].as_string()])
        return self.token()

    def set_token(self, record):
        self.execute(
            "INSERT INTO {token} (project, version, current) VALUES (%s, %s, %s) ON CONFLICT (single) DO UPDATE"
            " SET project = excluded.project, version = excluded.version, current = excluded.current",
            [record["project"], record["version"], record["state"]["current"]],
        )

    def copy(self, table, rows):
        columns = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
        command = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.SQL(table), columns)
        with self.connection.cursor().copy(command) as copy:
            for batch in rows.to_batches():
                for row in zip(*(column.to_pylist() for column in batch.columns)):
                    copy.write_row(row)


def main():
    parser = argparse.ArgumentParser(description="Keep a PostgreSQL table equal to the membership.")
    parser.add_argument("location", help="where the project publishes: a path or URL")
    parser.add_argument("database", help="a libpq connection string; keep the password in PGPASSFILE")
    parser.add_argument("--table", default="membership")
    parser.add_argument("--once", action="store_true", help="catch up and end: for cron")
    parser.add_argument("--every", type=float, default=60, metavar="SECONDS")
    arguments = parser.parse_args()
    # autocommit: transactions are exactly the `transaction()` blocks.
    with psycopg.connect(arguments.database, autocommit=True) as connection:
        follower = Follower(Log(arguments.location), connection, arguments.table)
        while True:
            follower.catch_up()
            if arguments.once:
                return
            time.sleep(arguments.every)


if __name__ == "__main__":
    main()
