"""life.py - what the tests of a job's life share: quick settings, a simulated agent, and the way to a state."""
import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from wireyard import WireYard, wait_for  # noqa: E402

TICK_S, LEASE_S, RETRY_S, RETRIES, STALE_S, GRACE_S = 0.1, 2.0, 0.1, 3, 0.5, 0.8
QUICK = {"actors.crash_loop": 100, "actors.restart_most_ms": 100, "agents.tick_ms": 100, "agents.lease_ticks": 20,
         "agents.signal_retry_ms": 100, "agents.signal_retries": RETRIES, "agents.stale_after_ms": 500,
         "preempt.preempt_grace_ms": 800, "preempt.preempt_exempt_ms": 0, "jobs.retry_ms": 20}
KINDS = itertools.count(1)
SIGNAL_FAILED, STALE_REQUEST, CLEANUP_FAILED = 1, 0, 2       # enum problem
ROUTES = {"LEASED": (), "PREPARATION_REQUESTED": (("attempt_working", {"signal": "prepare"}),), "STARTING": (("attempt_prepared", {}),),
          "STARTUP_REQUESTED": (("attempt_prepared", {}), ("attempt_working", {"signal": "start"})), "STARTED": (("attempt_started", {}),)}


def quick_yard(**settings):
    return WireYard(settings={**QUICK, **settings})


@pytest.fixture
def kind():
    return f"life-{next(KINDS)}"


@pytest.fixture
def door(yard):
    with yard.door("acme") as made:
        yield made


@pytest.fixture
def operator(yard):
    with yard.door("operator") as made:
        yield made


@pytest.fixture
def sim(yard, kind):
    """An agent that does nothing of itself."""
    with yard.sim(capabilities=[kind]) as made:
        yield made


def brought(yard, sim, door, kind, state="STARTED", **more):
    """A job of that kind that sim holds in that state; what it was told."""
    job = yard.submit(door, kind=kind, **more)
    told = sim.take("prepare", job)
    assert told is not None, "it was not leased"
    for name, fields in ROUTES[state]:
        assert sim.report(told, name, **fields).name == "attempt_noted"
    assert yard.state(job) == state
    return told


def ask_for(yard, door, verb, told):
    """A wish about a running job; the signal that its agent gets."""
    done = yard.act(door, verb, told.job)
    assert done.name == "done", done
    return done


def seq(yard, job):
    return int(yard.value(job, "seq"))


INVARIANTS = {
    "a job that has not ended and that nobody sees": """
        SELECT r.job_id, r.state FROM ym.job_run r LEFT JOIN ym.waiting w USING (job_id)
         WHERE r.holder = 0 AND r.state <> 520 AND w.job_id IS NULL""",
    "a job that waits and is held by an agent": "SELECT job_id FROM ym.job_run WHERE (state IN (100, 520)) <> (holder = 0)",
    "an ended job with a resource": "SELECT job_id, name FROM ym.resource WHERE job_id NOT IN (SELECT job_id FROM ym.job_run)",
    "a job with another number of resources than it says": """
        SELECT r.job_id FROM ym.job_run r WHERE r.live <> (SELECT count(*) FROM ym.resource s WHERE s.job_id = r.job_id)""",
    "a job that lives and has ended": "SELECT job_id FROM ym.job_run JOIN ym.job_done USING (job_id)",
    "a job that is nowhere": "SELECT job_id FROM ym.job WHERE job_id NOT IN (SELECT job_id FROM ym.job_run UNION ALL SELECT job_id FROM ym.job_done)",
    "a gap in a history": "SELECT job_id FROM ym.job_event GROUP BY job_id HAVING count(*) <> max(seq) OR min(seq) <> 1",
    "a history that is not of the table": """
        SELECT e.job_id, e.seq FROM ym.job_event e
          LEFT JOIN ym.legal_move m ON m.machine = 'job' AND m.from_state = e.from_state AND m.on_event = e.on_event AND m.to_state = e.state
          LEFT JOIN ym.note n ON n.machine = 'job' AND n.number = e.on_event AND e.state = e.from_state
         WHERE m.machine IS NULL AND n.machine IS NULL""",
    "a hold without a reason, or a reason without a hold": """
        SELECT job_id FROM ym.job_run r FULL JOIN ym.hold h USING (job_id) WHERE (COALESCE(r.held, 0) <> 0) <> (h.job_id IS NOT NULL)""",
    "a number of unmet jobs that is not so": """
        SELECT r.job_id FROM ym.job_run r WHERE r.unmet <> (SELECT count(*) FROM ym.dependency d WHERE d.job_id = r.job_id)"""}


def nothing_is_forgotten(yard):
    """The promise of the whole: whatever happened, every job has somebody who will see to it, and nothing is left of the others."""
    for what, question in INVARIANTS.items():
        assert yard.sql(question) == [], what


def all_ended(yard, kind, seconds=15):
    wait_for(lambda: yard.one(f"SELECT count(*) FROM ym.job_run JOIN ym.job USING (job_id) WHERE kind = '{kind}'") == "0", seconds,
             f"every job of {kind} to end")
