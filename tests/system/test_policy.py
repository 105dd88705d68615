"""test_policy.py - what operators decide: queues, agents, tenants, windows; plans, versions and repetitions.

Tests share a yard; each leaves the policy as it found it, so that the next one is not in its way.
"""
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from wireyard import WireYard, wait_for  # noqa: E402

HOUR_MS = 3600000


@pytest.fixture(scope="module")
def yard():
    with WireYard(settings={"actors.crash_loop": 100, "actors.restart_most_ms": 100}) as made:
        yield made


@pytest.fixture
def operator(yard):
    with yard.door("operator") as made:
        yield made


@pytest.fixture
def acme(yard):
    with yard.door("acme") as made:
        yield made


def now_ms():
    return int(time.time() * 1000)


def act(door, name, /, **body):
    return door.until(name, 10, **{"request": os.urandom(16), **body})


def words(answer):
    return "; ".join(row[0] for row in answer["effects"])


def number(yard):
    return int(yard.one("SELECT ym.policy_number()"))


def tables(yard):
    """Every row that a verb could change."""
    return [yard.sql(f"SELECT * FROM ym.{table} ORDER BY 1")
            for table in ("policy_change", "queue_gate", "agent_drain", "maintenance_window", "tenant")]


# One of each verb, all of them good: (message, body).
VERBS = [("queue_act", {"tier": "premium", "verb": "stop", "reason": "the array is rebuilt"}),
         ("agent_act", {"agent": "agent-6", "verb": "drain", "reason": "new disks", "deadline": now_ms() + HOUR_MS}),
         ("tenant_set", {"tenant": "globex", "weight": 3, "waiting_max": 100000, "running_max": 50000, "overflow": True}),
         ("window_add", {"begins": now_ms() + 24 * HOUR_MS, "ends": now_ms() + 25 * HOUR_MS, "scope": "region", "subject": "mars", "reason": "cables"})]
UNDO = {"queue_act": {"tier": "premium", "verb": "start"}, "agent_act": {"agent": "agent-6", "verb": "undrain"},
        "tenant_set": {"tenant": "globex", "weight": 1, "waiting_max": 0, "running_max": 0, "overflow": False}}


def undo(operator, name, done):
    if name == "window_add":
        assert act(operator, "window_remove", window=done["made"]).name == "done"
    else:
        assert act(operator, name, **UNDO[name]).name == "done"


@pytest.mark.parametrize("name,body", VERBS, ids=[name for name, _ in VERBS])
def test_a_verb_is_planned_then_done_then_repeated(yard, operator, name, body):
    before, was = tables(yard), number(yard)
    plan = act(operator, name, plan=True, **body)
    assert plan.name == "planned" and plan["effects"]
    assert tables(yard) == before, "a plan changed something"

    request, version = os.urandom(16), {"version": plan["version"]}
    done = act(operator, name, request=request, **version, **body)
    assert done.name == "done" and done["effects"] == plan["effects"]
    # A window is made by the change that follows the version of the whole policy.
    assert (done["made"] if name == "window_add" else done["version"]) == plan["version"] + 1
    assert number(yard) == was + 1
    after = tables(yard)

    again = act(operator, name, request=request, **version, **body)
    assert again.octets == done.octets, "the same request has another answer"
    other = act(operator, name, request=request, **version, **{**body, "reason": "another"})
    assert other.code == "key_reused"
    assert act(operator, name, **version, **body).code == "stale_version"
    assert act(operator, name, plan=True, **version, **body).code == "stale_version"
    assert act(operator, name, request=request, plan=True, **body).name == "planned", "a plan is no request"
    assert tables(yard) == after, "a refusal changed something"
    undo(operator, name, done)
    assert number(yard) == was + 2


@pytest.mark.parametrize("name,body", VERBS + [("window_remove", {"window": 1}), ("tenant_list", {})])
def test_only_operators_decide(yard, acme, name, body):
    before = tables(yard)
    body = body if name == "tenant_list" else {"request": os.urandom(16), **body}
    assert acme.ask(name, **body).code == "role_not_allowed"
    with yard.door("viewer") as viewer:
        assert viewer.ask(name, **body).code == "role_not_allowed"
    assert tables(yard) == before


