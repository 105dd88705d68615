"""wireyard.py - a yard whose users are sockets of the test itself.

Keys are made here and let in through the tables before the yard starts, or through the clients' door
by the admin.  What a test wants to know of a process it reads in /proc.
"""
import glob
import os
import pwd
import re
import subprocess
import sys
import time

from yardwire import ROOT, Agent, Certificate, Door, Worker, job_body, new_certificate, read_certificate, write_certificate

sys.path.insert(0, os.path.join(ROOT, "scripts", "dev"))
from simagent import SimAgent  # noqa: E402
from yard import Key, Yard, YardError, die_with, wait_for  # noqa: E402

ROLES = ("submitter", "viewer", "operator", "admin", "agent")
PEOPLE = {"admin": ("admin", "yard"), "operator": ("operator", "yard"), "acme": ("submitter", "acme"),
          "globex": ("submitter", "globex"), "viewer": ("viewer", "acme"),
          **{f"agent-{number}": ("agent", "agents") for number in range(1, 7)}}
CLIENTS, AGENTS = 0, 1
FINAL = ("COMPLETED", "TERMINATED", "FAILED")
RUN = ("state", "seq", "state_at", "state_count", "wanted", "held", "urgency", "attempt", "retries", "fence", "agent_id", "holder", "checkpoint",
       "wanted_at", "message", "suspender", "ends_as", "losses", "preempted", "live", "unmet", "came_back", "not_before_ms")


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1))


def cpu_s(pid):
    """User and system time a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    """How many it has open; 0 for who may not see that."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return 0


