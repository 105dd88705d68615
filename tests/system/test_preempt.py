"""test_preempt.py - a higher tier takes a lower one's slot, and nothing of what was done is lost."""
import itertools
import sqlite3
import time

import pytest
from conftest import Work, job_number, wait_agents
from life import GRACE_S, TICK_S, ask_for, door, kind, nothing_is_forgotten, operator, quick_yard, sim
from simagent import at_once, completes, never, runs, works_for_ever
from wireyard import steady, wait_for

__all__ = ["door", "kind", "operator", "sim"]
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def yard():
    with quick_yard() as made:
        yield made
        nothing_is_forgotten(made)


def running(yard, sim, door, kind, tier="standard", **more):
    """A started job."""
    job = yard.submit(door, kind=kind, tier=tier, **more)
    told = sim.take("prepare", job)
    assert told is not None
    sim.report(told, "attempt_started")
    return told


def suspends(sim, told, number=None):
    """Its checkpoint, and then its suspension."""
    assert told is not None, "it was not told to suspend"
    if number:
        assert sim.checkpoint(told, number, b"at %d" % number, number, 100).name == "attempt_noted"
    assert sim.report(told, "attempt_suspended").name == "attempt_noted"


def ends(yard, sim, *jobs):
    """Each runs to its end, in whatever order they come."""
    sim.obedient().allow("finish")
    left = set(jobs)

    def over():
        for told in list(sim.told):
            if told.job in left and yard.state(told.job) == "STARTED" and ("prepare", told.job, told.fence) not in sim.began:
                sim.say(told, "attempt_completed", done=1, total=1, result="done")
        return all(yard.state(job) in ("COMPLETED", "TERMINATED") for job in jobs)
    wait_for(over, 10, "the jobs to end")


def test_without_a_free_slot_the_higher_tier_takes_one(yard, sim, door, kind):
    """R10: the checkpoint is stored before the other one starts; it comes back by itself and goes on from there."""
    low = running(yard, sim, door, kind)
    high = yard.submit(door, kind=kind, tier="platinum")
    given = sim.take("suspend", low.job)
    assert given is not None and (given.body["suspender"], given.fence) == ("preemption", low.fence)
    assert 0 < given.body["grace_ms"] <= GRACE_S * 1000
    assert sim.take("prepare", high, 0.3) is None, "the slot is not free yet"
    suspends(sim, given, 7)
    assert sim.take("prepare", high) is not None, "the beneficiary gets the slot"
    start = sim.heard("prepare", high)[-1]
    assert yard.state(low.job) == "QUEUED" and yard.value(low.job, "checkpoint") == "7"
    assert yard.run(low.job)["preempted"] == "1" and yard.run(low.job)["came_back"] == "t"
    sim.report(start, "attempt_started")
    sim.complete(start)
    again = sim.take("prepare", low.job)
    assert (again.body["checkpoint"], again.body["resume"]) == (7, b"at 7")
    ends(yard, sim, low.job)
    stored = yard.one(f"SELECT max(seq) FROM ym.job_event WHERE job_id = {low.job} AND on_event = 51")
    at = [int(yard.one(question)) for question in (f"SELECT at_ms FROM ym.job_event WHERE job_id = {low.job} AND seq = {stored}",
                                                   f"SELECT min(at_ms) FROM ym.job_event WHERE job_id = {high} AND on_event = 2")]
    assert at[0] <= at[1]


def test_one_victim_for_each_and_the_lowest_tier_with_the_least_work(yard, door, kind):
    with yard.sim(slots=4, capabilities=[kind]) as sim:
        premium = running(yard, sim, door, kind, "premium")
        jobs = [running(yard, sim, door, kind) for _ in range(3)]
        for told in (jobs[0], jobs[2]):      # the middle one has the most work since its last checkpoint
            sim.checkpoint(told, 1)
        high = yard.submit(door, kind=kind, tier="platinum")
        wait_for(lambda: sim.heard("suspend"), 5, "a victim")
        assert steady(lambda: len({told.job for told in sim.heard("suspend")}), 0.4) == 1, "never more than needed"
        given = sim.heard("suspend")[0]
        assert given.job == jobs[2].job, "the least work since its last checkpoint"
        assert yard.run(premium.job)["wanted"] == "0"
        suspends(sim, given)
        start = sim.take("prepare", high)
        sim.report(start, "attempt_started")
        ends(yard, sim, high, premium.job, *(told.job for told in jobs))


