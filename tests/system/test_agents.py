"""test_agents.py - the agents that do real work, through a whole life: made, suspended, resumed, removed, handed over."""
import os
import sqlite3
import subprocess
from contextlib import closing

import pytest

from conftest import Work, job_number, wait_agents
from yard import Yard, wait_for

GIT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
       "GIT_COMMITTER_NAME": "c", "GIT_COMMITTER_EMAIL": "c@example.org"}
SLOW = {"batch": 5, "pace_ms": 100}


@pytest.fixture(scope="module")
def yard():
    with Yard() as made:
        made.agent("items", "items-eu", region="eu", slots=4)
        made.agent("git", "git-eu", region="eu", slots=2)
        wait_agents(made, 2)
        yield made


@pytest.fixture
def work(yard):
    return Work(yard)


def rows(target):
    with closing(sqlite3.connect(target)) as store:
        return store.execute("SELECT count(*) FROM effect").fetchone()[0]


def live(yard, job):
    return int(yard.one(f"SELECT count(*) FROM ym.resource WHERE job_id = {job_number(job)}"))


def left(target):
    folder, name = os.path.split(target)
    return [entry for entry in os.listdir(folder) if entry.startswith(name)]


def test_a_suspended_job_keeps_what_it_made_and_is_handed_over_when_done(yard, work):
    source, target = work.items(60, "kept")
    job = yard.ctl(*work.submit_args(source, target, payload=SLOW)).stdout.strip()
    work.wait_state(job, "STARTED")
    yard.ctl("job", "suspend", job, "--yes")
    work.wait_state(job, "SUSPENDED")
    assert live(yard, job) == 2 and os.path.exists(target), "suspending removes nothing"
    kept = rows(target)
    yard.ctl("job", "resume", job)
    work.wait_state(job, "COMPLETED")
    assert rows(target) == 60 and kept <= 60, "nothing was done again"
    assert live(yard, job) == 0 and left(target) == [os.path.basename(target)]


def test_a_terminated_job_removes_what_it_made(yard, work):
    source, target = work.items(500, "gone")
    job = yard.ctl(*work.submit_args(source, target, payload=SLOW)).stdout.strip()
    work.wait_state(job, "STARTED")
    assert live(yard, job) == 2
    yard.ctl("job", "terminate", job, "--yes")
    work.wait_state(job, "TERMINATED")
    assert live(yard, job) == 0 and not left(target)


def test_a_target_that_was_there_stays(yard, work):
    source, target = work.items(500, "there")
    with closing(sqlite3.connect(target)) as store:
        store.execute("CREATE TABLE mine (x)")
    job = yard.ctl(*work.submit_args(source, target, payload=SLOW)).stdout.strip()
    work.wait_state(job, "STARTED")
    yard.ctl("job", "terminate", job, "--yes")
    work.wait_state(job, "TERMINATED")
    assert live(yard, job) == 0 and os.path.exists(target) and not os.path.exists(f"{target}.{job}.staging")


@pytest.fixture(scope="module")
def history(yard):
    path = yard.path("history")
    stream = "".join(f"commit refs/heads/main\ncommitter c <c@example.org> {1700000000 + number} +0000\ndata 1\nx\n"
                     f"M 644 inline file\ndata {len(str(number))}\n{number}\n" for number in range(60))
    subprocess.run(["git", "init", "-q", "-b", "main", path], env=GIT, check=True)
    subprocess.run(["git", "-C", path, "fast-import", "--quiet"], input=stream.encode(), env=GIT, check=True)
    return path


def test_a_repository_is_suspended_after_a_range_and_goes_on(yard, work, history):
    target = yard.path("kept.git")
    job = yard.ctl(*work.submit_args(history, target, kind="git-move", payload={"range": 5, "pace_ms": 300})).stdout.strip()
    work.wait_state(job, "STARTED")
    wait_for(lambda: int(work.value(job, "done")) >= 5, 20, "a range")
    yard.ctl("job", "suspend", job, "--yes")
    work.wait_state(job, "SUSPENDED")
    assert 5 <= int(work.value(job, "done")) < 60
    yard.ctl("job", "resume", job)
    work.wait_state(job, "COMPLETED")
    assert not os.path.exists(os.path.join(target, "yardmaster-made-by")) and live(yard, job) == 0
    assert subprocess.run(["git", "-C", target, "rev-list", "--count", "main"], env=GIT, check=True, capture_output=True).stdout == b"60\n"


def test_a_terminated_repository_is_removed(yard, work, history):
    target = yard.path("gone.git")
    job = yard.ctl(*work.submit_args(history, target, kind="git-move", payload={"range": 5, "pace_ms": 300})).stdout.strip()
    work.wait_state(job, "STARTED")
    yard.ctl("job", "terminate", job, "--yes")
    work.wait_state(job, "TERMINATED")
    assert not left(target) and live(yard, job) == 0


def test_a_repository_made_in_a_directory_has_a_new_address(yard, work, history):
    folder = yard.path("all")
    os.mkdir(folder)
    job = yard.ctl(*work.submit_args(history, folder + "/", kind="git-move")).stdout.strip()
    work.wait_state(job, "COMPLETED")
    assert os.listdir(folder) == ["history.git"]
    assert os.path.join(folder, "history.git") in yard.ctl("job", "get", job).stdout
