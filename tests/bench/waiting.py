#!/usr/bin/python3
"""waiting.py - what a million waiting jobs cost: two yards side by side, one with few and one with many.

usage: waiting.py BUILD [--few N] [--many N] [--rounds N] [--smoke]
    --smoke  small numbers, nothing is judged but that it works

Both yards run at once and are asked in turn, so that whatever else the machine does hits both; the
figures are medians.  The backlog is written into the tables before the daemons start.  Nine in ten of
its jobs are of a class that no agent can run, and older than the others: they must cost them nothing.
Exit 1 if the many cost more than a quarter above the few, a job more than 300 octets in its queue, or
the start more than 10 s.
"""
import argparse
import contextlib
import os
import re
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from wireyard import WireYard, cpu_s, rss_kib, wait_for  # noqa: E402
from yardwire import job_body  # noqa: E402

KIND = "bench"
MOST_RATIO, MOST_OCTETS, MOST_START_S = 1.25, 300, 10.0
NOISE_MS = 0.3                       # medians nearer than this are the same
QUICKLY = "SET statement_timeout = 0; SET synchronous_commit = off;"
SETTINGS = {"actors.crash_loop": 100, "actors.silent_ms": 20000, "actors.ready_ms": 60000}

# So many jobs like one that waits, with ids before another's.
FILL = """
    WITH one AS (SELECT * FROM ym.job_run WHERE job_id = {job}),
    ids AS (SELECT {before} - n AS id FROM generate_series(1, {count}) n),
    jobs AS (INSERT INTO ym.job (shard_id, job_id, tenant_id, tier, requirement, submitted_ms, submitted_by, name, kind, source, target, payload)
        SELECT 0, i.id, j.tenant_id, j.tier, j.requirement, j.submitted_ms, j.submitted_by, j.name, j.kind, j.source, j.target, j.payload
          FROM ids i, ym.job j WHERE j.job_id = {job}),
    runs AS (INSERT INTO ym.job_run (shard_id, job_id, tenant_id, tier, state, seq, state_at, requirement)
        SELECT 0, i.id, o.tenant_id, o.tier, o.state, 1, o.state_at, o.requirement FROM ids i, one o)
    INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
    SELECT 0, i.id, 1, e.at_ms, e.on_event, e.from_state, e.state, 0, 0, 0, e.who, ''
      FROM ids i, ym.job_event e WHERE e.job_id = {job} AND e.seq = 1"""


