"""test_signals.py - prepare, start, suspend, resume, terminate, deprovision, against an agent that plays every part."""
import pytest
from life import (LEASE_S, RETRIES, RETRY_S, SIGNAL_FAILED, STALE_REQUEST, STALE_S, TICK_S, ask_for, brought, door, kind,
                  nothing_is_forgotten, operator, quick_yard, seq, sim)
from simagent import at_once, completes, errs, never, runs, twice, works, works_for_ever
from wireyard import steady, wait_for

__all__ = ["door", "kind", "operator", "sim"]


@pytest.fixture(scope="module")
def yard():
    with quick_yard() as made:
        yield made
        nothing_is_forgotten(made)


# --- the signalling table ---

TABLE = [("LEASED", "prepare", "working", "PREPARATION_REQUESTED"), ("LEASED", "prepare", "done", "STARTING"),
         ("STARTING", "start", "working", "STARTUP_REQUESTED"), ("STARTING", "start", "done", "STARTED"),
         ("STARTED", "suspend", "working", "SUSPENSION_REQUESTED"), ("STARTED", "suspend", "done", "SUSPENDED"),
         ("STARTED", "terminate", "working", "TERMINATION_REQUESTED"), ("STARTED", "terminate", "done", "TERMINATED")]
DONE = {"prepare": "attempt_prepared", "start": "attempt_started", "suspend": "attempt_suspended", "terminate": "attempt_terminated"}
AFTER = {"prepare": "STARTING", "start": "STARTED", "suspend": "SUSPENDED", "terminate": "TERMINATED"}


def signalled(yard, sim, door, told, signal):
    """The signal for a job that was brought to where it is due."""
    if signal == "prepare":
        return told
    if signal in ("suspend", "terminate"):
        ask_for(yard, door, signal, told)
    return sim.take(signal, told.job)


@pytest.mark.parametrize("before, signal, answer, after", TABLE, ids=[f"{row[1]}-{row[2]}" for row in TABLE])
def test_the_signalling_table(yard, sim, door, kind, before, signal, answer, after):
    """R24: a requested state is entered only by an agent that answers "working"."""
    told = brought(yard, sim, door, kind, before)
    given = signalled(yard, sim, door, told, signal)
    assert given is not None and given.fence == told.fence
    if answer == "working":
        assert sim.working(given, signal).name == "attempt_noted"
        assert yard.state(told.job) == after
        sim.rule(signal, never)
    assert sim.report(given, DONE[signal]).name == "attempt_noted"
    assert yard.state(told.job) == AFTER[signal]
    requested = [state for state in yard.moves(told.job) if state.endswith("_REQUESTED")]
    assert requested == ([after] if answer == "working" else [])
    finish(yard, sim, door, told)


def finish(yard, sim, door, told):
    """However it stands, the job ends."""
    if yard.state(told.job) == "SUSPENDED":
        assert yard.act(door, "terminate", told.job).name == "done"
    elif yard.run(told.job):
        sim.complete(told)
    wait_for(lambda: not yard.run(told.job), 5, "the job to end")


def test_an_agent_that_answers_at_once_pays_nothing(yard, sim, door, kind):
    """Lease, prepare and start are one commit and one message; the history has two moves before the end."""
    told = brought(yard, sim, door, kind)
    sim.complete(told)
    assert yard.moves(told.job) == ["LEASED", "STARTED", "COMPLETED"] and yard.notes(told.job) == []
    assert len(sim.heard("prepare", told.job)) == 1 and not sim.heard("start", told.job)


def test_prepared_is_two_moves_and_one_commit(yard, sim, door, kind):
    told = brought(yard, sim, door, kind, "STARTING")
    assert yard.moves(told.job) == ["LEASED", "PREPARED", "STARTING"]
    at = [row[0] for row in yard.sql(f"SELECT at_ms FROM ym.job_event WHERE job_id = {told.job} ORDER BY seq DESC LIMIT 2")]
    assert at[0] == at[1]
    finish(yard, sim, door, told)


