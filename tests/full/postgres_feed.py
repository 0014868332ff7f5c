"""30 nights, and a PostgreSQL that follows them.

    python tests/full/postgres_feed.py [--seed N] [--roster target/debug/roster]     (by .ci/full; as root, or not)

A company of 60 people over 3 segmentations is published night after night, with moves and exits, a night that is rolled
back and published again, a replaced night, a side night, a vacuum and a forget. examples/warehouse/sync_postgres.py follows
and is killed with SIGKILL at random points, before its connection, inside its transaction, behind it. After every night
the table must hold exactly what this script, which knows what it published, expects; and what read_membership.py reads.
vacuum and forget are left out of it as long as the binary does not know them.
"""

import argparse
import datetime
import glob
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pyarrow
import pyarrow.parquet

REPOSITORY = Path(__file__).resolve().parents[2]
WAREHOUSE = REPOSITORY / "examples" / "warehouse"
sys.dont_write_bytecode = True  # the repository stays as it is
sys.path.insert(0, str(WAREHOUSE))

from read_membership import Gone, Log  # noqa: E402  (from the path above)

PEOPLE = [f"P{number:03}" for number in range(60)]
TIERS = ["gold", "silver", "iron"]
FIRST = datetime.date(2026, 6, 1)
KILLS_A_NIGHT = 6
KILLS_OF_THE_FIRST_COPY = 30

TOML = """
[project]
name = "people"
key = "person_id"
time_zone = "UTC"

[sources.people]
location = "extract/people.parquet"
columns = { person_id = "text!", tier = "text", channels = "list<text>", score = "float" }

[output]
location = "published/"
retain = "0m"
"""

SEGMENTS = {
    # One label a person: moves.
    "tier": "/*\n+++\nexclusive = true\n+++\n*/\nSELECT person_id, tier AS segment, score FROM raw.people",
    # Several: entries and exits.
    "channel": "SELECT person_id, unnest(channels) AS segment FROM raw.people",
    # The file's name is the segment.
    "promising": "SELECT person_id, score FROM raw.people WHERE score > 0.5",
}


# ---- a PostgreSQL of our own ------------------------------------------------------------------------------------------


