"""Roster's night beside the same job in DuckDB, Polars, ClickHouse and plain DataFusion, and beside decoding alone.

    python3 benches/run.py                    makes the data, builds Roster, runs all parts at scale S
    python3 benches/run.py --scale XS --rounds 1 --roster target/debug/roster --parts rfm,usage,all:100 --systems roster,duckdb

Data and peers are kept in target/benches. Whole processes, in turn, with two threads each: wall, user and system time, and the
peak of memory. Before they are measured against each other, what they wrote is compared: all rows must be those that Roster
published.
"""

import argparse
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
WORK = ROOT / "target" / "benches"
NIGHT = "2025-12-31"
THREADS = 2

# Accounts of the feature table that segments are evaluated over at scale S; two orders and five events of each make it.
SEGMENT_SCALE = "1000000:2000000:5000000"

PARTS = ["rfm", "usage", "segments:100", "segments:1000", "all:100"]
TITLES = {
    "rfm": "RFM features and scores",
    "usage": "usage features of 90 days",
    "segments": "{} segments over 1 M accounts",
    "all": "whole night, {} segments",
}

# How a peer does it best, and as it is first written.
SYSTEMS = {
    "duckdb": ("DuckDB, tuned", "peer_duckdb.py", {"VARIANT": "fused"}),
    "duckdb-sql": ("DuckDB", "peer_duckdb.py", {}),
    "polars": ("Polars, tuned", "peer_polars.py", {"VARIANT": "fused"}),
    "chdb": ("ClickHouse, tuned", "peer_chdb.py", {"VARIANT": "fused"}),
    "datafusion": ("DataFusion, tuned", "peer_datafusion.py", {"VARIANT": "fused"}),
    "decode": ("decoding alone", "decode.py", {}),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="S", help="XS, S, M, or accounts:orders:events")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--systems", default="roster,duckdb,polars,decode", help=f"roster, {', '.join(SYSTEMS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--roster", type=pathlib.Path, help="a program that is built already")
    parser.add_argument("--python", type=pathlib.Path, help="one that has the packages of benches/requirements.txt")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    python = options.python or environment()
    roster = (options.roster or build()).resolve()
    print(machine())
    for part in options.parts.split(","):
        measure(part, options, roster, python)


def environment():
    """Python with the peers."""
    directory = WORK / "venv"
    python = directory / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
    return python


def build():
    subprocess.run(["cargo", "build", "--release", "--all-features"], cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "roster"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        models = {line.split(":")[1].strip() for line in lines if line.startswith("model name")}
    return f"{os.cpu_count()} cores of {', '.join(models)}, {platform.system()} {platform.machine()}\n"


def data_of(part, scale, python):
    """The folder or file that a part reads; made once."""
    name, _, _ = part.partition(":")
    scale = SEGMENT_SCALE if name == "segments" and scale == "S" else scale
    extracts = WORK / "data" / scale.replace(":", "-")
    if not extracts.exists():
        made = extracts.with_suffix(".part")
        shutil.rmtree(made, ignore_errors=True)
        subprocess.run([python, HERE / "generate.py", scale, made], check=True)
        made.rename(extracts)
    if name != "segments":
        return extracts
    features = WORK / "data" / f"features-{extracts.name}"
    if not features.exists():
        peer = [python, HERE / "peers" / "peer_duckdb.py", extracts, features, "features"]
        subprocess.run(peer, check=True, env=environ({"VARIANT": "fused"}))
    return features / "features.parquet"


def environ(more):
    paths = {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "THREADS": str(THREADS)}
    return {**os.environ, **paths, **more}


def command(system, part, data, out, roster, python):
    """What to run, where, and with which variables."""
    if system == "roster":
        project = [python, HERE / "project.py", out, part]
        subprocess.run(project, check=True, env=environ({}))
        return [roster, "run", "--as-of", NIGHT], out, environ({"DATA": str(data)})
    _, script, variables = SYSTEMS[system]
    return [python, HERE / "peers" / script, data, out, part], out, environ(variables)


def run(arguments, directory, variables):
    """Wall and CPU seconds, and MiB at the peak."""
    start = time.monotonic()
    output = tempfile.TemporaryFile()
    child = subprocess.Popen(arguments, cwd=directory, env=variables, stdout=output, stderr=output)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    if status:
        output.seek(0)
        sys.exit(
            f"{' '.join(map(str, arguments))}\nended with {os.waitstatus_to_exitcode(status)}:\n{output.read().decode()}"
        )
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def measure(part, options, roster, python):
    name, _, count = part.partition(":")
    data = data_of(part, options.scale, python)
    systems = [system for system in options.systems.split(",") if system != "decode" or name != "segments"]
    runs = {system: [] for system in systems}
    for round_ in range(options.rounds):
        results = {}
        for system in systems:
            out = pathlib.Path(tempfile.mkdtemp(dir=WORK))
            results[system] = out
            runs[system].append(run(*command(system, part, data, out, roster, python)))
        if round_ == 0:
            compare(name, {system: out for system, out in results.items() if system != "decode"}, python)
        for out in results.values():
            shutil.rmtree(out)
    print(f"### {TITLES[name].format(count)}\n\n{table(runs)}\n", flush=True)


def compare(part, results, python):
    arguments = [f"{system}={out}" for system, out in results.items()]
    checked = subprocess.run([python, HERE / "compare.py", part, *arguments], env=environ({}))
    if checked.returncode:
        sys.exit(checked.returncode)


def table(runs):
    base = runs.get("duckdb") or next(iter(runs.values()))
    lines = ["| | CPU s | ratio | from-to | wall s | ratio | MiB |", "|---|---|---|---|---|---|---|"]
    for system, measured in runs.items():
        title = "Roster" if system == "roster" else SYSTEMS[system][0]
        wall, cpu, memory = (statistics.median(column) for column in zip(*measured))
        ratios = [statistics.median(mine[at] / other[at] for mine, other in zip(measured, base)) for at in (0, 1)]
        span = f"{min(run[1] for run in measured):.2f}-{max(run[1] for run in measured):.2f}"
        lines.append(
            f"| {title} | {cpu:.2f} | {ratios[1]:.2f} | {span} | {wall:.2f} | {ratios[0]:.2f} | {memory:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
