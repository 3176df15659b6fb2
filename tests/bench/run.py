#!/usr/bin/env python3
"""Measures Cairn against its targets, in one run on one store: see README.md.

    tests/bench/run.py BINDIR [--quick] [--split] [--only NAME]...
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "volume"))

from environment import URING_SWITCH, Environment  # noqa: E402
from measurements import ALL, Row  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description="Measures Cairn against its targets.")
    parser.add_argument("bin_dir", help="where cairn, bare_store, empty_fs and small_ops are")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less data")
    parser.add_argument("--split", action="store_true",
                        help="the store on one half of the cores, all else on the other")
    parser.add_argument("--only", action="append", choices=sorted(ALL), metavar="NAME",
                        help="one of " + ", ".join(ALL) + "; may be given several times")
    return parser.parse_args()


def measure(env, names):
    rows = []
    for name in names:
        env.measuring = name
        try:
            new = list(ALL[name](env))
        except (RuntimeError, OSError) as error:
            new = [Row(name, f"failed: {error}", "", False)]
        for row in new:
            print(f"{'PASS ' if row.passed else 'short'}  {row.work}: {row.measured}", flush=True)
        rows += new
    return rows


def table(rows):
    print("\n| work | measured | target | |\n|---|---|---|---|")
    for row in rows:
        verdict = "PASS" if row.passed else "short"
        print(f"| {row.work} | {row.measured} | {row.target} | {verdict} |")


def main():
    options = arguments()
    if os.access(URING_SWITCH, os.W_OK):
        with open(URING_SWITCH, "w") as switch:
            switch.write("Y")
    env = Environment(options.bin_dir, options.quick, options.split)
    try:
        names = [name for name in ALL if not options.only or name in options.only or
                 name == "memory"]
        rows = measure(env, names)
    finally:
        env.close()
    table(rows)
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
