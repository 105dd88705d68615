"""test_actors.py - the five actors as processes, and the rules of leasing as an agent by hand sees them.

Tests share a yard; each has a kind of job of its own, so that what one leaves waiting is nothing to
another's agents.
"""
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from wireyard import WireYard, cpu_s, steady, wait_for  # noqa: E402
from yard import is_alive  # noqa: E402
from yardwire import Silence, job_body  # noqa: E402

ACTORS = ("assignment", "queue-standard", "queue-premium", "queue-platinum", "intake")
LEASE, STARTED, COMPLETE, RETRY, FAIL, LOSE, TERMINATE, GO_ON, HELD = 2, 3, 4, 5, 6, 7, 8, 9, 57
TICK_S, LEASE_TICKS = 0.3, 10
KINDS = itertools.count(1)


@pytest.fixture(scope="module")
def yard():
    # Restarts without the pauses that a crash loop gets: the pauses are not what is measured here.
    with WireYard(settings={"actors.crash_loop": 100, "actors.restart_most_ms": 100}) as made:
        yield made


@pytest.fixture
def kind():
    return f"kind-{next(KINDS)}"


@pytest.fixture
def door(yard):
    with yard.door("acme") as made:
        yield made


def submit(yard, door, kind, **more):
    return yard.submit(door, kind=kind, **more)


def agent(yard, kind, name="agent-1", **more):
    return yard.raw_agent(name, capabilities=[kind], **more)


def terminate(door, job):
    return door.until("job_act", 5, request=os.urandom(16), job=job, verb="terminate")


# --- order, slots, places ---

def test_the_higher_tier_is_first(yard, door, kind):
    """R2: one slot, submitted standard, premium, platinum while no agent is there."""
    jobs = [submit(yard, door, kind, tier=tier) for tier in ("standard", "premium", "platinum") for _ in range(3)]
    with agent(yard, kind) as one:
        started = []
        for _ in jobs:
            start = one.take()
            started.append(start["job"])
            one.complete(start)
    assert started == jobs[6:] + jobs[3:6] + jobs[:3], "a tier after a lower one, or not first come first served within a tier"


def test_a_tier_is_first_come_first_served_over_many_requirements(yard, door, kind):
    jobs = [submit(yard, door, kind, regions=[["eu"], ["eu", "us"], None][number % 3]) for number in range(9)]
    with agent(yard, kind) as one:
        started = []
        for _ in jobs:
            start = one.take()
            started.append(start["job"])
            one.complete(start)
    assert started == jobs


def most_at_once(yard, kind):
    """By the history: the most attempts an agent had at once, by its id."""
    held, most = Counter(), Counter()
    for agent_id, event in yard.sql(f"""SELECT e.agent_id, e.on_event FROM ym.job_event e JOIN ym.job j USING (job_id)
            WHERE j.kind = '{kind}' AND e.on_event IN (2, 4, 5, 6, 7, 8) AND e.agent_id <> 0
            ORDER BY e.at_ms, e.on_event = 2, e.fence"""):
        held[agent_id] += 1 if int(event) == LEASE else -1
        most[agent_id] = max(most[agent_id], held[agent_id])
    return most


def test_slots_are_never_exceeded(yard, door, kind):
    """R4."""
    jobs = [submit(yard, door, kind, tier=("standard", "platinum")[number % 2]) for number in range(40)]
    with agent(yard, kind, slots=3) as one, agent(yard, kind, "agent-2", slots=2) as two, yard.door("operator") as operator:
        holding, done = {one: {}, two: {}}, set()
        while len(done) < len(jobs):
            for who, slots in ((one, 3), (two, 2)):
                message = who.recv(0.02)
                if message is not None and message.name == "attempt_start":
                    holding[who][message["job"]] = message
                assert len(holding[who]) <= slots
                if len(holding[who]) == slots or message is None:
                    for start in list(holding[who].values())[:2]:
                        del holding[who][start["job"]]
                        done.add(start["job"])
                        assert (who.fail(start, False) if start["job"] % 5 == 0 else who.complete(start)).name == "attempt_noted"
            rows = {row[0]: dict(zip(("slots", "used"), row[5:7])) for row in operator.ask("agent_list")["agents"]}
            assert all(rows[name]["used"] <= rows[name]["slots"] for name in ("agent-1", "agent-2"))
    assert done == set(jobs)
    assert sorted(most_at_once(yard, kind).values()) == [2, 3]


