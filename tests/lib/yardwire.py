"""yardwire.py - the wire as tests speak it: messages from schema/wire, sockets with a key, and agents.

A Door is one DEALER with CURVE.  ask() waits for the answer with its own number and keeps whatever
else came in `heard`; tell() does not wait; send_frame() sends what it is given, however bad.  Every
wait has a limit: recv() gives None when it is over, ask() raises Silence.

    door = Door("tcp://127.0.0.1:7510", key, server_public_key)
    door.ask("job_get", job=1).code        # "unknown_job"

An Agent is a Door that keeps its session alive while it waits.
"""
import os
import re
import struct
import threading
import time
from collections import deque, namedtuple

import msgpack
import zmq
from zmq.auth import load_certificate

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WIRE = os.path.join(ROOT, "schema", "wire")
HEADER = struct.Struct(">BBHQQ16s8s")
VERSION = 1
LIMIT_S = 5.0

ROLES = ("submitter", "viewer", "operator", "admin", "agent")
MAY = {"NOBODY": (), "EVERYBODY": ROLES, "MAY_RUN": ("agent",), "MAY_ADMIN": ("admin",),
       "MAY_SUBMIT": ("submitter", "admin"), "MAY_ACT": ("submitter", "operator", "admin"), "MAY_OPERATE": ("operator", "admin"),
       "MAY_READ": ("submitter", "viewer", "operator", "admin")}

Field = namedtuple("Field", "kind name max need")
Message = namedtuple("Message", "number sort name roles fields file")
Certificate = namedtuple("Certificate", "public secret")


class Silence(Exception):
    """No answer in time."""


def read_messages():
    """Every message of schema/wire by its name."""
    row = re.compile(r'^MESSAGE \((0x[0-9a-f]+), (\w+), (\w+), (\w+), |^(FIELD|LIST|RECORD) \((\w+)(?:, (\w+), (\w+), (\w+))?|^END$', re.M)
    found, message = {}, None
    for name in ("common", "client", "agent", "bus"):
        with open(os.path.join(WIRE, name + ".def"), encoding="utf-8") as file:
            text = file.read()
        for match in row.finditer(text):
            number, sort, title, roles, what, kind, field, limit, need = match.groups()
            if number:
                message = Message(int(number, 16), sort, title, MAY[roles], [], name)
                found[title] = message
            elif what == "RECORD":
                message = None
            elif what and message is not None:
                message.fields.append(Field("LIST" if what == "LIST" else kind, field, limit, need))
    return found


MESSAGES = read_messages()
NAMES = {message.number: name for name, message in MESSAGES.items()}


class Answer:
    """One message that came: name, ask, body; a refusal's code and faults are at hand."""

    def __init__(self, frame):
        version, flags, number, self.ask, self.seq, self.trace, self.span = HEADER.unpack_from(frame)
        if version != VERSION or flags != 0:
            raise ValueError("a header of another version")
        self.name = NAMES[number]
        self.frame = frame
        self.body = msgpack.unpackb(frame[HEADER.size:], strict_map_key=False)

    def __getitem__(self, field):
        return self.body[field]

    def __repr__(self):
        return f"{self.name}({self.ask}, {self.body})"

    @property
    def octets(self):
        """The body as it came."""
        return self.frame[HEADER.size:]

    @property
    def code(self):
        """The slug of a refusal; empty for anything else."""
        return self.body["code"] if self.name == "refused" else ""

    @property
    def faults(self):
        """Of a refusal: {(path, code)}."""
        return {(path, code) for path, code, _ in self.body["faults"]}


def header(number, ask=0, version=VERSION, flags=0, seq=0, trace=bytes(16), span=bytes(8)):
    return HEADER.pack(version, flags, number, ask, seq, trace, span)


def pack(name, body, ask=0, **more):
    """A whole frame; a body that is octets already stays as it is."""
    return header(MESSAGES[name].number, ask, **more) + (body if isinstance(body, bytes) else msgpack.packb(body))


def new_certificate():
    return Certificate(*zmq.curve_keypair())


def read_certificate(path):
    return Certificate(*load_certificate(str(path)))


