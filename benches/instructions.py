"""Instructions of the inner loops of a night, counted by callgrind, beside the committed figures.

    python3 benches/instructions.py [--roster PROGRAM]     ends with 1 where a loop takes over 5 % more than it did
    python3 benches/instructions.py --accept               writes the figures anew

The same program over the same data takes the same instructions, to a thousandth, on a busy machine too. Data is that of scale XS,
one thread. Needs valgrind, and a release build with its symbols.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import run as harness

FIGURES = harness.HERE / "instructions.json"
SLACK = 0.05

# What is counted with everything it calls: the part whose night calls it, and its name, as callgrind matches it.
LOOPS = {
    "conditions of 100 segments": ("all:100", "*catalog::fused::pass::passing_in*"),
    "count(DISTINCT ..) of groups": ("usage", "*session::distinct_count::Groups*update_batch*"),
    "keys found in the universe": ("all:100", "*universe::Universe::places*"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accept", action="store_true", help="write what is counted as the figures to keep")
    parser.add_argument("--roster", type=pathlib.Path, help="a program that is built already")
    parser.add_argument("--python", type=pathlib.Path, help="one that has the packages of benches/requirements.txt")
    options = parser.parse_args()
    harness.WORK.mkdir(parents=True, exist_ok=True)
    python = options.python or harness.environment()
    roster = (options.roster or harness.build()).resolve()
    counted = {name: count(roster, part, loop, python) for name, (part, loop) in LOOPS.items()}
    if options.accept:
        FIGURES.write_text(json.dumps(counted, indent=4) + "\n")
        return
    known = json.loads(FIGURES.read_text())
    slower = [name for name in LOOPS if counted[name] > known[name] * (1 + SLACK)]
    for name in LOOPS:
        print(f"{name:30} {counted[name]:15,} {counted[name] / known[name]:6.3f} of {known[name]:,}")
    if slower:
        sys.exit(f"more than {SLACK:.0%} over the committed figures: {', '.join(slower)}; --accept keeps what is wanted")


def count(roster, part, loop, python):
    """Instructions of a loop in a night of a part."""
    data = harness.data_of(part, "XS", python)
    with tempfile.TemporaryDirectory(dir=harness.WORK) as out:
        command, directory, variables = harness.command("roster", part, data, pathlib.Path(out), roster, python)
        settings = pathlib.Path(out) / "roster.toml"
        settings.write_text(settings.read_text().replace("threads = 2", "threads = 1"))
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}", f"--toggle-collect={loop}"]
        # Without this the program starts once more, and callgrind stays behind.
        variables = {**variables, "MALLOC_ARENA_MAX": "1"}
        ended = subprocess.run([*tool, *command], cwd=directory, env=variables, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", ended.stderr)
    if ended.returncode or not found or not int(found[1]):
        sys.exit(f"{loop} in {part}: nothing counted, ended with {ended.returncode}\n{ended.stderr}")
    return int(found[1])


if __name__ == "__main__":
    main()
