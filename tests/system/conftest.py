"""conftest.py - what the system tests share: yards, items to move, and words for what they ask.

The programs under test are those of $YARD_BUILD (default build/release).
"""
import json
import os
import signal
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "dev"))
from yard import Yard, wait_for  # noqa: E402

# Who is asked to end still ends its yards in order and removes them.
signal.signal(signal.SIGTERM, signal.default_int_handler)

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
FINAL = ("COMPLETED", "TERMINATED", "FAILED")


def job_number(text):
    """The number behind job_ and 13 characters, as the tables have it."""
    number = 0
    for character in text.strip().removeprefix("job_"):
        number = number * 32 + ALPHABET.index(character)
    return number


class Work:
    """What tests do with a yard again and again."""

    def __init__(self, yard):
        self.yard = yard
        self.count = 0

    def items(self, count, name=None):
        """A file of so many work items, and the target they would go to."""
        self.count += 1
        name = name or f"set-{self.count}"
        source = self.yard.path(f"{name}.jsonl")
        with open(source, "w", encoding="utf-8") as file:
            for number in range(count):
                file.write(json.dumps({"id": f"{name}/{number}", "title": f"item {number}", "body": "x" * 40}) + "\n")
        return source, self.yard.path(f"{name}.sqlite")

    def submit_args(self, source, target, name="tiny", tier="standard", payload=None, kind="items-move", **more):
        args = ["job", "submit", "--name", name, "--kind", kind, "--tier", tier, "--source", source, "--target", target]
        if payload is not None:
            args += ["--payload", json.dumps(payload)]
        for flag, values in more.items():
            for value in [values] if isinstance(values, str) else values:
                args += ["--" + flag, value]
        return args

    def submit(self, count=3, key=None, payload=None, **more):
        """Submits one job that moves count items; its id as text."""
        source, target = self.items(count)
        return self.yard.ctl(*self.submit_args(source, target, payload=payload, **more), key=key).stdout.strip()

    def state(self, job):
        rows = self.yard.sql(f"SELECT state_name FROM ym.job_status WHERE job_id = {job_number(job)}")
        return rows[0][0] if rows else None

    def wait_state(self, job, *states, seconds=30):
        return wait_for(lambda: (now := self.state(job)) in states and now, seconds, f"{job} to be {' or '.join(states)}")

    def value(self, job, column):
        return self.yard.one(f"SELECT {column} FROM ym.job_status WHERE job_id = {job_number(job)}")

    def open_jobs(self):
        return int(self.yard.one("SELECT count(*) FROM ym.job_run"))


@pytest.fixture(scope="module")
def yard():
    with Yard() as made:
        made.agent("items", "items-eu", region="eu", slots=4)
        wait_agents(made, 1)
        yield made


@pytest.fixture
def work(yard):
    return Work(yard)


@pytest.fixture
def own_yard():
    """A yard that the test may hurt."""
    with Yard() as made:
        yield made


def wait_agents(yard, count, seconds=20):
    wait_for(lambda: int(yard.one("SELECT count(*) FROM ym.agent WHERE state = 100")) >= count, seconds,
             f"{count} agents to be registered")


def processes_of(base):
    """Processes that have the yard's directory in their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if base.encode() in file.read() and int(pid) != os.getpid():
                    found.append(int(pid))
        except OSError:
            continue
    return found