FAULTS = [
    ("agent_act", {"agent": "agent-9", "verb": "drain"}, "unknown_agent", set()),
    ("agent_act", {"agent": "operator", "verb": "drain"}, "unknown_agent", set()),
    ("agent_act", {"agent": "agent-1", "verb": "drain", "deadline": 5}, "invalid", {("/deadline", "range")}),
    ("agent_act", {"agent": "agent-1", "verb": "undrain", "deadline": now_ms() + HOUR_MS}, "invalid", {("/deadline", "unknown")}),
    ("tenant_set", {"tenant": "nobody", "weight": 2}, "unknown_tenant", set()),
    ("tenant_set", {"tenant": "acme"}, "invalid", {("", "missing")}),
    ("tenant_set", {"tenant": "acme", "weight": 0}, "invalid", {("/weight", "range")}),
    ("window_remove", {"window": 987654}, "unknown_window", set()),
    ("window_add", {"begins": 2 * now_ms(), "ends": now_ms(), "scope": "yard"}, "invalid", {("/ends", "range")}),
    ("window_add", {"begins": 1, "ends": 2, "scope": "yard"}, "invalid", {("/ends", "range")}),
    ("window_add", {"begins": 1, "ends": 2 * now_ms(), "scope": "pool"}, "invalid", {("/subject", "missing")}),
    ("window_add", {"begins": 1, "ends": 2 * now_ms(), "scope": "yard", "subject": "eu"}, "invalid", {("/subject", "unknown")}),
    ("window_add", {"begins": 1, "ends": 0, "scope": "region"}, "invalid", {("/ends", "range"), ("/subject", "missing")}),
    ("window_add", {"begins": 1, "ends": 2 * now_ms(), "scope": "agent", "subject": "agent-9"}, "unknown_agent", set()),
]


@pytest.mark.parametrize("name,body,code,faults", FAULTS)
def test_what_is_wrong_is_listed_and_changes_nothing(yard, operator, name, body, code, faults):
    before = tables(yard)
    for plan in ({"plan": True}, {}):
        refused = act(operator, name, **plan, **body)
        assert (refused.code, refused.faults) == (code, faults)
    assert tables(yard) == before


def test_lists_tell_what_was_decided(yard, operator, acme):
    done = act(operator, "tenant_set", tenant="acme", weight=7, running_max=40000)
    rows = {row[0]: row[1:] for row in operator.ask("tenant_list")["tenants"]}
    assert rows["acme"] == [7, 0, 40000, False, done["version"]]
    assert sorted(rows) == [row[0] for row in operator.ask("tenant_list")["tenants"]]
    assert [row[0] for row in operator.ask("tenant_list", after="acme")["tenants"]] == sorted(rows)[1:]
    act(operator, "tenant_set", tenant="acme", weight=1, running_max=0)

    begins = now_ms() + 48 * HOUR_MS
    made = [act(operator, "window_add", begins=begins, ends=begins + HOUR_MS, scope=scope, subject=subject, reason="r")["made"]
            for scope, subject in (("region", "mars"), ("agent", "agent-5"), ("pool", "deep"))]
    rows = acme.ask("window_list")["windows"]
    assert rows == [[made[0], begins, begins + HOUR_MS, "region", "mars", "r", 1], [made[1], begins, begins + HOUR_MS, "agent", "agent-5", "r", 1],
                    [made[2], begins, begins + HOUR_MS, "pool", "deep", "r", 1]]
    assert [row[0] for row in acme.ask("window_list", after=made[0])["windows"]] == made[1:]
    for window in made:
        assert act(operator, "window_remove", window=window).name == "done"
        assert act(operator, "window_remove", window=window).code == "unknown_window"
    assert acme.ask("window_list")["windows"] == []


def test_effects_count_what_they_concern(yard, operator, acme):
    for _ in range(3):
        yard.submit(acme, kind="effects", tier="platinum")
    with yard.raw_agent("agent-1", capabilities=["effects"]) as agent:
        start = agent.take()
        agent.started(start)
        plan = act(operator, "queue_act", tier="platinum", verb="stop", plan=True)
        assert "2 waiting jobs stay" in words(plan) and "1 running job" in words(plan)
        plan = act(operator, "agent_act", agent="agent-1", verb="drain", deadline=now_ms() + HOUR_MS, plan=True)
        assert "1 running job" in words(plan) and "suspended" in words(plan)
        for _ in range(3):
            agent.complete(start)
            start = agent.take("attempt_start", 1) or start