class Postgres:
    """On 127.0.0.1 and a free port, in a folder that goes away; stopped by its process id."""

    def __init__(self, folder):
        self.folder, self.log = folder, folder / "server.log"
        binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
        self.binaries = Path(binaries[-1]) if binaries else Path(shutil.which("initdb")).parent
        # PostgreSQL refuses to run as root.
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        folder.mkdir()
        if self.user:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)
        self.run("initdb", "-D", folder / "data", "-U", "roster", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale", "C")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", folder / "data", "-k", folder, "-h", "127.0.0.1", "-p", str(self.port)],
                stdout=log, stderr=log, cwd=folder, **self.identity(),
            )
        self.address = f"host=127.0.0.1 port={self.port} user=roster dbname=postgres"
        for _ in range(300):
            try:
                psycopg.connect(self.address).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        self.stop()
        raise SystemExit(f"PostgreSQL does not start:\n{self.log.read_text()}")

    def identity(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}

    def run(self, program, *arguments):
        subprocess.run([self.binaries / program, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self.identity())

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # fast shutdown
            self.process.wait(30)

    def lost_in_a_transaction(self):
        """Clients that vanished inside one."""
        return len(re.findall("client connection with an open transaction", self.log.read_text()))


# ---- the company ------------------------------------------------------------------------------------------------------


class Company:
    """What is true tonight, and what its membership must be."""

    def __init__(self, dice):
        self.dice, self.people, self.forgotten = dice, {}, set()
        for person in PEOPLE[:50]:
            self.join(person)

    def join(self, person):
        channels = self.dice.sample(["mail", "phone", "shop"], self.dice.randint(0, 3))
        self.people[person] = (self.dice.choice(TIERS), channels, self.dice.random())

    def night_falls(self):
        """Some leave, some come, many change."""
        for person in self.dice.sample(sorted(self.people), 4):
            del self.people[person]
        for person in self.dice.sample(PEOPLE, 12):
            self.join(person)

    def deliver(self, path):
        rows = [(person, *facts) for person, facts in sorted(self.people.items())]
        columns = [list(column) for column in zip(*rows)]
        types = [pyarrow.string(), pyarrow.string(), pyarrow.list_(pyarrow.string()), pyarrow.float64()]
        names = ["person_id", "tier", "channels", "score"]
        arrays = [pyarrow.array(column, kind) for column, kind in zip(columns, types)]
        pyarrow.parquet.write_table(pyarrow.table(arrays, names=names), path)

    def membership(self):
        rows = set()
        for person, (tier, channels, score) in self.people.items():
            if person in self.forgotten:  # extracts may go on holding it
                continue
            rows.add(("tier", person, tier))
            rows.update(("channel", person, channel) for channel in channels)
            if score > 0.5:
                rows.add(("promising", person, "promising"))
        return rows


# ---- the proof --------------------------------------------------------------------------------------------------------


class Proof:
    def __init__(self, folder, roster, dice):
        self.dice, self.roster_binary, self.project = dice, roster, folder / "project"
        (self.project / "extract").mkdir(parents=True)
        (self.project / "sql" / "segments").mkdir(parents=True)
        (self.project / "roster.toml").write_text(TOML)
        for name, text in SEGMENTS.items():
            (self.project / "sql" / "segments" / f"{name}.sql").write_text(text)
        self.output = str(self.project / "published")
        self.company = Company(dice)
        self.nights = {}  # as_of -> the membership of it that is live
        self.counts = dict.fromkeys(["nights", "compared", "killed", "ended before the kill", "entered", "moved", "left", "copied whole"], 0)
        self.postgres = Postgres(folder / "postgres")

    # ---- roster ----

    def roster(self, *arguments, code=0):
        command = [self.roster_binary, *arguments, "--project", self.project]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode != code:
            raise SystemExit(f"{' '.join(map(str, command))}: exit {ended.returncode}\n{ended.stdout}{ended.stderr}")
        return ended.stdout

    def knows(self, command):
        return subprocess.run([self.roster_binary, command, "--help"], capture_output=True).returncode == 0

    def publish(self, as_of, *options):
        self.company.deliver(self.project / "extract" / "people.parquet")
        self.roster("run", "--as-of", str(as_of), *options)
        self.nights[as_of] = self.company.membership()
        self.counts["nights"] += 1

    def version(self):
        return Log(self.output).head()["version"]

    # ---- the consumer ----

    def consumer(self, *options):
        command = [sys.executable, "-B", WAREHOUSE / "sync_postgres.py", self.output, self.postgres.address, *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def kill_consumers(self, times):
        """Each starts where the one before was killed. One is killed at any time of its life, the next once its session is
        seen, the third once it is seen in a transaction: those are a small part of a life."""
        for number in range(times):
            consumer = self.consumer("--once")
            kind = number % 3
            if kind == 0:
                wait = self.dice.uniform(0, 1.2 * self.lifetime)
            else:
                self.wait_for_session(consumer, "true" if kind == 1 else "xact_start IS NOT NULL")
                wait = self.dice.uniform(0, 0.03 if kind == 1 else 0.004)
            time.sleep(wait)
            consumer.kill()
            told, _ = consumer.communicate()
            self.counts["killed" if consumer.returncode == -signal.SIGKILL else "ended before the kill"] += 1
            if consumer.returncode not in (0, -signal.SIGKILL):
                raise SystemExit(f"the consumer failed:\n{told}")

    def wait_for_session(self, consumer, state):
        """Without a pause: a transaction takes some milliseconds."""
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            f" WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND {state}"
        )
        while consumer.poll() is None and self.watcher.execute(query).fetchone() == (0,):
            pass

    def catch_up(self):
        started = time.monotonic()
        consumer = self.consumer("--once")
        told, _ = consumer.communicate()
        if consumer.returncode != 0:
            raise SystemExit(f"the consumer failed:\n{told}")
        self.lifetime = time.monotonic() - started
        return told

    # ---- what must hold ----

    def compare(self):
        version, as_of, published = Log(self.output).membership()
        current = max(self.nights)
        if as_of != str(current):
            raise SystemExit(f"version {version}: current is {as_of}, expected {current}")
        names = ("segmentation", "person_id", "segment")
        read = set(zip(*(published[name].to_pylist() for name in names)))
        held = self.watcher.execute("SELECT segmentation, person_id, segment FROM membership").fetchall()
        token = self.watcher.execute("SELECT project, version, current FROM membership_token").fetchall()
        for name, rows in [("read_membership.py", read), ("PostgreSQL", set(held))]:
            expected = self.nights[current]
            if rows != expected:
                raise SystemExit(
                    f"version {version}, {current}: {name} lacks {sorted(expected - rows)} and has {sorted(rows - expected)}"
                )
        if len(held) != len(set(held)) or token != [("people", version, current)]:
            raise SystemExit(f"version {version}: {len(held)} rows, {len(set(held))} different; token {token}")
        self.counts["compared"] += 1

    def follow(self, kills=KILLS_A_NIGHT):
        """After every night. What the last consumer says is told; if it has to say something, none is killed before it."""
        self.kill_consumers(kills)
        told = self.catch_up()
        self.counts["copied whole"] += told.count(" rows of the night of ")
        self.compare()
        self.count_changes()
        return told

    def run(self):
        with psycopg.connect(self.postgres.address, autocommit=True) as self.watcher:
            self.lifetime, self.counted = 1.0, 0
            scenes = {
                9: self.roll_back,
                14: self.replace,
                17: self.vacuum,
                19: self.publish_a_side_night,
                22: self.vacuum_ahead_of_the_consumer,
                24: self.forget,
                26: self.table_is_emptied,
                28: self.follow_with_three_at_once,
            }
            for number in range(30):
                as_of = FIRST + datetime.timedelta(days=number)
                self.company.night_falls()
                self.publish(as_of)
                if number in (4, 5, 11):
                    continue  # the consumer sleeps: several sets at once afterwards
                self.follow(KILLS_OF_THE_FIRST_COPY if number == 0 else KILLS_A_NIGHT)
                if number in scenes:
                    scenes[number](as_of)
            self.refuse_another_log()

    # ---- scenes ----

    def again(self, as_of):
        """The night once more, with other facts."""
        self.company.night_falls()
        self.publish(as_of, "--replace")

    def roll_back(self, bad):
        """Two nights were wrong: back to the one before; then they come again, corrected."""
        nights = [bad - datetime.timedelta(days=days) for days in (2, 1, 0)]
        version = next(r["version"] for r in self.records() if r["as_of"] == str(nights[0]))
        self.roster("rollback", "--to", str(version), "--why", "a test")
        for night in nights[1:]:
            del self.nights[night]
        self.follow()
        for night in nights[1:]:
            self.again(night)
            self.follow()
        self.tell(f"rolled back to {nights[0]}, {nights[1]} and {nights[2]} published again")

    def replace(self, as_of):
        self.again(as_of)
        self.follow()
        self.tell(f"replaced {as_of}")

    def publish_a_side_night(self, current):
        side, version = current - datetime.timedelta(days=6), self.version()
        self.again(side)
        if "changes" in self.follow(kills=0).replace("0 changes", ""):
            raise SystemExit("a side night led to changes")
        _, _, rows = Log(self.output).membership(as_of=side)
        if rows.num_rows != len(self.nights[side]) or self.version() != version + 1:
            raise SystemExit(f"the side night {side} is not what was published")
        self.tell(f"side night {side}")

    def vacuum(self, _=None):
        if not self.knows("vacuum"):
            return self.tell("no vacuum: this binary does not know it")
        told = self.roster("vacuum", "--older-than", "1m", "--yes").splitlines()[-1]
        self.follow()
        return self.tell(f"vacuum: {told}")

    def vacuum_ahead_of_the_consumer(self, current):
        """The feed that the consumer would read next is deleted before it comes."""
        if not self.knows("vacuum"):
            return self.tell("no vacuum ahead of the consumer: this binary does not know it")
        self.again(current)
        self.again(current)
        time.sleep(0.1)  # `retain` is 0, and the store's clock has to move
        self.roster("vacuum", "--yes")
        if "the feed has a gap" not in self.follow(kills=0):
            raise SystemExit("the consumer went over a gap in the feed")
        return self.tell("vacuum ahead of the consumer: it copied the night whole")

    def forget(self, current):
        if not self.knows("forget"):
            return self.tell("no forget: this binary does not know it")
        person = self.dice.choice(sorted({person for _, person, _ in self.nights[current]}))
        self.roster("forget", person)
        self.company.forgotten.add(person)
        for night, rows in self.nights.items():
            self.nights[night] = {row for row in rows if row[1] != person}
        if "a key was forgotten" not in self.follow(kills=0):
            raise SystemExit("the consumer did not notice the forget")
        return self.tell(f"forgot {person}")

    def table_is_emptied(self, current):
        """By somebody else: the next set does not fit, and the night is copied whole."""
        self.watcher.execute("DELETE FROM membership")
        self.again(current)
        if "somebody else wrote to it" not in self.follow(kills=0):
            raise SystemExit("the consumer did not notice that the table was emptied")
        self.tell("the table was emptied: copied whole")

    def follow_with_three_at_once(self, current):
        """Two consumers stay, a third is started and killed as ever."""
        staying = [self.consumer("--every", "0.05") for _ in range(2)]
        for _ in range(3):
            self.again(current)
            self.follow()
        for consumer in staying:
            ended = consumer.poll()
            consumer.kill()
            told, _ = consumer.communicate()
            if ended is not None:
                raise SystemExit(f"a consumer ended beside others:\n{told}")
        self.compare()
        self.tell("three consumers at once")

    def refuse_another_log(self):
        """A wrong location must not replace the table."""
        right, self.output = self.output, self.output + "-wrong"
        os.mkdir(self.output)
        consumer = self.consumer("--once")
        told, _ = consumer.communicate()
        self.output = right
        if consumer.returncode == 0 or "wrong location?" not in told:
            raise SystemExit(f"the consumer took a wrong location:\n{told}")
        self.compare()

    # ---- what happened ----

    def records(self):
        log = Log(self.output)
        return [log.record(version) for version in range(1, self.version() + 1)]

    def count_changes(self):
        for record in self.records()[self.counted :]:
            feed = record["feed"]
            if feed:
                try:
                    rows = Log(self.output).table(feed["attempt_id"], feed["manifest_sha256"], feed["table"])
                except Gone:
                    continue
                for change in rows["change"].to_pylist():
                    self.counts[change] += 1
        self.counted = self.version()

    def tell(self, text):
        print(f"version {self.version():3}: {text}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--roster", type=Path, default=REPOSITORY / "target" / "debug" / "roster")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="postgres-feed-") as folder:
        os.chmod(folder, 0o755)  # the server's user has to get through
        proof = Proof(Path(folder), options.roster, random.Random(options.seed))
        try:
            proof.run()
        finally:
            proof.postgres.stop()
        lost = proof.postgres.lost_in_a_transaction()
    counts = proof.counts | {"killed inside a transaction": lost}
    print(", ".join(f"{name}: {count}" for name, count in counts.items()), f"in {time.monotonic() - started:.0f} s")
    # Otherwise this shows less than it says.
    least = {"compared": 35, "killed": 80, "killed inside a transaction": 5, "entered": 100, "moved": 50, "left": 100}
    missed = [f"{name}: at least {least} expected" for name, least in least.items() if counts[name] < least]
    if missed:
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()
