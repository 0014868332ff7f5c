"""Extracts that are as unpleasant as they may be, in the layout of the demo's: what no demo company happens to have.

    python tests/oracle/hostile.py DIR [--accounts 150] [--without orders tickets]

Values on every edge (a day, a tier, a window, midnight in Berlin and in UTC), unknown wherever the contract allows it, several
subscriptions of an account, customers the CRM has lost, things that happen after the nights of 2026-05-31 and 2026-06-30. Put
sql/ and its roster.toml beside extracts/, run both nights, and let oracle.py compare. The same arguments make the same files.
"""

import argparse
import os
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow
import pyarrow.parquet

TYPES = {
    "text": pyarrow.string(), "int": pyarrow.int64(), "date": pyarrow.date32(), "bool": pyarrow.bool_(),
    "timestamp": pyarrow.timestamp("us", "UTC"), "texts": pyarrow.list_(pyarrow.string()),
    "money": pyarrow.decimal128(18, 2), "rate": pyarrow.decimal128(18, 6),
}
SCHEMAS = {
    "accounts": "account_id text, name text, industry text, country text, time_zone text, employees int, employees_a_year_ago int, "
    "parent_account_id text, csm text, use_case text, desired_outcomes texts, persona text, created_at timestamp",
    "subscriptions": "subscription_id text, account_id text, plan text, products texts, arr money, currency text, started_on date, "
    "renewal_date date, renewed_on date, cancelled_on date, seats int",
    "invoices": "invoice_id text, account_id text, issued_at timestamp, due_on date, paid_at timestamp, finalized_at timestamp, "
    "amount money, currency text, status text",
    "orders": "order_id text, account_id text, ordered_at timestamp, amount money, currency text, status text",
    "usage_events": "account_id text, user_id text, occurred_at timestamp, feature text, quantity int",
    "plan_features": "plan text, feature text",
    "tickets": "ticket_id text, account_id text, opened_at timestamp, closed_at timestamp, escalated_at timestamp, priority text, "
    "satisfaction int",
    "surveys": "account_id text, answered_at timestamp, kind text, score int",
    "costs": "account_id text, month date, cost_to_serve money",
    "csms": "csm text, region text, languages texts, hours_per_week int, active bool",
    "overrides": "account_id text, score int, band text, author text, reason text, expires_on date",
    "fx_rates": "currency text, on date, rate rate",
}
NIGHTS = [date(2026, 4, 30), date(2026, 5, 31), date(2026, 6, 30)]
AFTER = date(2026, 7, 10)  # the extracts know of days that no night may know of
FEATURES = ["api", "reports", "sso", "alerts", "export", "search", "board", "chat"]
# Five features: three of them are exactly 60 %. A plan without features: adoption is not known.
PLANS = {"starter": FEATURES[:2], "team": FEATURES[:5], "business": FEATURES[:6], "enterprise": FEATURES, "legacy": []}
# Lifecycle edges of both nights, month ends among them, and a start in the future.
STARTS = [date(2026, 2, 28), date(2026, 3, 30), date(2026, 3, 31), date(2025, 5, 31), date(2025, 6, 30), date(2023, 5, 31),
          date(2023, 6, 30), date(2026, 5, 31), date(2026, 6, 30), date(2026, 7, 2)]


ZONES = ["Europe/Berlin", "America/New_York", "Pacific/Honolulu", "Pacific/Auckland", "Asia/Dubai", "Asia/Kolkata", "Atlantic/Azores",
         "Atlantic/Bermuda", "Africa/Lagos", "Australia/Perth", "US/Central", "UTC", "Etc/GMT+5", "nowhere", " ", None]


