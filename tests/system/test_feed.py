"""test_feed.py - feeds: a snapshot, then every event of every job, without a gap and to whom it belongs."""
import os
import signal
import sys
import threading
import time
from collections import defaultdict

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from wireyard import FINAL, WireYard, wait_for  # noqa: E402
from yardwire import job_body, pack  # noqa: E402

NUMBER, PART, JOB, SEQ, STATE = "number", "part", "job", "seq", "state"


@pytest.fixture(scope="module")
def yard():
    with WireYard(settings={"actors.crash_loop": 100, "actors.restart_most_ms": 100}) as made:
        yield made


class Reader:
    """One feed as a client reads it; knows when something is missing."""

    def __init__(self, yard, who="operator", snapshot=True, **filters):
        self.door, self.rows, self.lost = yard.door(who, hwm=0), [], False
        self.latest = self.beats = 0
        self.caught_up = False
        self.ask = self.door.tell("feed_open", snapshot=snapshot, **filters)
        self.answer = self.door.answer(self.ask, 10)
        assert self.answer is not None, "feed_open was not answered"

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.door.close()

    def take(self, limit=0.2):
        message = self.door.recv(limit)
        if message is None:
            return False
        if message.name == "feed_row" and message.ask == self.ask:
            self.lost = self.lost or message[NUMBER] != len(self.rows) + 1
            self.rows.append(message.body)
        elif message.name == "feed_beat":
            self.beats += 1
            self.caught_up, self.latest = message["caught_up"], message["latest"]
            self.lost = self.lost or self.latest != len(self.rows)
        return True

    def until(self, what, seconds=15):
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, f"it did not come: {len(self.rows)} rows, {self.rows[-1:]}"
            self.take(0.1)

    def of(self, job):
        return [row for row in self.rows if row[JOB] == job]

    def until_final(self, jobs, seconds=30):
        wanted = set(jobs)
        seen = [0]

        def all_final():
            for row in self.rows[seen[0]:]:
                if row[STATE] in FINAL:
                    wanted.discard(row[JOB])
            seen[0] = len(self.rows)
            return not wanted
        self.until(all_final, seconds)

    def check(self, begins=False):
        """No row is missing or doubled, and no event of a job is; without a snapshot a job may begin anywhere."""
        assert not self.lost
        last = defaultdict(int)
        for row in self.rows:
            job, seq = row[JOB], row[SEQ]
            if row[PART] == "snapshot":
                assert last[job] == 0, f"{job}: a snapshot after {last[job]}"
            elif last[job] or not begins:
                assert seq == last[job] + 1, f"{job}: {seq} after {last[job]}"
            last[job] = seq
        return last


def submit_many(yard, who, count, **more):
    with yard.door(who) as door:
        asks = [door.tell("job_submit", **job_body(**more)) for _ in range(count)]
        return [door.answer(ask, 10)["job"] for ask in asks]


def final_seqs(yard, jobs):
    rows = yard.sql(f"SELECT job_id, seq FROM ym.job_done WHERE job_id IN ({','.join(map(str, jobs))})")
    return {int(job): int(seq) for job, seq in rows}


def test_a_snapshot_then_changes(yard):
    old = submit_many(yard, "acme", 3, kind="quiet", name="old")
    with Reader(yard) as feed:
        feed.until(lambda: feed.caught_up)
        assert [(row[PART], row[JOB], row[SEQ], row[STATE], row["tenant"], row["name"], row["tier"]) for row in feed.rows] == \
            [("snapshot", job, 1, "QUEUED", "acme", "old", "standard") for job in old]
        assert all(row["why"] for row in feed.rows)
        new = submit_many(yard, "globex", 1, kind="quiet", name="new", tier="premium")[0]
        feed.until(lambda: feed.of(new))
        assert [(row[PART], row[SEQ], row[STATE], row["tenant"], row["tier"]) for row in feed.of(new)] == [("change", 1, "QUEUED", "globex", "premium")]
        with yard.door("operator") as door:
            for job in old + [new]:
                door.until("job_act", 5, request=os.urandom(16), job=job, verb="terminate", reason="enough")
        feed.until_final(old + [new])
        assert feed.of(old[0])[-1]["detail"] == "enough"
        feed.check()


