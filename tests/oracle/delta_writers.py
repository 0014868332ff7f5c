"""Other people's Delta writers must refuse the table: python delta_writers.py TABLE"""

import sys

from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

table = DeltaTable(sys.argv[1])
writes = {
    "append": lambda: write_deltalake(sys.argv[1], table.to_pyarrow_table(), mode="append"),
    "delete": lambda: table.delete(),
    "optimize": lambda: table.optimize.compact(),
    "vacuum": lambda: table.vacuum(0, dry_run=False, enforce_retention_duration=False),
}
for name, write in writes.items():
    try:
        sys.exit(f"{name} was not refused: {write()}")
    except DeltaError as error:
        if "rosterView" not in str(error):
            sys.exit(f"{name}: {error}")
would = table.vacuum(dry_run=True)
if would:
    sys.exit(f"a vacuum that asks nobody would delete {would}")
