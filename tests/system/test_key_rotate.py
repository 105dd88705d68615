"""test_key_rotate.py - a key is replaced while its agent works: it is the same agent, before and after."""
import pytest
from life import kind, quick_yard
from wireyard import wait_for

__all__ = ["kind"]


@pytest.fixture(scope="module")
def yard():
    with quick_yard() as made:
        yield made


def test_an_agent_keeps_its_attempt_over_a_new_key(yard, kind):
    old = yard.keys["agent-1"]
    new = yard.make_key("agent-1-anew", old.role, old.tenant)
    with yard.door("acme") as door, yard.raw_agent("agent-1", capabilities=[kind]) as agent:
        job = yard.submit(door, kind=kind)
        told = agent.take(job=job)
        assert agent.started(told).name == "attempt_noted"
        session = agent.session
        shown = yard.ctl_json("key", "rotate", old.public, new.public, key="admin")
        assert (shown["name"], shown["role"], shown["tenant"]) == ("agent-1", "agent", "agents")
        yard.wait_keys()
        assert agent.checkpoint(told, 1).name == "attempt_noted", "both are good"
    with yard.raw_agent("agent-1-anew") as agent, yard.door("operator") as operator:
        back = agent.register(session=session, held=[(job, told["fence"])], capabilities=[kind])
        assert back.name == "agent_registered" and back["session"] == session and back["lost"] == []
        assert agent.checkpoint(told, 2).name == "attempt_noted"
        yard.ctl("key", "revoke", old.public, "--yes", key="admin")
        yard.wait_keys()
        tick = int(yard.one("SELECT tick FROM ym.owner WHERE scope = 'assignment'"))
        wait_for(lambda: agent.recv(0.2) is None and int(yard.one("SELECT tick FROM ym.owner WHERE scope = 'assignment'")) > tick + 3, 10,
                 "assignment to look at revoked keys")
        assert agent.checkpoint(told, 3).name == "attempt_noted" and agent.session == session
        assert yard.act(operator, "terminate", job).name == "done"
        assert agent.take("attempt_terminate", job=job) is not None, "it is told by its new key"
        assert agent.report("attempt_terminated", told).name == "attempt_noted"
        assert yard.state(job) == "TERMINATED"
        assert yard.one("SELECT count(*) FROM ym.agent") == "1"


def test_a_drain_names_the_agent_whatever_its_key(yard):
    old = yard.keys["agent-2"]
    new = yard.make_key("agent-2-anew", old.role, old.tenant)
    with yard.raw_agent("agent-2", capabilities=["nothing"]) as agent:
        yard.ctl("key", "rotate", old.public, new.public, key="admin")
        yard.wait_keys()
        identity = yard.one("SELECT identity FROM ym.key WHERE name = 'agent-2' AND revoked_ms IS NULL LIMIT 1")
        yard.ctl("agent", "drain", "agent-2", "--reason", "new disks", "--yes", key="operator")
        assert yard.sql("SELECT agent_id FROM ym.agent_drain") == [[identity]]
        assert agent.session


def test_what_cannot_be_replaced_is_refused(yard):
    one, two = yard.make_key("rotate-1", "agent", "agents"), yard.keys["agent-3"]
    unknown = yard.ctl("key", "rotate", one.public, two.public, key="admin", check=False)
    assert unknown.returncode == 5 and "unknown_key" in unknown.stderr
    taken = yard.ctl("key", "rotate", yard.keys["agent-4"].public, two.public, key="admin", check=False)
    assert taken.returncode == 4 and "key_exists" in taken.stderr
    leaver = yard.key("rotate-2", "submitter", "acme")
    yard.ctl("key", "revoke", leaver.public, "--yes", key="admin")
    gone = yard.ctl("key", "rotate", leaver.public, one.public, key="admin", check=False)
    assert gone.returncode == 4 and "not_replaced" in gone.stderr
    denied = yard.ctl("key", "rotate", two.public, one.public, key="operator", check=False)
    assert denied.returncode == 6
