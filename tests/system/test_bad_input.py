"""test_bad_input.py - what strangers and clumsy clients send, at both doors; who may do what.

After each bad act a client of good standing gets its answer, and the tables hold nothing of what was
refused.
"""
import os
import struct
import sys
import time

import msgpack
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from wireyard import AGENTS, CLIENTS, ROLES, WireYard, rss_kib, wait_for  # noqa: E402
from yardwire import HEADER, MESSAGES, header, job_body, new_certificate, pack  # noqa: E402

MIB = 1 << 20
DOORS = pytest.mark.parametrize("which", [CLIENTS, AGENTS], ids=["clients", "agents"])
USERS = {CLIENTS: "acme", AGENTS: "agent-1"}
ACTORS = {CLIENTS: "intake", AGENTS: "assignment"}
TABLES = ("job", "job_run", "job_event", "request", "requirement", "checkpoint", "id_map", "agent", "key", "tenant")
BY_ROLE = {"submitter": "acme", "viewer": "viewer", "operator": "operator", "admin": "admin", "agent": "agent-1"}


@pytest.fixture(scope="module")
def yard():
    with WireYard() as made:
        yield made


def count_rows(yard):
    """What is in the tables, without the clock."""
    columns = ", ".join(f"(SELECT count(*) FROM ym.{table})" for table in TABLES)
    return yard.sql(f"SELECT {columns}")[0]


def is_served(yard, which):
    """A client of good standing gets its answer at that door."""
    with yard.door(USERS[which], which) as door:
        if which == CLIENTS:
            return door.ask("hello", program="test").name == "welcome"
        return door.ask("agent_beat", session=0).code == "not_registered"


@pytest.fixture
def unharmed(yard):
    """Whatever the test does: nothing stored, no process lost or grown, both doors open."""
    rows, actors = count_rows(yard), yard.actors()
    sizes = {name: rss_kib(actor.pid) for name, actor in actors.items()}
    yield
    assert all(is_served(yard, which) for which in (CLIENTS, AGENTS))
    assert count_rows(yard) == rows
    assert {name: actor.pid for name, actor in yard.actors().items()} == {name: actor.pid for name, actor in actors.items()}
    grown = {name: yard.grown_kib(actors[name].pid, size) for name, size in sizes.items()}
    assert all(size < 64 * 1024 for size in grown.values()), grown


# --- frames ---

GOOD = {CLIENTS: ("job_get", {"job": 1}), AGENTS: ("agent_beat", {"session": 0})}


def bad_frames(which):
    name, body = GOOD[which]
    frame = pack(name, body, 1)
    return {"empty": b"", "one octet": b"\1", "half a header": frame[:20], "a header less one": frame[:HEADER.size - 1],
            "another version": header(MESSAGES[name].number, 1, version=2) + frame[HEADER.size:],
            "a flag": header(MESSAGES[name].number, 1, flags=1) + frame[HEADER.size:], "noise": os.urandom(300)}


@DOORS
@pytest.mark.parametrize("kind", bad_frames(CLIENTS))
def test_a_frame_without_a_header_is_malformed(yard, unharmed, which, kind):
    with yard.door(USERS[which], which) as door:
        assert door.ask_frame(bad_frames(which)[kind]).code == "malformed"
        assert door.ask_frame(pack(*GOOD[which], 7)).ask == 7, "the same connection goes on"


def bodies(which):
    good = msgpack.packb(GOOD[which][1])
    return {"nothing": (b"", "malformed"), "truncated": (good[:-1], "malformed"), "trailing": (good + b"\0", "malformed"),
            "two values": (good + good, "malformed"), "a number": (b"\1", "type"), "a list": (b"\x91\1", "type"),
            "nil": (b"\xc0", "type"), "text": (b"\xa1a", "type"), "an ext": (b"\xd4\1\0", "malformed"),
            "never used": (b"\xc1", "malformed"), "a map of 2^32": (b"\xdf\xff\xff\xff\xff", "malformed"),
            "a list of 2^32": (b"\xdd\xff\xff\xff\xff", "malformed"), "text of 4 GiB": (b"\xdb\xff\xff\xff\xff", "malformed"),
            "binary of 4 GiB": (b"\xc6\xff\xff\xff\xff", "malformed"), "a field of 2^32": (b"\x81\xa3job\xdd\xff\xff\xff\xff", "malformed"),
            "deep lists": (b"\x91" * 100_000 + b"\0", "malformed"), "deep maps": (b"\x81\xa1a" * 100_000 + b"\0", "malformed"),
            "a wide bomb": (b"\x81\xa1a\xdd\x00\x07\xa1\x20" + b"\x90" * 500_000, None),
            "a deep and wide bomb": (b"\x81\xa1a" + b"\xdc\xff\xff" * 4 + b"\xc0" * 900_000, "malformed")}