def test_verbs_from_two_sides_at_once_follow_each_other(yard, operator):
    """Eight operators stop and start the same queue: each change has a version of its own."""
    first = int(yard.one("SELECT version FROM ym.queue_gate WHERE tier = 1"))
    doors = [yard.door("operator") for _ in range(8)]
    try:
        asks = [door.tell("queue_act", request=os.urandom(16), tier="premium", verb=("stop", "start")[place % 2])
                for place, door in enumerate(doors)]
        versions = [door.answer(ask, 10)["version"] for door, ask in zip(doors, asks)]
    finally:
        for door in doors:
            door.close()
    assert sorted(versions) == list(range(first + 1, first + 9))
    act(operator, "queue_act", tier="premium", verb="start")


def test_a_change_survives_a_killed_intake(yard, operator):
    """The answer may be lost, the change is not: the same request tells."""
    request, body = os.urandom(16), {"tenant": "globex", "weight": 5}
    was = number(yard)
    operator.tell("tenant_set", request=request, **body)
    yard.kill("intake")
    done = operator.until("tenant_set", 20, request=request, **body)
    assert done.name == "done" and number(yard) == was + 1
    act(operator, "tenant_set", tenant="globex", weight=1)


def test_histories_are_paged_and_name_who_asked(yard, operator, acme):
    job = yard.submit(acme, kind="history", name="history")
    with yard.raw_agent("agent-2", capabilities=["history"]) as agent:
        start = agent.take()
        agent.started(start)
        agent.complete(start)
    wait_for(lambda: yard.state(job) == "COMPLETED", 5, "the job's end")
    page = acme.ask("job_events", job=job, after=0, limit=200)
    rows = page["events"]
    assert not page["more"] and [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0][6] == "acme" and rows[0][7], "the submit has its key and its reason"
    assert rows[-1][1] == "COMPLETED" and rows[-1][5] == "agent-2"
    assert all(row[7] for row in rows), "an event without a reason"
    found, after = [], 0
    while True:
        page = operator.ask("job_events", job=job, after=after, limit=2)
        found += page["events"]
        if not page["more"]:
            break
        after = found[-1][0]
    assert found == rows
    with yard.door("globex") as other:
        assert other.ask("job_events", job=job, after=0, limit=10).code == "unknown_job"
    assert acme.ask("job_events", job=12345, after=0, limit=10).code == "unknown_job"
    refused = acme.ask("job_events", job=job, after=0, limit=0)
    assert (refused.code, refused.faults) == ("invalid", {("/limit", "range")})


def test_problems_are_listed_newest_first_to_who_may_see_them(yard, operator, acme):
    job = yard.submit(acme, kind="problem")
    yard.sql(f"""INSERT INTO ym.problem (kind, job_id, agent_id, at_ms, detail) VALUES (0, {job}, 0, 100, 'slow');
                 INSERT INTO ym.problem (kind, job_id, agent_id, at_ms, closed_ms, detail) VALUES (1, {job}, 0, 100, 200, 'over');
                 INSERT INTO ym.problem (kind, job_id, agent_id, at_ms, detail) VALUES (3, 0, 0, 300, 'poison')""")
    rows = operator.ask("problem_list", closed=False)["problems"]
    assert [(row[1], row[6]) for row in rows] == [("poison", "poison"), ("stale_request", "slow")]
    assert rows[0][2] == "" and rows[1][2].startswith("job_")
    assert [row[6] for row in operator.ask("problem_list", closed=True)["problems"]] == ["poison", "over", "slow"]
    assert [row[6] for row in operator.ask("problem_list", closed=True, before=rows[0][0])["problems"]] == ["over", "slow"]
    assert [row[6] for row in acme.ask("problem_list", closed=True)["problems"]] == ["over", "slow"]
    with yard.door("globex") as other:
        assert other.ask("problem_list", closed=True)["problems"] == []
    yard.sql("DELETE FROM ym.problem")
    operator.until("job_act", 5, request=os.urandom(16), job=job, verb="terminate")
