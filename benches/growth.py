"""How a night grows with accounts and with segments: tables, and a plot.

    python3 benches/growth.py                 makes the data, builds Roster, writes docs/growth.svg
    python3 benches/growth.py --rounds 1 --scales S --segments 10,100 --roster target/release/roster

Whole nights of 100 segments at each scale, then segments alone over a table of 1 M accounts; medians of the rounds, in turn.
"""

import argparse
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import run

PLOT = run.ROOT / "docs" / "growth.svg"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scales", default="S,M")
    parser.add_argument("--segments", default="10,100,300,1000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--roster", type=pathlib.Path, help="a program that is built already")
    options = parser.parse_args()
    run.WORK.mkdir(parents=True, exist_ok=True)
    python = run.environment()
    if pathlib.Path(sys.prefix) != python.parent.parent:
        sys.exit(subprocess.call([python, *sys.argv]))  # it has the packages

    from generate import SCALES

    roster = (options.roster or run.build()).resolve()
    print(run.machine())
    nights = {scale: ("all:100", scale) for scale in options.scales.split(",")}
    segments = {int(count): (f"segments:{count}", "S") for count in options.segments.split(",")}
    measured = medians([*nights.values(), *segments.values()], options.rounds, roster, python)

    print("| accounts | rows read | CPU s | us a row | wall s | MiB |\n|---|---|---|---|---|---|")
    accounts, of_rows = [], []
    for scale, night in nights.items():
        of_scale, orders, events = SCALES[scale]
        wall, cpu, memory = measured[night]
        accounts.append(of_scale)
        of_rows.append(cpu * 1e6 / (orders + events))
        rows = f"{(orders + events) / 1e6:.1f} M"
        print(f"| {of_scale:,} | {rows} | {cpu:.1f} | {of_rows[-1]:.2f} | {wall:.1f} | {memory:.0f} |")

    print("\n| segments | CPU s | ms a segment | wall s | MiB |\n|---|---|---|---|---|")
    of_segments = []
    for count, part in segments.items():
        wall, cpu, memory = measured[part]
        of_segments.append(cpu * 1e3 / count)
        print(f"| {count:,} | {cpu:.1f} | {of_segments[-1]:.0f} | {wall:.1f} | {memory:.0f} |")
    plot((accounts, of_rows), (list(segments), of_segments))


def medians(parts, rounds, roster, python):
    """Wall and CPU seconds and MiB of each part."""
    data = {part: run.data_of(*part, python) for part in parts}
    runs = {part: [] for part in parts}
    for _ in range(rounds):
        for part in parts:
            out = pathlib.Path(tempfile.mkdtemp(dir=run.WORK))
            runs[part].append(run.run(*run.command("roster", part[0], data[part], out, roster, python)))
            shutil.rmtree(out)
    return {part: [statistics.median(column) for column in zip(*measured)] for part, measured in runs.items()}


def plot(rows, segments):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "growth"
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    named = [
        (rows, "accounts", "CPU microseconds a row read"),
        (segments, "segments over 1 M accounts", "CPU milliseconds a segment"),
    ]
    for panel, ((x, y), of, unit) in zip(panels, named):
        panel.plot(x, y, marker="o")
        panel.set(xscale="log", xlabel=of, ylabel=unit, ylim=(0, None))
        panel.set_xticks(x, [f"{n:,}" for n in x])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    figure.savefig(PLOT, metadata={"Date": None})


if __name__ == "__main__":
    main()
