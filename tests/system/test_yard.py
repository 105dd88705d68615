"""test_yard.py - a whole yard as its users see it: through yardctl, agents and the tables."""
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from conftest import FINAL, Work, job_number, processes_of, wait_agents
from yard import ROOT, Yard, YardError, wait_for

DENIED, MISSING, CONFLICT, UNREACHABLE = 6, 5, 4, 69


def test_a_job_is_moved_and_told(yard, work):
    source, target = work.items(20)
    job = yard.ctl(*work.submit_args(source, target, name="first move", tier="premium"), "--wait", "end").stdout.split()[0]
    assert work.state(job) == "COMPLETED"
    with sqlite3.connect(target) as store:
        assert store.execute("SELECT count(*), count(DISTINCT source_id) FROM item").fetchone() == (20, 20)
    mapped = dict(yard.sql(f"SELECT source, target FROM ym.id_map WHERE job_id = {job_number(job)}"))
    with sqlite3.connect(target) as store:
        assert mapped == {source: str(number) for source, number in store.execute("SELECT source_id, target_id FROM item")}
    got = yard.ctl_json("job", "get", job)
    assert (got["job"], got["state"], got["name"], got["tier"]) == (job, "COMPLETED", "first move", "premium")
    assert (got["done"], got["total"]) == (20, 20)
    assert job in yard.ctl("job", "list", "-o", "name").stdout.split()


def test_a_watch_has_every_event_to_the_last(yard, work):
    job = work.submit(count=30, payload={"batch": 10})
    lines = yard.ctl("job", "watch", job, "-o", "jsonl").stdout.splitlines()
    events = [event for event in map(json.loads, lines) if "seq" in event]
    work.wait_state(job, "COMPLETED")
    told = [event["seq"] for event in events]
    assert told == list(range(1, told[-1] + 1)), "not from the beginning, a gap, or one told twice"
    assert told[-1] == int(work.value(job, "seq")) and events[-1]["state"] == "COMPLETED"


def test_every_move_is_legal_and_numbered_without_a_gap(yard, work):
    job = work.submit()
    work.wait_state(job, *FINAL)
    assert yard.one(f"SELECT count(*) = max(seq) FROM ym.job_event WHERE job_id = {job_number(job)}") == "t"
    assert yard.sql("""SELECT e.job_id, e.seq FROM ym.job_event e
        LEFT JOIN ym.legal_move m ON m.machine = 'job' AND m.from_state = e.from_state AND m.on_event = e.on_event AND m.to_state = e.state
        LEFT JOIN ym.note n ON n.machine = 'job' AND n.number = e.on_event AND e.state = e.from_state
        WHERE m.machine IS NULL AND n.machine IS NULL""") == []


def test_a_list_is_paged_and_complete(yard, work):
    jobs = {work.submit(count=1, name=f"page {number}") for number in range(25)}
    seen, before = [], []
    while True:
        page = yard.ctl_json("job", "list", "--limit", "10", *before)
        seen += [row["job"] for row in page["items"]]
        if not page.get("next"):
            break
        before = ["--before", page["next"]]
    assert len(seen) == len(set(seen)), "a job on two pages"
    assert jobs <= set(seen)
    assert seen == sorted(seen, reverse=True), "newest first"


def test_what_no_agent_can_run_names_every_blocker(yard, work):
    job = work.submit(capability=["teleport"], region=["mars"], pool="alone")
    found = wait_for(lambda: {row["code"] for row in yard.ctl_json("job", "explain", job)["blockers"]}, 10, "blockers")
    assert {"no_capability", "no_region", "no_pool"} <= found
    yard.ctl("job", "terminate", job, "--yes")
    assert work.state(job) == "TERMINATED"


def test_terminate_a_queued_job_once(yard, work):
    job = work.submit(capability=["nobody-has-this"])
    yard.ctl("job", "terminate", job, "--yes", "--reason", "not wanted")
    assert work.state(job) == "TERMINATED"
    assert yard.ctl("job", "terminate", job, "--yes", check=False).returncode == CONFLICT


def test_terminate_a_running_job(yard, work):
    job = work.submit(count=500, payload={"batch": 5, "pace_ms": 100})
    work.wait_state(job, "STARTED")
    yard.ctl("job", "terminate", job, "--yes")
    work.wait_state(job, "TERMINATED", seconds=10)


