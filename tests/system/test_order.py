"""test_order.py - who is leased when, and who is not: in force again before the first lease after any crash."""
import os
import time
from collections import Counter

import pytest
from life import all_ended, brought, door, kind, nothing_is_forgotten, operator, quick_yard, sim
from wireyard import wait_for
from yardwire import job_body

__all__ = ["door", "kind", "operator", "sim"]
CRASHES = ("assignment", "queue-standard", "intake", "postgresql", "everything")
SHORT_S = 0.5                        # so long nothing must happen where nothing may


@pytest.fixture(scope="module")
def yard():
    with quick_yard(**{"jobs.losses_max": 2, "jobs.attempts_max": 3}) as made:
        yield made
        nothing_is_forgotten(made)


def crash(yard, what):
    """It is killed and back."""
    if what == "postgresql":
        yard.cluster("restart-immediate")
    names = [name for name in yard.actors() if what in (name, "everything")]
    for before in [yard.kill(name) for name in names]:
        yard.wait_back(before)
    if what == "postgresql":
        yard.wait_ready()


def now_ms():
    return time.time_ns() // 1_000_000


def policy(door, name, **more):
    """A policy verb, done."""
    done = door.until(name, 10, request=os.urandom(16), **more)
    assert done.name == "done", done
    return done


def one_after_the_other(sim, count, seconds=5.0):
    """Completes what comes; the jobs in their order.  What is told again, because its answer was on the way, comes once."""
    jobs, before = [], {(told.job, told.fence) for place, told in enumerate(list(sim.told)) if place in sim.taken}
    while len(jobs) < count:
        told = sim.take("prepare", seconds=seconds)
        assert told is not None, f"only {len(jobs)} came"
        if (told.job, told.fence) not in before:
            before.add((told.job, told.fence))
            jobs.append(told.job)
            sim.complete(told)
    return jobs


def codes(yard, door, job, want=(), seconds=5):
    """The blockers that explain names, once all of those wanted are among them."""
    def asked():
        found = door.until("job_explain", 5, job=job)
        assert found.name == "job_explained", found
        codes = {row[0] for row in found["blockers"]}
        return codes if set(want) <= codes else None
    return wait_for(asked, seconds, f"the blockers {want}")


def is_over_cap(door, kind):
    """The refusal of one more job; None for another answer."""
    answer = door.ask("job_submit", **job_body(kind=kind, held=True))
    return answer if answer.code == "waiting_cap" else None


# --- what keeps its force over any crash ---

@pytest.mark.parametrize("what", CRASHES)
def test_a_hold_is_in_force_after_a_crash(yard, sim, door, operator, kind, what):
    """U33, X77."""
    job = yard.submit(door, kind=kind, held=True)
    crash(yard, what)
    assert sim.take("prepare", job, SHORT_S) is None
    assert "held" in codes(yard, door, job, ["held"])
    assert yard.act(operator, "release", job).name == "done"
    assert one_after_the_other(sim, 1) == [job]


@pytest.mark.parametrize("what", CRASHES)
def test_a_stopped_queue_is_stopped_after_a_crash(yard, sim, door, operator, kind, what):
    policy(operator, "queue_act", tier="standard", verb="stop", reason="the target is full")
    try:
        job = yard.submit(door, kind=kind)
        crash(yard, what)
        assert sim.take("prepare", job, SHORT_S) is None
        assert "queue_stopped" in codes(yard, door, job, ["queue_stopped"])
        status = operator.until("queue_get", 5, tier="standard")
        assert (status["stopped"], status["reason"]) == (True, "the target is full")
        high = yard.submit(door, kind=kind, tier="platinum")
        assert one_after_the_other(sim, 1) == [high], "the others go on"
    finally:
        policy(operator, "queue_act", tier="standard", verb="start")
    assert one_after_the_other(sim, 1) == [job]


@pytest.mark.parametrize("what", CRASHES)
def test_a_drained_agent_gets_nothing_after_a_crash(yard, door, operator, kind, what):
    """R46."""
    with yard.sim("agent-2", capabilities=[kind]) as drained:
        policy(operator, "agent_act", agent="agent-2", verb="drain", reason="a new disk")
        try:
            job = yard.submit(door, kind=kind)
            crash(yard, what)
            assert drained.take("prepare", job, SHORT_S) is None
            assert "agents_drained" in codes(yard, door, job, ["agents_drained"])
            row = {one[0]: one for one in operator.until("agent_list", 5)["agents"]}["agent-2"]
            assert row[9] is True and row[11] == "a new disk"
        finally:
            policy(operator, "agent_act", agent="agent-2", verb="undrain")
        assert one_after_the_other(drained, 1) == [job]