class Company:
    def __init__(self, folder, accounts, without):
        self.folder, self.without, self.dice = folder, set(without), random.Random(7)
        self.keys = [f"A{number:05d}" for number in range(accounts)]

    def pick(self, *values):
        return self.dice.choice(values)

    def chance(self, share):
        return self.dice.random() < share

    def money(self, low, high):
        return Decimal(self.dice.randint(low * 100, high * 100)).scaleb(-2)

    def instant(self, first, last):
        """Now and then on an hour at which the day differs between UTC and Berlin, or begins."""
        at = datetime(first.year, first.month, first.day, tzinfo=UTC)
        at += timedelta(microseconds=self.dice.randrange(int((last - first).total_seconds() * 1e6)))
        return at.replace(hour=self.pick(21, 22, 23), minute=self.pick(0, 30, 59), second=0, microsecond=0) if self.chance(0.1) else at

    def write(self, table, part, rows):
        if table in self.without:
            return
        fields = [column.split() for column in SCHEMAS[table].split(", ")]
        schema = pyarrow.schema([(name, TYPES[kind]) for name, kind in fields])
        path = os.path.join(self.folder, "extracts", table, part, "part-00000.parquet")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), path, compression="zstd")

    def write_all(self):
        accounts, subscriptions = self.accounts(), self.subscriptions()
        for night in NIGHTS:
            part = f"dt={night}"
            for account in accounts:
                if self.chance(0.05):
                    account["industry"] = self.pick("software", "retail")
            self.write("accounts", part, accounts)
            for subscription in subscriptions:
                if self.chance(0.1):
                    subscription["arr"] = self.money(500, 150000)
                if self.chance(0.05) and subscription["renewal_date"]:
                    subscription["renewal_date"] += timedelta(days=365)
            self.write("subscriptions", part, subscriptions)
            self.write("plan_features", part, [{"plan": plan, "feature": name} for plan, names in PLANS.items() for name in names])
            # One with a full book, one who is not active, one of whom little is known, one with nobody, and c5 is not in the list.
            self.write("csms", part, [
                {"csm": "c1", "region": "emea", "languages": ["de"], "hours_per_week": 8, "active": True},
                {"csm": "c2", "region": "emea", "languages": ["en"], "hours_per_week": 38, "active": False},
                {"csm": "c3", "region": None, "languages": None, "hours_per_week": None, "active": None},
                {"csm": "c4", "region": " APAC", "languages": ["en", "ja"], "hours_per_week": 0, "active": True},
                {"csm": "c6", "region": "americas", "languages": [], "hours_per_week": 40, "active": True}])
            self.write("overrides", part, [
                {"account_id": key, "score": self.pick(None, None, 10, 75, 90, 101), "band": self.pick(None, "poor", " Good", "fine"), "author": "lea",
                 "reason": "met them", "expires_on": night + timedelta(days=self.dice.randrange(-3, 4))}
                for key in self.dice.sample(self.keys, len(self.keys) // 8)])
        self.write("invoices", "month=2026-06", self.invoices())
        self.write("orders", "year=2026", self.orders())
        events = self.usage_events()
        self.write("usage_events", "month=2026-05", events[::2])
        self.write("usage_events", "month=2026-06", events[1::2])
        self.write("tickets", "year=2026", self.tickets())
        self.write("surveys", "year=2026", self.surveys())
        self.write("costs", "year=2026", [
            {"account_id": key, "month": date(2024 + month // 12, month % 12 + 1, 1), "cost_to_serve": self.money(50, 1500)}
            for key in self.keys if self.chance(0.8) for month in range(6, 31) if self.chance(0.9)])
        days = [date(2026, 4, 1) + timedelta(days=number) for number in range(100)]
        self.write("fx_rates", "year=2026", [{"currency": "EUR", "on": day, "rate": Decimal("1.000000")} for day in days] + [
            # No rate on some days: the latest one before counts.
            {"currency": currency, "on": day, "rate": Decimal(self.dice.randint(800000, 1200000)).scaleb(-6)}
            for currency in ("USD", "GBP") for number, day in enumerate(days) if number % 3 or number > 92])

    def accounts(self):
        return [{
            "account_id": key, "name": f"Company {key}", "industry": self.pick("software", "retail", "finance", None, " ", "retail "),
            "country": self.pick("DE", "US", "jp", "CH", "ZZ", " ", None), "time_zone": self.pick(*ZONES),
            **self.employees(),
            "csm": self.pick(None, " ", "c1", "c1 ", "c2", "c3", "c4", "c5"), "use_case": self.pick("a", " a", "", None),
            "created_at": self.instant(date(2018, 1, 1), AFTER),
            "desired_outcomes": self.pick(None, [], ["grow", "save_time"], ["cut_costs", " Cut_Costs", None], ["save_time", "happier_customers"]),
        } for key in self.keys]

    def employees(self):
        """Sizes and growth of every edge: 50 and 500 people, -5, +10 and +30 %."""
        now, ago = self.pick((None, 9), (9, None), (9, 0), (49, 50), (50, 49), (499, 500), (500, 400), (0, 3), (95, 100), (94, 100),
                             (110, 100), (109, 100), (130, 100), (129, 100), (33, 30), (39, 30), (57, 60), (self.dice.randrange(1, 900),) * 2)
        return {"employees": now, "employees_a_year_ago": ago}

    def subscriptions(self):
        rows = []
        for key in self.keys:
            for number in range(self.pick(1, 1, 1, 2, 3)):
                started = date(2019, 1, 1) + timedelta(days=self.dice.randrange(2720))
                if self.chance(0.15):
                    started = self.pick(*STARTS)
                cancelled = started + timedelta(days=self.dice.randrange(30, 2000)) if self.chance(0.2) else None
                if self.chance(0.05):
                    cancelled = self.pick(*(day + timedelta(days=later) for day in NIGHTS[1:] for later in (0, 1)))
                renewal = date(2026, 4, 1) + timedelta(days=self.dice.randrange(420)) if self.chance(0.95) else None
                if self.chance(0.2):
                    renewal = self.pick(*NIGHTS[1:]) + timedelta(days=self.pick(-1, 0, 15, 16, 30, 31, 90, 91))
                rows.append({
                    "subscription_id": f"S{key}-{number}", "account_id": key if self.chance(0.99) else f"X{key}",
                    "plan": self.pick(*PLANS), "currency": self.pick("EUR", "EUR", "USD", "GBP"), "started_on": started,
                    "arr": self.pick(self.money(500, 30000), self.money(10000, 200000), Decimal("20000.00"), Decimal("100000.00"),
                                     Decimal("0.00")),
                    "renewal_date": renewal, "cancelled_on": cancelled, "seats": self.pick(None, 0, 49, 50, 199, 200, *range(1, 40)),
                    "products": self.pick(None, [], ["core"], ["core", "insights"], [" core", "", "core"], ["api", None]),
                    "renewed_on": self.renewed(renewal),
                })
        return rows

    def renewed(self, renewal):
        """On the edges of the after-renewal view, near last year's term, or never."""
        if self.chance(0.3):
            return self.pick(*NIGHTS[1:]) - timedelta(days=self.pick(-1, 0, 1, 13, 14, 15, 40, 90, 91))
        return renewal and renewal - timedelta(days=self.dice.randrange(325, 385)) if self.chance(0.4) else None

    def invoices(self):
        rows = []
        for key in self.keys:
            for _ in range(0 if self.chance(0.1) else self.dice.randrange(1, 12)):
                issued, status = self.instant(date(2024, 6, 1), AFTER), self.pick("paid", "paid", "paid", "open", "failed", "void")
                final = None if status == "open" else issued + timedelta(days=self.dice.randrange(60), seconds=self.dice.randrange(80000))
                rows.append({
                    "invoice_id": f"I{len(rows)}", "account_id": key, "issued_at": issued, "finalized_at": final, "status": status,
                    "due_on": (issued + timedelta(days=30)).date() if self.chance(0.95) else None,
                    "paid_at": final if status == "paid" else None, "amount": self.money(10, 9000),
                    "currency": self.pick("EUR", "USD", "GBP"),
                })
        return rows

    def orders(self):
        rows = []
        for key in self.keys:
            for _ in range(self.pick(0, 1, 1, 2, 3, 5, 9)):
                order = {"order_id": f"O{len(rows)}", "account_id": key, "ordered_at": self.instant(date(2024, 6, 1), AFTER),
                         "amount": self.pick(self.money(10, 500), Decimal("99.00")), "currency": self.pick("EUR", "USD"),
                         "status": "completed"}
                rows.append(order)
                if self.chance(0.1):
                    rows.append(order | {"order_id": f"O{len(rows)}", "ordered_at": order["ordered_at"] + timedelta(days=3),
                                         "amount": -order["amount"], "status": "refund"})
        return rows

    def usage_events(self):
        rows = []
        for key in self.keys:
            nameless = self.chance(0.05)
            for _ in range(self.pick(0, 0, 3, 20, 120, 300)):
                first = self.pick(date(2025, 12, 1), date(2026, 3, 1), date(2026, 5, 15))
                rows.append({
                    "account_id": key, "user_id": None if nameless or self.chance(0.02) else f"u{self.dice.randrange(30)}",
                    "occurred_at": self.instant(first, AFTER), "feature": self.pick(None, *FEATURES),
                    "quantity": self.pick(None, 1, 1, 2, 5),
                })
        self.dice.shuffle(rows)
        return rows

    def tickets(self):
        rows = []
        for key in self.keys:
            for _ in range(self.pick(0, 0, 1, 2, 5, 9)):
                opened = self.instant(date(2025, 9, 1), AFTER)
                closed = opened + timedelta(hours=self.dice.randrange(900)) if self.chance(0.8) else None
                rows.append({
                    "ticket_id": f"T{len(rows)}", "account_id": key, "opened_at": opened, "closed_at": closed,
                    "escalated_at": opened + timedelta(hours=self.dice.randrange(200)) if self.chance(0.3) else None,
                    "priority": self.pick("low", "high", None), "satisfaction": closed and self.pick(None, 1, 3, 4, 5),
                })
        return rows

    def surveys(self):
        rows = []
        for key in self.keys:
            same = self.instant(date(2025, 1, 1), AFTER)
            for _ in range(self.pick(0, 0, 1, 2, 4)):
                kind = self.pick("nps", "csat")
                rows.append({"account_id": key, "answered_at": self.pick(same, self.instant(date(2025, 1, 1), AFTER)), "kind": kind,
                             "score": self.dice.randrange(11) if kind == "nps" else self.dice.randrange(1, 6)})
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--accounts", type=int, default=150)
    parser.add_argument("--without", nargs="*", default=[], choices=SCHEMAS, help="optional extracts that this company lacks")
    options = parser.parse_args()
    Company(options.folder, options.accounts, options.without).write_all()


if __name__ == "__main__":
    main()
