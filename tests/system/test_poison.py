"""test_poison.py - a request that ends the process that handles it is kept aside after three deaths."""
import os

import pytest
from wireyard import WireYard, wait_for
from yardwire import job_body


@pytest.fixture(scope="module")
def yard():
    with WireYard(settings={"profile": "fast", "actors.crash_loop": 100}) as made:
        yield made


def in_its_turn(yard):
    return yard.one("SELECT count(*) FROM pg_stat_activity WHERE usename = 'ym_intake' AND wait_event_type = 'Lock'") != "0"


def ask_until_killed(yard, body):
    """Its turn waits for a table that is locked here; there its process is killed."""
    with yard.door("acme") as door, yard.locked("ym.job") as _:
        door.send("job_submit", **body)
        wait_for(lambda: in_its_turn(yard), 10, "the request to be under way")
        yard.wait_back(yard.kill("intake"))


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