def test_what_nobody_can_run_stands_in_nobodys_way(yard, door, kind):
    """R5: not in the way, and no work either."""
    for number in range(60):
        submit(yard, door, kind, tier="platinum", capabilities=["teleport"], regions=[f"mars-{number % 20}"])
    with agent(yard, kind) as one:
        job = submit(yard, door, kind, tier="platinum")
        start = one.take()
        assert start["job"] == job and one.complete(start).name == "attempt_noted"
        pids = {name: yard.pid(name) for name in ("queue-platinum", "assignment")}
        before = {name: cpu_s(pid) for name, pid in pids.items()}
        assert one.take("attempt_start", 2.0) is None
        used = {name: cpu_s(pid) - before[name] for name, pid in pids.items()}
    print(f"\nidle with 60 jobs that nobody can run, CPU seconds in 2 s: {used}")
    assert all(seconds < 0.3 for seconds in used.values()), used


def test_a_region_is_never_left(yard, door, kind):
    """R6."""
    wanted = {submit(yard, door, kind, regions=regions): regions for _ in range(6) for regions in (["eu"], ["us"], ["eu", "us"], ["moon"])}
    with agent(yard, kind, slots=4, region="eu") as eu, agent(yard, kind, "agent-2", slots=4, region="us") as us:
        left = {job for job, regions in wanted.items() if regions != ["moon"]}
        end = time.monotonic() + 10
        while left and time.monotonic() < end:
            for region, who in (("eu", eu), ("us", us)):
                start = who.take("attempt_start", 0.05)
                if start is not None:
                    assert region in wanted[start["job"]]
                    who.complete(start)
                    left.discard(start["job"])
    assert not left
    for job, regions in wanted.items():
        if regions == ["moon"]:
            assert yard.events(job) == [(50, 100, 0, 0)], "leased where it may not run"
        else:
            assert yard.value(job, "region") in regions


def test_a_pool_of_its_own_is_kept(yard, door, kind):
    alone, shared = submit(yard, door, kind, pool="alone"), submit(yard, door, kind)
    with agent(yard, kind, slots=4) as common, agent(yard, kind, "agent-2", slots=4, pool="alone") as own:
        for who, job in ((own, alone), (common, shared)):
            start = who.take()
            assert start["job"] == job and who.started(start).name == "attempt_noted"
        assert own.take("attempt_start", 0.5) is None and common.take("attempt_start", 0.1) is None


# --- leases ---

def is_stale(answer):
    return answer.code == "stale_lease" and not answer["retryable"]


def test_silence_costs_the_lease(yard, door, kind):
    """U14, R15: within the lease and two ticks the job is elsewhere, under a higher number."""
    job = submit(yard, door, kind)
    with agent(yard, kind) as one:
        start = one.take()
        one.started(start)
        one.checkpoint(start, 1, b"half way")
        with agent(yard, kind, "agent-2") as two:
            one.silence()
            silent_at = time.monotonic()
            again = two.take("attempt_start", (LEASE_TICKS + 4) * TICK_S, job=job)
            took = time.monotonic() - silent_at
            print(f"\nsilent agent's job leased elsewhere after {took:.2f} s (lease {LEASE_TICKS * TICK_S} s)")
            assert again is not None and again["fence"] > start["fence"] and again["attempt"] == 2
            assert LEASE_TICKS * TICK_S - 2 * TICK_S < took < (LEASE_TICKS + 2) * TICK_S + 0.7
            assert again["checkpoint"] == 1 and again["resume"] == b"half way"
            rows = yard.sql(f"SELECT * FROM ym.job_run WHERE job_id = {job}")
            assert is_stale(one.started(start)) and is_stale(one.checkpoint(start, 2)) and is_stale(one.complete(start))
            assert is_stale(one.fail(start, True)) and is_stale(one.report("attempt_terminated", start))
            assert is_stale(one.report("attempt_lookup", start, sources=[["a"]]))
            one.tell("attempt_progress", session=one.session, job=job, fence=start["fence"], done=10 ** 6, total=10 ** 6)
            assert one.ask("agent_beat", session=one.session).code == "not_registered"
            assert one.take("attempt_lost", 1, job=job, fence=start["fence"]), "it was told"
            assert yard.sql(f"SELECT * FROM ym.job_run WHERE job_id = {job}") == rows
            assert two.complete(again).name == "attempt_noted"
        assert is_stale(one.complete(start)), "also after the end"
    assert yard.one(f"SELECT count(*) FROM ym.checkpoint WHERE job_id = {job}") == "1"
    assert [event for event, *_ in yard.events(job)] == [50, LEASE, STARTED, 51, LOSE, GO_ON, COMPLETE]


