"""test_hostile.py - those who mean harm, and those who read nothing; the world failing under the yard.

After each a client of good standing is served, and no process has grown or died of it.
"""
import os
import random
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time

import pytest
import zmq

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from wireyard import AGENTS, CLIENTS, Psql, WireYard, descriptors, rss_kib, wait_for  # noqa: E402
from yard import die_with  # noqa: E402
from yardwire import Door, Silence, job_body, new_certificate, pack  # noqa: E402

MIB = 1 << 20
GROWTH_KIB = 64 * 1024
DOORS = pytest.mark.parametrize("which", [CLIENTS, AGENTS], ids=["clients", "agents"])
USERS = {CLIENTS: "acme", AGENTS: "agent-1"}
ACTORS = {CLIENTS: "intake", AGENTS: "assignment"}
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00"


@pytest.fixture(scope="module")
def yard():
    with WireYard(settings={"actors.crash_loop": 100, "actors.restart_most_ms": 100, "limits.watch_max": 1100, "limits.outbox_max": 512}) as made:
        yield made


def greet(mechanism):
    return GREETING + mechanism.ljust(20, b"\0") + bytes(32)


class Patience:
    """A client of good standing that asks all the time; how long it waited at most."""

    def __init__(self, yard, which):
        self.yard, self.which, self.over, self.waits, self.silent = yard, which, threading.Event(), [], 0
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        with self.yard.door(USERS[self.which], self.which) as door:
            while not self.over.wait(0.01):
                at = time.monotonic()
                try:
                    if self.which == CLIENTS:
                        door.ask("job_list", limit=1)
                    else:
                        door.ask("hello", program="patience")
                    self.waits.append(time.monotonic() - at)
                except Silence:
                    self.silent += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *what):
        self.over.set()
        self.thread.join(10)


@pytest.fixture
def unharmed(yard):
    """Both doors open to others, the same processes, no growth; nothing stored."""
    actors = yard.actors()
    sizes = {name: (rss_kib(actor.pid), descriptors(actor.pid)) for name, actor in actors.items()}
    rows = yard.sql("SELECT (SELECT count(*) FROM ym.job), (SELECT count(*) FROM ym.request), (SELECT count(*) FROM ym.key)")
    yield
    for which in (CLIENTS, AGENTS):
        with yard.door(USERS[which], which) as door:
            assert door.ask("hello", program="test").name == "welcome"
    assert {name: actor.pid for name, actor in yard.actors().items()} == {name: actor.pid for name, actor in actors.items()}
    for name, (size, _) in sizes.items():
        grown = yard.grown_kib(actors[name].pid, size)
        assert grown < GROWTH_KIB, f"{name} grew by {grown} KiB"
        wait_for(lambda: descriptors(actors[name].pid) <= sizes[name][1] + 5, 10, f"{name} to close what it had open")
    assert yard.sql("SELECT (SELECT count(*) FROM ym.job), (SELECT count(*) FROM ym.request), (SELECT count(*) FROM ym.key)") == rows


# --- without a key ---

def frames_of_strangers(rng):
    """What a connection that is not let in may say, endlessly."""
    hello = b"\x04\xc8\x05HELLO\x01\x00" + bytes(72) + rng.randbytes(8 + 32 + 8 + 80)
    huge = b"\x02" + struct.pack(">Q", 8 << 30)
    return [rng.randbytes(64), greet(b"NULL"), greet(b"NULL") + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER",
            greet(b"PLAIN") + b"\x04\x0f\x05HELLO\x04user\x04pass", greet(b"CURVE"), greet(b"CURVE") + hello, greet(b"CURVE") + huge,
            greet(b"CURVE") + hello[:60] + huge, b"GET / HTTP/1.1\r\nHost: yard\r\n\r\n", b"\x16\x03\x01\x02\x00" + rng.randbytes(500),
            greet(b"CURVE") + b"\x06" + struct.pack(">Q", 512 * MIB)]


def flood(port, octets, seed):
    """Sends so much to a door, over as many connections as it takes."""
    rng, noise, sent = random.Random(seed), os.urandom(2 * MIB), 0
    while sent < octets:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MIB)
            one.settimeout(1)
            try:
                one.connect(("127.0.0.1", port))
                sent += one.send(rng.choice(frames_of_strangers(rng)) + noise)
                while True:
                    sent += one.send(noise)
            except OSError:
                continue  # the door closed on us