# --- repetition ---

def gaps(heard):
    return [later.at - earlier.at for earlier, later in zip(heard, heard[1:])]


def test_a_start_that_nobody_answers_is_given_up(yard, sim, door, kind):
    """R26: told again after 1, 2, 4 units, so often and no more; the attempt fails, the agent is told."""
    job = yard.submit(door, kind=kind)
    yard.wait_state(job, "FAILED", seconds=RETRY_S * 2 ** (RETRIES + 1) + 3)
    heard = sim.heard("prepare", job)
    assert len(heard) == 1 + RETRIES
    for number, gap in enumerate(gaps(heard)):
        assert gap > RETRY_S * 2 ** number - 2 * TICK_S, gaps(heard)
    assert yard.moves(job) == ["LEASED", "FAILED"]
    assert yard.sql(f"SELECT DISTINCT why FROM ym.job_history WHERE job_id = {job} AND state = 'FAILED'") == [["the agent could not be made to start it"]]
    assert sim.report(heard[0], "attempt_started").code == "stale_lease"


def test_errors_of_a_signal_change_no_state(yard, sim, door, kind):
    """Two errors, then it works: recorded, told again, nothing else."""
    sim.rule("prepare", runs).rule("prepare", errs("prepare", text="no room yet"), times=2)
    job = yard.submit(door, kind=kind)
    yard.wait_state(job, "STARTED")
    assert yard.moves(job) == ["LEASED", "STARTED"]
    assert yard.sql(f"SELECT detail FROM ym.job_history WHERE job_id = {job} AND on_event = 56") == [["prepare: no room yet"]] * 2
    sim.allow("finish")
    yard.wait_state(job, "COMPLETED")


def test_an_error_while_it_works_is_told_again_by_the_backoff(yard, sim, door, kind):
    """Not when it would be stale; and if it works on it then, it is waited for as at first."""
    told = brought(yard, sim, door, kind, "PREPARATION_REQUESTED")
    assert sim.report(told, "attempt_errored", signal="prepare", retryable=True, text="the disk went away").name == "attempt_noted"
    again = sim.take("prepare", told.job, seconds=STALE_S - TICK_S)
    assert again is not None, "before it is stale"
    assert sim.working(again, "prepare").name == "attempt_noted"
    assert sim.take("prepare", told.job, seconds=STALE_S) is None, "it works on it"
    assert yard.run(told.job)["state_count"] == "1" and yard.moves(told.job) == ["LEASED", "PREPARATION_REQUESTED"]
    sim.report(again, "attempt_started")
    assert yard.state(told.job) == "STARTED"


def test_an_error_for_good_before_the_start_fails_it(yard, sim, door, kind):
    sim.rule("prepare", errs("prepare", retryable=False, text="unsupported address"))
    job = yard.submit(door, kind=kind)
    yard.wait_state(job, "FAILED", seconds=2)
    assert len(sim.heard("prepare", job)) == 1 and yard.moves(job) == ["LEASED", "FAILED"]


def test_a_suspension_that_fails_ends_in_termination(yard, sim, door, kind):
    told = brought(yard, sim, door, kind)
    sim.rule("suspend", errs("suspend")).rule("suspend", errs("suspend"), times=100).rule("terminate", at_once("attempt_terminated"))
    ask_for(yard, door, "suspend", told)
    yard.wait_state(told.job, "TERMINATED")
    assert len(sim.heard("suspend", told.job)) == 1 + RETRIES
    assert SIGNAL_FAILED in yard_problems(yard, told.job)


def yard_problems(yard, job):
    """Raised, open or not."""
    return [int(row[0]) for row in yard.sql(f"SELECT kind FROM ym.problem WHERE job_id = {job}")]


