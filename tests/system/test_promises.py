"""test_promises.py - promises about a job's life that belong to no single verb or actor."""
import contextlib
import os

import pytest
from life import INVARIANTS, ask_for, brought, door, kind, nothing_is_forgotten, operator, quick_yard, sim
from wireyard import wait_for

__all__ = ["door", "kind", "operator", "sim"]
FEEDS_MAX, FEEDS_OF_ONE_KEY = 64, 8
LATE = [("attempt_started", {}), ("attempt_checkpoint", {"checkpoint": 9, "resume": b"late", "mark": "", "done": 9, "total": 9, "mappings": []}),
        ("attempt_resources", {"resources": [["late", "requested", ""]]}), ("attempt_completed", {"message": 90, "done": 9, "total": 9, "result": "late"}),
        ("attempt_terminated", {"message": 92}),
        ("attempt_errored", {"message": 93, "signal": "suspend", "retryable": False, "text": "late"}),
        ("attempt_working", {"message": 94, "signal": "suspend"})]


@pytest.fixture(scope="module")
def yard():
    with quick_yard() as made:
        yield made
        nothing_is_forgotten(made)


def whole(yard, job):
    """All that is known of a job."""
    return [yard.sql(f"SELECT * FROM ym.{table} WHERE job_id = {job} ORDER BY 1, 2, 3") for table in
            ("job_run", "job_event", "resource", "checkpoint", "id_map", "job_address")]


def test_nothing_of_a_suspended_job_is_accepted(yard, sim, door, kind):
    """S19: until its next lease, whatever the attempt before has to say; and what it says after that neither."""
    told = brought(yard, sim, door, kind)
    assert sim.checkpoint(told, 1, b"one", 1, 9).name == "attempt_noted"
    ask_for(yard, door, "suspend", told)
    given = sim.take("suspend", told.job)
    assert sim.report(given, "attempt_suspended").name == "attempt_noted"
    before = whole(yard, told.job)
    for name, fields in LATE:
        assert sim.report(told, name, **fields).code == "stale_lease", name
    sim.fail(told, False)                # could be the repetition of what suspended it: whatever the answer, nothing moves
    sim.say(told, "attempt_progress", done=9, total=9)
    assert sim.checkpoint(told, 10).code == "stale_lease"
    assert whole(yard, told.job) == before
    assert yard.act(door, "resume", told.job).name == "done"
    again = sim.take("prepare", told.job)
    assert (again.body["checkpoint"], again.body["resume"], again.body["done"]) == (1, b"one", 1)
    assert sim.report(again, "attempt_started").name == "attempt_noted"
    before = whole(yard, told.job)
    for name, fields in LATE:
        assert sim.report(told, name, **fields).code == "stale_lease", name
    assert whole(yard, told.job) == before
    sim.complete(again)