@DOORS
@pytest.mark.parametrize("kind", bodies(CLIENTS))
def test_a_body_that_is_no_map_is_told_so(yard, unharmed, which, kind):
    body, code = bodies(which)[kind]
    with yard.door(USERS[which], which) as door:
        for _ in range(5):
            answer = door.ask_frame(pack(GOOD[which][0], body, 3))
            assert (answer.code, answer.ask) == ("invalid", 3)
            if code:
                assert answer.faults == {("", code)}
            assert all(text for _, _, text in answer["faults"])


@DOORS
def test_a_frame_over_the_limit_ends_the_connection_alone(yard, unharmed, which):
    limit = MIB
    with yard.door(USERS[which], which) as door, yard.door(USERS[which], which) as other:
        name, body = GOOD[which]
        assert door.ask(name, **body)
        most = pack(name, b"\xc6" + struct.pack(">I", limit - HEADER.size - 5) + bytes(limit - HEADER.size - 5), 2)
        assert door.ask_frame(most).faults == {("", "type")}, "the largest frame is read"
        for size in (limit + 1, 2 * limit, 64 * limit):
            door.send_frame(bytes(size))
            assert other.ask(name, **body), "nobody else notices"
        wait_for(lambda: door.answer(door.tell(name, **body), 0.2), 5, "the connection to be made again")


@DOORS
def test_a_message_of_many_frames_is_malformed(yard, unharmed, which):
    with yard.door(USERS[which], which) as door:
        frame = pack(*GOOD[which], 1)
        door.send_frame(frame, frame, *[b"x"] * 200)
        assert door.recv().code == "malformed"
    with yard.door(USERS[which], which) as door:
        door.send_frame(b"", pack(*GOOD[which], 1))
        assert door.recv().code == "malformed"


# --- messages ---

@DOORS
@pytest.mark.parametrize("number", [0, 5, 0x0100, 0x0150, 0x0999, 0xffff])
def test_an_unknown_number_is_an_unknown_message(yard, unharmed, which, number):
    with yard.door(USERS[which], which) as door:
        answer = door.ask_frame(header(number, 9) + b"\x80")
        assert (answer.code, answer.ask, answer["retryable"]) == ("unknown_message", 9, False)


def expected(message, role, which):
    """What the tables say of {} sent by that role: a refusal, or '' for 'it may ask'.  A TELL that another door hears is
    not answered, since nobody waits."""
    if message.sort not in ("ASK", "TELL") or not message.roles:
        return "unknown_message"
    if role not in message.roles:
        return "role_not_allowed"
    if message.name in ("agent_list", "load_get"):
        return ""  # assignment answers them for intake, and so at its own door
    at_home = {"common": True, "client": which == CLIENTS, "agent": which == AGENTS, "bus": False}[message.file]
    return "" if at_home or message.sort == "TELL" else "unknown_message"


@DOORS
@pytest.mark.parametrize("role", ROLES)
def test_role_matrix(yard, unharmed, which, role):
    """R17: every message of schema/wire, by every role, at both doors."""
    wrong = []
    with yard.door(BY_ROLE[role], which) as door:
        for message in MESSAGES.values():
            if message.name == "hello":
                continue
            ask = door.tell(message.name)
            end = door.tell("hello", program="end")
            answers = []
            while not answers or answers[-1].ask != end:
                answers.append(door.recv())
            said = next((answer.code for answer in answers[:-1] if answer.ask == ask), "")
            allowed = said not in ("role_not_allowed", "unknown_message")
            want = expected(message, role, which)
            if said != want if want else not allowed:
                wrong.append((message.name, said, want))
    assert wrong == []