def test_a_termination_that_nobody_answers_is_made_by_the_yard(yard, sim, door, kind):
    told = brought(yard, sim, door, kind)
    ask_for(yard, door, "terminate", told)
    yard.wait_state(told.job, "TERMINATED")
    assert len(sim.heard("terminate", told.job)) == 1 + RETRIES
    assert sim.take("lost", told.job) is not None, "the agent is told that it is over"
    assert yard.problems(told.job) == [SIGNAL_FAILED]
    assert sim.report(told, "attempt_terminated").code in ("", "stale_lease")


# --- the watchdog ---

def test_what_is_requested_and_never_comes_is_signalled_again(yard, sim, door, kind):
    """R27: after stale_after the signal comes again, also when assignment was killed in between; at the limit a problem."""
    told = brought(yard, sim, door, kind, "PREPARATION_REQUESTED")
    assert sim.take("prepare", told.job, 0.6 * STALE_S) is None, "it is being worked on"
    yard.wait_back(yard.kill("assignment"))
    second = sim.take("prepare", told.job, 3)
    assert second is not None and second.fence == told.fence and second.at - told.at > STALE_S - 2 * TICK_S
    assert sim.working(second, "prepare").name == "attempt_noted"
    yard.wait_back(yard.kill("assignment"))
    wait_for(lambda: yard.problems(told.job) == [STALE_REQUEST], (RETRIES + 2) * STALE_S * 3, "a problem")
    assert yard.state(told.job) == "PREPARATION_REQUESTED", "a problem ends nothing"
    assert sim.report(told, "attempt_prepared").name == "attempt_noted"
    assert yard.state(told.job) == "STARTING"
    finish(yard, sim, door, told)


@pytest.mark.parametrize("state, signal", [("STARTUP_REQUESTED", "start"), ("SUSPENSION_REQUESTED", "suspend"), ("TERMINATION_REQUESTED", "terminate")])
def test_the_watchdog_sees_every_requested_state(yard, sim, door, kind, state, signal):
    told = brought(yard, sim, door, kind, state if signal == "start" else "STARTED")
    if signal != "start":
        given = signalled(yard, sim, door, told, signal)
        sim.working(given, signal)
    before = len(sim.heard(signal, told.job))
    wait_for(lambda: len(sim.heard(signal, told.job)) > before, 3 * STALE_S, "the signal again")
    assert yard.state(told.job) == state
    assert sim.report(told, DONE[signal]).name == "attempt_noted"
    assert yard.state(told.job) == AFTER[signal]
    finish(yard, sim, door, told)


# --- callbacks that are wrong ---

@pytest.mark.parametrize("signal", list(DONE))
def test_the_same_callback_twice_is_noted_twice_and_done_once(yard, sim, door, kind, signal):
    """R25."""
    told = brought(yard, sim, door, kind, {"prepare": "LEASED", "start": "STARTING"}.get(signal, "STARTED"))
    given = signalled(yard, sim, door, told, signal)
    first = sim.say(given, DONE[signal])
    wait_for(lambda: first.answer, 5, "an answer")
    number = seq(yard, told.job)
    second = sim.again(first)
    wait_for(lambda: second.answer, 5, "an answer")
    assert first.answer.octets == second.answer.octets and first.answer.name == "attempt_noted"
    assert seq(yard, told.job) == number
    finish(yard, sim, door, told)


REPORTS = [("attempt_started", {}), ("attempt_working", {"signal": "start"}), ("attempt_prepared", {}), ("attempt_suspended", {}),
           ("attempt_errored", {"signal": "start", "retryable": True, "text": "x"}), ("attempt_terminated", {}), ("attempt_deprovisioned", {}),
           ("attempt_resources", {"resources": [["database", "requested", ""]]}), ("attempt_completed", {"done": 1, "total": 1, "result": "x"}),
           ("attempt_failed", {"retryable": True, "text": "x"})]


def row(yard, job):
    return yard.sql(f"SELECT * FROM ym.job_run WHERE job_id = {job}")