@pytest.mark.parametrize("what", CRASHES)
def test_a_window_is_in_force_after_a_crash(yard, sim, door, operator, kind, what):
    """X79: nothing starts that cannot end before it."""
    made = policy(operator, "window_add", begins=now_ms() + 600_000, ends=now_ms() + 900_000, scope="yard", reason="power")
    try:
        job = yard.submit(door, kind=kind)
        short = yard.submit(door, kind=kind, run_limit_ms=1000)
        crash(yard, what)
        assert one_after_the_other(sim, 1) == [short], "it ends before the window begins"
        assert sim.take("prepare", job, SHORT_S) is None
        assert "window" in codes(yard, door, job, ["window"])
    finally:
        policy(operator, "window_remove", window=made["made"])
    assert one_after_the_other(sim, 1) == [job]


@pytest.mark.parametrize("what", CRASHES)
def test_a_cap_on_running_jobs_is_in_force_after_a_crash(yard, door, operator, kind, what):
    policy(operator, "tenant_set", tenant="acme", running_max=1)
    try:
        with yard.sim(slots=3, capabilities=[kind]) as sim, yard.door("globex") as other:
            jobs = [yard.submit(door, kind=kind) for _ in range(2)]
            first = sim.take("prepare", jobs[0])
            sim.report(first, "attempt_started")
            crash(yard, what)
            assert sim.take("prepare", jobs[1], SHORT_S) is None
            assert "running_cap" in codes(yard, door, jobs[1], ["running_cap"])
            foreign = yard.submit(other, kind=kind)
            assert one_after_the_other(sim, 1) == [foreign], "it is that tenant's cap alone"
            sim.complete(first)
            assert one_after_the_other(sim, 1) == [jobs[1]]
    finally:
        policy(operator, "tenant_set", tenant="acme", running_max=0)


@pytest.mark.parametrize("what", CRASHES)
def test_a_cap_on_waiting_jobs_is_in_force_after_a_crash(yard, operator, kind, what):
    policy(operator, "tenant_set", tenant="globex", waiting_max=2)
    try:
        with yard.door("globex") as door:
            jobs = [yard.submit(door, kind=kind, held=True) for _ in range(2)]
            crash(yard, what)
            refused = wait_for(lambda: is_over_cap(door, kind), 10, "a refusal")
            assert refused["retryable"]
            assert yard.one(f"SELECT count(*) FROM ym.job WHERE kind = '{kind}'") == "2", "none was let in before"
            for job in jobs:
                yard.act(door, "terminate", job)
            wait_for(lambda: not door.ask("job_submit", **job_body(kind=kind, held=True)).code, 5, "room")
    finally:
        policy(operator, "tenant_set", tenant="globex", waiting_max=0)
        for (job,) in yard.sql(f"SELECT job_id FROM ym.job_run JOIN ym.job USING (job_id) WHERE kind = '{kind}'"):
            yard.act(operator, "terminate", int(job))


# --- order ---

def test_urgency_is_the_order_inside_a_tier(yard, sim, door, operator, kind):
    blocker = brought(yard, sim, door, kind, "STARTED")
    jobs = {urgency: yard.submit(operator if urgency > 16 else door, kind=kind, urgency=urgency) for urgency in (3, 16, 1)}
    urged = yard.submit(door, kind=kind)
    assert yard.act(operator, "urge", urged, urgency=31).name == "done"
    zero = yard.submit(door, kind=kind, urgency=0)
    sim.complete(blocker)
    assert one_after_the_other(sim, 4) == [urged, jobs[16], jobs[3], jobs[1]]
    assert sim.take("prepare", zero, SHORT_S) is None and "urgency_zero" in codes(yard, door, zero, ["urgency_zero"])
    yard.act(door, "urge", zero, urgency=16)
    assert one_after_the_other(sim, 1) == [zero]


def test_tenants_share_a_tier_by_weight(yard, door, operator, kind):
    """X76: three to one, whoever came first; a backlog does not delay another's first job."""
    policy(operator, "tenant_set", tenant="globex", weight=3)
    try:
        with yard.sim(capabilities=[kind]) as sim, yard.door("globex") as other:
            blocker = brought(yard, sim, door, kind)
            mine = [yard.submit(door, kind=kind) for _ in range(16)]
            theirs = [yard.submit(other, kind=kind) for _ in range(12)]
            sim.complete(blocker)
            order = one_after_the_other(sim, len(mine) + len(theirs))
            share = Counter(job in theirs for job in order[:12])
            assert 7 <= share[True] <= 11, share
            assert set(order[:3]) & set(theirs), "the first of them waited behind a backlog"
            assert [job for job in order if job in mine] == mine and [job for job in order if job in theirs] == theirs
    finally:
        policy(operator, "tenant_set", tenant="globex", weight=1)