@DOORS
@pytest.mark.parametrize("role", ROLES)
def test_everybody_may_say_hello(yard, unharmed, which, role):
    with yard.door(BY_ROLE[role], which) as door:
        welcome = door.ask("hello", program="test 1.0")
        assert (welcome.name, welcome["role"], welcome["name"]) == ("welcome", role, BY_ROLE[role])
        assert welcome["tenant"] == yard.keys[BY_ROLE[role]].tenant and welcome["message_max"] == MIB


def test_who_may_is_tried_before_what_is_said(yard, unharmed):
    with yard.door("viewer") as door:
        assert door.ask_frame(pack("job_submit", b"\xc1", 1)).code == "role_not_allowed"


# --- fields ---

SUBMITS = {
    "nothing": ({}, {("/request", "missing"), ("/name", "missing"), ("/kind", "missing"), ("/tier", "missing"), ("/source", "missing"),
                     ("/target", "missing")}),
    "unknown": ({"colour": "red"}, {("/colour", "unknown")}),
    "misspelt": ({"teir": "standard"}, {("/teir", "unknown")}),
    "many": ({"name": "", "tier": "gold", "source": 7, "target": "", "payload": "text", "regions": ["EU", ""], "pool": "", "colour": 1},
             {("/name", "length"), ("/tier", "range"), ("/source", "type"), ("/target", "length"), ("/payload", "type"),
              ("/regions/0", "text"), ("/regions/1", "length"), ("/pool", "text"), ("/colour", "unknown")}),
    "request too short": ({"request": b"x" * 15}, {("/request", "length")}),
    "request too long": ({"request": b"x" * 17}, {("/request", "length")}),
    "request as text": ({"request": "x" * 16}, {("/request", "type")}),
    "name too long": ({"name": "n" * 81}, {("/name", "length")}),
    "name with NUL": ({"name": "a\0b"}, {("/name", "text")}),
    "kind with a space": ({"kind": "a b"}, {("/kind", "text")}),
    "kind of 41": ({"kind": "k" * 41}, {("/kind", "length")}),
    "tier as a number": ({"tier": 1}, {("/tier", "type")}),
    "tier in capitals": ({"tier": "STANDARD"}, {("/tier", "range")}),
    "nil": ({"source": None}, set()),
    "source too long": ({"source": "s" * 1025}, {("/source", "length")}),
    "payload too long": ({"payload": bytes(65537)}, {("/payload", "length")}),
    "capabilities no list": ({"capabilities": "x"}, {("/capabilities", "type")}),
    "capabilities too many": ({"capabilities": ["x"] * 16}, {("/capabilities", "length")}),
    "capabilities odd": ({"capabilities": [1, "a" * 41, "ok"]}, {("/capabilities/0", "type"), ("/capabilities/1", "length")}),
    "float": ({"name": 1.5}, {("/name", "type")}),
    "true": ({"tier": True}, {("/tier", "type")}),
}


@pytest.mark.parametrize("kind", [kind for kind in SUBMITS if SUBMITS[kind][1]])
def test_every_fault_of_a_submit_is_listed(yard, unharmed, kind):
    fields, faults = SUBMITS[kind]
    body = {**job_body(), **fields} if kind != "nothing" else {}
    with yard.door("acme") as door:
        answer = door.ask("job_submit", **body)
        assert answer.code == "invalid" and not answer["retryable"] and answer["text"]
        assert answer.faults == faults
        assert all(0 < len(text) <= 80 for _, _, text in answer["faults"])


def test_a_misspelt_field_names_the_one_that_was_meant(yard, unharmed):
    with yard.door("acme") as door:
        (path, code, text), = door.ask("job_submit", **job_body(), teir="standard")["faults"]
        assert (path, code) == ("/teir", "unknown") and "tier" in text


def test_a_field_that_is_there_twice_is_a_fault(yard, unharmed):
    pairs = [(name, value) for name, value in job_body().items()] + [("name", "again"), ("tier", "platinum")]
    body = bytes([0x80 | len(pairs)]) + b"".join(msgpack.packb(name) + msgpack.packb(value) for name, value in pairs)
    with yard.door("acme") as door:
        answer = door.ask_frame(pack("job_submit", body, 1))
        assert answer.code == "invalid" and answer.faults == {("/name", "repeated"), ("/tier", "repeated")}


