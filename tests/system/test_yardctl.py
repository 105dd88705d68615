"""test_yardctl.py - a job's life and the yard's policy through the command, as people use it."""
import json
import signal
import subprocess

import pytest

from conftest import FINAL, wait_agents
from yard import Yard, spawn, wait_for

CONFLICT, MISSING, DENIED, USAGE = 4, 5, 6, 64


@pytest.fixture(scope="module")
def yard():
    with Yard() as made:
        made.agent("items", "eu-a1", region="eu", slots=4)
        wait_agents(made, 1)
        yield made


def blockers(yard, job, *more):
    verb = "why-not" if more else "explain"
    return {row["code"] for row in yard.ctl_json("job", verb, job, *more)["blockers"]}


def await_blocker(yard, job, code, *more):
    return wait_for(lambda: code in blockers(yard, job, *more), 15, f"{job} to be blocked by {code}")


def outcome(yard, *args, **more):
    return json.loads(yard.ctl(*args, "-o", "json", **more).stdout)


def test_a_plan_changes_nothing_and_an_older_version_is_refused(yard, work):
    job = submit_held(yard, work)
    planned = outcome(yard, "job", "release", job, "--plan", key="operator")
    assert planned["planned"] and planned["effects"]
    assert yard.ctl_json("job", "get", job)["seq"] == planned["version"]
    yard.ctl("job", "urge", job, "--urgency", "3")
    refused = yard.ctl("job", "release", job, "--if-version", str(planned["version"]), key="operator", check=False)
    assert refused.returncode == CONFLICT and "stale_version" in refused.stderr and "--plan" in refused.stderr
    assert yard.ctl_json("job", "get", job)["hold"] == "at_submit"
    again = outcome(yard, "job", "release", job, "--plan", key="operator")
    yard.ctl("job", "release", job, "--if-version", str(again["version"]), key="operator")
    work.wait_state(job, "COMPLETED")


def submit_held(yard, work, *more):
    source, target = work.items(3)
    return yard.ctl(*work.submit_args(source, target), "--hold", *more).stdout.strip()


def test_the_same_key_changes_once(yard, work):
    job = submit_held(yard, work)
    first = yard.ctl("job", "release", job, "--key", "once", key="operator").stdout
    assert yard.ctl("job", "release", job, "--key", "once", key="operator").stdout == first
    assert yard.ctl("job", "hold", job, "--key", "once", key="operator", check=False).returncode == CONFLICT
    work.wait_state(job, "COMPLETED")


def test_only_who_suspended_it_resumes_it(yard, work):
    job = work.submit(count=400, payload={"batch": 5, "pace_ms": 20})
    work.wait_state(job, "STARTED")
    yard.ctl("job", "suspend", job, "--reason", "lunch")
    work.wait_state(job, "SUSPENDED")
    shown = yard.ctl("job", "get", job).stdout
    assert "suspender" in shown and "owner" in shown
    refused = yard.ctl("job", "resume", job, key="operator", check=False)
    assert refused.returncode == CONFLICT and "not_suspender" in refused.stderr
    kept = yard.ctl_json("job", "get", job)["done"]
    yard.ctl("job", "resume", job)
    work.wait_state(job, "COMPLETED", seconds=40)
    assert kept <= yard.ctl_json("job", "get", job)["done"] == 400


def test_several_at_once_and_the_first_failure_is_the_status(yard, work):
    one, other = submit_held(yard, work), submit_held(yard, work)
    yard.ctl("job", "release", one, key="operator")
    work.wait_state(one, "COMPLETED")
    done = yard.ctl("job", "terminate", one, other, "--yes", check=False)
    assert done.returncode == CONFLICT and "already_final" in done.stderr
    assert work.state(other) == "TERMINATED"


def test_nothing_is_terminated_without_a_yes(yard, work):
    job = submit_held(yard, work)
    assert yard.ctl("job", "terminate", job, check=False).returncode == USAGE
    assert work.state(job) == "QUEUED"
    yard.ctl("job", "terminate", job, "--yes")


