"""test_tombstones.py - a real agent that is told things in the wrong order: what ended before it began is not begun."""
import json
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from fakeyard import FakeYard  # noqa: E402
from wireyard import steady, wait_for  # noqa: E402
from yard import Agent, Yard  # noqa: E402
from yardwire import new_certificate, write_certificate  # noqa: E402

JOB = 1 << 40


class Bench:
    """A fake yard, a real yard-agent-items, and something to move."""

    def __init__(self, yard, path):
        self.yard, self.path = yard, path
        self.source, self.target = str(path / "items.jsonl"), str(path / "target.sqlite")
        with open(self.source, "w", encoding="utf-8") as file:
            for number in range(50):
                file.write(json.dumps({"id": f"item/{number}", "body": "x" * 20}) + "\n")

    def start(self, fence, job=JOB, **more):
        self.yard.start_of(job, fence, self.source, self.target, **more)

    def slow(self, fence):
        self.start(fence, payload=json.dumps({"batch": 5, "pace_ms": 200}).encode())


@pytest.fixture
def bench(tmp_path):
    server, own = new_certificate(), new_certificate()
    for name, certificate in (("server", server), ("own", own)):
        write_certificate(str(tmp_path / name), certificate)
    with FakeYard(server) as yard:
        args = [Yard().program("yard-agent-items"), "--endpoint", yard.endpoint, "--server-key", str(tmp_path / "server"),
                "--cert", str(tmp_path / "own_secret"), "--region", "eu", "--slots", "2"]
        agent = Agent("items", args, {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, str(tmp_path / "log")).start()
        try:
            yard.heard("agent_register")
            yield Bench(yard, tmp_path)
        finally:
            assert agent.stop(), "it did not drain"


@pytest.mark.parametrize("name, more, answer", [
    ("attempt_terminate", {"reason": "early"}, "attempt_terminated"),
    ("attempt_suspend", {"suspender": "owner", "grace_ms": 0, "reason": "early"}, "attempt_suspended")])
def test_what_ended_before_it_came_is_not_begun(bench, name, more, answer):
    bench.yard.tell(name, job=JOB, fence=7, **more)
    bench.start(7)
    bench.yard.heard(answer, 7)
    assert steady(lambda: os.path.exists(bench.target), 0.5) is False, "nothing of it was begun"
    assert not bench.yard.of("attempt_started") and not bench.yard.of("attempt_completed")
    bench.start(8)
    assert bench.yard.heard("attempt_completed", 8)["done"] == 50, "a later attempt is another one"


def test_what_was_lost_before_it_came_is_not_begun(bench):
    bench.yard.tell("attempt_lost", job=JOB, fence=7)
    bench.start(7)
    bench.start(6)
    assert steady(lambda: os.path.exists(bench.target), 0.5) is False
    bench.start(8)
    bench.yard.heard("attempt_completed", 8)
    assert not bench.yard.of("attempt_completed", 7) and not bench.yard.of("attempt_completed", 6)


def test_a_later_attempt_ends_an_earlier_one_and_never_runs_beside_it(bench):
    """While the older one's handler has not returned the newer start is told flow_exists; then it runs."""
    bench.slow(7)
    bench.yard.heard("attempt_checkpoint", 7)
    bench.start(8)

    def over():
        bench.start(8)
        return bench.yard.of("attempt_completed", 8)
    wait_for(over, 10, "the newer attempt to be done")
    assert all("flow_exists" in one["text"] and one["retryable"] for one in bench.yard.of("attempt_errored", 8))
    last_of_old = max(place for place, one in enumerate(bench.yard.reports) if one.body.get("fence") == 7)
    first_of_new = min(place for place, one in enumerate(bench.yard.reports) if one.body.get("fence") == 8 and one.name != "attempt_errored")
    assert last_of_old < first_of_new


def test_cleaning_up_is_all_that_such_an_attempt_does(bench):
    bench.start(9, signal="deprovision")
    bench.yard.heard("attempt_deprovisioned", 9)
    assert not os.path.exists(bench.target) and not bench.yard.of("attempt_started")


def test_every_callback_has_a_number_of_its_own(bench):
    bench.start(7)
    bench.yard.heard("attempt_completed", 7)
    numbers = [one["message"] for one in bench.yard.reports if "message" in one.body and one.body.get("fence") == 7]
    assert numbers == sorted(numbers) and numbers[0] >= 1 and len(set(numbers)) == len(numbers)


def test_told_twice_it_works_once(bench):
    for _ in range(5):
        bench.slow(7)
    bench.yard.tell("attempt_suspend", job=JOB, fence=7, suspender="preemption", grace_ms=5000, reason="")
    bench.yard.tell("attempt_suspend", job=JOB, fence=7, suspender="preemption", grace_ms=5000, reason="")
    bench.yard.heard("attempt_suspended", 7)
    checkpoints = [one["checkpoint"] for one in bench.yard.of("attempt_checkpoint", 7)]
    assert checkpoints == sorted(set(checkpoints))
