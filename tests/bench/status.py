#!/usr/bin/python3
"""status.py - how long the question for a job's status takes, quiet and under a flood of other work.

usage: status.py BUILD [--seconds N] [--rate N] [--flood N] [--most-ms N] [--smoke]
    --rate     questions a second (100)
    --flood    jobs a second at most (1000)
    --most-ms  what 99 of 100 questions must take at most under the flood
    --smoke    a short run, nothing is judged but that it works

First jobs are submitted and completed as fast as the yard can with one agent; then it is asked with nothing else
to do, and at last while jobs come and complete at half of that speed, or at the rate given.  Submitter and agent are
processes of their own.  A question's time runs from when it was due, so one that waits behind
another counts as late.  Half of the jobs that are asked about have ended and half still wait.
Exit 1 if the limit is missed.
"""
import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from wireyard import AGENTS, CLIENTS, WireYard, die_with, wait_for  # noqa: E402
from yardwire import Agent, Door, Worker, job_body, read_certificate  # noqa: E402

KIND, WAITING, ASKED, WINDOW, SLOTS = "bench", 50, 200, 128, 64
SETTINGS = {"actors.crash_loop": 100, "actors.silent_ms": 20000}


def flood(door, seconds, rate):
    """Submits at that rate, or as fast as it is accepted; tells how many were."""
    begin, sent, accepted, open_asks = time.monotonic(), 0, 0, set()
    while (now := time.monotonic() - begin) < seconds or (open_asks and now < seconds + 5):
        while now < seconds and len(open_asks) < WINDOW and (rate == 0 or sent < now * rate):
            open_asks.add(door.tell("job_submit", **job_body(kind=KIND)))
            sent += 1
        answer = door.recv(0.005)
        while answer is not None:
            open_asks.discard(answer.ask)
            accepted += answer.name == "job_accepted"
            answer = door.recv(0)
    print(json.dumps({"accepted": accepted}), flush=True)


def child(part, endpoint, secret, server, *more):
    """The submitter or the agent, in its own process."""
    key = read_certificate(secret)
    if part == "flood":
        with Door(endpoint, key, server.encode()) as door:
            flood(door, float(more[0]), float(more[1]))
        return
    worker = Worker(lambda: Agent(endpoint, key, server.encode()), slots=SLOTS, capabilities=[KIND])
    worker.start()
    sys.stdin.read()                     # until whoever started it has done
    worker.stop()


class Bench:
    """A yard, somebody who asks, and the two processes that keep it busy."""

    def __init__(self, given):
        self.given, self.stack = given, contextlib.ExitStack()
        self.yard = WireYard(build=given.build, settings=SETTINGS)

    def spawn(self, part, who, which, *more):
        parent = os.getpid()
        made = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--part", part, self.yard.endpoint(which), self.yard.keys[who].secret,
             self.yard.server.decode(), *map(str, more)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: die_with(parent))
        self.stack.callback(made.wait)
        self.stack.callback(made.kill)
        return made

    def start(self):
        self.stack.enter_context(self.yard)
        self.door = self.stack.enter_context(self.yard.door("viewer"))
        with self.yard.door("acme") as door:
            self.jobs = [self.yard.submit(door, kind=KIND, pool="nowhere") for _ in range(WAITING)]
        self.agent = self.spawn("agent", "agent-1", AGENTS)

    def done(self):
        return int(self.yard.one("SELECT count(*) FROM ym.job_done"))

    def flooded(self, seconds, rate, work):
        """Runs that beside a flood; how many jobs a second were accepted and completed meanwhile."""
        before, began = self.done(), time.monotonic()
        flooding = self.spawn("flood", "acme", CLIENTS, seconds, rate)
        work()
        said, _ = flooding.communicate()
        after, took = self.done(), time.monotonic() - began
        wait_for(lambda: int(self.yard.one("SELECT count(*) FROM ym.job_run")) == WAITING, 120, "the flood to be done")
        return json.loads(said)["accepted"] / seconds, (after - before) / took

    def choose(self):
        ended = self.yard.sql(f"SELECT job_id FROM ym.job_done ORDER BY random() LIMIT {ASKED}")
        self.jobs += random.choices(self.jobs, k=max(0, len(ended) - WAITING)) + [int(row[0]) for row in ended]

    def ask(self, seconds):
        """The times of questions, in ms, sorted."""
        times, began = [], time.monotonic()
        for number in range(int(seconds * self.given.rate)):
            due = began + number / self.given.rate
            time.sleep(max(0.0, due - time.monotonic()))
            answer = self.door.ask("job_get", job=random.choice(self.jobs))
            if answer.name == "refused":
                raise SystemExit(f"job_get: {answer}")
            times.append((time.monotonic() - due) * 1000)
        return sorted(times)

    def run(self):
        seconds = self.given.seconds
        _, able = self.flooded(seconds, 0, lambda: None)
        if able <= 0:
            raise SystemExit("nothing was completed")
        self.choose()
        quiet = self.ask(seconds)
        loaded = []
        accepted, completed = self.flooded(seconds, min(able / 2, self.given.flood), lambda: loaded.extend(self.ask(seconds)))
        print(f"\n  the yard can do {able:.0f} jobs/s, submitted and completed by one agent of {SLOTS} slots", flush=True)
        print(f"  flooded with {accepted:.0f} jobs/s, {completed:.0f} completed a second\n", flush=True)
        print(f"  {'status':20} {'p50':>10} {'p99':>10} {'most':>10}", flush=True)
        tell("quiet", quiet)
        tell("under the flood", loaded)
        good = share(loaded, 0.99) <= self.given.most_ms
        print(f"\n  p99 under the flood at most {self.given.most_ms:.0f} ms: {'ok' if good else 'TOO MUCH'}", flush=True)
        return good


def share(times, part):
    return times[min(len(times) - 1, int(len(times) * part))]


def tell(name, times):
    print(f"  {name:20} {share(times, 0.5):7.2f} ms {share(times, 0.99):7.2f} ms {times[-1]:7.2f} ms", flush=True)


def main():
    if sys.argv[1:2] == ["--part"]:
        child(*sys.argv[2:])
        return 0
    options = argparse.ArgumentParser(prog="tests/bench/status.py")
    options.add_argument("build")
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--rate", type=float, default=100)
    options.add_argument("--flood", type=float, default=1000)
    options.add_argument("--most-ms", type=float, default=50)
    options.add_argument("--smoke", action="store_true")
    given = options.parse_args()
    if given.smoke:
        given.seconds = 1
    bench = Bench(given)
    with bench.stack:
        bench.start()
        good = bench.run()
    return 0 if good or given.smoke else 1


if __name__ == "__main__":
    sys.exit(main())