def test_a_history_names_who_asked(yard, work):
    job = submit_held(yard, work)
    yard.ctl("job", "hold", job, "--reason", "audit", key="operator", check=False)
    yard.ctl("job", "terminate", job, "--yes", "--reason", "not wanted", key="operator")
    events = yard.ctl_json("job", "events", job)["items"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["who"] == "acme" and events[-1]["who"] == "operator"
    assert events[-1]["state"] == "TERMINATED" and "not wanted" in events[-1]["detail"]
    page = yard.ctl_json("job", "events", job, "--limit", "1")
    assert page["items"] == events[:1] and page["next"] == "1"
    assert yard.ctl_json("job", "events", job, "--after", "1")["items"] == events[1:]


def test_a_job_waits_for_another(yard, work):
    first = submit_held(yard, work)
    second = yard.ctl(*work.submit_args(*work.items(2)), "--after", first[-6:] + ":any").stdout.strip()
    await_blocker(yard, second, "dependency")
    circle = yard.ctl("job", "depend", first, "--on", second, check=False)
    assert circle.returncode == CONFLICT and "dependency_cycle" in circle.stderr
    yard.ctl("job", "terminate", first, "--yes")
    work.wait_state(second, "COMPLETED")


def test_a_stopped_queue_is_named_and_starts_again(yard, work):
    planned = outcome(yard, "queue", "stop", "premium", "--plan", key="operator")
    yard.ctl("queue", "stop", "premium", "--reason", "incident 12", "--if-version", str(planned["version"]), key="operator")
    job = work.submit(tier="premium")
    await_blocker(yard, job, "queue_stopped")
    wait_for(lambda: "incident 12" in yard.ctl("queues").stdout, 10, "the queue to say why")
    stale = yard.ctl("queue", "start", "premium", "--if-version", str(planned["version"]), key="operator", check=False)
    assert stale.returncode == CONFLICT
    assert yard.ctl("queue", "start", "premium", check=False).returncode == DENIED
    yard.ctl("queue", "start", "premium", key="operator")
    work.wait_state(job, "COMPLETED")


def test_a_drained_agent_is_named_and_comes_back(yard, work):
    yard.ctl("agent", "drain", "eu-a1", "--deadline", "1h", "--reason", "new disk", key="operator")
    wait_for(lambda: yard.ctl_json("agents")["items"][0]["draining"], 10, "the agent to be drained")
    assert yard.ctl_json("agents")["items"][0]["drain_reason"] == "new disk"
    job = work.submit()
    await_blocker(yard, job, "agents_drained")
    await_blocker(yard, job, "agents_drained", "--agent", "eu-a1")
    assert yard.ctl("agent", "drain", "nobody", key="operator", check=False).returncode == MISSING
    yard.ctl("agent", "undrain", "eu-a1", key="operator")
    work.wait_state(job, "COMPLETED")


def test_a_window_is_named_and_may_be_taken_back(yard, work):
    window = ("window", "add", "region:eu", "--to", "+1h", "--reason", "switch")
    version = outcome(yard, *window, "--plan", key="operator")["version"]
    stale = yard.ctl(*window, "--if-version", str(version - 1), key="operator", check=False)
    assert stale.returncode == CONFLICT and "stale_version" in stale.stderr
    made = outcome(yard, *window, "--if-version", str(version), key="operator")["made"]
    assert [row["window"] for row in yard.ctl_json("windows")["items"]] == [made]
    job = work.submit()
    await_blocker(yard, job, "window")
    yard.ctl("window", "remove", str(made), key="operator")
    work.wait_state(job, "COMPLETED")
    assert yard.ctl_json("windows")["items"] == []


def test_a_cap_on_running_jobs_is_named_and_lifted(yard, work):
    yard.ctl("tenant", "set", "acme", "--running-max", "1", key="operator")
    running = work.submit(count=2000, payload={"batch": 5, "pace_ms": 100})
    work.wait_state(running, "STARTED")
    waiting = work.submit()
    await_blocker(yard, waiting, "running_cap")
    yard.ctl("tenant", "set", "acme", "--running-max", "0", key="operator")
    work.wait_state(waiting, "COMPLETED")
    yard.ctl("job", "terminate", running, "--yes")


def test_top_once(yard, work):
    job = work.submit(count=2000, payload={"batch": 5, "pace_ms": 100})
    work.wait_state(job, "STARTED")
    seen = wait_for(lambda: (top := yard.ctl_json("top"))["used"] and top, 10, "a slot to be used")
    assert [tier["tier"] for tier in seen["tiers"]] == ["platinum", "premium", "standard"]
    assert seen["connected"] == 1 and seen["slots"] == 4 and seen["tiers"][2]["running"] >= 1
    shown = yard.ctl("top").stdout
    assert "TIER" in shown and "eu-a1" in shown and "\033" not in shown
    yard.ctl("job", "terminate", job, "--yes")


class Watching:
    """yardctl watch as a process; what it printed."""

    def __init__(self, yard, *args):
        self.path = yard.path("watched")
        env = {**yard.environment, "YARD_ENDPOINT": f"tcp://127.0.0.1:{yard.ports[0].number}",
               "YARD_SERVER_KEY": yard.path("keys", "door"), "YARD_CERT": yard.keys["operator"].secret}
        with open(self.path, "wb") as file:
            self.process = spawn([yard.program("yardctl"), "watch", "-o", "jsonl", *args], env=env, stdout=file,
                                 stderr=subprocess.STDOUT)

    def rows(self):
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)


def test_a_feed_outlives_intake(yard, work):
    watching = Watching(yard, "--snapshot")
    wait_for(lambda: {"event": "caught_up"} in watching.rows(), 15, "the feed to be caught up")
    job = work.submit(count=300, payload={"batch": 5, "pace_ms": 30})
    wait_for(lambda: [row for row in watching.rows() if row.get("job") == job], 15, "a row of the job")
    yard.wait_back(yard.kill("intake"))
    work.wait_state(job, *FINAL, seconds=40)
    ends = lambda: [row for row in watching.rows() if row.get("job") == job and row["final"]]
    try:
        wait_for(ends, 20, "the end of the job in the feed")
    finally:
        watching.end()
    rows = watching.rows()
    assert "resnapshot" in [row["event"] for row in rows], "it was told that events may be missing"
    expected = None
    for row in rows:
        if row["event"] == "resnapshot":
            expected = None
        if row.get("job") == job:
            assert expected is None or row["seq"] == expected, "a gap without a word"
            expected = row["seq"] + 1
    assert len(ends()) == 1