def test_leaving_gives_the_work_away_at_once(yard, door, kind):
    job = submit(yard, door, kind)
    with agent(yard, kind) as one:
        start = one.take()
        with agent(yard, kind, "agent-2") as two:
            left_at = time.monotonic()
            assert one.ask("agent_leave", session=one.session).name == "agent_beaten"
            one.beats = False
            again = two.take("attempt_start", 3, job=job)
            took = time.monotonic() - left_at
            assert again is not None and took < 1.0, f"after {took:.2f} s"
            assert again["fence"] > start["fence"]
            two.complete(again)


def test_a_second_registration_takes_over(yard, door, kind):
    job = submit(yard, door, kind)
    with agent(yard, kind) as old:
        start = old.take()
        with agent(yard, kind) as new:
            assert new.session > old.session
            again = new.take("attempt_start", 3, job=job)
            assert again is not None and again["fence"] > start["fence"]
            assert is_stale(old.complete(start))
            assert old.silence().code == "not_registered"
            assert new.complete(again).name == "attempt_noted"


def test_the_same_registration_again_is_the_same_session(yard, door, kind):
    request, job = os.urandom(16), submit(yard, door, kind)
    with agent(yard, kind, request=request) as one:
        start, session = one.take(), one.session
        assert one.register(request=request, capabilities=[kind])["session"] == session
        assert one.complete(start).name == "attempt_noted" and yard.state(job) == "COMPLETED"


def test_coming_back_keeps_what_is_held_and_names_what_is_lost(yard, door, kind):
    jobs = [submit(yard, door, kind) for _ in range(2)]
    with agent(yard, kind, slots=2) as one:
        starts = [one.take() for _ in jobs]
        session = one.session
        one.complete(starts[1])
    with yard.raw_agent() as back:
        held = [(starts[0]["job"], starts[0]["fence"]), (starts[1]["job"], starts[1]["fence"]), (starts[0]["job"], starts[0]["fence"] - 1), (1, 1)]
        answer = back.register(session=session, held=held, capabilities=[kind], slots=2)
        assert answer["session"] == session
        assert {tuple(pair) for pair in answer["lost"]} == set(held[1:])
        assert back.complete(starts[0]).name == "attempt_noted"
    assert [event for event, *_ in yard.events(jobs[0])] == [50, LEASE, COMPLETE], "it was one attempt"


def test_a_session_that_is_over_cannot_come_back(yard, kind):
    with agent(yard, kind) as one:
        for session in (one.session - 1, one.session + 1, 2 ** 62):
            asked = {"request": os.urandom(16), "region": "eu", "pool": "shared", "capabilities": [kind], "slots": 1, "held": []}
            if session > 0:
                assert one.ask("agent_register", session=session, **asked).code == "not_registered"
        assert one.ask("agent_beat", session=one.session + 1).code == "not_registered"


# --- the end of attempts ---