@pytest.mark.parametrize("name, fields", REPORTS, ids=[name for name, _ in REPORTS])
def test_a_callback_of_anybody_else_is_refused(yard, sim, door, kind, name, fields):
    """R25: another agent, another attempt, another job; nothing changes."""
    told = brought(yard, sim, door, kind)
    before = row(yard, told.job)
    with yard.sim("agent-2", capabilities=["other"]) as other:
        wrong = [(other, told), (sim, told._replace(fence=told.fence + 1)), (sim, told._replace(fence=max(1, told.fence - 1))),
                 (sim, told._replace(job=told.job + 1))]
        for who, about in wrong:
            assert who.report(about, name, message=1 if name != "attempt_resources" else None, **fields).code == "stale_lease"
    assert row(yard, told.job) == before
    finish(yard, sim, door, told)


ILLEGAL = [("STARTED", "attempt_prepared", {}), ("STARTED", "attempt_suspended", {}), ("STARTED", "attempt_terminated", {}),
           ("STARTED", "attempt_working", {"signal": "prepare"}), ("STARTED", "attempt_deprovisioned", {}), ("LEASED", "attempt_suspended", {}),
           ("STARTED", "attempt_working", {"signal": "suspend"}), ("STARTED", "attempt_working", {"signal": "terminate"})]


@pytest.mark.parametrize("state, name, fields", ILLEGAL, ids=[f"{name}-{'-'.join(fields.values())}-in-{state}" for state, name, fields in ILLEGAL])
def test_a_callback_in_the_wrong_state_is_refused(yard, sim, door, kind, state, name, fields):
    told = brought(yard, sim, door, kind, state)
    before = row(yard, told.job)
    assert sim.report(told, name, **fields).code == "illegal_move"
    assert row(yard, told.job) == before
    finish(yard, sim, door, told)


# --- wishes ---

def test_a_job_that_completes_while_it_is_to_suspend_is_completed(yard, sim, door, kind):
    told = brought(yard, sim, door, kind)
    sim.rule("suspend", completes)
    ask_for(yard, door, "suspend", told)
    yard.wait_state(told.job, "COMPLETED")


def test_a_job_that_fails_for_good_while_it_is_to_suspend_is_failed(yard, sim, door, kind):
    told = brought(yard, sim, door, kind)
    ask_for(yard, door, "suspend", told)
    assert sim.fail(told, False).name == "attempt_noted"
    assert yard.state(told.job) == "FAILED"


def test_an_error_while_it_is_to_suspend_is_a_suspension(yard, sim, door, kind):
    told = brought(yard, sim, door, kind)
    ask_for(yard, door, "suspend", told)
    assert sim.fail(told, True).name == "attempt_noted"
    assert yard.state(told.job) == "SUSPENDED"
    finish(yard, sim, door, told)


def test_an_agent_that_dies_while_it_suspends_leaves_a_suspended_job(yard, door, kind):
    with yard.sim(capabilities=[kind]) as one:
        told = brought(yard, one, door, kind)
        one.rule("suspend", works_for_ever("suspend"))
        ask_for(yard, door, "suspend", told)
        yard.wait_state(told.job, "SUSPENSION_REQUESTED")
        one.kill()
    yard.wait_state(told.job, "SUSPENDED", seconds=LEASE_S + 3)
    assert yard.act(door, "terminate", told.job)["state"] == "TERMINATED"


def test_an_agent_that_dies_after_working_loses_the_job(yard, door, kind):
    with yard.sim(capabilities=[kind]) as one:
        told = brought(yard, one, door, kind, "PREPARATION_REQUESTED")
        one.kill()
    with yard.sim("agent-2", capabilities=[kind]) as two:
        again = two.take("prepare", told.job, LEASE_S + 3)
        assert again is not None and again.fence > told.fence
        two.report(again, "attempt_started")
        two.complete(again)
    assert yard.state(told.job) == "COMPLETED"


