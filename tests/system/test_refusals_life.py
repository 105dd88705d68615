"""test_refusals_life.py - every way the yard says no to a change of a job or of its policy, and that nothing changed."""
import os
import pathlib
import re
import time

import pytest
from life import ask_for, brought, door, kind, operator, quick_yard, sim
from wireyard import wait_for
from yardwire import job_body

__all__ = ["door", "kind", "operator", "sim"]
TABLES = ("job", "job_event", "job_done", "hold", "dependency", "resource", "request", "queue_gate", "agent_drain", "maintenance_window")


@pytest.fixture(scope="module")
def yard():
    with quick_yard(**{"jobs.submit_rate": 5, "jobs.submit_burst": 1000}) as made:
        yield made


def everything(yard):
    """What a refusal must not touch."""
    counts = ", ".join(f"(SELECT count(*) FROM ym.{table})" for table in TABLES)
    return (yard.sql(f"SELECT {counts}"), yard.sql("SELECT * FROM ym.job_run ORDER BY job_id"), yard.sql("TABLE ym.policy_change"),
            yard.sql("SELECT * FROM ym.tenant ORDER BY 1"), yard.sql("SELECT * FROM ym.queue_gate ORDER BY 1"))


def refused(yard, door, code, name, /, **body):
    """It is refused so, and nothing changed."""
    before = everything(yard)
    found = door.ask(name, **body)
    assert found.code == code, found
    assert everything(yard) == before
    return found


def act(job, verb, **more):
    return {"request": os.urandom(16), "job": job, "verb": verb, **more}


@pytest.fixture
def waiting(yard, door, kind):
    """A job that waits, held, so that nothing moves it."""
    job = yard.submit(door, kind=kind, held=True)
    yield job
    if yard.run(job):
        with yard.door("operator") as operator:
            yard.act(operator, "terminate", job)


# --- jobs ---

def test_unknown_jobs(yard, door, operator, waiting):
    refused(yard, door, "unknown_job", "job_act", **act(1, "terminate"))
    with yard.door("globex") as other:
        refused(yard, other, "unknown_job", "job_act", **act(waiting, "terminate"))


@pytest.mark.parametrize("verb, more", [("hold", {}), ("release", {}), ("retier", {"tier": "platinum"})])
def test_verbs_of_operators(yard, door, operator, waiting, verb, more):
    assert yard.act(operator, "hold", waiting).name == "done", "a hold of its own submit its owner may lift"
    refused(yard, door, "role_not_allowed", "job_act", **act(waiting, verb, **more))


def test_high_urgency_takes_an_operator(yard, door, operator, waiting, kind):
    refused(yard, door, "urgency_not_allowed", "job_act", **act(waiting, "urge", urgency=17))
    refused(yard, door, "urgency_not_allowed", "job_submit", **job_body(kind=kind, urgency=17))
    assert yard.act(operator, "urge", waiting, urgency=17).name == "done"


def test_a_viewer_changes_nothing(yard, waiting):
    with yard.door("viewer") as viewer:
        refused(yard, viewer, "role_not_allowed", "job_act", **act(waiting, "terminate"))


@pytest.mark.parametrize("verb", ["resume", "retry", "release"])
def test_what_is_not_possible_in_this_state(yard, sim, door, operator, kind, verb):
    told = brought(yard, sim, door, kind)
    refused(yard, operator, "illegal_move", "job_act", **act(told.job, verb))
    sim.complete(told)


@pytest.mark.parametrize("verb, more", [("terminate", {}), ("suspend", {}), ("resume", {}), ("hold", {}), ("release", {}), ("retry", {}),
                                        ("urge", {"urgency": 3}), ("retier", {"tier": "premium"})])
def test_what_has_ended_is_left_alone(yard, door, operator, waiting, verb, more):
    yard.act(door, "terminate", waiting)
    refused(yard, operator, "already_final", "job_act", **act(waiting, verb, **more))


def test_only_the_suspender_resumes(yard, sim, door, operator, kind):
    told = brought(yard, sim, door, kind)
    ask_for(yard, operator, "suspend", told)
    sim.report(sim.take("suspend", told.job), "attempt_suspended")
    refused(yard, door, "not_suspender", "job_act", **act(told.job, "resume"))
    yard.act(operator, "terminate", told.job)


def test_an_older_version_is_refused(yard, door, operator, waiting):
    """X82."""
    plan = door.ask("job_act", **act(waiting, "terminate", plan=True))
    assert plan.name == "planned" and plan["effects"] and all(len(one[0]) > 10 for one in plan["effects"])
    yard.act(operator, "urge", waiting, urgency=3)
    refused(yard, door, "stale_version", "job_act", **act(waiting, "terminate", version=plan["version"]))
    fresh = door.ask("job_act", **act(waiting, "terminate", plan=True))
    assert door.ask("job_act", **act(waiting, "terminate", version=fresh["version"])).name == "done"