def test_no_gap_under_load(yard):
    """Readers come while jobs are submitted and end; each sees every event from where it began."""
    worker = yard.worker("agent-1", slots=8, capabilities=["busy"])
    jobs, over = [], threading.Event()

    def load():
        while not over.is_set():
            jobs.extend(submit_many(yard, ("acme", "globex")[len(jobs) % 2], 25, kind="busy"))

    thread = threading.Thread(target=load)
    try:
        thread.start()
        wait_for(lambda: len(jobs) >= 50, 10, "some jobs")
        with Reader(yard) as first, Reader(yard, snapshot=False) as second:
            first.until(lambda: len(first.rows) > 300)
            with Reader(yard) as third:
                third.until(lambda: third.caught_up and len(third.rows) > 300)
                second.until(lambda: len(second.rows) > 300)
                over.set()
                thread.join(30)
                wait_for(lambda: len(worker.completed) >= len(jobs), 30, "all jobs to end")
                ends = final_seqs(yard, jobs)
                assert len(ends) == len(jobs)
                for feed in (first, second, third):
                    seen = {row[JOB] for row in feed.rows}
                    feed.until_final(seen | set(jobs[-25:]))
                    last = feed.check(begins=feed is second)
                    assert all(ends[job] == seq for job, seq in last.items())
                assert set(third.check()) >= set(jobs[-50:])
    finally:
        over.set()
        thread.join(30)
        worker.stop()


def test_a_killed_intake_is_noticed_and_a_new_feed_tells_all(yard):
    """The beat stops; whoever opens anew sees every live job and misses no end."""
    jobs = submit_many(yard, "acme", 20, kind="killed")
    with Reader(yard) as feed:
        feed.until(lambda: feed.caught_up and feed.beats >= 2)
        before = yard.kill("intake")
        since = feed.beats
        yard.wait_back(before)
        while feed.take(1.5):
            pass
        assert feed.beats <= since + 1, "a dead intake beats on"
    with Reader(yard) as feed:
        feed.until(lambda: feed.caught_up)
        assert {row[JOB] for row in feed.rows} >= set(jobs)
        with yard.door("acme") as door:
            for job in jobs:
                door.until("job_act", 5, request=os.urandom(16), job=job, verb="terminate")
        feed.until_final(jobs)
        feed.check()


def test_hints_that_were_lost_are_made_up_for(yard):
    """Assignment dies between its commit and its word: the comparison finds the events."""
    worker = yard.worker("agent-2", slots=8, capabilities=["lost-hints"])
    try:
        with Reader(yard) as feed:
            jobs = []
            for _ in range(3):
                jobs += submit_many(yard, "acme", 40, kind="lost-hints")
                yard.wait_back(yard.kill("assignment"))
            feed.until_final(jobs, 60)
            last, ends = feed.check(), final_seqs(yard, jobs)
            assert all(last[job] == ends[job] for job in jobs)
    finally:
        worker.stop()


def test_an_event_that_nobody_told_of_is_found(yard):
    """Hints are hints: the tables are looked at in any case."""
    job = submit_many(yard, "acme", 1, kind="untold")[0]
    with Reader(yard) as feed:
        feed.until(lambda: feed.caught_up and feed.of(job))
        yard.sql(f"""WITH moved AS (UPDATE ym.job_run SET seq = seq + 1 WHERE job_id = {job} RETURNING *)
            INSERT INTO ym.job_event (shard_id, job_id, seq, at_ms, on_event, from_state, state, attempt, fence, agent_id, who, detail)
            SELECT 0, job_id, seq, 5, 1, state, state, 0, 0, 0, 0, 'untold' FROM moved""")
        feed.until(lambda: feed.of(job)[-1]["detail"] == "untold", 10)
        feed.check()
    with yard.door("operator") as door:
        door.until("job_act", 5, request=os.urandom(16), job=job, verb="terminate")


def test_the_database_comes_back(yard):
    worker = yard.worker("agent-3", slots=8, capabilities=["outage"])
    try:
        with Reader(yard) as feed:
            jobs = submit_many(yard, "acme", 40, kind="outage")
            yard.kill_backend("ym_intake")
            with yard.door("acme") as door:
                jobs += [yard.submit(door, kind="outage") for _ in range(10)]
            feed.until_final(jobs, 60)
            last, ends = feed.check(), final_seqs(yard, jobs)
            assert all(last[job] == ends[job] for job in jobs)
    finally:
        worker.stop()


def test_filters(yard):
    with Reader(yard, tier="platinum") as tier, Reader(yard, state="TERMINATED") as state, Reader(yard, tenant="globex") as tenant:
        jobs = [submit_many(yard, who, 1, kind="filtered", tier=which)[0]
                for who, which in (("acme", "standard"), ("acme", "platinum"), ("globex", "standard"))]
        with yard.door("operator") as door:
            for job in jobs:
                door.until("job_act", 5, request=os.urandom(16), job=job, verb="terminate")
        tier.until_final(jobs[1:2])
        tenant.until_final(jobs[2:])
        state.until_final(jobs)
        assert {row[JOB] for row in tier.rows} == {jobs[1]} and {row["tier"] for row in tier.rows} == {"platinum"}
        assert {row[JOB] for row in tenant.rows} == {jobs[2]} and {row["tenant"] for row in tenant.rows} == {"globex"}
        assert [row[STATE] for row in state.rows] == ["TERMINATED"] * 3
        assert not (tier.lost or state.lost or tenant.lost), "rows are numbered per feed"