def test_termination_overrides_suspension(yard, sim, door, kind):
    told = brought(yard, sim, door, kind)
    sim.rule("suspend", works_for_ever("suspend")).rule("terminate", works("terminate", "attempt_terminated", until="end"))
    ask_for(yard, door, "suspend", told)
    yard.wait_state(told.job, "SUSPENSION_REQUESTED")
    ask_for(yard, door, "terminate", told)
    yard.wait_state(told.job, "TERMINATION_REQUESTED")
    sim.allow("end")
    yard.wait_state(told.job, "TERMINATED")


def test_resumed_it_goes_on_from_its_last_checkpoint(yard, sim, door, kind):
    told = brought(yard, sim, door, kind)
    sim.checkpoint(told, 3, b"three", 30, 100)
    ask_for(yard, door, "suspend", told)
    sim.report(sim.take("suspend", told.job), "attempt_suspended")
    assert yard.state(told.job) == "SUSPENDED" and yard.run(told.job)["holder"] == "0"
    assert sim.take("prepare", told.job, 0.5) is None, "only who suspended it resumes it"
    assert yard.act(door, "resume", told.job)["state"] == "QUEUED"
    again = sim.take("prepare", told.job)
    assert (again.body["checkpoint"], again.body["resume"], again.body["done"]) == (3, b"three", 30) and again.fence > told.fence
    assert yard.state(told.job) == "RESUMING"
    sim.report(again, "attempt_started")
    sim.complete(again)
    assert yard.moves(told.job) == ["LEASED", "STARTED", "SUSPENDED", "QUEUED", "RESUMING", "STARTED", "COMPLETED"]


def test_it_answers_late_and_twice_and_it_counts_once(yard, sim, door, kind):
    """The suspension's answer comes after its repetition, with the same number."""
    told = brought(yard, sim, door, kind)
    sim.rule("suspend", twice("attempt_suspended"))
    sim.rule("suspend", never, times=1)
    ask_for(yard, door, "suspend", told)
    yard.wait_state(told.job, "SUSPENDED")
    assert len(sim.heard("suspend", told.job)) == 2 and yard.moves(told.job)[-1:] == ["SUSPENDED"]
    assert yard.act(door, "terminate", told.job)["state"] == "TERMINATED"


# --- addresses ---

def test_changed_addresses_are_taken_over(yard, sim, door, kind):
    """R28."""
    job = yard.submit(door, kind=kind)
    told = sim.take("prepare", job)
    assert (told.body["source"], told.body["target"]) == ("from", "to")
    assert sim.report(told, "attempt_prepared", target="to/made-by-prepare").name == "attempt_noted"
    status = door.ask("job_get", job=job)
    assert (status["source"], status["target"]) == ("from", "to/made-by-prepare")
    start = sim.take("start", job)
    assert start.body["target"] == "to/made-by-prepare"
    assert sim.report(start, "attempt_started", source="from/elsewhere").name == "attempt_noted"
    sim.fail(start, True)
    again = sim.take("prepare", job)
    assert (again.body["source"], again.body["target"]) == ("from/elsewhere", "to/made-by-prepare")
    assert "the agent moved its source or target to another address" in yard.notes(job)
    assert yard.sql(f"SELECT source, target FROM ym.job WHERE job_id = {job}") == [["from", "to"]], "what was asked stays"
    sim.complete(again)


def test_a_retryable_error_is_no_answer_to_a_stale_one(yard, sim, door, kind):
    """An error of the attempt before does not touch the next."""
    told = brought(yard, sim, door, kind)
    sim.fail(told, True)
    again = sim.take("prepare", told.job)
    before = steady(lambda: row(yard, told.job), 0.2, 1)
    assert sim.report(told, "attempt_errored", signal="start", retryable=False, text="late").code == "stale_lease"
    assert row(yard, told.job)[0][1:5] == before[0][1:5]
    sim.complete(again)