class Psql:
    """One psql for many questions; opened again when the server went away under it."""

    END = "--the end--"
    # Other warnings are none of a lost connection: what is rolled back may be over already.
    LOST = ("WARNING:  terminating", "FATAL:", "server closed", "connection to server", "The connection")

    def __init__(self, host):
        self.host, self.process = host, None

    def open(self):
        psql = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
        parent = os.getpid()
        self.process = subprocess.Popen(
            [psql, "-XAtq", "-F", "\t", "-h", self.host, "-d", "yardmaster", "-U", pwd.getpwuid(os.getuid()).pw_name],
            preexec_fn=lambda: die_with(parent), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={"PATH": "/usr/bin:/bin", "PGOPTIONS": "-c statement_timeout=20s", "PGCONNECT_TIMEOUT": "5"})

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def once(self, text):
        """The lines of an answer; None if psql ended instead."""
        if self.process is None:
            self.open()
        try:
            self.process.stdin.write(f"{text};\n\\echo {self.END}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        lines = []
        for line in self.process.stdout:
            if line.rstrip("\n") == self.END:
                return lines
            lines.append(line.rstrip("\n"))
        return None

    def ask(self, text):
        for _ in range(2):
            lines = self.once(text)
            if lines is not None and not any(line.startswith(self.LOST) for line in lines):
                break
            self.close()
        else:
            raise YardError("psql cannot connect")
        if any(line.startswith("ERROR:") for line in lines):
            raise YardError(f"psql: {lines}")
        return [line.split("\t") for line in lines]


class WireYard(Yard):
    """See the top of the file."""

    psql = None

    def sql(self, text, seconds=30):
        if self.psql is None:
            self.psql = Psql(self.path("pg"))
        return self.psql.ask(text)

    def stop(self, look=True):
        if self.psql is not None:
            self.psql.close()
        super().stop(look)

    def make_key(self, name, role, tenant):
        file = self.path("keys", name)
        write_certificate(file, new_certificate())
        self.keys[name] = Key(name, role, tenant, file, file + "_secret")
        return self.keys[name]

    def authorize(self, key):
        """Through the admin at the clients' door if there is one, else in the table."""
        if not self.is_ready:
            self.sql(f"SELECT ym.key_authorize(1, '\\x{self.octets(key).hex()}'::bytea, {ROLES.index(key.role)}::int2, "
                     f"'{key.tenant}', '{key.name}')")
            return key
        with self.door("admin") as admin:
            done = admin.ask("key_authorize", public_key=self.octets(key), role=key.role, tenant=key.tenant, name=key.name)
        if done.name != "key_done":
            raise YardError(f"{key.name} was not let in: {done}")
        return key

    def make_keys(self):
        self.make_key("door", "", "")
        for name, (role, tenant) in PEOPLE.items():
            self.key(name, role, tenant)

    def certificate(self, name) -> Certificate:
        return read_certificate(self.keys[name].secret)

    def octets(self, key):
        from zmq.utils import z85
        return z85.decode(read_certificate(key.public).public)

    @property
    def server(self):
        return read_certificate(self.keys["door"].public).public

    def endpoint(self, which=CLIENTS):
        return f"tcp://127.0.0.1:{self.ports[which].number}"

    def door(self, who, which=CLIENTS, **more):
        """A connection of that user; who may be a Certificate, or None for no CURVE."""
        key = who if who is None or isinstance(who, Certificate) else self.certificate(who)
        return Door(self.endpoint(which), key, self.server, **more)

    def raw_agent(self, name="agent-1", **registration):
        """An agent by hand; registered, if it is said as what."""
        agent = Agent(self.endpoint(AGENTS), self.certificate(name), self.server)
        if registration:
            agent.register(**registration)
        return agent

    def worker(self, name="agent-1", **registration):
        worker = Worker(lambda: self.raw_agent(name), **registration)
        worker.start()
        if not worker.ready.wait(10):
            raise YardError("the worker was not registered")
        return worker

    def sim(self, name="agent-1", **registration):
        """A simulated agent, registered."""
        return SimAgent(lambda: self.raw_agent(name), **registration).begin()

    def act(self, door, verb, job, **more):
        """job_act, until it is not refused for now."""
        return door.until("job_act", 10, request=more.pop("request", None) or os.urandom(16), job=job, verb=verb, **more)

    def grown_kib(self, pid, before):
        """By how much an actor's memory grew; 0 under a sanitizer, which keeps what was freed."""
        with open(self.program("ym-intake"), "rb") as file:
            return 0 if b"libasan" in file.read() else rss_kib(pid) - before

    def pid(self, actor):
        return self.actors()[actor].pid

    def submit(self, door, **more):
        accepted = door.until("job_submit", 10, **job_body(**more))
        if accepted.name != "job_accepted":
            raise YardError(f"not accepted: {accepted}")
        return accepted["job"]

    def state(self, job):
        rows = self.sql(f"SELECT state_name FROM ym.job_status WHERE job_id = {job}")
        return rows[0][0] if rows else None

    def wait_state(self, job, *states, seconds=10):
        return wait_for(lambda: (now := self.state(job)) in states and now, seconds, f"{job} to be {' or '.join(states)}")

    def value(self, job, column):
        return self.one(f"SELECT {column} FROM ym.job_status WHERE job_id = {job}")

    def events(self, job):
        """What happened to a job, as (event, state, attempt, fence)."""
        return [tuple(map(int, row)) for row in
                self.sql(f"SELECT on_event, state, attempt, fence FROM ym.job_event WHERE job_id = {job} ORDER BY seq")]

    def run(self, job):
        """Its row while it lives, as a dict of text; {} once it has ended."""
        rows = self.sql(f"SELECT {', '.join(RUN)} FROM ym.job_run WHERE job_id = {job}")
        return dict(zip(RUN, rows[0])) if rows else {}

    def moves(self, job):
        """Its history as names of states, one for each that it came into."""
        return [row[0] for row in self.sql(f"SELECT state FROM ym.job_history WHERE job_id = {job} AND on_event < 50 ORDER BY seq")]

    def notes(self, job):
        """Its history's facts that are no move, in words."""
        return [row[0] for row in self.sql(f"SELECT why FROM ym.job_history WHERE job_id = {job} AND on_event > 50 ORDER BY seq")]

    def problems(self, job):
        """Open ones."""
        return [int(row[0]) for row in self.sql(f"SELECT kind FROM ym.problem WHERE job_id = {job} AND closed_ms = 0 ORDER BY kind")]

    def log(self, name="yardmasterd"):
        with open(self.path("log", name), encoding="utf-8", errors="replace") as file:
            return file.read()


def steady(question, seconds=1.0, limit=10.0):
    """The value of question() once it has not changed for so long."""
    end, last, since = time.monotonic() + limit, question(), time.monotonic()
    while time.monotonic() - since < seconds and time.monotonic() < end:
        time.sleep(0.02)
        if (now := question()) != last:
            last, since = now, time.monotonic()
    return last