def test_text_that_is_no_utf_8_is_a_fault(yard, unharmed):
    for octets in (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"):
        body = msgpack.packb({**job_body(), "name": "@" * len(octets)}).replace(b"@" * len(octets), octets)
        with yard.door("acme") as door:
            assert door.ask_frame(pack("job_submit", body, 1)).faults == {("/name", "text")}


def test_a_name_that_is_no_word_is_not_repeated(yard, unharmed):
    with yard.door("acme") as door:
        body = msgpack.packb({**job_body(), "\x1b[31mred": 1, b"octets": 2, 7: 3})
        answer = door.ask_frame(pack("job_submit", body, 1))
        assert answer.code == "invalid" and answer.faults == {("", "unknown")} and len(answer["faults"]) == 3
        assert b"\x1b" not in answer.octets


def test_faults_end_at_sixteen(yard, unharmed):
    with yard.door("acme") as door:
        answer = door.ask("job_submit", **{f"f{number}": number for number in range(5000)})
        assert answer.code == "invalid" and len(answer["faults"]) == 16


NUMBERS = [("job_get", "job", 0, "range"), ("job_get", "job", -1, "range"), ("job_get", "job", 1 << 63, "range"), ("job_get", "job", "1", "type"),
           ("job_get", "job", 1.0, "type"), ("job_get", "job", None, "type"), ("job_get", "job", True, "type"),
           ("job_list", "limit", 201, "range"), ("job_list", "limit", 0, "range"), ("job_list", "limit", -1, "range"), ("job_list", "state", "DONE", "range"),
           ("job_list", "tier", "gold", "range"), ("job_watch", "after", 1 << 31, "range"), ("queue_get", "tier", "", "range"),
           ("agent_list", "after", "a" * 41, "length"), ("job_explain", "job", [], "type")]


@pytest.mark.parametrize("name, field, value, code", NUMBERS)
def test_wrong_types_and_ranges(yard, unharmed, name, field, value, code):
    good = {"job": 1} if field == "after" and name == "job_watch" else {"limit": 1} if name == "job_list" else {}
    with yard.door("acme") as door:
        answer = door.ask(name, **{**good, field: value})
        assert (answer.code, answer.faults) == ("invalid", {("/" + field, code)})


REGISTER = {"session": 0, "request": bytes(16), "region": "eu", "pool": "shared", "capabilities": ["x"], "slots": 1, "held": []}
REPORTS = [("agent_register", {**REGISTER, "slots": 10001, "region": "", "pool": "a b", "capabilities": [""], "held": [[1, 2, 3], [0, 1]], "x": 1},
            {("/slots", "range"), ("/region", "text"), ("/pool", "text"), ("/capabilities/0", "length"), ("/held/0", "length"),
             ("/held/1/job", "range"), ("/x", "unknown")}),
           ("agent_register", {**REGISTER, "held": [[1, 1]] * 1001}, {("/held", "length")}),
           ("agent_beat", {"session": -1}, {("/session", "range")}),
           ("attempt_started", {"session": 1, "job": 1}, {("/fence", "missing")}),
           ("attempt_checkpoint", {"session": 1, "job": 1, "fence": 1, "checkpoint": 1, "resume": bytes(65537), "mark": "m" * 201, "done": -1,
                                   "total": "all", "mappings": [["s"], ["s" * 129, "t"], "st"]},
            {("/resume", "length"), ("/mark", "length"), ("/done", "range"), ("/total", "type"), ("/mappings/0", "length"),
             ("/mappings/1/source", "length"), ("/mappings/2", "type")}),
           ("attempt_completed", {"session": 1, "job": 1, "fence": 1, "done": 1, "total": 1, "result": "r" * 1025}, {("/result", "length")}),
           ("attempt_failed", {"session": 1, "job": 1, "fence": 1, "retryable": 1, "text": b"t"}, {("/retryable", "type"), ("/text", "type")}),
           ("attempt_lookup", {"session": 1, "job": 1, "fence": 1, "sources": [["a"]] * 1001}, {("/sources", "length")})]


@pytest.mark.parametrize("name, body, faults", REPORTS)
def test_every_fault_of_an_agents_message_is_listed(yard, unharmed, name, body, faults):
    with yard.door("agent-1", AGENTS) as door:
        answer = door.ask(name, **body)
        assert (answer.code, answer.faults) == ("invalid", faults)


# --- who sees what ---

@pytest.fixture(scope="module")
def job(yard):
    """A job of acme that waits for ever."""
    with yard.door("acme") as door:
        return yard.submit(door, capabilities=["nobody-has-this"])


@pytest.mark.parametrize("name", ["job_get", "job_watch", "job_explain", "job_act"])
def test_a_job_of_another_tenant_is_no_job(yard, job, unharmed, name):
    more = {"request": bytes(15) + b"f", "verb": "terminate"} if name == "job_act" else {}
    with yard.door("globex") as door:
        foreign, unknown = door.ask(name, job=job, **more), door.ask(name, job=job + 1, **more)
        assert foreign.code == "unknown_job"
        assert foreign.octets == unknown.octets, "the answers differ"
        assert job not in [row[0] for row in door.ask("job_list", limit=200)["jobs"]]
        door.tell("job_unwatch", job=job)
        assert door.ask("job_list", limit=200, before=job + 1)["jobs"] == []
    assert yard.state(job) == "QUEUED"


def test_an_operator_sees_every_tenants_job(yard, job, unharmed):
    with yard.door("operator") as door:
        assert door.ask("job_get", job=job)["tenant"] == "acme"
        assert job in [row[0] for row in door.ask("job_list", limit=200)["jobs"]]


# --- the same request again ---

def test_the_same_request_is_one_job(yard):
    body = job_body(capabilities=["nobody-has-this"], regions=["us", "eu"])
    with yard.door("acme") as door, yard.door("acme") as other:
        first = door.ask("job_submit", **body)
        again = other.ask("job_submit", **dict(reversed(body.items())))
        assert first.name == "job_accepted" and first.octets == again.octets, "the order of fields does not count"
        rows = count_rows(yard)
        for field, value in (("name", "other"), ("tier", "premium"), ("source", "elsewhere"), ("payload", b"x"), ("pool", "shared"), ("regions", ["eu", "us"])):
            assert door.ask("job_submit", **{**body, field: value}).code == "key_reused", field
        assert count_rows(yard) == rows
        assert door.ask("job_submit", **body).octets == first.octets


def test_a_request_id_belongs_to_its_tenant(yard):
    body = job_body(capabilities=["nobody-has-this"])
    with yard.door("acme") as acme, yard.door("globex") as globex:
        mine, theirs = acme.ask("job_submit", **body), globex.ask("job_submit", **{**body, "name": "theirs"})
        assert mine.name == theirs.name == "job_accepted" and mine["job"] != theirs["job"]


def test_a_request_id_is_of_one_question(yard, unharmed, job):
    """That of a submit is no good for a termination."""
    (request,), = yard.sql("SELECT encode(request, 'hex') FROM ym.request LIMIT 1")
    with yard.door("acme") as door:
        assert door.ask("job_act", request=bytes.fromhex(request), job=job, verb="terminate").code == "key_reused"


def test_the_same_request_many_times_at_once_is_one_job(yard):
    body = job_body(capabilities=["nobody-has-this"], name="at once")
    with yard.door("acme") as door, yard.door("acme") as other:
        asks = [(one, one.tell("job_submit", **body)) for _ in range(40) for one in (door, other)]
        answers = {one.answer(ask).octets for one, ask in asks}
        assert len(answers) == 1
    assert yard.one("SELECT count(*) FROM ym.job WHERE name = 'at once'") == "1"


def test_a_termination_again_gets_the_same_answer(yard):
    request = os.urandom(16)
    with yard.door("acme") as door:
        jobs = [yard.submit(door, capabilities=["nobody-has-this"]) for _ in range(2)]
        first = door.ask("job_act", request=request, job=jobs[0], reason="enough", verb="terminate")
        assert (first.name, first["state"]) == ("done", "TERMINATED")
        assert door.ask("job_act", request=request, job=jobs[0], reason="enough", verb="terminate").octets == first.octets
        assert door.ask("job_act", request=request, job=jobs[1], reason="enough", verb="terminate").code == "key_reused"
        assert door.ask("job_act", request=os.urandom(16), job=jobs[0], verb="terminate").code == "already_final"
        assert yard.state(jobs[1]) == "QUEUED"


# --- keys ---

@DOORS
@pytest.mark.parametrize("kind", ["random", "none"])
def test_who_is_not_known_gets_no_word(yard, unharmed, which, kind):
    with yard.door(new_certificate() if kind == "random" else None, which) as door:
        door.tell(*GOOD[which][:1], **GOOD[which][1])
        assert door.recv(1.0) is None


@DOORS
def test_a_known_public_key_with_another_secret_is_nobody(yard, unharmed, which):
    mine, other = yard.certificate(USERS[which]), new_certificate()
    with yard.door(mine._replace(secret=other.secret), which) as door:
        door.tell(*GOOD[which][:1], **GOOD[which][1])
        assert door.recv(1.0) is None


def test_a_revoked_key_is_out_with_the_answer(yard):
    key = yard.key("leaver", "submitter", "acme")
    with yard.door("leaver") as leaver, yard.door("admin") as admin:
        job = yard.submit(leaver, capabilities=["nobody-has-this"])
        leaver.ask("job_watch", job=job)
        done = admin.ask("key_revoke", public_key=yard.octets(key))
        assert done.name == "key_done" and done["keys"][0][5] > 0
        rows = count_rows(yard)
        leaver.tell("job_submit", **job_body())
        answer = leaver.recv(2)
        assert answer is None or answer.code == "key_revoked"
        admin.until("job_act", 5, request=os.urandom(16), job=job, verb="terminate")
        heard = [message for message in iter(lambda: leaver.recv(0.5), None)]
        assert all(message.code == "key_revoked" for message in heard), "it hears nothing more"
        assert int(count_rows(yard)[0]) == int(rows[0])
        assert admin.ask("key_revoke", public_key=yard.octets(key)).octets == done.octets
    with yard.door("leaver") as again:
        again.tell("hello", program="back")
        assert again.recv(1.0) is None


def test_a_revoked_agent_is_out_at_its_door(yard):
    key = yard.keys["agent-6"]
    with yard.door("admin") as admin, yard.raw_agent("agent-6", slots=1) as agent:
        agent.beats = False
        admin.ask("key_revoke", public_key=yard.octets(key))

        def is_out():
            said = agent.answer(agent.tell("agent_beat", session=agent.session), 0.2)
            return said is None or said.code == "key_revoked"
        wait_for(is_out, 3, "the agents' door to know")


def test_keys_by_the_admin(yard, unharmed):
    with yard.door("admin") as admin:
        public = yard.octets(yard.keys["admin"])
        assert admin.ask("key_revoke", public_key=public).code == "last_admin"
        assert admin.ask("key_revoke", public_key=os.urandom(32)).code == "unknown_key"
        acme = yard.octets(yard.keys["acme"])
        assert admin.ask("key_authorize", public_key=acme, role="admin", tenant="acme", name="acme").code == "key_exists"
        agent = {"public_key": os.urandom(32), "role": "agent", "tenant": "agents", "name": "agent-1"}
        assert admin.ask("key_authorize", **agent).code == "name_taken", "agents are told apart by their names"
        same = admin.ask("key_authorize", public_key=acme, role="submitter", tenant="acme", name="acme")
        assert same.name == "key_done" and same["keys"][0][0] == acme
        page = admin.ask("key_list")
        assert public in [row[0] for row in page["keys"]]


# --- what an operator sees of it ---

def test_refusals_are_counted(yard):
    def counted():
        with yard.door("admin") as admin:
            return admin.ask("yard_get")["refused"]
    before = counted()
    with yard.door("acme") as door:
        for _ in range(10):
            assert door.ask("job_get", job=1).code == "unknown_job"
            assert door.ask("job_get", job=0).code == "invalid"
            assert door.ask("key_list").code == "role_not_allowed"
            assert door.ask_frame(b"noise").code == "malformed"
    assert counted() - before == 40


def test_the_status_has_every_column(yard, job, unharmed):
    with yard.door("acme") as door:
        status = door.ask("job_get", job=job).body
        assert set(status) == {field.name for field in MESSAGES["job_status"].fields}
        assert {name: status[name] for name in ("job", "tenant", "name", "kind", "tier", "state", "seq", "attempt", "fence", "agent", "region",
                                                "checkpoint", "done", "total", "result", "wanted", "source", "target")} == {
            "job": job, "tenant": "acme", "name": "tiny", "kind": "raw-move", "tier": "standard", "state": "QUEUED", "seq": 1, "attempt": 0,
            "fence": 0, "agent": "", "region": "", "checkpoint": 0, "done": 0, "total": 0, "result": "", "wanted": "nothing",
            "source": "from", "target": "to"}
        now = time.time() * 1000
        assert now - 300_000 < status["submitted_at"] <= status["state_at"] <= now and status["why"] == "submitted"
