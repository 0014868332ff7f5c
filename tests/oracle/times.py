"""Nights around the days on which clocks are set: projects to run, and what they must have published.

    python tests/oracle/times.py make DIR [--random 4] [--seed 1]    folders with a project and a plan.json each
    python tests/oracle/times.py check DIR                           after `roster backfill` over the nights of each plan

Time is that of Python's zoneinfo alone, asked forwards only, from an instant to the clock of a zone: the first instant of a
day is searched for. The package tzdata must be of the release that Roster's zones are of.
"""

import argparse
import json
import os
import random
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pyarrow
import pyarrow.parquet
import tzdata

import published

DAY, SECOND, MICROSECOND = timedelta(days=1), timedelta(seconds=1), timedelta(microseconds=1)

# Days of 23 and 25 hours and of half hours; midnights that are skipped, that come twice, and over which clocks go back; a
# day that never was.
KNOWN = [
    ("Europe/Berlin", "2026-03-29"), ("Europe/Berlin", "2026-10-25"), ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"), ("Asia/Kolkata", "2026-06-01"), ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-17"), ("Asia/Beirut", "2026-03-29"), ("Asia/Beirut", "2026-10-24"),
    ("Pacific/Apia", "2011-12-30"), ("Australia/Lord_Howe", "2026-04-05"), ("America/St_Johns", "2010-11-07"),
    ("America/Havana", "2025-11-02"), ("America/Nuuk", "2024-10-26"), ("UTC", "2024-02-29"),
]
NIGHTS_AROUND = 2
# A file's type, in the order of its unit and zone: nothing but a notation of the same instants.
KINDS = {"naive": ("ms", None), "utc": ("us", "UTC"), "zoned": ("ns", "Asia/Tokyo")}

TOML = """[project]
name = "times"
key = "id"
time_zone = "{zone}"

[output]
location = "out/"

[run]
threads = 1

[sources.dated]
location = "in/dated/"
event_time = "at"
masks = ["paid_at"]
columns = {{ id = "text!", at = "date!", paid_at = "date" }}

[sources.copies]
location = "in/copies/"
snapshot = "dt"
columns = {{ id = "text!" }}
"""
SOURCE = """
[sources.{kind}]
location = "in/{kind}/"
event_time = "at"
masks = ["paid_at"]
columns = {{ id = "text!", account = "text!", at = "timestamp!", paid_at = "timestamp" }}
"""
EVENTS = " UNION ALL ".join(f"SELECT * FROM raw.{kind}" for kind in KINDS)
SQL = {
    "staging/events": EVENTS,
    "segments/seen": "SELECT id, CAST(CAST(at AS DATE) AS VARCHAR) AS segment, CAST(at AS VARCHAR) AS at, "
    "CAST(paid_at AS VARCHAR) AS paid_at, renewal_window(at, as_of(), [0, 1]) AS due, CAST(as_of_end() AS VARCHAR) AS ended "
    "FROM staging.events",
    "segments/today": "SELECT id, CAST(as_of_start() AS VARCHAR) AS started FROM staging.events WHERE at >= as_of_start()",
    "segments/dated": "SELECT id, CAST(at AS VARCHAR) AS segment, CAST(paid_at AS VARCHAR) AS paid_at FROM raw.dated",
    "segments/copy": "SELECT id, CAST(dt AS VARCHAR) AS segment FROM raw.copies",
    "segments/usage": "SELECT account AS id, active_days(at, as_of(), 3) AS days, usage_trend(at, 1, as_of(), 2) AS trend, "
    "decayed_sum(1, at, as_of(), 1) AS decayed, purchase_summary(at, 1, as_of())['frequency'] AS repeats "
    "FROM staging.events GROUP BY account",
}


def clock(instant, zone):
    return instant.astimezone(zone).replace(tzinfo=None)


def day_of(instant, zone):
    return clock(instant, zone).date()


def end_of(day, zone):
    """The first instant at which clocks show a later day, by looking at them: each minute, then each second."""
    midnight = datetime.combine(day + DAY, datetime.min.time())
    instant = midnight.replace(tzinfo=UTC) - timedelta(hours=30)  # clocks are at most a day off UTC
    while clock(instant, zone) < midnight:
        instant += timedelta(minutes=1)
    instant -= timedelta(minutes=1)
    while clock(instant, zone) < midnight:
        instant += SECOND
    return instant


def changes_of(zone):
    """Days on which clocks of a zone were set, since offsets are of whole minutes, and not after what is known."""
    found, hour = [], datetime(1973, 1, 1, tzinfo=UTC)
    before = hour.astimezone(zone).utcoffset()
    while hour.year < 2025:
        hour += timedelta(hours=12)
        offset = hour.astimezone(zone).utcoffset()
        if offset != before:
            found.append(day_of(hour, zone))
        before = offset
    return found