def write_certificate(path, certificate):
    """PATH with the public half, PATH_secret with both, as ZCert has them."""
    public = f'metadata\ncurve\n    public-key = "{certificate.public.decode()}"\n'
    with open(path, "w", encoding="ascii") as file:
        file.write(public)
    with open(os.open(path + "_secret", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(public + f'    secret-key = "{certificate.secret.decode()}"\n')


class Door:
    """One connection to a door.  key None: no CURVE at all."""

    def __init__(self, endpoint, key, server, hwm=1000):
        self.asks, self.heard = 0, deque()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.sndhwm = self.socket.rcvhwm = hwm
        self.socket.reconnect_ivl = 20
        self.socket.reconnect_ivl_max = 100
        if key is not None:
            self.socket.curve_publickey, self.socket.curve_secretkey = key.public, key.secret
            self.socket.curve_serverkey = server
        self.socket.connect(endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def close(self):
        self.socket.close(linger=0)

    def send_frame(self, *frames):
        self.socket.send_multipart(frames, flags=zmq.DONTWAIT)

    def tell(self, name, /, **body):
        """Sends without waiting; the number to find the answer by."""
        self.asks += 1
        self.send_frame(pack(name, body, self.asks))
        return self.asks

    def recv(self, limit=LIMIT_S):
        """The next message, or None."""
        if self.heard:
            return self.heard.popleft()
        return self._next(limit)

    def _next(self, limit):
        if limit < 0 or not self.socket.poll(int(limit * 1000)):
            return None
        return Answer(self.socket.recv())

    def find(self, fits, limit=LIMIT_S):
        """The first message that fits, kept or new; others are kept.  None if none comes."""
        for message in self.heard:
            if fits(message):
                self.heard.remove(message)
                return message
        end = time.monotonic() + limit
        while (message := self._next(end - time.monotonic())) is not None:
            if fits(message):
                return message
            self.heard.append(message)
        return None

    def answer(self, ask, limit=LIMIT_S):
        """The answer to that number; events of a watch carry it too and are none."""
        return self.find(lambda m: m.ask == ask and MESSAGES[m.name].sort == "ANSWER", limit)

    def ask(self, name, /, **body):
        found = self.answer(self.tell(name, **body))
        if found is None:
            raise Silence(f"no answer to {name} in {LIMIT_S} s")
        return found

    def ask_frame(self, frame, limit=LIMIT_S):
        """Sends a frame as it is and waits for whatever comes next."""
        self.send_frame(frame)
        return self._next(limit)

    def until(self, name, seconds, /, **body):
        """The request of a patient client: the same one again until it is not refused for now."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.answer(self.tell(name, **body), min(0.5, end - time.monotonic()))
            if found is not None and not (found.name == "refused" and found["retryable"]):
                return found
            if found is not None:
                time.sleep(0.02)
        raise Silence(f"no good answer to {name} in {seconds} s")


def job_body(request=None, **more):
    """A good job_submit; fields of None are left out."""
    body = {"request": request or os.urandom(16), "name": "tiny", "kind": "raw-move", "tier": "standard",
            "source": "from", "target": "to", **more}
    return {name: value for name, value in body.items() if value is not None}


class Agent(Door):
    """An agent by hand: registers, beats while it waits, and reports what it is told to report."""

    session, beat_s, beats, beat_at = 0, 0.25, True, 0.0

    def __init__(self, *more):
        super().__init__(*more)
        self.own_beats = set()

    def silence(self):
        """It beats no more; returns once its last beat was heard."""
        self.beats = False
        return self.ask("agent_beat", session=self.session)

    def register(self, session=0, held=(), request=None, slots=1, region="eu", pool="shared", capabilities=("raw-move",), limit=10):
        found = self.until("agent_register", limit, session=session, request=request or os.urandom(16), region=region, pool=pool,
                           capabilities=list(capabilities), slots=slots, held=[list(one) for one in held])
        if found.name == "agent_registered":
            self.session = found["session"]
        self.beat_at = time.monotonic() + self.beat_s
        return found

    def _next(self, limit):
        end = time.monotonic() + limit
        while True:
            now = time.monotonic()
            if self.session and self.beats and now >= self.beat_at:
                self.beat_at = now + self.beat_s
                self.own_beats.add(self.tell("agent_beat", session=self.session))
            wait = min(end - now, self.beat_at - now if self.session and self.beats else end - now)
            message = Door._next(self, max(wait, 0))
            if message is not None and message.ask not in self.own_beats:
                return message
            if message is None and time.monotonic() >= end:
                return None

    def take(self, name="attempt_start", limit=LIMIT_S, /, **fields):
        """The next message of that name with those fields."""
        return self.find(lambda m: m.name == name and all(m.body[field] == value for field, value in fields.items()), limit)

    def report(self, name, start, /, **more):
        """A report about a started attempt (or about {job, fence}); its answer."""
        return self.ask(name, session=self.session, job=start["job"], fence=start["fence"], **more)

    def started(self, start):
        return self.report("attempt_started", start)

    def checkpoint(self, start, number, resume=b"", mappings=(), done=0, total=0, mark=""):
        return self.report("attempt_checkpoint", start, checkpoint=number, resume=resume, mark=mark, done=done, total=total,
                           mappings=[list(pair) for pair in mappings])

    def complete(self, start, done=1, total=1, result="done"):
        return self.report("attempt_completed", start, done=done, total=total, result=result)

    def fail(self, start, retryable, text="did not work"):
        return self.report("attempt_failed", start, retryable=retryable, text=text)


class Worker(threading.Thread):
    """An agent that completes whatever it is given, whatever happens to the yard, until stop()."""

    def __init__(self, connect, slots=8, **registration):
        super().__init__(daemon=True)
        self.connect, self.registration = connect, {"slots": slots, **registration}
        self.over, self.ready = threading.Event(), threading.Event()
        self.completed, self.wrong = [], []

    def run(self):
        with self.connect() as agent:
            pending = {}
            while not self.over.is_set():
                try:
                    self.turn(agent, pending)
                except Silence:
                    agent.session = 0

    def turn(self, agent, pending):
        if not agent.session:
            agent.register(limit=2, **self.registration)
            pending.clear()
            if agent.session:
                self.ready.set()
            return
        for ask, (at, body) in list(pending.items()):
            if time.monotonic() - at > 1:
                del pending[ask]
                self.say(agent, pending, body)
        message = agent.recv(0.05)
        if message is None:
            return
        if message.name == "attempt_start":
            self.say(agent, pending, {"job": message["job"], "fence": message["fence"], "done": 1, "total": 1, "result": "ok"})
        elif message.name == "attempt_noted" and pending.pop(message.ask, None):
            self.completed.append(message["job"])
        elif message.name == "refused":
            self.refused(agent, pending, message)

    def say(self, agent, pending, body):
        pending[agent.tell("attempt_completed", session=agent.session, **body)] = (time.monotonic(), body)

    def refused(self, agent, pending, message):
        at_body = pending.pop(message.ask, None)
        if message.code == "not_registered":
            agent.session = 0
        elif message["retryable"] and at_body:
            pending[message.ask] = (time.monotonic() - 0.9, at_body[1])
        elif message.code != "stale_lease" and not message["retryable"]:
            self.wrong.append(message)

    def stop(self):
        self.over.set()
        self.join(10)