def test_retryable_errors_end_in_a_hold(yard, door, kind):
    """X78: at the limit a person looks at it."""
    job = submit(yard, door, kind)
    with agent(yard, kind) as one:
        for number in range(1, 6):
            start = one.take("attempt_start", 5, job=job)
            assert start["attempt"] == number
            assert one.fail(start, True, f"error {number}").name == "attempt_noted"
        assert one.take("attempt_start", 0.5, job=job) is None
    assert yard.state(job) == "QUEUED" and door.ask("job_get", job=job)["hold"] == "retries_used"
    assert [event for event, *_ in yard.events(job) if event not in (50, LEASE)] == [RETRY] * 5 + [HELD]


def test_an_error_that_is_final_is_the_end(yard, door, kind):
    job = submit(yard, door, kind)
    with agent(yard, kind) as one:
        start = one.take()
        assert one.fail(start, False, "no such source").name == "attempt_noted"
        assert one.fail(start, False, "no such source").name == "attempt_noted", "said again, noted again"
    assert [event for event, *_ in yard.events(job)] == [50, LEASE, FAIL]


def test_a_lost_agent_is_no_retry(yard, door, kind):
    job = submit(yard, door, kind)
    with agent(yard, kind) as one:
        for _ in range(7):
            one.take("attempt_start", 5, job=job)
            one.register(capabilities=[kind])
        start = one.take("attempt_start", 5, job=job)
        assert start["attempt"] == 8 and one.complete(start).name == "attempt_noted"
    assert yard.state(job) == "COMPLETED"


def test_terminate_what_waits(yard, door, kind):
    job = submit(yard, door, kind)
    assert terminate(door, job)["state"] == "TERMINATED"
    with agent(yard, kind) as one:
        assert one.take("attempt_start", 0.5) is None
    assert terminate(door, job).code == "already_final"


def test_terminate_what_runs(yard, door, kind):
    job = submit(yard, door, kind)
    with agent(yard, kind) as one:
        start = one.take()
        one.started(start)
        assert terminate(door, job)["state"] == "STARTED"
        assert door.ask("job_get", job=job)["wanted"] == "terminate"
        for _ in range(2):
            assert one.take("attempt_terminate", 3, job=job)["fence"] == start["fence"], "told until it answers"
        assert one.report("attempt_terminated", start).name == "attempt_noted"
        assert one.report("attempt_terminated", start).name == "attempt_noted"
    assert yard.state(job) == "TERMINATED"


def test_an_agent_that_dies_while_it_is_to_terminate(yard, door, kind):
    """Its job does not come back."""
    job = submit(yard, door, kind)
    with agent(yard, kind) as one:
        start = one.take()
        one.started(start)
        terminate(door, job)
        one.take("attempt_terminate", 3, job=job)
    yard.wait_state(job, "TERMINATED", seconds=(LEASE_TICKS + 4) * TICK_S)
    with agent(yard, kind, "agent-2") as two:
        assert two.take("attempt_start", 0.5) is None
    assert yard.events(job)[-1][0] == TERMINATE


def test_a_job_that_fails_while_it_is_to_terminate_is_not_tried_again(yard, door, kind):
    job = submit(yard, door, kind)
    with agent(yard, kind) as one:
        start = one.take()
        terminate(door, job)
        assert one.fail(start, True).name == "attempt_noted"
    assert yard.state(job) == "TERMINATED"


# --- checkpoints ---

def test_the_next_attempt_goes_on_from_the_last_acknowledged_checkpoint(yard, door, kind):
    job = submit(yard, door, kind)
    with agent(yard, kind) as one:
        start = one.take()
        assert (start["checkpoint"], start["resume"], start["mark"]) == (0, b"", "")
        for number in (1, 2, 5):
            answer = one.checkpoint(start, number, b"resume %d" % number, [(f"s{number}", f"t{number}")], number * 10, 100, f"mark {number}")
            assert (answer.name, answer["checkpoint"]) == ("attempt_noted", number)
        assert one.checkpoint(start, 5, b"resume 5", [("s5", "t5")], 50, 100, "mark 5")["checkpoint"] == 5, "said again"
        assert one.checkpoint(start, 4, b"old").code == "stale_checkpoint"
        one.fail(start, True)
        again = one.take("attempt_start", 5, job=job)
        assert (again["checkpoint"], again["resume"], again["mark"], again["done"], again["total"]) == (5, b"resume 5", "mark 5", 50, 100)
        assert is_stale(one.checkpoint(start, 6, b"late", [("late", "late")])), "of the attempt before"
        found = one.report("attempt_lookup", again, sources=[["s1"], ["s5"], ["late"], ["s9"]])["mappings"]
        assert sorted(map(tuple, found)) == [("s1", "t1"), ("s5", "t5")]
        assert one.checkpoint(again, 6, b"resume 6")["checkpoint"] == 6
        one.complete(again, 100, 100)
    status = door.ask("job_get", job=job)
    assert (status["checkpoint"], status["done"], status["total"], status["attempt"]) == (6, 100, 100, 2)


