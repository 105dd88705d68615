"""test_resources.py - what attempts provision: begun, made, made again only where it is missing, and removed however a job ends."""
import pytest
from life import CLEANUP_FAILED, LEASE_S, ask_for, brought, door, kind, nothing_is_forgotten, operator, quick_yard, sim
from simagent import errs
from wireyard import wait_for

__all__ = ["door", "kind", "operator", "sim"]
FINALS = {"complete": "COMPLETED", "fail": "FAILED", "terminate": "TERMINATED"}


@pytest.fixture(scope="module")
def yard():
    with quick_yard() as made:
        yield made
        nothing_is_forgotten(made)


def stored(yard, job):
    return {name: int(state) for name, state in yard.sql(f"SELECT name, state FROM ym.resource WHERE job_id = {job}")}


def provisioned(yard, sim, door, kind):
    """A started job with two resources, one of them only begun."""
    told = brought(yard, sim, door, kind)
    assert sim.resources(told, database="requested", staging="requested").name == "attempt_noted"
    assert sim.resources(told, database="provisioned").name == "attempt_noted"
    assert stored(yard, told.job) == {"database": 1, "staging": 0} and yard.run(told.job)["live"] == "2"
    return told


def end(yard, sim, door, told, how):
    if how == "complete":
        assert sim.complete(told).name == "attempt_noted"
    elif how == "fail":
        assert sim.fail(told, False).name == "attempt_noted"
    else:
        ask_for(yard, door, "terminate", told)
        assert sim.report(sim.take("terminate", told.job), "attempt_terminated").name == "attempt_noted"


def clean(sim, job, seconds=5.0):
    """It removes what it is told of and says so; the names."""
    told = sim.take("deprovision", job, seconds)
    assert told is not None, "it was not told to clean up"
    names = sorted(one[0] for one in told.body["resources"])
    for name in names:
        assert sim.resources(told, **{name: "removed"}).name == "attempt_noted"
    assert sim.report(told, "attempt_deprovisioned").name == "attempt_noted"
    return names


def test_a_partial_failure_makes_only_what_is_missing(yard, sim, door, kind):
    """U29: the next attempt is told what there is, at which address, and what may be."""
    told = provisioned(yard, sim, door, kind)
    assert sim.fail(told, True, "the second one did not work").name == "attempt_noted"
    again = sim.take("prepare", told.job)
    found = {name: (state, address) for name, state, address in again.body["resources"]}
    assert found == {"database": ("provisioned", "at database"), "staging": ("requested", "at staging")}
    assert sim.resources(told, staging="provisioned").code == "stale_lease", "of the attempt before"
    assert sim.resources(again, staging="provisioned").name == "attempt_noted"
    assert stored(yard, told.job) == {"database": 1, "staging": 1}
    sim.report(again, "attempt_started")
    sim.complete(again)
    assert clean(sim, told.job) == ["database", "staging"]
    yard.wait_state(told.job, "COMPLETED")


@pytest.mark.parametrize("how", FINALS)
def test_whatever_ends_a_job_leaves_nothing(yard, sim, door, kind, how):
    """R30: also what was only begun."""
    told = provisioned(yard, sim, door, kind)
    end(yard, sim, door, told, how)
    assert yard.state(told.job) == "COMPLETING" and yard.run(told.job)["holder"] != "0"
    assert clean(sim, told.job) == ["database", "staging"]
    assert yard.state(told.job) == FINALS[how] and stored(yard, told.job) == {}


def test_a_cleaning_that_takes_long_is_seen(yard, sim, door, kind):
    told = provisioned(yard, sim, door, kind)
    end(yard, sim, door, told, "complete")
    given = sim.take("deprovision", told.job)
    assert sim.working(given).name == "attempt_noted" and yard.state(told.job) == "DEPROVISION_REQUESTED"
    assert sim.report(given, "attempt_deprovisioned").name == "attempt_noted"
    assert yard.state(told.job) == "COMPLETED" and stored(yard, told.job) == {}


def test_what_the_attempt_removes_itself_needs_no_cleaning(yard, sim, door, kind):
    told = provisioned(yard, sim, door, kind)
    sim.resources(told, database="removed", staging="removed")
    sim.complete(told)
    assert yard.state(told.job) == "COMPLETED" and not sim.heard("deprovision", told.job)


def test_a_suspended_job_keeps_what_it_has_until_it_is_terminated(yard, sim, door, kind):
    """An agent is leased the job only to clean up."""
    told = provisioned(yard, sim, door, kind)
    ask_for(yard, door, "suspend", told)
    sim.report(sim.take("suspend", told.job), "attempt_suspended")
    assert yard.state(told.job) == "SUSPENDED" and len(stored(yard, told.job)) == 2
    assert yard.act(door, "terminate", told.job).name == "done"
    assert clean(sim, told.job) == ["database", "staging"]
    assert yard.state(told.job) == "TERMINATED" and stored(yard, told.job) == {}
    assert yard.moves(told.job)[-4:] == ["SUSPENDED", "QUEUED", "COMPLETING", "TERMINATED"]


def test_a_waiting_job_with_resources_is_cleaned_before_it_is_terminated(yard, sim, door, operator, kind):
    told = provisioned(yard, sim, door, kind)
    yard.act(operator, "hold", told.job)
    sim.fail(told, True)
    assert yard.state(told.job) == "QUEUED" and yard.run(told.job)["held"] != "0"
    assert yard.act(door, "terminate", told.job).name == "done"
    assert clean(sim, told.job) == ["database", "staging"], "its hold does not keep it from being cleaned up"
    assert yard.state(told.job) == "TERMINATED"


def test_another_agent_cleans_up_after_one_that_was_lost(yard, door, kind):
    with yard.sim(capabilities=[kind]) as one:
        told = provisioned(yard, one, door, kind)
        end(yard, one, door, told, "complete")
        one.take("deprovision", told.job)
        one.kill()
    with yard.sim("agent-2", capabilities=[kind]) as two:
        assert clean(two, told.job, LEASE_S + 5) == ["database", "staging"]
        assert yard.state(told.job) == "COMPLETED", "it completed, whoever removed what was left"
        assert not two.heard("prepare", told.job)


def test_a_cleaning_that_nobody_can_do_is_a_problem(yard, sim, door, kind):
    """Never final with something left; two other tries, then a person is asked."""
    told = provisioned(yard, sim, door, kind)
    sim.rule("deprovision", errs("deprovision", retryable=False)).rule("deprovision", errs("deprovision", retryable=False), times=1000)
    end(yard, sim, door, told, "complete")
    wait_for(lambda: CLEANUP_FAILED in yard.problems(told.job), 15, "a problem")
    assert yard.state(told.job) not in FINALS.values() and stored(yard, told.job)
    sim.rules.clear()
    given = sim.heard("deprovision", told.job)[-1]
    assert sim.report(given, "attempt_deprovisioned").name == "attempt_noted", "somebody mended it"
    assert yard.state(told.job) == "COMPLETED" and stored(yard, told.job) == {}