def test_what_does_not_give_its_slot_up_is_ended_after_the_grace_time(yard, sim, door, kind):
    """It goes on elsewhere from its last acknowledged checkpoint."""
    low = running(yard, sim, door, kind)
    sim.checkpoint(low, 2, b"two", 2, 10)
    high = yard.submit(door, kind=kind, tier="premium")
    given = sim.take("suspend", low.job)
    start = sim.take("prepare", high, GRACE_S + 3)
    assert start is not None and start.at - given.at > GRACE_S - 2 * TICK_S
    assert sim.take("lost", low.job) is not None
    assert "did not give its slot up in time: goes on elsewhere from its last checkpoint" in [
        row[0] for row in yard.sql(f"SELECT why FROM ym.job_history WHERE job_id = {low.job}")]
    assert sim.checkpoint(low, 3).code == "stale_lease"
    sim.report(start, "attempt_started")
    sim.complete(start)
    again = sim.take("prepare", low.job)
    assert (again.body["checkpoint"], again.body["resume"]) == (2, b"two")
    ends(yard, sim, low.job)


def test_one_that_works_on_it_for_ever_is_ended_too(yard, sim, door, kind):
    low = running(yard, sim, door, kind)
    sim.rule("suspend", works_for_ever("suspend"))
    high = yard.submit(door, kind=kind, tier="platinum")
    start = sim.take("prepare", high, GRACE_S + 4)
    assert start is not None and yard.state(low.job) == "QUEUED"
    sim.report(start, "attempt_started")
    ends(yard, sim, high, low.job)


def test_a_real_end_is_told_apart_from_a_preempted_one(yard, sim, door, kind):
    low = running(yard, sim, door, kind)
    sim.rule("suspend", completes)
    high = yard.submit(door, kind=kind, tier="platinum")
    yard.wait_state(low.job, "COMPLETED")
    start = sim.take("prepare", high)
    assert start is not None
    sim.report(start, "attempt_started")
    ends(yard, sim, high)


def test_a_fixed_job_is_never_preempted(yard, sim, door, kind):
    low = running(yard, sim, door, kind, fixed=True)
    high = yard.submit(door, kind=kind, tier="platinum")
    assert sim.take("suspend", low.job, 0.8) is None
    sim.complete(low)
    assert sim.take("prepare", high) is not None
    ends(yard, sim, high)


def test_a_job_preempted_so_often_is_immune(yard, sim, door, kind):
    """X81: three times, then it runs to its end."""
    low = running(yard, sim, door, kind)
    for turn in range(3):
        high = yard.submit(door, kind=kind, tier="platinum")
        suspends(sim, sim.take("suspend", low.job), turn + 1)
        start = sim.take("prepare", high)
        sim.report(start, "attempt_started")
        sim.complete(start)
        again = sim.take("prepare", low.job)
        assert again is not None and again.body["checkpoint"] == turn + 1
        sim.report(again, "attempt_started")
    assert yard.run(low.job)["preempted"] == "3"
    high = yard.submit(door, kind=kind, tier="platinum")
    assert sim.take("suspend", low.job, 0.8) is None
    sim.complete(again)
    assert sim.take("prepare", high) is not None
    ends(yard, sim, high)


def test_no_cascade(yard, sim, door, kind):
    """A preempted premium job does not preempt a standard one when it comes back."""
    with yard.sim("agent-2", capabilities=[f"{kind}-two", kind], region="us") as second:
        premium = running(yard, sim, door, kind, "premium", regions=["eu"])
        standard = yard.submit(door, kind=kind, regions=["us"])
        other = second.take("prepare", standard)
        second.report(other, "attempt_started")
        high = yard.submit(door, kind=kind, tier="platinum", regions=["eu"])
        suspends(sim, sim.take("suspend", premium.job), 1)
        start = sim.take("prepare", high)
        sim.report(start, "attempt_started")
        assert second.take("suspend", standard, 0.6) is None and yard.state(premium.job) == "QUEUED"
        ends(yard, sim, high, premium.job)
        second.complete(other)