def test_checkpoints_sent_without_waiting_all_count(yard, door, kind):
    """Or are refused as a whole: none is answered well and gone, none refused and half stored."""
    submit(yard, door, kind)
    with agent(yard, kind) as one:
        start = one.take()
        asks = {number: one.tell("attempt_checkpoint", session=one.session, job=start["job"], fence=start["fence"], checkpoint=number,
                                 resume=b"%d" % number, mark="", done=number, total=0, mappings=[[f"s{number}", f"t{number}"]])
                for number in range(1, 41)}
        answers = {number: one.answer(ask) for number, ask in asks.items()}
        noted = {number for number, answer in answers.items() if answer.name == "attempt_noted"}
        assert {answers[number].code for number in answers if number not in noted} <= {"stale_checkpoint"}
        stored = {int(row[0]) for row in yard.sql(
            f"SELECT detail FROM ym.job_history WHERE job_id = {start['job']} AND why = 'a checkpoint was stored'")}
        kept = yard.sql(f"SELECT checkpoint FROM ym.checkpoint WHERE job_id = {start['job']}")
        assert kept == [[str(max(stored))]] or kept == [(str(max(stored)),)], "only the last is gone on from"
        mapped = {row[0] for row in yard.sql(f"SELECT source FROM ym.id_map WHERE job_id = {start['job']}")}
        assert stored == noted and mapped == {f"s{number}" for number in noted}
        assert 40 in noted
        one.complete(start)


def test_progress_never_goes_back(yard, door, kind):
    job = submit(yard, door, kind)
    with agent(yard, kind) as one:
        start = one.take()
        one.started(start)
        for done in (5, 9, 3):
            one.tell("attempt_progress", session=one.session, job=job, fence=start["fence"], done=done, total=10)
        wait_for(lambda: door.ask("job_get", job=job)["done"] == 9, 3, "the counters")
        one.tell("attempt_progress", session=one.session, job=job, fence=start["fence"], done=4, total=10)
        one.checkpoint(start, 1, done=2, total=10)
        assert steady(lambda: door.ask("job_get", job=job)["done"], 0.7) == 9
        one.complete(start, 10, 10)


# --- processes ---

class Load:
    """Submits a few jobs a second and keeps the ids that were acknowledged, until stop()."""

    def __init__(self, yard, kind):
        self.yard, self.kind, self.over, self.accepted, self.late = yard, kind, threading.Event(), [], []
        self.worker = yard.worker("agent-3", capabilities=[kind])
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with self.yard.door("acme") as door:
            for number in itertools.count():
                if self.over.wait(0.02):
                    return
                tier = ("standard", "premium", "platinum")[number % 3]
                body = job_body(kind=self.kind, tier=tier, name=f"{self.kind} {number}")
                try:
                    self.accepted.append(door.until("job_submit", 15, **body)["job"])
                except Silence as silence:
                    self.late.append(silence)

    def stop(self):
        """All that was acknowledged is completed, once."""
        self.over.set()
        self.thread.join(20)
        assert not self.late
        left = f"SELECT count(*) FROM ym.job_run r JOIN ym.job j USING (job_id) WHERE j.kind = '{self.kind}'"
        try:
            wait_for(lambda: self.yard.one(left) == "0", 20, "every job to end")
        finally:
            self.worker.stop()
        rows = self.yard.sql(f"""SELECT j.job_id, d.state, (SELECT count(*) FROM ym.job_event e WHERE e.job_id = j.job_id AND e.on_event = 4),
            (SELECT count(*) = max(e.seq) FROM ym.job_event e WHERE e.job_id = j.job_id)
            FROM ym.job j LEFT JOIN ym.job_done d USING (job_id) WHERE j.kind = '{self.kind}'""")
        assert all(row[1:] == ["900", "1", "t"] for row in rows)
        assert {int(row[0]) for row in rows} == set(self.accepted), "acknowledged and stored are not the same"
        assert len(set(self.accepted)) == len(self.accepted)
        assert not self.worker.wrong
        return len(self.accepted)


