"""test_kills.py - kill -9 of each actor, of PostgreSQL and of the agent at each step of a job's life.

Afterwards the job ends as it was asked to, nothing waits for ever, and nothing provisioned is left.
"""
import os

import pytest
from life import all_ended, ask_for, brought, door, kind, nothing_is_forgotten, quick_yard
from wireyard import wait_for

__all__ = ["door", "kind"]
FINISHES = ("COMPLETED",)


@pytest.fixture(scope="module")
def yard():
    with quick_yard(**{"agents.signal_retries": 7, "jobs.losses_max": 100}) as made:
        yield made


class Case:
    """One job on its way; higher is one that needs its slot."""

    def __init__(self, yard, sim, door, kind):
        self.yard, self.sim, self.door, self.kind = yard, sim, door, kind
        self.told, self.wanted, self.jobs = None, "COMPLETED", []

    def to(self, state, **more):
        self.told = brought(self.yard, self.sim, self.door, self.kind, state, **more)
        self.jobs.append(self.told.job)
        if state == "STARTED":
            assert self.sim.checkpoint(self.told, 1, b"one").name == "attempt_noted"

    def asked(self, verb):
        self.to("STARTED")
        ask_for(self.yard, self.door, verb, self.told)
        assert self.sim.take(verb, self.told.job) is not None

    def suspended(self):
        self.asked("suspend")
        self.sim.report(self.told, "attempt_suspended")
        assert self.yard.state(self.told.job) == "SUSPENDED"

    def preempted(self):
        self.to("STARTED")
        self.jobs.append(self.yard.submit(self.door, kind=self.kind, tier="platinum"))
        assert self.sim.take("suspend", self.told.job) is not None

    def closed(self):
        self.to("STARTED")
        self.sim.resources(self.told, database="provisioned", staging="requested")
        self.sim.complete(self.told)
        assert self.sim.take("deprovision", self.told.job) is not None


def prepare(case):
    case.to("LEASED")


def preparing(case):
    case.to("PREPARATION_REQUESTED")


def start(case):
    case.to("STARTING")


def starting(case):
    case.to("STARTUP_REQUESTED")


def started(case):
    case.to("STARTED")


def suspend(case):
    case.asked("suspend")


def suspending(case):
    case.asked("suspend")
    case.sim.working(case.told, "suspend")


def suspended(case):
    case.suspended()


def resume(case):
    case.suspended()
    case.yard.act(case.door, "resume", case.told.job)
    case.told = case.sim.take("prepare", case.told.job)
    assert case.yard.state(case.told.job) == "RESUMING"


def terminate(case):
    case.asked("terminate")
    case.wanted = "TERMINATED"


def terminating(case):
    terminate(case)
    case.sim.working(case.told, "terminate")


def preempt(case):
    case.preempted()


def preempting(case):
    case.preempted()
    case.sim.working(case.told, "suspend")


def clean(case):
    case.closed()


def cleaning(case):
    case.closed()
    case.sim.working(case.told, "deprovision")


def waiting(case):
    """Behind another one, in the tier whose queue is killed."""
    case.to("STARTED")
    case.jobs.append(case.yard.submit(case.door, kind=case.kind, tier="premium", fixed=True))
    assert case.sim.take("suspend", case.told.job) is not None


STEPS = (prepare, preparing, start, starting, started, suspend, suspending, suspended, resume, terminate, terminating, preempt, preempting, clean, cleaning)
EVERYWHERE = ("assignment", "agent", "queue-standard", "intake")
CASES = [(step, victim) for step in STEPS for victim in EVERYWHERE] + [
    (step, "postgresql") for step in (prepare, started, suspended, terminate, preempt, clean)] + [
    (step, "queue-platinum") for step in (preempt, preempting)] + [
    (step, "yardmasterd") for step in (prepare, suspending, resume, preempt, cleaning)] + [(waiting, "queue-premium")]


def kill_the_daemon(yard):
    """All of its actors go with it."""
    actors = [actor.pid for actor in yard.actors().values()]
    yard.daemon.kill()
    yard.daemon.wait(10)
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in actors), 10, "no actor to outlive its supervisor")
    yard.launch()
    yard.wait_ready()


def kill(yard, sim, victim):
    """It is killed and back; the agent to go on with."""
    if victim == "agent":
        sim.kill()
        return yard.sim(capabilities=sim.registration["capabilities"])
    if victim == "postgresql":
        yard.cluster("restart-immediate")
        yard.wait_ready()
    elif victim == "yardmasterd":
        kill_the_daemon(yard)
    else:
        yard.wait_back(yard.kill(victim))
    return sim


def goes_on(case, sim):
    """One look at the job: what its owner and its agent do next, if anything."""
    state = case.yard.state(case.told.job)
    if state == "SUSPENDED":
        case.yard.act(case.door, "resume", case.told.job)
    elif state == "STARTED" and sim is case.sim and case.wanted == "COMPLETED" and case.yard.run(case.told.job).get("wanted") == "0":
        if case.yard.run(case.told.job).get("fence") == str(case.told.fence):
            sim.say(case.told, "attempt_completed", message=1000, done=1, total=1, result="done")
    return all(case.yard.state(job) in ("COMPLETED", "TERMINATED", "FAILED") for job in case.jobs)


@pytest.mark.parametrize("step, victim", CASES, ids=[f"{step.__name__}-{victim}" for step, victim in CASES])
def test_kill_at_each_step(yard, door, kind, step, victim):
    sim = yard.sim(capabilities=[kind])
    try:
        case = Case(yard, sim, door, kind)
        step(case)
        sim = kill(yard, sim, victim)
        nothing_is_forgotten(yard)
        sim.obedient().allow("finish")
        wait_for(lambda: goes_on(case, sim), 20, f"the jobs to end; now {[yard.state(job) for job in case.jobs]}")
        assert yard.state(case.told.job) == case.wanted
        assert all(yard.state(job) == "COMPLETED" for job in case.jobs[1:])
        assert yard.sql(f"SELECT name FROM ym.resource WHERE job_id = {case.told.job}") == []
        completed = yard.one(f"SELECT count(*) FROM ym.job_event WHERE job_id = {case.told.job} AND state IN (900, 910, 920) AND on_event < 50")
        assert completed == "1"
        all_ended(yard, kind)
        nothing_is_forgotten(yard)
        assert sim.error is None
    finally:
        sim.stop()