@pytest.mark.parametrize("verb, more", [("terminate", {}), ("suspend", {}), ("hold", {}), ("release", {}), ("urge", {"urgency": 1}), ("retier", {"tier": "premium"})])
def test_a_plan_changes_nothing(yard, operator, waiting, verb, more):
    before = everything(yard)
    answer = operator.ask("job_act", **act(waiting, verb, plan=True, **more))
    assert answer.name in ("planned", "refused") and (answer.name == "planned" or answer.code == "illegal_move")
    assert everything(yard) == before


def test_a_repeated_request_gets_the_same_answer(yard, door, waiting):
    """X75: byte for byte, and with another body it is refused."""
    body = act(waiting, "terminate", reason="enough")
    first = door.ask("job_act", **body)
    assert first.name == "done" and first["state"] == "TERMINATED"
    before = everything(yard)
    assert door.ask("job_act", **body).octets == first.octets
    assert everything(yard) == before
    refused(yard, door, "key_reused", "job_act", **{**body, "reason": "another"})
    refused(yard, door, "key_reused", "job_act", **{**body, "verb": "suspend"})


@pytest.mark.parametrize("verb", ["urge", "retier", "depend"])
def test_a_verb_without_what_it_needs(yard, operator, waiting, verb):
    assert refused(yard, operator, "invalid", "job_act", **act(waiting, verb))["faults"]


def test_dependencies_that_cannot_be(yard, door, waiting, kind):
    refused(yard, door, "unknown_dependency", "job_submit", **job_body(kind=kind, after=[[1, "success"]]))
    refused(yard, door, "unknown_dependency", "job_act", **act(waiting, "depend", on=1))
    with yard.door("globex") as other:
        theirs = yard.submit(other, kind=kind, held=True)
        refused(yard, door, "unknown_dependency", "job_submit", **job_body(kind=kind, after=[[theirs, "any"]]))
        yard.act(other, "terminate", theirs)
    second = yard.submit(door, kind=kind, after=[[waiting, "success"]])
    refused(yard, door, "dependency_cycle", "job_act", **act(waiting, "depend", on=second))
    yard.act(door, "terminate", second)


def test_a_pool_of_another_tenant(yard, door, kind):
    refused(yard, door, "pool_not_yours", "job_submit", **job_body(kind=kind, pool="dedicated:globex"))


def test_a_waiting_cap(yard, operator, kind):
    policy = {"request": os.urandom(16), "tenant": "globex", "waiting_max": 1}
    assert operator.ask("tenant_set", **policy).name == "done"
    try:
        with yard.door("globex") as other:
            job = yard.submit(other, kind=kind, held=True)

            def capped():
                answer = other.ask("job_submit", **job_body(kind=kind, held=True, name="too many"))
                return answer if answer.code else None
            answer = wait_for(capped, 5, "the cap")
            assert answer.code == "waiting_cap" and answer["retryable"] and answer["retry_after_ms"] > 0
            refused(yard, other, "waiting_cap", "job_submit", **job_body(kind=kind, held=True))
            yard.act(other, "terminate", job)
    finally:
        operator.ask("tenant_set", request=os.urandom(16), tenant="globex", waiting_max=0)


def test_a_token_bucket():
    """X76: after its burst a key has its rate and no more; the answer says when to come again, and others are not touched."""
    with quick_yard(**{"jobs.submit_rate": 2, "jobs.submit_burst": 4}) as own, own.door("acme") as door, own.door("globex") as other:
        answers = [door.ask("job_submit", **job_body(held=True)) for _ in range(6)]
        assert [answer.code for answer in answers[:4]] == [""] * 4
        busy = [answer for answer in answers if answer.code]
        assert busy and all(answer.code == "busy" and 0 < answer["retry_after_ms"] <= 500 for answer in busy)
        assert other.ask("job_submit", **job_body(held=True)).name == "job_accepted"
        accepted = sum(1 for answer in answers if not answer.code)
        assert int(own.one("SELECT count(*) FROM ym.job")) == accepted + 1
        assert door.until("job_submit", 5, **job_body(held=True)).name == "job_accepted"


# --- policy ---

def now_ms():
    return time.time_ns() // 1_000_000


POLICY = {"unknown agent": ("unknown_agent", "agent_act", {"agent": "nobody", "verb": "drain"}),
          "unknown tenant": ("unknown_tenant", "tenant_set", {"tenant": "nobody", "weight": 2}),
          "unknown window": ("unknown_window", "window_remove", {"window": 4711}),
          "a window that ends first": ("invalid", "window_add", {"begins": 2_000_000_000_000, "ends": 1_900_000_000_000, "scope": "yard"}),
          "a window of no region": ("invalid", "window_add", {"begins": 2_000_000_000_000, "ends": 2_100_000_000_000, "scope": "region"}),
          "a weight of nothing": ("invalid", "tenant_set", {"tenant": "acme", "weight": 0}),
          "an old policy": ("stale_version", "window_add", {"begins": 1, "ends": 2_100_000_000_000, "scope": "yard", "version": 4711}),
          "an old queue": ("stale_version", "queue_act", {"tier": "standard", "verb": "stop", "version": 4711}),
          "an old tenant": ("stale_version", "tenant_set", {"tenant": "acme", "weight": 2, "version": 4711})}