class Side:
    """One yard with its backlog, its client and its agent."""

    def __init__(self, build, count):
        self.count, self.yard, self.times = count, WireYard(build=build, settings=SETTINGS), {}
        self.stack = contextlib.ExitStack()
        self.start_s = 0.0

    def start(self):
        yard = self.stack.enter_context(self.yard)
        with yard.door("acme") as door:
            blocked = yard.submit(door, kind=KIND, pool="nowhere")
            runnable = yard.submit(door, kind=KIND)
        if yard.stop_daemon() != 0:
            raise SystemExit("the daemon did not stop in order")
        blocked_count = self.count * 9 // 10
        began = time.monotonic()
        yard.sql(QUICKLY + FILL.format(job=blocked, before=blocked - self.count, count=blocked_count - 1), 600)
        yard.sql(QUICKLY + FILL.format(job=runnable, before=blocked, count=self.count - blocked_count - 1), 600)
        yard.sql("VACUUM ANALYZE", 600)
        yard.sql("CHECKPOINT", 600)          # what was written for the backlog is not to be paid by the first asked
        print(f"  {self.count:>9,} jobs written in {time.monotonic() - began:.1f} s", flush=True)
        began = time.monotonic()
        yard.launch()
        yard.wait_ready(120)
        self.door = self.stack.enter_context(yard.door("acme"))
        self.operator = self.stack.enter_context(yard.door("operator"))
        wait_for(lambda: self.waiting() == self.count, 120, "the queue to have every job")
        self.whole_start_s = time.monotonic() - began
        self.middle = int(yard.one(f"SELECT job_id FROM ym.job_run ORDER BY job_id OFFSET {self.count // 2} LIMIT 1"))
        self.last = runnable

    def waiting(self):
        answer = self.operator.until("queue_get", 60, tier="standard")
        return answer["waiting"]

    def restart_queue(self):
        """How long the queue needs from its start until it has every job; by its own log, and seen from outside."""
        before = self.yard.kill("queue-standard")
        began = time.monotonic()
        self.yard.wait_back(before, 120)
        wait_for(lambda: self.waiting() == self.count, 120, "the queue to have every job again")
        self.start_s = time.monotonic() - began
        self.size_kib = rss_kib(self.yard.pid("queue-standard"))
        ready = re.findall(r"actor_ready .*name=queue-standard .*ms=(\d+)", self.yard.log())
        self.ready_ms = int(ready[-1]) if ready else -1

    def timed(self, what, ask):
        began = time.monotonic()
        answer = ask()
        self.times.setdefault(what, []).append((time.monotonic() - began) * 1000)
        return answer

    def asked(self, name, /, **body):
        answer = self.door.ask(name, **body)
        if answer.name == "refused":
            raise SystemExit(f"{name}: {answer}")
        return answer

    def round(self):
        self.timed("submit", lambda: self.asked("job_submit", **job_body(kind=KIND, pool="nowhere")))
        self.timed("explain", lambda: self.asked("job_explain", job=self.middle))
        self.timed("explain the last", lambda: self.asked("job_explain", job=self.last))
        self.timed("status", lambda: self.asked("job_get", job=self.middle))
        self.timed("queue", lambda: self.asked("queue_get", tier="standard"))

    def begin_leases(self):
        self.agent = self.stack.enter_context(self.yard.raw_agent(capabilities=[KIND], slots=1))
        self.held = self.agent.take("attempt_start", 10)

    def lease(self):
        """One job ends, the next one comes."""
        def next_one():
            self.agent.tell("attempt_completed", session=self.agent.session, job=self.held["job"], fence=self.held["fence"], done=1, total=1, result="")
            return self.agent.take("attempt_start", 20)
        self.held = self.timed("lease", next_one)
        if self.held is None:
            raise SystemExit("nothing was leased")
        while self.agent.heard:
            self.agent.heard.popleft()

    def idle_cpu(self, seconds=2.0):
        pids = [self.yard.pid(name) for name in ("queue-standard", "assignment")]
        before = [cpu_s(pid) for pid in pids]
        time.sleep(seconds)
        return sum(cpu_s(pid) - was for pid, was in zip(pids, before)) / seconds

    def median(self, what):
        return statistics.median(self.times[what])


def judge(name, few, many, holds, text=""):
    print(f"  {name:28} {few:>12} {many:>12}  {'ok' if holds else 'TOO MUCH':8} {text}".rstrip(), flush=True)
    return holds


def report(few, many):
    good = True
    print(f"\n  {'':28} {few.count:>12,} {many.count:>12,}")
    for what in few.times:
        a, b = few.median(what), many.median(what)
        good &= judge(f"{what}, median", f"{a:.2f} ms", f"{b:.2f} ms", b <= a * MOST_RATIO or b - a < NOISE_MS, f"x {b / a:.2f}")
    octets = (many.size_kib - few.size_kib) * 1024 / (many.count - few.count)
    good &= judge("queue process", f"{few.size_kib} KiB", f"{many.size_kib} KiB", octets <= MOST_OCTETS, f"{octets:.0f} octets a job")
    good &= judge("queue, from kill to complete", f"{few.start_s:.2f} s", f"{many.start_s:.2f} s", many.start_s <= MOST_START_S)
    judge("daemon, start to complete", f"{few.whole_start_s:.2f} s", f"{many.whole_start_s:.2f} s", True)
    judge("CPU while nothing happens", f"{few.idle_cpu() * 100:.1f} %", f"{many.idle_cpu() * 100:.1f} %", True, "queue and assignment")
    return good


def main():
    options = argparse.ArgumentParser(prog="scripts/bench")
    options.add_argument("build")
    options.add_argument("--few", type=int, default=1000)
    options.add_argument("--many", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--smoke", action="store_true")
    given = options.parse_args()
    if given.smoke:
        given.few, given.many, given.rounds = 100, 2000, 5
    few, many = Side(given.build, given.few), Side(given.build, given.many)
    with few.stack, many.stack:
        for side in (few, many):
            side.start()
        for side in (few, many):
            side.restart_queue()
        for _ in range(given.rounds):
            few.round()
            many.round()
        for side in (few, many):
            side.begin_leases()
        for _ in range(min(given.rounds, given.few // 20)):
            few.lease()
            many.lease()
        good = report(few, many)
    return 0 if good or given.smoke else 1


if __name__ == "__main__":
    sys.exit(main())