def test_the_freed_slot_is_kept_for_the_one_it_was_freed_for(yard, sim, door, kind):
    """An older job of the victim's own tier waits as well."""
    low = running(yard, sim, door, kind)
    waits = yard.submit(door, kind=kind)
    high = yard.submit(door, kind=kind, tier="premium")
    suspends(sim, sim.take("suspend", low.job))
    start = sim.take("prepare")
    assert start.job == high
    sim.report(start, "attempt_started")
    sim.complete(start)
    assert sim.take("prepare").job == low.job, "it comes back before what came after it"
    ends(yard, sim, low.job, waits)


def test_an_operators_suspension_takes_a_preemption_over(yard, sim, door, operator, kind):
    low = running(yard, sim, door, kind)
    high = yard.submit(door, kind=kind, tier="platinum")
    given = sim.take("suspend", low.job)
    assert yard.act(operator, "suspend", low.job).name == "done"
    assert sim.report(given, "attempt_suspended").name == "attempt_noted"
    assert yard.state(low.job) == "SUSPENDED"
    start = sim.take("prepare", high)
    sim.report(start, "attempt_started")
    ends(yard, sim, high)
    assert sim.take("prepare", low.job, 0.5) is None
    assert yard.act(door, "resume", low.job).code == "not_suspender", "its owner did not suspend it"
    assert yard.act(operator, "resume", low.job).name == "done"
    yard.wait_state(low.job, "COMPLETED")


def test_what_an_owner_suspended_an_operator_does_not_resume(yard, sim, door, operator, kind):
    """U11, the other way round."""
    low = running(yard, sim, door, kind)
    ask_for(yard, door, "suspend", low)
    suspends(sim, sim.take("suspend", low.job))
    number = yard.value(low.job, "seq")
    assert yard.act(operator, "resume", low.job).code == "not_suspender"
    assert yard.value(low.job, "seq") == number and yard.state(low.job) == "SUSPENDED"
    yard.act(door, "resume", low.job)
    sim.rule("prepare", runs).rule("suspend", never).rule("terminate", at_once("attempt_terminated")).allow("finish")
    yard.wait_state(low.job, "COMPLETED")


def test_a_job_that_just_began_is_exempt(kind):
    with quick_yard(**{"preempt.preempt_exempt_ms": 1000}) as own, own.door("acme") as door, own.sim(capabilities=[kind]) as sim:
        low = running(own, sim, door, kind)
        began = time.monotonic()
        own.submit(door, kind=kind, tier="platinum")
        given = sim.take("suspend", low.job, 5)
        assert given is not None and given.at - began > 0.8


def test_a_real_agent_loses_at_most_one_interval():
    """R12: the items written by both attempts are compared, one by one."""
    with quick_yard(**{"preempt.preempt_grace_ms": 5000}) as own:
        own.key("one", "agent", "agents")
        own.agent("items", "one", slots=1)
        wait_agents(own, 1)
        work = Work(own)
        source, target = work.items(300)
        low = own.ctl(*work.submit_args(source, target, payload={"batch": 10, "pace_ms": 40})).stdout.strip()
        wait_for(lambda: int(work.value(low, "checkpoint")) >= 3, 20, "three checkpoints")
        high = work.submit(count=3, tier="platinum")
        work.wait_state(high, "COMPLETED")
        work.wait_state(low, "COMPLETED")
        number = job_number(low)
        preempted = own.sql(f"SELECT seq FROM ym.job_event WHERE job_id = {number} AND on_event = 16")
        assert preempted, "it was suspended, not ended"
        with sqlite3.connect(target) as store:
            assert store.execute("SELECT count(*), count(DISTINCT source_id) FROM item").fetchone() == (300, 300)
            written = dict(store.execute("SELECT source_id, max(fence) FROM effect GROUP BY source_id"))
            assert store.execute("SELECT count(*) FROM effect").fetchone() == (300,), "nothing is written twice"
        redone = [item for item, fence in own.sql(f"SELECT source, fence FROM ym.id_map WHERE job_id = {number}") if int(fence) != written[item]]
        assert len(redone) <= 10