def test_a_low_tier_has_its_turn_after_so_many(kind):
    """U3: with age_grants a standard job waits for at most so many leases of higher tiers."""
    with quick_yard(**{"jobs.age_grants": 3}) as own, own.door("acme") as door, own.sim(capabilities=[kind]) as sim:
        blocker = brought(own, sim, door, kind, tier="platinum")
        low = own.submit(door, kind=kind)
        high = [own.submit(door, kind=kind, tier="premium") for _ in range(8)]
        sim.complete(blocker)
        order = one_after_the_other(sim, 9)
        assert order.index(low) <= 4 and [job for job in order if job != low] == high


def test_not_before_its_time(yard, sim, door, kind):
    at = now_ms() + 1200
    job, later = yard.submit(door, kind=kind, not_before=at), yard.submit(door, kind=kind)
    assert one_after_the_other(sim, 1) == [later]
    assert "not_before" in codes(yard, door, job, ["not_before"])
    assert one_after_the_other(sim, 1) == [job]
    assert int(yard.one(f"SELECT at_ms FROM ym.job_event WHERE job_id = {job} AND on_event = 2")) >= at


# --- dependencies ---

def test_it_waits_for_what_it_depends_on(yard, sim, door, kind):
    first = yard.submit(door, kind=kind)
    second = yard.submit(door, kind=kind, after=[[first, "success"]])
    third = yard.submit(door, kind=kind, after=[[first, "any"], [second, "any"]])
    told = sim.take("prepare", first)
    assert "dependency" in codes(yard, door, second, ["dependency"])
    assert yard.run(third)["unmet"] == "2"
    sim.complete(told)
    assert one_after_the_other(sim, 2) == [second, third]
    assert "what it waited for has ended" in yard.notes(second)


def test_what_waits_for_a_failure_is_held_or_goes_on(yard, sim, door, operator, kind):
    first = yard.submit(door, kind=kind)
    needs, follows = (yard.submit(door, kind=kind, after=[[first, how]]) for how in ("success", "any"))
    sim.fail(sim.take("prepare", first), False)
    assert one_after_the_other(sim, 1) == [follows]
    wait_for(lambda: yard.run(needs)["held"] == "5", 5, "the hold")
    assert "held" in codes(yard, door, needs, ["held"])
    assert sim.take("prepare", needs, SHORT_S) is None
    yard.act(operator, "release", needs)
    assert one_after_the_other(sim, 1) == [needs]


def test_what_ended_already_is_met_at_once(yard, sim, door, kind):
    first = yard.submit(door, kind=kind)
    assert one_after_the_other(sim, 1) == [first]
    second = yard.submit(door, kind=kind, after=[[first, "success"]])
    assert one_after_the_other(sim, 1) == [second]


def test_nobody_waits_for_himself_in_a_circle(yard, door, kind):
    first = yard.submit(door, kind=kind, held=True)
    second = yard.submit(door, kind=kind, after=[[first, "success"]])
    third = yard.submit(door, kind=kind, after=[[second, "any"]])
    before = yard.value(first, "seq")
    assert yard.act(door, "depend", first, on=third, condition="any").code == "dependency_cycle"
    assert yard.act(door, "depend", first, on=first, condition="any").code in ("dependency_cycle", "invalid")
    assert yard.value(first, "seq") == before and yard.run(first)["unmet"] == "0"
    for job in (third, second, first):
        yard.act(door, "terminate", job)


# --- limits ---

def test_what_runs_longer_than_its_limit_fails(yard, sim, door, kind):
    told = brought(yard, sim, door, kind, run_limit_ms=600)
    given = sim.take("terminate", told.job)
    assert given is not None and given.at - told.at > 0.4
    assert sim.report(given, "attempt_terminated").name == "attempt_noted"
    assert yard.state(told.job) == "FAILED" and "ran longer than its limit: termination was asked for" in yard.notes(told.job)


def test_what_waits_longer_than_its_limit_fails(yard, door, kind):
    job = yard.submit(door, kind=kind, wait_limit_ms=500)
    yard.wait_state(job, "FAILED", seconds=5)
    assert yard.sql(f"SELECT why FROM ym.job_history WHERE job_id = {job} ORDER BY seq DESC LIMIT 1") == [["waited longer than its limit"]]