@pytest.mark.parametrize("what", POLICY)
def test_policy_that_is_refused(yard, operator, what):
    code, name, body = POLICY[what]
    refused(yard, operator, code, name, request=os.urandom(16), **body)


@pytest.mark.parametrize("name, body", [("queue_act", {"tier": "standard", "verb": "stop"}), ("agent_act", {"agent": "x", "verb": "drain"}),
                                        ("tenant_set", {"tenant": "acme", "weight": 2}), ("window_remove", {"window": 1}),
                                        ("window_add", {"begins": 1, "ends": 2, "scope": "yard"}), ("tenant_list", {})])
def test_policy_is_for_operators(yard, door, name, body):
    more = {} if name == "tenant_list" else {"request": os.urandom(16)}
    refused(yard, door, "role_not_allowed", name, **more, **body)


def test_a_plan_of_policy_changes_nothing(yard, operator):
    before = everything(yard)
    for name, body in (("queue_act", {"tier": "premium", "verb": "stop"}), ("tenant_set", {"tenant": "acme", "weight": 7}),
                       ("window_add", {"begins": now_ms() + 10 ** 6, "ends": now_ms() + 10 ** 7, "scope": "yard"})):
        answer = operator.ask(name, request=os.urandom(16), plan=True, **body)
        assert answer.name == "planned" and answer["effects"], answer
    assert everything(yard) == before


def test_a_repeated_policy_request_gets_the_same_answer(yard, operator):
    body = {"request": os.urandom(16), "tier": "premium", "verb": "stop", "reason": "first"}
    first = operator.ask("queue_act", **body)
    assert first.name == "done"
    before = everything(yard)
    assert operator.ask("queue_act", **body).octets == first.octets
    assert everything(yard) == before
    refused(yard, operator, "key_reused", "queue_act", **{**body, "reason": "second"})
    assert operator.ask("queue_act", request=os.urandom(16), tier="premium", verb="start").name == "done"


def test_a_plan_of_a_revocation_changes_nothing(yard, kind):
    agent, person = yard.keys["agent-5"], yard.key("leaver", "submitter", "acme")
    with yard.door("admin") as admin, yard.door("acme") as door, yard.raw_agent("agent-5", capabilities=[kind]) as raw:
        job = yard.submit(door, kind=kind)
        raw.started(raw.take(job=job))
        before = yard.sql("SELECT * FROM ym.key ORDER BY 1"), yard.sql("TABLE ym.key_change")
        found = {}
        for key in (agent, person):
            found[key] = admin.ask("key_revoke", public_key=yard.octets(key), plan=True)
            assert found[key].name == "planned", found[key]
            assert str(found[key]["version"]) == before[1][0][1]
        assert found[agent]["effects"][1][0] == "it has no other key: 1 running job goes back to its queue"
        assert found[person]["effects"][1][0] == "its connections end at once"
        last = yard.octets(yard.keys["admin"])
        assert admin.ask("key_revoke", public_key=last, plan=True).code == "last_admin"
        assert admin.ask("key_revoke", public_key=os.urandom(32), plan=True).code == "unknown_key"
        old = {"public_key": yard.octets(person), "version": found[person]["version"] - 1}
        assert admin.ask("key_revoke", plan=True, **old).code == "stale_version"
        assert admin.ask("key_revoke", **old).code == "stale_version"
        assert (yard.sql("SELECT * FROM ym.key ORDER BY 1"), yard.sql("TABLE ym.key_change")) == before


def test_a_revocation_is_done_as_planned(yard):
    key = yard.key("goner", "submitter", "acme").public
    planned = yard.ctl_json("key", "revoke", key, "--plan", key="admin")
    assert planned["planned"] and "submitter goner of tenant acme" in planned["effects"][0]
    version = str(planned["version"])
    yard.key("newcomer", "submitter", "acme")
    stale = yard.ctl("key", "revoke", key, "--yes", "--if-version", version, key="admin", check=False)
    assert stale.returncode == 4 and "stale_version" in stale.stderr
    assert yard.one("SELECT revoked_ms IS NULL FROM ym.key WHERE name = 'goner'") == "t"
    version = str(yard.ctl_json("key", "revoke", key, "--plan", key="admin")["version"])
    done = yard.ctl_json("key", "revoke", key, "--yes", "--if-version", version, "--reason", "left", key="admin")
    assert done["name"] == "goner" and done["revoked_at"]
    assert yard.ctl_json("key", "revoke", key, "--yes", "--if-version", version, key="admin") == done


def test_every_refusal_is_got_by_some_test():
    """No way of saying no is only written down."""
    root = pathlib.Path(__file__).resolve().parents[2]
    listed = re.findall(r'^REFUSAL \((\w+), *"(\w+)"', (root / "schema/refusals.def").read_text(), re.M)
    told = "\n".join(path.read_text() for kind in ("*.py", "*.c") for path in (root / "tests").rglob(kind))
    missing = [slug for name, slug in listed
               if not re.search(rf"""["' ]{slug}["' ]|YM_REFUSAL_{name}\b|YARD_REFUSAL_{name}\b""", told)]
    assert len(listed) > 30 and missing == []