def test_a_tenant_sees_its_own_jobs_only(yard):
    with Reader(yard, "acme") as acme, Reader(yard, "globex") as globex, Reader(yard, "viewer") as viewer:
        own, other = (submit_many(yard, who, 2, kind="private") for who in ("acme", "globex"))
        acme.until(lambda: len({row[JOB] for row in acme.rows} & set(own)) == 2)
        viewer.until(lambda: len({row[JOB] for row in viewer.rows} & set(own)) == 2)
        globex.until(lambda: len({row[JOB] for row in globex.rows} & set(other)) == 2)
        assert {row["tenant"] for feed in (acme, viewer) for row in feed.rows} == {"acme"}
        assert {row["tenant"] for row in globex.rows} == {"globex"}
    with yard.door("acme") as door:
        assert door.ask("feed_open", snapshot=False, tenant="globex").code == "unknown_tenant"
        assert door.ask("feed_open", snapshot=False, tenant="acme").name == "feed_opened"
    with yard.door("operator") as door:
        for job in own + other:
            door.until("job_act", 5, request=os.urandom(16), job=job, verb="terminate")


def test_feeds_are_bounded_and_end_with_their_connection(yard):
    feeds = []
    try:
        feeds += [wait_for(lambda: (made := Reader(yard, "globex", snapshot=False)).answer.name == "feed_opened" and made, 5, "a feed")
                  for _ in range(8)]
        with yard.door("globex") as door:
            refused = door.ask("feed_open", snapshot=True)
            assert (refused.code, refused["retryable"]) == ("feed_limit", True) and refused["retry_after_ms"] > 0
            first = feeds.pop()
            first.door.tell("feed_close", feed=first.answer["feed"] + 1)    # not its own: nothing happens
            assert door.ask("feed_open", snapshot=True).code == "feed_limit"
            first.door.tell("feed_close", feed=first.answer["feed"])
            opened = door.until("feed_open", 5, snapshot=True)
            assert opened.name == "feed_opened"
            first.door.close()
        feeds.pop().door.close()
        with yard.door("globex") as door:
            assert door.until("feed_open", 10, snapshot=True).name == "feed_opened"
    finally:
        for feed in feeds:
            feed.door.close()


def test_a_question_asked_twice_opens_one_feed(yard):
    """The same ask number on the same connection: it was asked again because its answer was late."""
    with Reader(yard, "globex", snapshot=False) as feed, yard.door("globex") as other:
        for _ in range(10):
            feed.door.send_frame(pack("feed_open", {"snapshot": False}, feed.ask))
            again = feed.door.answer(feed.ask, 10)
            assert (again.name, again["feed"]) == ("feed_opened", feed.answer["feed"])
        job = submit_many(yard, "globex", 1, kind="twice")[0]
        feed.until(lambda: feed.of(job))
        feed.check()
        assert other.ask("feed_open", snapshot=False).name == "feed_opened", "the limit was not reached"
        other.until("job_act", 5, request=os.urandom(16), job=job, verb="terminate")


def test_a_reader_that_does_not_read_is_given_up(yard):
    """It is not waited for: others get their rows, and the intake its memory back."""
    with yard.door("operator", hwm=1) as lazy, Reader(yard) as feed:
        lazy.tell("feed_open", snapshot=True)
        jobs = []
        for _ in range(10):
            jobs += submit_many(yard, "acme", 100, kind="flood")
        feed.until(lambda: {row[JOB] for row in feed.rows} >= set(jobs), 30)
        feed.check()
        with yard.door("operator") as door:
            for job in jobs:
                door.tell("job_act", request=os.urandom(16), job=job, verb="terminate")
            feed.until_final(jobs, 60)
            feed.check()


def test_a_stopped_assignment_costs_no_event(yard):
    """SIGSTOP and back: its link is silent, then up again, and nothing is missing."""
    worker = yard.worker("agent-4", slots=4, capabilities=["paused"])
    try:
        with Reader(yard) as feed:
            pid = yard.pid("assignment")
            os.kill(pid, signal.SIGSTOP)
            try:
                jobs = submit_many(yard, "acme", 10, kind="paused")
            finally:
                time.sleep(0.3)    # the pause is what is tested
                os.kill(pid, signal.SIGCONT)
            feed.until_final(jobs, 60)
            last, ends = feed.check(), final_seqs(yard, jobs)
            assert all(last[job] == ends[job] for job in jobs)
    finally:
        worker.stop()