def quantile(values, part):
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def test_kill_every_actor_under_load(yard, kind):
    """S1, S4, S36: nothing acknowledged is lost or done twice; READY again soon."""
    load, took = Load(yard, kind), {name: [] for name in ACTORS}
    log_from = len(yard.log())
    for _ in range(6):
        for name in ACTORS:
            before, at = yard.kill(name), time.monotonic()
            yard.wait_back(before, seconds=10)
            took[name].append(time.monotonic() - at)
    accepted = load.stop()
    log = yard.log()[log_from:]
    started = [int(ms) for ms in re.findall(r"actor_ready .*ms=(\d+)", log)]
    every = [seconds for values in took.values() for seconds in values]
    print(f"\n30 kills under load ({accepted} jobs): death to READY p50 {quantile(every, 0.5) * 1000:.0f} ms, p99 {quantile(every, 0.99) * 1000:.0f} ms "
          f"(with the supervisor's own pause of up to 100 ms); start to READY p50 {quantile(started, 0.5)} ms, p99 {quantile(started, 0.99)} ms")
    assert max(every) < 2


@pytest.mark.parametrize("name", ["assignment", "queue-platinum", "intake"])
def test_an_actor_that_hangs_is_replaced(yard, kind, name):
    before, at = yard.kill(name, signal.SIGSTOP), time.monotonic()
    after = yard.wait_back(before, seconds=10)
    print(f"\n{name} stopped: replaced after {time.monotonic() - at:.2f} s")
    assert after.pid != before.pid and not is_alive(before.pid)
    with agent(yard, kind) as one, yard.door("acme") as door:
        job = submit(yard, door, kind, tier="platinum")
        assert one.complete(one.take("attempt_start", 5, job=job)).name == "attempt_noted"


def test_a_second_daemon_is_refused(yard, kind):
    actors = yard.actors()
    second = subprocess.run([yard.program("yardmasterd"), "--config", yard.path("yardmaster.yaml")], capture_output=True, text=True, timeout=20)
    assert second.returncode == 78 and "another yardmasterd" in second.stderr
    assert yard.actors() == actors
    with yard.door("acme") as door:
        assert door.ask("hello", program="after").name == "welcome"


def test_a_killed_daemon_leaves_no_process(yard, kind):
    load = Load(yard, kind)
    wait_for(lambda: len(load.accepted) > 20, 10, "some jobs")
    pids = [actor.pid for actor in yard.actors().values()]
    yard.daemon.kill()
    yard.daemon.wait(10)
    wait_for(lambda: not any(is_alive(pid) for pid in pids), 2, "no actor to outlive its supervisor")
    yard.launch()
    yard.wait_ready()
    load.stop()


def test_it_stops_in_the_reverse_order_of_its_start(yard, kind):
    with yard.door("acme") as door:
        job = submit(yard, door, kind)
    log_from = len(yard.log())
    pids = [actor.pid for actor in yard.actors().values()]
    assert yard.stop_daemon() == 0
    assert not any(is_alive(pid) for pid in pids)
    stopped = re.findall(r"^(?:<\d>)?actor_stopped .*name=([a-z-]+)", yard.log()[log_from:], re.M)
    assert tuple(stopped) == tuple(reversed(ACTORS))
    yard.launch()
    yard.wait_ready()
    with agent(yard, kind) as one:
        assert one.complete(one.take("attempt_start", 5, job=job)).name == "attempt_noted"