def test_the_same_submit_twice_is_one_job(yard, work):
    source, target = work.items(2)
    args = work.submit_args(source, target, name="once")
    first = yard.ctl(*args, "--key", "order-1").stdout
    assert yard.ctl(*args, "--key", "order-1").stdout == first
    assert int(yard.one("SELECT count(*) FROM ym.job WHERE name = 'once'")) == 1
    other = yard.ctl(*work.submit_args(source, target, name="another"), "--key", "order-1", check=False)
    assert other.returncode == CONFLICT and "key_reused" in other.stderr
    assert int(yard.one("SELECT count(*) FROM ym.job WHERE name = 'another'")) == 0


def test_a_bad_document_names_every_fault_and_leaves_nothing(yard):
    before = yard.one("SELECT count(*) FROM ym.job")
    args = ["job", "submit", "--name", "", "--kind", "", "--tier", "standard", "--source", "a", "--target", "b"]
    refused = yard.ctl(*args, check=False)
    assert refused.returncode in (64, 65)
    assert "name" in refused.stderr and "kind" in refused.stderr
    assert yard.one("SELECT count(*) FROM ym.job") == before


def test_unknown_and_foreign_jobs_look_the_same(yard, work):
    mine = work.submit(key="acme")
    foreign = yard.ctl("job", "get", mine, key="globex", check=False)
    unknown = yard.ctl("job", "get", "job_0000000000001", key="globex", check=False)
    assert foreign.returncode == unknown.returncode == MISSING
    assert foreign.stderr.replace(mine, "X") == unknown.stderr.replace("job_0000000000001", "X")
    assert yard.ctl("job", "terminate", mine, "--yes", key="globex", check=False).returncode == MISSING
    assert mine not in yard.ctl("job", "list", "-o", "name", key="globex").stdout
    assert yard.ctl_json("job", "get", mine, key="operator")["tenant"] == "acme"


def test_a_viewer_reads_and_does_not_submit(yard, work):
    job = work.submit()
    assert yard.ctl_json("job", "get", job, key="viewer")["job"] == job
    source, target = work.items(1)
    assert yard.ctl(*work.submit_args(source, target), key="viewer", check=False).returncode == DENIED
    assert yard.ctl("job", "terminate", job, "--yes", key="viewer", check=False).returncode == DENIED
    assert yard.ctl("key", "list", check=False).returncode == DENIED


def test_an_unknown_key_gets_nothing(yard):
    if "stranger" not in yard.keys:
        yard.make_key("stranger", "", "")
    refused = yard.ctl("job", "list", "--timeout", "3", key="stranger", check=False)
    assert refused.returncode in (DENIED, UNREACHABLE)
    assert refused.stdout == ""


def test_a_revoked_key_is_out_at_once(yard):
    key = yard.key("leaver", "submitter", "acme")
    yard.ctl("job", "list", key="leaver")
    yard.ctl("key", "revoke", key.public, "--yes", key="admin")
    refused = yard.ctl("job", "list", "--timeout", "3", key="leaver", check=False)
    assert refused.returncode in (DENIED, UNREACHABLE)
    assert yard.ctl("job", "list").returncode == 0


def test_a_region_is_a_wall(yard, work):
    job = work.submit(region=["us"])
    assert work.state(work.submit()) is not None
    yard.agent("items", "items-us", region="us", slots=1)
    work.wait_state(job, "COMPLETED")
    assert work.value(job, "region") == "us"
    assert yard.agents["items-us"].stop()


def test_platinum_is_served_before_what_came_earlier(own_yard):
    work = Work(own_yard)
    jobs = {tier: work.submit(tier=tier) for tier in ("standard", "premium", "platinum")}
    own_yard.agent("items", "only", slots=1)
    for job in jobs.values():
        work.wait_state(job, "COMPLETED")
    order = [row[0] for row in own_yard.sql("""SELECT j.tier FROM ym.job_event e JOIN ym.job j USING (job_id)
        WHERE e.on_event = 2 ORDER BY e.fence""")]
    assert order == ["2", "1", "0"]