def nights_of(middle):
    return [middle + DAY * off for off in range(-NIGHTS_AROUND, NIGHTS_AROUND + 1)]


def instants(dice, zone, nights):
    """Around the ends of nights, and anywhere between them."""
    ends = [end_of(night, zone) for night in nights]
    for end in ends:
        yield from (end - MICROSECOND * 1000, end, end + MICROSECOND * 1000)
        yield from (end + MICROSECOND * 1000 * dice.randrange(-7_200_000, 7_200_000) for _ in range(4))
    span = (ends[-1] - ends[0] + DAY * 3) // (MICROSECOND * 1000)
    yield from (ends[0] - DAY * 2 + MICROSECOND * 1000 * dice.randrange(span) for _ in range(20))


def write(folder, name, columns):
    path = os.path.join(folder, "in", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def make_project(folder, zone_name, middle, dice):
    zone, nights = ZoneInfo(zone_name), nights_of(middle)
    os.makedirs(folder)
    with open(os.path.join(folder, "roster.toml"), "w") as file:
        file.write(TOML.format(zone=zone_name) + "".join(SOURCE.format(kind=kind) for kind in KINDS))
    for name, sql in SQL.items():
        path = os.path.join(folder, "sql", f"{name}.sql")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(sql)
    events = []
    for kind, (unit, written_in) in KINDS.items():
        rows = []
        for number, at in enumerate(instants(dice, zone, nights)):
            paid_at = at + timedelta(hours=dice.randrange(1, 60)) if dice.random() < 0.7 else None
            rows.append((f"{kind}-{number:03}", f"account-{dice.randrange(4)}", at, paid_at))
        events += rows
        ids, accounts, at, paid_at = zip(*rows)
        moment = pyarrow.timestamp(unit, written_in)
        as_moments = [pyarrow.array(values, pyarrow.timestamp("us", "UTC")).cast(pyarrow.timestamp(unit, "UTC")).cast(moment)
                      for values in (at, paid_at)]
        write(folder, f"{kind}/a.parquet", {"id": ids, "account": accounts, "at": as_moments[0], "paid_at": as_moments[1]})
    dated = []
    for number in range(20):
        at = middle + DAY * dice.randrange(-4, 5)
        dated.append((f"dated-{number:03}", at, at + DAY * dice.randrange(3) if dice.random() < 0.7 else None))
    ids, at, paid_at = zip(*dated)
    days = [pyarrow.array(values, pyarrow.date32()) for values in (at, paid_at)]
    write(folder, "dated/a.parquet", {"id": ids, "at": days[0], "paid_at": days[1]})
    copies = [nights[0] - DAY, nights[1], nights[3]]
    for copy in copies:
        write(folder, f"copies/dt={copy}/a.parquet", {"id": [f"copied-{copy}"]})
    plan = {"zone": zone_name, "from": nights[0], "to": nights[-1], "events": events, "dated": dated, "copies": copies}
    with open(os.path.join(folder, "plan.json"), "w") as file:
        json.dump(plan, file, default=lambda value: value.isoformat())


def make(folder, count, seed):
    dice = random.Random(seed)
    projects = [(zone, date.fromisoformat(day)) for zone, day in KNOWN]
    zones = sorted(available_timezones() - {"localtime", "Factory"})
    while len(projects) < len(KNOWN) + count:
        zone = dice.choice(zones)
        if changes := changes_of(ZoneInfo(zone)):
            projects.append((zone, dice.choice(changes)))
    for number, (zone, middle) in enumerate(projects):
        make_project(os.path.join(folder, f"{number:03}"), zone, middle, dice)


def usage(days, as_of):
    """Of an account's event days: on how many of three something happened, two days against two, half-lives of one day."""
    ages = [(as_of - day).days for day in days]
    last, before = (sum(1 for age in ages if age // 2 == window) for window in (0, 1))
    return {
        "days": len({age for age in ages if 0 <= age < 3}),
        "trend": (last - before) / before if before else None,
        "decayed": sum(0.5**age for age in ages if age >= 0) if any(age >= 0 for age in ages) else None,
        "repeats": len(set(days)) - 1,
    }


def expected(plan, as_of, zone):
    """Members of a night by segmentation: label and evidence of each id."""
    start, end = end_of(as_of - DAY, zone), end_of(as_of, zone)
    seen = [row for row in plan["events"] if row[2] < end]
    accounts = {}
    for _, account, at, _ in seen:
        accounts.setdefault(account, []).append(day_of(at, zone))
    due = {True: "overdue", False: "due_0"}
    return {
        "seen": {id: (str(day_of(at, zone)), {
            "at": clock(at, zone), "paid_at": clock(paid_at, zone) if paid_at and paid_at < end else None,
            "due": due[day_of(at, zone) < as_of], "ended": clock(end, zone),
        }) for id, _, at, paid_at in seen},
        "today": {id: ("today", {"started": clock(start, zone)}) for id, _, at, _ in seen if at >= start},
        "dated": {id: (str(at), {"paid_at": str(paid_at) if paid_at and paid_at <= as_of else None})
                  for id, at, paid_at in plan["dated"] if at <= as_of},
        "copy": {f"copied-{copy}": (str(copy), {}) for copy in [max(day for day in plan["copies"] if day <= as_of)]},
        "usage": {account: ("usage", usage(days, as_of)) for account, days in accounts.items()},
    }


def local(text, zone, problems):
    """What a clock shows, of a text with its offset; that the two fit is checked."""
    if text is None:
        return None
    instant = datetime.fromisoformat(text)
    if clock(instant, zone) != instant.replace(tzinfo=None):
        problems.append(f"{text} is not how clocks in {zone} show it")
    return instant.replace(tzinfo=None)


def found(night, zone, problems):
    columns, rows, _ = published.read(night.tables["membership"], problems, night.known)
    members = {name: {} for name in ("seen", "today", "dated", "copy", "usage")}
    for row in (dict(zip(columns, row)) for row in rows):
        evidence = json.loads(row["evidence"]) if row["evidence"] else {}
        for name in evidence.keys() & {"at", "paid_at", "ended", "started"}:
            if row["segmentation"] != "dated":
                evidence[name] = local(evidence[name], zone, problems)
        members[row["segmentation"]][row["id"]] = (row["segment"], evidence)
    return members


def same(one, other):
    return one == other or (isinstance(one, float) and isinstance(other, float) and abs(one - other) < 1e-9)


def check_project(folder):
    with open(os.path.join(folder, "plan.json")) as file:
        plan = json.load(file)
    moment = lambda text: text and datetime.fromisoformat(text)  # noqa: E731
    day = lambda text: text and date.fromisoformat(text)  # noqa: E731
    plan["events"] = [(id, account, moment(at), moment(paid_at)) for id, account, at, paid_at in plan["events"]]
    plan["dated"] = [(id, day(at), day(paid_at)) for id, at, paid_at in plan["dated"]]
    plan["copies"] = [day(copy) for copy in plan["copies"]]
    zone, problems, entered, counted = ZoneInfo(plan["zone"]), [], Counter(), Counter()
    nights = published.nights_of(os.path.join(folder, "out"))
    wanted = [day(plan["from"]) + DAY * number for number in range((day(plan["to"]) - day(plan["from"])).days + 1)]
    if [night.as_of for night in nights] != wanted:
        problems.append(f"nights are {[str(night.as_of) for night in nights]}")
    for night in nights:
        members, right = found(night, zone, problems), expected(plan, night.as_of, zone)
        for segmentation, rows in right.items():
            got = members[segmentation]
            for id in sorted(rows.keys() | got.keys()):
                label, evidence = rows.get(id, (None, {}))
                got_label, got_evidence = got.get(id, (None, {}))
                if got_label != label or any(not same(got_evidence.get(name), value) for name, value in evidence.items()):
                    problems.append(f"{night.as_of} {segmentation} {id}: {got.get(id)}, expected {rows.get(id)}")
        counted.update(members["today"].keys())
        columns, rows, _ = published.read(night.tables["change"], problems, night.known)
        changes = (dict(zip(columns, row)) for row in rows)
        entered.update(row["id"] for row in changes if row["segmentation"] in ("seen", "dated") and row["change"] == "entered")
    again = [id for times in (entered, counted) for id, count in times.items() if count > 1]
    if again:
        problems.append(f"counted on more than one night: {again}")
    first, last = end_of(wanted[0] - DAY, zone), end_of(wanted[-1], zone)
    between = {id for id, _, at, _ in plan["events"] if first <= at < last}
    if counted.keys() != between:
        problems.append(f"counted on no night, or on a wrong one: {sorted(counted.keys() ^ between)}")
    return [f"{plan['zone']} {problem}" for problem in problems]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=["make", "check"])
    parser.add_argument("folder")
    parser.add_argument("--random", type=int, default=4, help="projects of random zones, beside the known ones")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--release", default=tzdata.IANA_VERSION, help="of the IANA database that Roster's zones are of")
    options = parser.parse_args()
    if options.release != tzdata.IANA_VERSION:
        sys.exit(f"Roster's zones are of IANA {options.release}, Python's of {tzdata.IANA_VERSION}: "
                 "pin that tzdata in tests/requirements.txt")
    if options.what == "make":
        return make(options.folder, options.random, options.seed)
    problems = [problem for name in sorted(os.listdir(options.folder)) for problem in check_project(os.path.join(options.folder, name))]
    for problem in problems[:40]:
        print(f"DIFFERENT {problem}")
    print("all equal" if not problems else f"{len(problems)} differences")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