def test_a_job_that_errs_too_often_is_held(yard, sim, door, operator, kind):
    """X78: not failed; a person looks at it, and it can be tried again."""
    job = yard.submit(door, kind=kind)
    for number in range(1, 4):
        told = sim.take("prepare", job)
        assert told.body["attempt"] == number
        sim.fail(told, True, f"error {number}")
    assert sim.take("prepare", job, SHORT_S) is None
    assert yard.state(job) == "QUEUED" and yard.run(job)["held"] == "3" and yard.run(job)["retries"] == "3"
    assert door.ask("job_get", job=job)["hold"] == "retries_used"
    assert yard.act(operator, "retry", job).name == "done"
    assert yard.run(job)["retries"] == "0"
    assert one_after_the_other(sim, 1) == [job]


def test_a_job_that_loses_its_agents_too_often_is_held(yard, door, operator, kind):
    """Poison: it took two agents with it, a third one is not tried."""
    with yard.sim(capabilities=[kind]) as sim:
        job = yard.submit(door, kind=kind)
        for _ in range(2):
            told = sim.take("prepare", job)
            sim.report(told, "attempt_started")
            sim.kill()
            sim = yard.sim(capabilities=[kind])
        wait_for(lambda: yard.run(job)["held"] == "4", 5, "the hold")
        assert sim.take("prepare", job, SHORT_S) is None
        assert yard.act(operator, "retry", job).name == "done"
        assert one_after_the_other(sim, 1) == [job]
        sim.stop()


# --- agents, pools, queues ---

def test_a_drain_suspends_at_its_deadline(yard, door, operator, kind):
    """And the work goes on elsewhere by itself."""
    with yard.sim("agent-2", capabilities=[kind]) as drained:
        told = brought(yard, drained, door, kind)
        policy(operator, "agent_act", agent="agent-2", verb="drain", reason="moving out", deadline=now_ms() + 700)
        try:
            given = drained.take("suspend", told.job)
            assert given is not None and given.body["suspender"] == "drain" and given.at - told.at > 0.5
            drained.checkpoint(told, 4, b"four")
            drained.report(given, "attempt_suspended")
            assert yard.state(told.job) == "QUEUED" and yard.run(told.job)["preempted"] == "0"
            with yard.sim("agent-3", capabilities=[kind]) as other:
                again = other.take("prepare", told.job)
                assert again.body["checkpoint"] == 4
                other.complete(again)
        finally:
            policy(operator, "agent_act", agent="agent-2", verb="undrain")


def test_a_dedicated_pool_is_its_tenants_own(yard, door, operator, kind):
    """R7."""
    with yard.sim("agent-2", pool="dedicated:acme", capabilities=[kind], slots=2) as own, yard.door("globex") as other:
        mine, theirs = yard.submit(door, kind=kind, pool="dedicated"), yard.submit(other, kind=kind)
        told = own.take("prepare", mine)
        assert told is not None and own.take("prepare", theirs, SHORT_S) is None, "idle, and still not theirs"
        answer = other.ask("job_submit", **job_body(kind=kind, pool="dedicated:acme"))
        assert answer.code == "pool_not_yours"
        own.complete(told)
        with yard.sim("agent-3", capabilities=[kind]) as shared:
            assert one_after_the_other(shared, 1) == [theirs]


def test_overflow_takes_shared_agents_only_if_policy_says_so(yard, door, operator, kind):
    with yard.sim("agent-2", pool="dedicated:acme", capabilities=[kind]) as own, yard.sim("agent-3", capabilities=[kind]) as shared:
        first = yard.submit(door, kind=kind, pool="dedicated", tier="platinum")
        told = own.take("prepare", first)
        own.report(told, "attempt_started")
        second = yard.submit(door, kind=kind, pool="dedicated", tier="platinum")
        assert shared.take("prepare", second, SHORT_S) is None
        policy(operator, "tenant_set", tenant="acme", overflow=True)
        try:
            assert one_after_the_other(shared, 1) == [second]
        finally:
            policy(operator, "tenant_set", tenant="acme", overflow=False)
        own.complete(told)


def test_what_moves_to_another_tier_waits_there(yard, sim, door, operator, kind):
    blocker = brought(yard, sim, door, kind, tier="platinum")
    low, high = yard.submit(door, kind=kind), yard.submit(door, kind=kind, tier="premium")
    assert yard.act(operator, "retier", low, tier="platinum").name == "done"
    sim.complete(blocker)
    assert one_after_the_other(sim, 2) == [low, high]


def test_a_class_that_nobody_can_run_costs_the_others_nothing(yard, sim, door, kind):
    for _ in range(50):
        yard.submit(door, kind=kind, tier="platinum", capabilities=["teleport"])
    jobs = [yard.submit(door, kind=kind) for _ in range(10)]
    assert one_after_the_other(sim, 10) == jobs
    for (job,) in yard.sql(f"SELECT job_id FROM ym.job_run JOIN ym.job USING (job_id) WHERE kind = '{kind}'"):
        yard.act(door, "terminate", int(job))
    all_ended(yard, kind)