def test_a_killed_agents_job_goes_on_elsewhere(own_yard):
    yard, work = own_yard, Work(own_yard)
    yard.agent("items", "first")
    yard.agent("items", "second")
    wait_agents(yard, 2)
    source, target = work.items(400)
    job = yard.ctl(*work.submit_args(source, target, payload={"batch": 10, "pace_ms": 50})).stdout.strip()
    wait_for(lambda: int(work.value(job, "checkpoint")) >= 3, 20, "three checkpoints")
    holder = work.value(job, "agent")
    yard.agents[holder].kill()
    wait_for(lambda: work.value(job, "attempt") == "2", 10, "a second attempt")
    work.wait_state(job, "COMPLETED", seconds=30)
    assert work.value(job, "agent") != holder
    with sqlite3.connect(target) as store:
        assert store.execute("SELECT count(*), count(DISTINCT source_id) FROM item").fetchone() == (400, 400)
        written = {item: fence for item, fence in store.execute("SELECT source_id, max(fence) FROM effect GROUP BY source_id")}
        assert store.execute("SELECT count(*) FROM effect").fetchone() == (400,), "work done twice"
    mapped = yard.sql(f"SELECT source, fence FROM ym.id_map WHERE job_id = {job_number(job)}")
    assert len(mapped) == 400
    redone = sum(1 for item, fence in mapped if int(fence) != written[item])
    assert redone <= 10, "more than one checkpoint interval was gone over again"


def nothing_is_lost_or_doubled(yard, work, acknowledged, seconds=60):
    """What must hold after any fault: the claim of the whole product."""
    wait_for(lambda: work.open_jobs() == 0, seconds, "all jobs to end")
    ids = {int(row[0]) for row in yard.sql("SELECT job_id FROM ym.job")}
    assert {job_number(job) for job in acknowledged} <= ids, "an acknowledged job is gone"
    assert yard.sql("SELECT job_id FROM ym.job_event WHERE on_event = 1 OR (on_event = 50 AND seq <> 1)") == []
    assert yard.sql("""SELECT job_id, count(*) FROM ym.job_event WHERE on_event = 4 GROUP BY job_id HAVING count(*) > 1""") == []
    assert yard.sql("""SELECT job_id, fence FROM ym.job_event WHERE on_event = 2 GROUP BY job_id, fence HAVING count(*) > 1""") == []
    assert yard.sql("""SELECT job_id FROM ym.job_event GROUP BY job_id HAVING count(*) <> max(seq)""") == []
    assert yard.sql("SELECT DISTINCT state FROM ym.job_done") == [["900"]]
    assert yard.sql("SELECT name, count(*) FROM ym.job GROUP BY name HAVING count(*) > 1") == [], "one request, two jobs"


def load(yard, work, first, last):
    """Submits jobs first .. last - 1, each with its own key; the ids that were acknowledged."""
    acknowledged = []
    for number in range(first, last):
        source, target = work.items(2, f"load-{number}")
        tier = ("standard", "premium", "platinum")[number % 3]
        args = work.submit_args(source, target, name=f"load {number}", tier=tier)
        acknowledged += yard.ctl(*args, "--key", f"load-{number}", "--timeout", "20").stdout.split()
    assert len(acknowledged) == last - first
    return acknowledged


class Submitter(threading.Thread):
    """Goes on submitting jobs until it is told to end."""

    def __init__(self, yard, work, first):
        super().__init__(daemon=True)
        self.yard, self.work, self.next = yard, work, first
        self.acknowledged, self.error, self.over = [], None, threading.Event()

    def run(self):
        try:
            while not self.over.is_set():
                number, self.next = self.next, self.next + 1
                self.acknowledged += load(self.yard, self.work, number, number + 1)
        except Exception as error:        # told by the test, which would not see it here
            self.error = error

    def has(self, count):
        if self.error is not None:
            raise self.error
        return len(self.acknowledged) >= count


@contextmanager
def under_load(yard, work, first, more=5):
    """Submits are under way while the block runs and some come after it; the acknowledged ids, complete afterwards."""
    submitters = [Submitter(yard, work, first + 1000 * number) for number in range(3)]
    for submitter in submitters:
        submitter.start()
    acknowledged = []
    try:
        wait_for(lambda: all(submitter.has(2) for submitter in submitters), 30, "the load to be under way")
        yield acknowledged
        for submitter in submitters:
            enough = len(submitter.acknowledged) + more
            wait_for(lambda: submitter.has(enough), 60, "submits to be acknowledged after the fault")
    finally:
        for submitter in submitters:
            submitter.over.set()
        for submitter in submitters:
            submitter.join(60)
    for submitter in submitters:
        assert submitter.has(0) and not submitter.is_alive()
        acknowledged += submitter.acknowledged


