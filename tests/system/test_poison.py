"""test_poison.py - a request that ends the process that handles it is kept aside after three deaths."""
import os

import pytest
from life import quick_yard
from wireyard import wait_for
from yardwire import job_body


@pytest.fixture(scope="module")
def yard():
    with quick_yard() as made:
        yield made


def ask_until_killed(yard, body):
    """Its turn waits for a table that is locked here; there its process is killed, and what it had begun."""
    with yard.door("acme") as door:
        yard.sql("BEGIN; LOCK TABLE ym.job IN ACCESS EXCLUSIVE MODE")
        try:
            door.tell("job_submit", **body)
            wait_for(lambda: yard.one("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0", 10, "the request to be under way")
            before = yard.kill("intake")
            yard.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ym_intake'")
        finally:
            yard.sql("ROLLBACK")
        yard.wait_back(before)


def test_three_deaths_and_no_fourth(yard):
    body = job_body(request=os.urandom(16), name="poison")
    for _ in range(3):
        ask_until_killed(yard, body)
    with yard.door("acme") as door:
        answer = door.until("job_submit", 10, **body)
        assert (answer.name, answer["code"]) == ("refused", "quarantined")
        assert door.until("job_submit", 10, **body)["code"] == "quarantined"
        assert door.until("job_submit", 10, **job_body()).name == "job_accepted", "others go on"
    wait_for(lambda: yard.one("SELECT count(*) FROM ym.problem WHERE kind = 3 AND closed_ms = 0") == "1", 10, "the problem")
    assert "job_submit" in yard.one("SELECT detail FROM ym.problem WHERE kind = 3")
    assert yard.one("SELECT count(*) FROM ym.job WHERE name = 'poison'") == "0"


def test_one_that_ends_well_is_cleared(yard):
    body = job_body(request=os.urandom(16), name="innocent")
    for _ in range(2):
        ask_until_killed(yard, body)
    with yard.door("acme") as door:
        assert door.until("job_submit", 10, **body).name == "job_accepted"
    other = job_body(request=os.urandom(16), name="innocent")
    for _ in range(2):
        ask_until_killed(yard, other)
    with yard.door("acme") as door:
        assert door.until("job_submit", 10, **other).name == "job_accepted"
