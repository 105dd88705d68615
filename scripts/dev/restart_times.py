#!/usr/bin/python3
"""restart_times.py - kills every actor of a private yard in turn and prints how long each was away.

usage: scripts/dev/restart_times.py BUILD [ROUNDS]

Between two kills of one actor it has been up for more than ten seconds, so each is a first restart,
as in a yard where things die now and then. A round takes eleven seconds and is five kills.
"""
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from yard import Yard  # noqa: E402

ROUND_SECONDS = 11


def away_ms(yard, name):
    """From the kill until the actor says READY again."""
    before = yard.kill(name)
    start = time.monotonic()
    yard.wait_back(before)
    return (time.monotonic() - start) * 1000


def main():
    if len(sys.argv) < 2:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 64
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 6
    took = []
    with Yard(build=sys.argv[1], settings={"actors.crash_loop": 100}) as yard:
        for last in range(rounds - 1, -1, -1):
            until = time.monotonic() + ROUND_SECONDS
            for name in yard.actors():
                took.append(away_ms(yard, name))
            while last and time.monotonic() < until:
                yard.wait_ready()
                time.sleep(0.1)
    took.sort()
    print(f"{len(took)} kills: READY again after p50 {statistics.median(took):.0f} ms, "
          f"p99 {took[int(len(took) * 0.99) - 1]:.0f} ms, most {took[-1]:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