@pytest.mark.parametrize("victim", ["assignment", "queue-standard", "queue-premium", "queue-platinum", "intake"])
def test_kill_each_actor_under_load(victim, hurt):
    yard, work = hurt
    with under_load(yard, work, 0) as acknowledged:
        before = yard.kill(victim)
        after = yard.wait_back(before)
        assert after.incarnation > before.incarnation and after.restarts >= before.restarts + 1
    nothing_is_lost_or_doubled(yard, work, acknowledged)


@pytest.fixture
def hurt(own_yard):
    own_yard.agent("items", "one")
    own_yard.agent("items", "two", region="us")
    wait_agents(own_yard, 2)
    return own_yard, Work(own_yard)


@pytest.mark.parametrize("role", ["ym_intake", "ym_queue", "ym_assignment"])
def test_kill_a_backend_under_load(role, hurt):
    yard, work = hurt
    with under_load(yard, work, 0) as acknowledged:
        yard.kill_backend(role)
    nothing_is_lost_or_doubled(yard, work, acknowledged)


def test_what_came_back_unheard_is_leased_again(hurt):
    """The end of an attempt is committed, and the connection breaks before anybody hears of it."""
    yard, work = hurt
    job = work.submit(count=300, payload={"batch": 5, "pace_ms": 50})
    work.wait_state(job, "STARTED")
    yard.kill("assignment", signal.SIGSTOP)
    try:
        yard.sql(f"""SELECT ym.attempt_end (state_at, ARRAY[job_id], ARRAY[fence], ARRAY[holder], ARRAY[0], ARRAY[7]::int2[], ARRAY[0],
            ARRAY[0], ARRAY[''], ARRAY[false], 100, 100, 0) FROM ym.job_run WHERE job_id = {job_number(job)}""")
        assert work.state(job) == "QUEUED"
        yard.sql("SELECT pg_terminate_backend (pid) FROM pg_stat_activity WHERE usename = 'ym_assignment'")
    finally:
        yard.kill("assignment", signal.SIGCONT)
    work.wait_state(job, "COMPLETED")
    assert int(work.value(job, "attempt")) >= 2


def test_postgresql_crashes_under_load(hurt):
    yard, work = hurt
    with under_load(yard, work, 0) as acknowledged:
        yard.cluster("restart-immediate")
    nothing_is_lost_or_doubled(yard, work, acknowledged)


def test_yardmasterd_is_killed_and_started_again(hurt):
    yard, work = hurt
    acknowledged = load(yard, work, 0, 10)
    actors = [actor.pid for actor in yard.actors().values()]
    with under_load(yard, work, 1000) as more:
        yard.daemon.kill()
        yard.daemon.wait(10)
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in actors), 10, "no actor to outlive its supervisor")
        yard.launch()
        yard.wait_ready()
    acknowledged += more
    nothing_is_lost_or_doubled(yard, work, acknowledged)


def test_postgresql_is_down_at_the_start():
    yard = Yard()
    with yard:
        assert yard.stop_daemon() == 0
        yard.cluster("halt")
        yard.launch()
        wait_for(yard.hear, 30, "READY without a database")
        work = Work(yard)
        source, target = work.items(1)
        refused = yard.ctl(*work.submit_args(source, target), "--timeout", "2", check=False)
        assert refused.returncode == UNREACHABLE
        yard.cluster("start", "--with-pid", str(os.getpid()))
        yard.agent("items", "late")
        job = yard.ctl(*work.submit_args(source, target), "--timeout", "20").stdout.strip()
        work.wait_state(job, "COMPLETED")


def test_a_yard_leaves_nothing_behind():
    with Yard() as yard:
        yard.agent("items", "one")
        base = yard.base
        assert processes_of(base)
    assert not os.path.exists(base)
    wait_for(lambda: not processes_of(base), 5, "the last process to be gone")


def test_a_killed_owner_takes_its_yard_along():
    program = os.path.join(ROOT, "scripts", "dev", "yard.py")
    build = os.environ.get("YARD_BUILD") or os.path.join(ROOT, "build", "release")
    owner = subprocess.Popen([sys.executable, program, build, "items"], stdout=subprocess.PIPE, text=True)
    try:
        base = next(line.split()[1].rstrip(";") for line in owner.stdout if "Ctrl-C" in line)
        assert processes_of(base)
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait(10)
        owner.stdout.close()
    wait_for(lambda: not processes_of(base) and not os.path.exists(base), 30, "the yard to end with its owner")


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(YardError, match="not built"):
        Yard(build=str(tmp_path)).program("yardmasterd")
