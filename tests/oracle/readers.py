"""Do all readers see the same rows? The Rust reader's are given; pyarrow's and DuckDB's are those of examples/warehouse/.

    python readers.py OUTPUT READ_BY_RUST COPY

READ_BY_RUST is JSON: version, as_of and rows, each a list. COPY is what examples/read_latest.rs keeps, or `-`.
"""

import json
import subprocess
import sys
from pathlib import Path

import duckdb

WAREHOUSE = Path(__file__).resolve().parents[2] / "examples" / "warehouse"
sys.dont_write_bytecode = True  # the repository stays as it is
sys.path.insert(0, str(WAREHOUSE))

from read_membership import Log  # noqa: E402  (from the path above)


def plain(row):
    """Dates as text; all else as it is, so that a score has to be the same to the last bit."""
    return [value.isoformat() if hasattr(value, "isoformat") else value for value in row]


def with_pyarrow(root, version):
    """As a program, as its users start it."""
    command = [sys.executable, str(WAREHOUSE / "read_membership.py"), root, "--version", str(version)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [list(json.loads(line).values()) for line in lines]


def with_duckdb(root):
    """The file as it is; only its last statement gives the rows."""
    with duckdb.connect() as connection:
        connection.execute("SET VARIABLE root = '" + root.replace("'", "''") + "'")
        connection.execute((WAREHOUSE / "membership.sql").read_text())
        return [plain(row) for row in connection.fetchall()]


def differences(name, rows, other):
    if len(rows) != len(other):
        yield f"{name} reads {len(other)} rows, Rust {len(rows)}"
    for number, (row, its) in enumerate(zip(rows, other)):
        if row != its:
            yield f"row {number} is {its} for {name}, {row} for Rust"
            return


def main():
    root, read_by_rust, copy = sys.argv[1:]
    rust = json.loads(Path(read_by_rust).read_text())
    rows = rust["rows"]
    problems = list(differences("pyarrow", rows, with_pyarrow(root, rust["version"])))
    version, as_of, _ = Log(root).membership()
    if version == rust["version"]:
        if as_of != rust["as_of"]:
            problems.append(f"current is {as_of} for pyarrow, {rust['as_of']} for Rust")
        problems += differences("DuckDB", rows, with_duckdb(root))
    if copy != "-":
        token, *members = Path(copy).read_text().splitlines()
        if int(token) != rust["version"]:
            problems.append(f"the copy is of version {token}, not {rust['version']}")
        expected = sorted("\t".join([row[1], str(row[3]), row[2]]) for row in rows)
        if sorted(members) != expected:
            problems.append(f"the copy has {len(set(members) ^ set(expected))} members too many or too few")
    if problems or not rows:
        sys.exit("\n".join(problems) or "no rows: this shows nothing")


if __name__ == "__main__":
    main()