def test_feeds_of_all_keys_are_bounded(yard):
    """The last of so many is refused whoever asks for it, and has its place when another one goes."""
    with contextlib.ExitStack() as stack:
        doors = []
        for number in range(FEEDS_MAX // FEEDS_OF_ONE_KEY + 1):
            yard.key(f"reader-{number}", "viewer", "acme")
            doors.append(stack.enter_context(yard.door(f"reader-{number}")))
        feeds = [door.until("feed_open", 10, snapshot=False)["feed"] for door in doors[:-1] for _ in range(FEEDS_OF_ONE_KEY)]
        assert len(set(feeds)) == FEEDS_MAX
        refused = doors[-1].ask("feed_open", snapshot=False)
        assert (refused.code, refused["retryable"]) == ("feed_limit", True) and refused["retry_after_ms"] > 0
        doors[0].tell("feed_close", feed=feeds[0])
        assert doors[-1].until("feed_open", 10, snapshot=False).name == "feed_opened"


def blockers(door, job):
    answer = door.until("job_explain", 10, job=job)
    assert answer.name == "job_explained", answer
    return {row[0] for row in answer["blockers"]}


def test_what_has_no_blocker_is_leased_and_what_has_one_is_not(yard, sim, door, operator, kind):
    """X74: one blocker after the other is lifted; the last one gone, it is leased."""
    job = yard.submit(door, kind=kind, urgency=0, held=True, after=[[first := yard.submit(door, kind=kind, pool="nowhere"), "any"]])
    for code, verb, more in (("held", "release", {}), ("urgency_zero", "urge", {"urgency": 9}), ("dependency", None, {})):
        assert code in wait_for(lambda: (found := blockers(door, job)) and code in found and found, 5, code)
        assert yard.state(job) == "QUEUED" and not sim.heard("prepare", job)
        if verb:
            assert yard.act(operator, verb, job, **more).name == "done"
            wait_for(lambda: code not in blockers(door, job), 5, f"no {code}")
    assert blockers(door, job) == {"dependency"}, "every blocker, and no other"
    assert yard.act(door, "terminate", first).name == "done"
    told = sim.take("prepare", job)
    assert told is not None, "nothing is in its way"
    sim.complete(told)


def test_each_lease_tells_why_this_agent_and_why_not_the_others(yard, door, kind):
    """X74: in words, with the lease, and as long as the history is."""
    with yard.sim("agent-1", capabilities=[kind], region="eu", slots=2) as one, yard.sim("agent-2", capabilities=[kind], region="us") as two, \
            yard.sim("agent-3", capabilities=["other"], region="eu") as three:
        job = yard.submit(door, kind=kind, regions=["eu"])
        told = one.take("prepare", job)
        chosen = door.until("job_explain", 5, job=job)["chosen"]
        assert chosen.startswith("agent-1: 1 of 2 slots free") or chosen.startswith("agent-1: 2 of 2 slots free"), chosen
        assert "not agent-2: no_region" in chosen, chosen
        assert yard.one(f"SELECT detail FROM ym.job_event WHERE job_id = {job} AND on_event = 2") == chosen
        assert not two.heard("prepare") and not three.heard("prepare")
        one.report(told, "attempt_started")
        one.complete(told)
        assert yard.one(f"SELECT detail FROM ym.job_event WHERE job_id = {job} AND on_event = 2") == chosen
        waits = yard.submit(door, kind=kind, held=True, regions=["eu"])
        why = door.until("job_why_not", 5, job=waits, agent="agent-2")
        assert {"held", "no_region"} <= {row[0] for row in why["blockers"]}
        assert "no_capability" in {row[0] for row in door.until("job_why_not", 5, job=waits, agent="agent-3")["blockers"]}
        assert door.until("job_why_not", 5, job=waits, agent="nobody").code == "unknown_agent"
        assert yard.act(door, "terminate", waits).name == "done"


def test_keys_that_are_not_let_in_change_nothing(yard):
    """A name that another agent has, and a key that replaces one of other values."""
    with yard.door("admin") as admin:
        before = yard.sql("SELECT * FROM ym.key ORDER BY 1")
        refused = admin.ask("key_authorize", public_key=os.urandom(32), role="agent", tenant="agents", name="agent-1")
        assert refused.code == "name_taken"
        acme = yard.octets(yard.keys["acme"])
        for values in ({"name": "other"}, {"role": "operator"}, {"tenant": "globex"}, {"replaces": os.urandom(32)}):
            more = {"role": "submitter", "tenant": "acme", "name": "acme", "replaces": acme, **values}
            assert admin.ask("key_authorize", public_key=os.urandom(32), **more).code == "not_replaced", values
        assert yard.sql("SELECT * FROM ym.key ORDER BY 1") == before


# A fault for each check of nothing_is_forgotten; ended is another job, with nothing left.
FAULTS = {
    "a job that has not ended and that nobody sees": "UPDATE ym.job_run SET holder = 0 WHERE job_id = {job}",
    "a job that waits and is held by an agent": "UPDATE ym.job_run SET state = 100 WHERE job_id = {job}",
    "an ended job with a resource": "UPDATE ym.resource SET job_id = {ended} WHERE job_id = {job}",
    "a job with another number of resources than it says": "UPDATE ym.job_run SET live = 7 WHERE job_id = {job}",
    "a job that lives and has ended": "UPDATE ym.job_run SET job_id = {ended} WHERE job_id = {job}",
    "a job that is nowhere": "DELETE FROM ym.job_run WHERE job_id = {job}",
    "a gap in a history": "DELETE FROM ym.job_event WHERE job_id = {job} AND seq = 2",
    "a history that is not of the table": "UPDATE ym.job_event SET state = 910 WHERE job_id = {job} AND seq = 2",
    "a hold without a reason, or a reason without a hold": "UPDATE ym.job_run SET held = 1 WHERE job_id = {job}",
    "a number of unmet jobs that is not so": "UPDATE ym.job_run SET unmet = 1 WHERE job_id = {job}"}


def test_every_check_has_a_fault_that_it_finds(yard, sim, door, kind):
    """What looks for faults in the other tests is not blind."""
    ended = brought(yard, sim, door, kind)
    sim.complete(ended)
    told = brought(yard, sim, door, kind)
    assert sim.resources(told, database="provisioned").name == "attempt_noted"
    assert set(FAULTS) == set(INVARIANTS)
    for what, fault in FAULTS.items():
        assert yard.sql(INVARIANTS[what]) == []
        yard.sql("BEGIN; SET LOCAL session_replication_role = replica")
        try:
            yard.sql(fault.format(job=told.job, ended=ended.job))
            assert yard.sql(INVARIANTS[what]) != [], what
        finally:
            yard.sql("ROLLBACK")
    assert sim.resources(told, database="removed").name == "attempt_noted"
    assert sim.complete(told).name == "attempt_noted"