@DOORS
def test_garbage_without_a_key(yard, unharmed, which):
    """300 MiB of it."""
    pid = yard.pid(ACTORS[which])
    before, size = rss_kib(pid), []
    with Patience(yard, which) as patience:
        threads = [threading.Thread(target=flood, args=(yard.ports[which].number, 100 * MIB, seed), daemon=True) for seed in range(3)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 60
        while any(thread.is_alive() for thread in threads):
            assert time.monotonic() < end
            size.append(rss_kib(pid))
            time.sleep(0.02)
    print(f"\n300 MiB of garbage at the {ACTORS[which]}' door: at most {max(size) - before} KiB more; others waited at most {max(patience.waits) * 1000:.0f} ms")
    assert not patience.silent and max(patience.waits) < 2
    assert yard.grown_kib(pid, before) < GROWTH_KIB and (max(size) - before < GROWTH_KIB or yard.grown_kib(pid, 0) == 0)


@DOORS
def test_connections_that_only_stand_there(yard, unharmed, which):
    """200 that say nothing, half a greeting, or a greeting and no more."""
    held = []
    try:
        with Patience(yard, which) as patience:
            for number in range(200):
                one = socket.create_connection(("127.0.0.1", yard.ports[which].number), 5)
                one.sendall((b"", GREETING, greet(b"CURVE"), greet(b"CURVE") + b"\x04\xc8\x05HEL")[number % 4])
                held.append(one)
            for _ in range(50):
                with yard.door(USERS[which], which) as door:
                    assert door.ask("hello", program="between").name == "welcome"
            wait_for(lambda: all(is_closed(one) for one in held), 10, "the door to close on those that do not go on")
        assert not patience.silent and max(patience.waits) < 2
    finally:
        for one in held:
            one.close()


def is_closed(one):
    """The other side has hung up."""
    one.setblocking(False)
    try:
        while one.recv(4096):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


@DOORS
def test_many_with_random_keys(yard, unharmed, which):
    with Patience(yard, which) as patience:
        doors = [yard.door(new_certificate() if number % 4 else None, which) for number in range(200)]
        for door in doors:
            door.tell("hello", program="stranger")
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert all(door.recv(0) is None for door in doors)
            time.sleep(0.1)
        for door in doors:
            door.close()
    assert not patience.silent and max(patience.waits) < 2


@DOORS
def test_what_was_recorded_is_worth_nothing(yard, unharmed, which):
    """The octets of a good session, sent again by somebody else."""
    recorded, stop = [], threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as relay:
        port = relay.getsockname()[1]
        thread = threading.Thread(target=record, args=(relay, yard.ports[which].number, recorded, stop), daemon=True)
        thread.start()
        with Door(f"tcp://127.0.0.1:{port}", yard.certificate(USERS[which]), yard.server) as door:
            assert door.ask("hello", program="recorded").name == "welcome"
        stop.set()
        thread.join(5)
    octets = b"".join(recorded)
    assert len(octets) > 400
    with socket.create_connection(("127.0.0.1", yard.ports[which].number), 5) as thief:
        thief.settimeout(3)
        heard = b""
        try:
            thief.sendall(octets)
            while chunk := thief.recv(4096):
                heard += chunk
        except OSError:
            pass
    assert len(heard) <= 64 + 2 + 168 + 200, "a greeting and a WELCOME to the client's own key are all it may get"


def record(relay, port, recorded, stop):
    """Passes one connection on and keeps what the client said."""
    relay.settimeout(5)
    client, _ = relay.accept()
    with client, socket.create_connection(("127.0.0.1", port), 5) as server:
        for one in (client, server):
            one.settimeout(0.02)
        while not stop.is_set():
            for one, other, keep in ((client, server, recorded), (server, client, [])):
                try:
                    chunk = one.recv(65536)
                    keep.append(chunk)
                    other.sendall(chunk)
                except OSError:
                    continue


# --- with a key ---

@DOORS
def test_bombs(yard, unharmed, which):
    """A key is no leave to fill the yard's memory."""
    name = {CLIENTS: "job_submit", AGENTS: "agent_register"}[which]
    field = {CLIENTS: b"\xaccapabilities", AGENTS: b"\xa4held"}[which]
    bombs = [b"\xdf\x00\x04\x00\x00" + b"\xa1a\xc0" * 262144, b"\x81" + field + b"\xdd\x00\x0f\x00\x00" + b"\x90" * 0xf0000,
             b"\x81" + field + b"\xdd\x00\x07\x00\x00" + b"\x91\xc0" * 0x70000, b"\x81\xa1a" * 3 + b"\xdd\x00\x0e\x00\x00" + b"\x80" * 0xe0000,
             b"\xde\xff\xff" + b"".join(b"\xa4" + struct.pack(">I", number).hex().encode()[:4] + b"\xc0" for number in range(65535))]
    with Patience(yard, which) as patience, yard.door(USERS[which], which) as door:
        for _ in range(6):
            for bomb in bombs:
                answer = door.ask_frame(pack(name, bomb[:MIB - 44], 1))
                assert answer.code == "invalid" and 1 <= len(answer["faults"]) <= 16
    assert not patience.silent


@pytest.mark.parametrize("kind", ["status", "lists"])
def test_a_client_that_does_not_read(yard, kind):
    """And asks for ever: its outbox is bounded, then the connection goes; nobody else waits."""
    with yard.door("acme") as door:
        job = submit_many(door, 200, name="n" * 80, source="s" * 1024, target="t" * 1024)[0]
    ask = ("job_get", {"job": job}) if kind == "status" else ("job_list", {"limit": 200})
    pid, log_from = yard.pid("intake"), len(yard.log())
    before, most = rss_kib(pid), 0
    with Patience(yard, CLIENTS) as patience, yard.door("viewer", hwm=1) as slow:
        end = time.monotonic() + (15 if kind == "status" else 3)
        while time.monotonic() < end and "connection_lost" not in yard.log()[log_from:]:
            for _ in range(50):
                try:
                    slow.tell(ask[0], **ask[1])
                except zmq.Again:
                    time.sleep(0.002)
                    break
            most = max(most, yard.grown_kib(pid, before))
    print(f"\na client that does not read its {kind}: intake grew by at most {most} KiB; others waited at most {max(patience.waits) * 1000:.0f} ms")
    said = yard.log()[log_from:]
    assert kind == "lists" or ("connection_lost" in said and "does not read" in said)
    assert not patience.silent and max(patience.waits) < 3 and most < GROWTH_KIB
    with yard.door("viewer") as back:
        assert back.ask("job_list", limit=1).name == "job_page", "what it had asked for is in nobody's way"


def submit_many(door, count, **more):
    """Their ids; all asked before the first is answered."""
    asks = [door.tell("job_submit", **job_body(capabilities=["nobody"], **more)) for _ in range(count)]
    return [door.answer(ask, 10)["job"] for ask in asks]


def watch_many(door, jobs):
    """The refusals' codes; empty for a watch."""
    codes = []
    for part in range(0, len(jobs), 300):
        asks = [door.tell("job_watch", job=job) for job in jobs[part:part + 300]]
        codes += [door.answer(ask, 10).code for ask in asks]
    return codes


def test_watches_end_with_their_connection(yard):
    """A client that comes, watches and goes again and again takes nobody's watch."""
    with yard.door("acme") as door:
        jobs = submit_many(door, 300)
        for _ in range(5):
            with yard.door("acme") as passing:
                wait_for(lambda: set(watch_many(passing, jobs)) == {""}, 5, "room for its watches")
        with yard.door("acme") as last:
            assert last.until("job_watch", 5, job=jobs[0]).name == "job_status"


def test_watches_of_one_key_are_bounded(yard):
    with yard.door("acme") as door, yard.door("viewer") as viewer:
        jobs = [job for _ in range(3) for job in submit_many(door, 350)]
        wait_for(lambda: not any(watch_many(door, jobs[:900])), 5, "what watched before to be gone")
        codes = watch_many(door, jobs[900:])
        assert set(codes) == {"", "watch_limit"} and codes.count("watch_limit") >= 50
        assert viewer.ask("job_watch", job=jobs[1]).name == "job_status", "others still may"
        for job in jobs[:50]:
            door.tell("job_unwatch", job=job)
        assert door.ask("job_watch", job=jobs[-1]).name == "job_status"


def test_a_client_that_asks_faster_than_it_is_served(yard):
    """All are answered, or the connection ends; never an endless queue."""
    with yard.door("viewer", hwm=100000) as door, Patience(yard, CLIENTS) as patience:
        pid = yard.pid("intake")
        before = rss_kib(pid)
        frame = pack("job_list", {"limit": 1}, 1)
        for _ in range(30000):
            door.send_frame(frame)
        got = 0
        while door.socket.poll(2000):
            door.socket.recv()
            got += 1
        assert yard.grown_kib(pid, before) < GROWTH_KIB
    assert got > 100 and not patience.silent and max(patience.waits) < 3


def send_submits(door, kinds):
    """All at once; what became of each: its refusal's code, or empty."""
    asks = [door.tell("job_submit", **job_body(kind=kind)) for kind in kinds]
    return [door.answer(ask, 10).code for ask in asks]


def test_one_tenant_cannot_use_up_the_requirements(yard):
    for name in ("greedy", "modest"):
        yard.key(name, "submitter", name)
    with yard.door("greedy") as greedy, yard.door("modest") as modest:
        assert greedy.until("hello", 5, program="test").name == "welcome"
        codes = send_submits(greedy, [f"greedy-{number}" for number in range(400)])
        assert codes == [""] * 256 + ["class_limit"] * 144, "also of those that share a turn"
        assert send_submits(greedy, ["greedy-0"]) == [""], "what it has counts no more"
        assert send_submits(modest, ["modest", "greedy-399", "greedy-0"]) == ["", "", ""]
        assert send_submits(greedy, ["greedy-399"]) == [""], "what another brought is there for all"
    assert yard.one("SELECT count(*) FROM ym.requirement WHERE text LIKE '%greedy-%'") == "257"


def test_what_a_revoked_key_had_asked_is_not_begun(yard):
    """A backlog in front of the revocation, and more behind it."""
    key = yard.key("flooder", "submitter", "acme")
    with yard.door("flooder", hwm=20000) as flooder, yard.door("admin") as admin:
        assert flooder.until("hello", 5, program="test").name == "welcome"
        frames = [pack("job_submit", job_body(capabilities=["nobody"], name="flood"), number) for number in range(1, 9001)]
        for number, frame in enumerate(frames):
            flooder.send_frame(frame)
            if number == 2500:
                asked = admin.tell("key_revoke", public_key=yard.octets(key))
        assert admin.answer(asked, 10).name == "key_done"
        wait_for(lambda: admin.ask("hello", program="test").name == "welcome", 5, "its backlog to be gone")
        settled = yard.submit(admin, capabilities=["nobody"])
    assert settled
    assert yard.one("SELECT count(*) FROM ym.job j JOIN ym.key k ON k.key_id = j.submitted_by "
                    "WHERE k.name = 'flooder' AND j.submitted_ms > k.revoked_ms") == "0"


def heard(door, *actors):
    rows = {name: is_heard for name, is_heard, *_ in door.ask("yard_get")["actors"]}
    return all(rows[name] for name in actors)


def explain(door, job):
    """Asks, and waits until the question is passed on; its number."""
    ask = door.tell("job_explain", job=job)
    assert door.ask("job_get", job=job).name == "job_status", "in a turn of its own, or in the same"
    assert door.ask("hello", program="test").name == "welcome", "after that turn"
    return ask


def test_an_answer_to_a_dead_intake_reaches_nobody_else(yard):
    """Two intakes that ask as many questions; the queue answers the first when the second has asked."""
    yard.key("curious", "submitter", "curious")
    with yard.door("acme") as acme, yard.door("curious") as curious:
        assert curious.until("hello", 5, program="test").name == "welcome"
        job, other = yard.submit(acme, kind="asked-first"), yard.submit(curious, kind="asked-next", tier="premium")
        yard.wait_back(yard.kill("intake"))
        assert acme.until("hello", 5, program="test").name == "welcome"
        wait_for(lambda: heard(acme, "queue-standard", "queue-premium", "assignment"), 5, "the actors to be heard")
        slow, slower = yard.pid("queue-standard"), yard.pid("queue-premium")
        os.kill(slow, signal.SIGSTOP)
        try:
            explain(acme, job)
            yard.wait_back(yard.kill("intake"))
            curious.until("hello", 5, program="test")
            wait_for(lambda: heard(curious, "queue-premium", "assignment"), 5, "the actors to be heard")
            os.kill(slower, signal.SIGSTOP)
            ask = explain(curious, other)
        finally:
            os.kill(slow, signal.SIGCONT)
        answer = curious.answer(ask, 0.7)
        os.kill(slower, signal.SIGCONT)
        answer = answer or curious.answer(ask, 5)
        assert answer.code == "actor_unavailable" or answer["job"] == other


# --- agents that take what is not theirs ---

def test_an_agent_reports_on_anothers_attempt(yard):
    with yard.door("acme") as door, yard.raw_agent("agent-1", capabilities=["theft"]) as holder, \
            yard.raw_agent("agent-2", capabilities=["other"]) as thief:
        job = yard.submit(door, kind="theft")
        start = holder.take()
        holder.started(start)
        holder.checkpoint(start, 1, b"mine", [("s", "t")])
        rows = yard.sql(f"SELECT * FROM ym.job_run WHERE job_id = {job}") + yard.sql(f"SELECT * FROM ym.job_event WHERE job_id = {job}")
        answers = [thief.started(start), thief.checkpoint(start, 2, b"yours", [("x", "y")]), thief.complete(start), thief.fail(start, True),
                   thief.report("attempt_terminated", start), thief.report("attempt_lookup", start, sources=[["s"]])]
        assert [answer.code for answer in answers] == ["stale_lease"] * 6
        thief.tell("attempt_progress", session=thief.session, job=job, fence=start["fence"], done=99, total=99)
        assert thief.ask("agent_beat", session=holder.session).code == "not_registered" or thief.session == holder.session
        lost = thief.register(session=thief.session, held=[(job, start["fence"])], capabilities=["other"])["lost"]
        assert [tuple(pair) for pair in lost] == [(job, start["fence"])]
        assert yard.sql(f"SELECT * FROM ym.job_run WHERE job_id = {job}") + yard.sql(f"SELECT * FROM ym.job_event WHERE job_id = {job}") == rows
        assert yard.one(f"SELECT count(*) FROM ym.id_map WHERE job_id = {job}") == "1"
        assert holder.complete(start).name == "attempt_noted"


def test_numbers_out_of_the_air(yard):
    with yard.raw_agent("agent-2", capabilities=["other"]) as agent:
        for job, fence in ((1, 1), (2 ** 63 - 1, 2 ** 63 - 1), (1, 0), (2 ** 62, 2 ** 40)):
            start = {"job": job, "fence": fence}
            for answer in (agent.started(start), agent.complete(start), agent.checkpoint(start, 2 ** 63 - 1), agent.fail(start, False)):
                assert answer.code == "stale_lease"


# --- lists and watches ---

def test_a_list_of_450_is_whole(yard):
    with yard.door("globex") as door:
        asks = [door.tell("job_submit", **job_body(kind="many", name=f"{number}")) for number in range(450)]
        jobs = {door.answer(ask, 10)["job"] for ask in asks}
        assert len(jobs) == 450
        for limit in (200, 7, 1):
            seen, more = [], {}
            while len(seen) < (450 if limit > 1 else 20):
                page = door.ask("job_list", limit=limit, **more)
                seen += [row[0] for row in page["jobs"]]
                assert len(page["jobs"]) <= limit
                if "next" not in page.body:
                    break
                more = {"before": page["next"]}
            assert seen == sorted(seen, reverse=True) and len(set(seen)) == len(seen)
            assert limit == 1 or set(seen) == jobs
        assert door.ask("job_list", limit=200, state="COMPLETED")["jobs"] == []


def play(agent, start, numbers):
    for number in numbers:
        assert agent.checkpoint(start, number, done=number).name == "attempt_noted"


def events_until(door, ask, last, limit=10):
    """The numbers of the watch's events, up to the one wanted."""
    seen, end = [], time.monotonic() + limit
    while (not seen or seen[-1] < last) and time.monotonic() < end:
        message = door.find(lambda m: m.ask == ask and m.name == "job_changed", 0.5)
        if message is not None:
            seen.append(message["seq"])
    return seen


def test_a_watch_goes_on_over_a_restart_without_a_gap(yard):
    """From a number, with many events, and with intake killed in between."""
    with yard.raw_agent("agent-3", capabilities=["watched"]) as agent, yard.door("acme") as door:
        job = yard.submit(door, kind="watched")
        start = agent.take()
        agent.started(start)
        play(agent, start, range(1, 151))
        ask = door.tell("job_watch", job=job, after=0)
        assert events_until(door, ask, 153) == list(range(1, 154)), "all that is past, then the present"
        play(agent, start, range(151, 201))
        seen = events_until(door, ask, 203)
        assert seen == list(range(154, 204))
        before = yard.kill("intake")
        play(agent, start, range(201, 221))
        yard.wait_back(before)
        resumed = door.until("job_watch", 10, job=job, after=seen[-1])
        play(agent, start, range(221, 231))
        agent.complete(start)
        rest = events_until(door, resumed.ask, 234)
        assert rest == list(range(204, 235)), "a gap, or one told twice"
        last = int(yard.value(job, "seq"))
        assert rest[-1] == last
        middle = door.until("job_watch", 5, job=job, after=100)
        assert events_until(door, middle.ask, last) == list(range(101, last + 1)), "also of a job that has ended"
        assert door.find(lambda m: m.ask == middle.ask and m.name == "job_changed", 0.3) is None


def test_the_same_answer_from_the_next_intake(yard):
    """Octet for octet, over a kill -9."""
    body, end = job_body(capabilities=["nobody"], payload=b"p" * 1000), {"request": os.urandom(16)}
    with yard.door("acme") as door:
        first = door.ask("job_submit", **body)
        ended = door.ask("job_act", job=first["job"], verb="terminate", **end)
        before = yard.kill("intake")
        again = door.until("job_submit", 10, **body)
        assert again.octets == first.octets
        assert door.until("job_act", 10, job=first["job"], verb="terminate", **end).octets == ended.octets
        yard.wait_back(before)
        assert door.ask("job_submit", **{**body, "payload": b"q"}).code == "key_reused"


def test_requests_in_flight_when_intake_is_killed(yard):
    """Each is there once or not at all, and asking again tells which."""
    with yard.door("acme") as door:
        bodies = [job_body(capabilities=["nobody"], name=f"flight {number}") for number in range(200)]
        asks = [door.tell("job_submit", **body) for body in bodies]
        first = door.answer(asks[0])
        before = yard.kill("intake")
        jobs = [door.until("job_submit", 15, **body)["job"] for body in bodies]
        assert first is None or first["job"] == jobs[0]
        assert len(set(jobs)) == 200
        yard.wait_back(before)
    assert yard.one("SELECT count(*) FROM ym.job WHERE name LIKE 'flight %'") == "200"


def test_a_watch_never_begins_beyond_the_last_event(yard):
    with yard.door("acme") as door:
        job, pid = yard.submit(door, capabilities=["nobody"]), yard.pid("intake")
        ask = door.tell("job_watch", job=job, after=2 ** 31 - 1)
        assert door.answer(ask).name == "job_status"
        door.ask("job_act", request=os.urandom(16), job=job, verb="terminate")
        last = door.find(lambda m: m.ask == ask and m.name == "job_changed", 5)
        assert last is not None and last["final"] and pid == yard.pid("intake")


# --- the database away ---

class Lock:
    """Holds the row that each turn of an actor needs."""

    def __init__(self, yard, scope):
        self.psql = Psql(yard.path("pg"))
        self.psql.ask("BEGIN")
        self.psql.ask(f"SELECT epoch FROM ym.owner WHERE scope = '{scope}' FOR UPDATE")

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.psql.close()


def turn_of(yard, actor):
    """Waits until a turn of that actor waits for a lock."""
    wait_for(lambda: yard.one(f"SELECT count(*) FROM pg_stat_activity WHERE usename = 'ym_{actor}' AND wait_event_type = 'Lock'") != "0", 5,
             "a turn that waits")


def lose_connections(yard, actor):
    yard.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ym_{actor}'")


def test_a_recovery_that_waits_keeps_nobody_waiting(yard):
    with yard.door("acme") as door:
        body = job_body(capabilities=["nobody"])
        with Lock(yard, "intake"):
            lose_connections(yard, "intake")
            turn_of(yard, "intake")
            answer = door.answer(door.tell("job_submit", **body), 5)
            assert answer is not None and answer.code == "backend_unavailable"
        assert door.until("job_submit", 20, **body).name == "job_accepted"


def test_a_requirement_is_written_again_after_a_failover(yard):
    """What was committed on a server that is no more may be missing on the next."""
    text = "SELECT count(*) FROM ym.requirement WHERE text LIKE '%failed-over%'"
    with yard.door("acme") as door:
        yard.submit(door, kind="failed-over")
        assert yard.one(text) == "1"
        yard.sql("DELETE FROM ym.requirement WHERE text LIKE '%failed-over%'")
        lose_connections(yard, "intake")
        wait_for(lambda: (yard.submit(door, kind="failed-over"), yard.one(text))[1] == "1", 5, "it to be written")


def test_a_turn_under_way_at_the_stop_is_not_refused_for_good(yard):
    """It may be committed yet: the same request tells."""
    with yard.door("acme") as door:
        body = job_body(capabilities=["nobody"])
        with Lock(yard, "intake"):
            ask = door.tell("job_submit", **body)
            turn_of(yard, "intake")
            waiting = door.tell("job_submit", **job_body(capabilities=["nobody"]))
            stop = threading.Thread(target=yard.stop_daemon, daemon=True)
            stop.start()
            codes = [door.answer(one, 10).code for one in (ask, waiting)]
            stop.join(30)
        assert codes == ["backend_unavailable", "stopping"]
        yard.launch()
        yard.wait_ready()
        assert door.until("job_submit", 10, **body).name == "job_accepted"


def test_postgresql_goes_and_comes_back(yard):
    """Refused for the time being, nothing lost, nothing done twice; nobody's lease ends of it."""
    with yard.raw_agent("agent-4", capabilities=["patient"], slots=2) as agent, yard.door("acme") as door:
        held = yard.submit(door, kind="patient")
        start = agent.take()
        agent.started(start)
        yard.cluster("halt")
        body = job_body(kind="patient")
        refused = wait_for(lambda: (answer := door.answer(door.tell("job_submit", **body), 5)) is not None and answer, 10, "an answer")
        assert (refused.code, refused["retryable"]) == ("backend_unavailable", True)
        assert door.answer(door.tell("job_get", job=held), 8).code == "backend_unavailable"
        assert door.ask("hello", program="still here").name == "welcome" and not door.ask("yard_get")["database"]
        assert agent.answer(agent.tell("attempt_checkpoint", session=agent.session, job=held, fence=start["fence"], checkpoint=1, resume=b"x", mark="",
                                       done=1, total=2, mappings=[]), 8).code == "backend_unavailable"
        end = time.monotonic() + 3.5
        while time.monotonic() < end:
            agent.recv(0.1)  # longer than a lease
        yard.cluster("start", "--with-pid", str(os.getpid()))
        job = door.until("job_submit", 20, **body)["job"]
        assert agent.checkpoint(start, 1, b"x").name == "attempt_noted", "its lease is as it was"
        second = agent.take("attempt_start", 5, job=job)
        assert agent.complete(start).name == "attempt_noted" and agent.complete(second).name == "attempt_noted"
    assert yard.sql(f"SELECT count(*) FROM ym.request WHERE request = '\\x{body['request'].hex()}'") == [["1"]]
    assert [event for event, *_ in yard.events(held)] == [50, 2, 3, 51, 4]


def test_postgresql_crashes_under_submits(yard):
    with yard.door("acme") as door:
        bodies = [job_body(capabilities=["nobody"], name=f"crash {number}") for number in range(100)]
        asks = [door.tell("job_submit", **body) for body in bodies]
        thread = threading.Thread(target=yard.cluster, args=("restart-immediate",), daemon=True)
        thread.start()
        jobs = {}
        for body, ask in zip(bodies, asks):
            answer = door.answer(ask, 0.2)
            if answer is not None and answer.name == "job_accepted":
                jobs[body["request"]] = answer["job"]
        thread.join(30)
        for body in bodies:
            job = door.until("job_submit", 20, **body)["job"]
            assert jobs.setdefault(body["request"], job) == job, "another answer than before"
    assert yard.one("SELECT count(*) FROM ym.job WHERE name LIKE 'crash %'") == "100"


# --- at the start ---

def other_configuration(yard, **settings):
    """A file that differs from the yard's in a few settings; its path."""
    lines = yard.configuration().splitlines()
    for name, value in {"run_directory": yard.path("other-run"), **settings}.items():
        places = [number for number, line in enumerate(lines) if line.strip().startswith(name + ":")]
        assert len(places) == 1
        lines[places[0]] = f"{lines[places[0]].split(name)[0]}{name}: {value}"
    path = yard.path("other.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def yardmasterd(yard, *more, **settings):
    """yardmasterd that is to refuse its configuration; its status and what it said."""
    done = subprocess.run([yard.program("yardmasterd"), "--config", other_configuration(yard, **settings), *more], timeout=20,
                          capture_output=True, text=True, env=yard.environment, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def test_a_door_that_is_taken(yard, unharmed):
    """The actor says which, and is tried again; the rest of that yard stands; told to stop, it stops."""
    parent = os.getpid()
    with open(yard.path("other-log"), "w+", encoding="utf-8") as log:
        second = subprocess.Popen([yard.program("yardmasterd"), "--config", other_configuration(yard)], stdout=log, stderr=log,
                                  env=yard.environment, stdin=subprocess.DEVNULL, preexec_fn=lambda: die_with(parent))

        def said():
            with open(yard.path("other-log"), encoding="utf-8") as file:
                return [line for line in file if "is taken by another process" in line]
        try:
            # The first actor that needs a door; the next is started when it had its time.
            line = wait_for(said, 10, "the door to be named")[0]
            assert f"{yard.endpoint(AGENTS)} " in line and "assignment" in line
            assert second.poll() is None
        finally:
            second.terminate()
            assert second.wait(20) == 0


def test_a_missing_key_file(yard, unharmed):
    status, said = yardmasterd(yard, door_key=yard.path("keys", "nothing_secret"))
    assert status == 78 and "nothing_secret" in said and "yardctl key new" in said
    assert yardmasterd(yard, "--check", door_key=yard.path("keys", "nothing_secret"))[0] == 78


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_file_that_others_may_touch(yard, unharmed, mode):
    path = yard.path("keys", "open_secret")
    shutil.copy(yard.keys["door"].secret, path)
    os.chmod(path, mode)
    status, said = yardmasterd(yard, door_key=path)
    assert status == 78 and "open_secret" in said and f"{mode:04o}" in said and "chmod" in said
    with open(path, encoding="ascii") as file:
        secret = file.read().split('secret-key = "')[1].split('"')[0]
    assert secret not in said, "the key itself is never told"


@pytest.mark.parametrize("content", ["", "curve\n", "metadata\ncurve\n    public-key = \"x\"\n", "curve\n    secret-key = \"short\"\n", "\0" * 100])
def test_a_key_file_that_is_none(yard, unharmed, content):
    path = yard.path("keys", "odd_secret")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    status, said = yardmasterd(yard, door_key=path)
    assert status == 78 and "odd_secret" in said


def test_a_run_directory_that_cannot_be_had(yard, unharmed):
    file = yard.path("a-file")
    with open(file, "w", encoding="utf-8"):
        pass
    for path in (file, file + "/run", "/proc/run", yard.path("nowhere", "run")):
        status, said = yardmasterd(yard, run_directory=path)
        assert status == 78 and path.rpartition("/")[0] in said
    others = yard.path("others")
    os.mkdir(others)
    os.chmod(others, 0o777)
    status, said = yardmasterd(yard, run_directory=others)
    assert status == 78 and "0777" in said and stat.S_IMODE(os.stat(others).st_mode) == 0o777


def test_programs_that_are_not_there(yard, unharmed):
    status, said = yardmasterd(yard, program_directory=yard.path("nothing"))
    assert status == 78 and "ym-assignment" in said


def test_postgresql_is_down_at_the_start(yard):
    """Up all the same; what is asked is refused until the database is there."""
    assert yard.stop_daemon() == 0
    yard.cluster("halt")
    yard.launch()
    wait_for(yard.hear, 30, "READY without a database")
    yard.wait_ready()
    body = job_body(kind="early")
    with yard.door("acme") as door:
        door.tell("job_submit", **body)
        assert door.recv(1) is None, "who has no table of keys lets nobody in yet"
        yard.cluster("start", "--with-pid", str(os.getpid()))
        job = door.until("job_submit", 20, **body)["job"]
        with yard.raw_agent("agent-5", capabilities=["early"], limit=20) as agent:
            assert agent.complete(agent.take("attempt_start", 5, job=job)).name == "attempt_noted"
    assert yard.one("SELECT count(*) FROM ym.job WHERE kind = 'early'") == "1"


def test_nothing_of_it_is_in_the_log_as_a_fault(yard):
    """Strangers make no errors, no promise of ours was broken, and all of it stops in time."""
    assert [line for line in yard.log().splitlines() if line.startswith("<3>")] == []
    at, log_from = time.monotonic(), len(yard.log())
    assert yard.stop_daemon() == 0
    assert "did not stop in time" not in yard.log()[log_from:]
    print(f"\nstopped after {time.monotonic() - at:.2f} s")
