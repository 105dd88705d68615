#!/usr/bin/python3
"""yard.py - a whole private yard: PostgreSQL, keys, yardmasterd with its actors, agents.

    with Yard(build) as yard:
        yard.agent("git", region="eu")
        job = yard.ctl("job", "submit", ...).stdout.strip()

Everything is under one new directory and on loopback; two yards at once never meet.  Whatever is
started ends with the process that started it, and the directory goes too, also when that process is
killed; `stop` ends it in order and looks through the logs for what a sanitizer or a broken promise
wrote.  A wait has a limit and says what it waited for.

As a program: yard.py BUILD [AGENT...] runs a yard until it is interrupted (AGENT: git or items).
"""
import ctypes
import glob
import json
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from contextlib import contextmanager

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLUSTER = os.path.join(ROOT, "scripts", "dev", "cluster")
STEPS = os.path.join(ROOT, "schema", "sql")
STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
PR_SET_PDEATHSIG = 1
TROUBLE = re.compile(r".*(?:Sanitizer|runtime error:|panic).*")
# Removes the directory of an owner that was killed.
KEEPER = ["sh", "-c", 'tail -f /dev/null -s 0.2 --pid="$0"; while ! rm -rf "$1"; do sleep 0.2; done']
AWAY = re.compile(r"connection to server|server closed the connection|terminating connection|connection to client lost")
libc = ctypes.CDLL(None, use_errno=True)

Actor = namedtuple("Actor", "name pid incarnation state restarts")
Key = namedtuple("Key", "name role tenant public secret")


class YardError(Exception):
    """Something the yard promised did not happen; the text says what, and shows the logs' ends."""


def wait_for(question, seconds, what):
    """Polls until question() is true and returns its value; YardError when the time is over."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise YardError(f"waited {seconds} s for {what}")
        time.sleep(0.01)


def die_with(parent):
    """What a child does before its program starts: it ends when its parent does."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(127)
    for stop in STOPS:
        signal.signal(stop, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


@contextmanager
def undisturbed():
    """Interrupts wait until the block has ended: what it makes is always known to its owner."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def spawn(args, stdin=subprocess.DEVNULL, **more):
    """Popen of a child that ends with us and does not hear our terminal's Ctrl-C."""
    parent = os.getpid()
    return subprocess.Popen(args, preexec_fn=lambda: die_with(parent), start_new_session=True, stdin=stdin, **more)


def run(args, seconds=60, stdin=subprocess.DEVNULL, given=None, **more):
    """A short command, bounded; it ends with us.  given is text for its standard input."""
    with undisturbed():
        process = spawn(args, stdin=stdin if given is None else subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                        text=True, **more)
    try:
        out, err = process.communicate(given, timeout=seconds)
        return subprocess.CompletedProcess(args, process.returncode, out, err)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_open(path):
    """Anybody may pass through it."""
    while True:
        if not os.stat(path).st_mode & 0o001:
            return False
        if path in ("/", ""):
            return True
        path = os.path.dirname(path)


class Port:
    """A free port below the kernel's own range; an abstract socket keeps other yards off it."""

    def __init__(self):
        for _ in range(1000):
            number = random.randrange(12000, 32000)
            self.guard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                self.guard.bind(f"\0yardmaster-port-{number}")
                with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", number))
                self.number = number
                return
            except OSError:
                self.guard.close()
        raise YardError("found no free port")

    def free(self):
        self.guard.close()


class Agent:
    """One agent program: its process, its key, how to end it."""

    def __init__(self, name, args, env, log):
        self.name, self.args, self.env, self.log = name, args, env, log
        self.process = None

    def start(self):
        with undisturbed(), open(self.log, "ab") as log:
            self.process = spawn(self.args, env=self.env, stdout=log, stderr=log)
        return self

    @property
    def pid(self):
        return self.process.pid

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        if sig == signal.SIGKILL:
            self.process.wait(10)

    def stop(self, seconds=10):
        """Asks it to drain; False if it had to be killed."""
        if self.process is None or self.process.poll() is not None:
            return True
        self.process.terminate()
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            self.kill()
            return False


class Yard:
    """See the top of the file.  say(text) is told what happens, for people who wait."""

    tenants = ("acme", "globex")

    def __init__(self, build=None, profile="fast", settings=None, say=None):
        self.build = os.path.abspath(build or os.environ.get("YARD_BUILD") or os.path.join(ROOT, "build", "release"))
        self.profile, self.settings = profile, settings or {}
        self.say = say or (lambda text: None)
        self.keys, self.agents, self.ports = {}, {}, []
        self.base = self.keeper = self.daemon = self.notify = None
        self.status, self.is_ready, self.has_cluster = "", False, False

    # --- the parts ---

    def program(self, name):
        path = os.path.join(self.build, "bin", name)
        if not os.access(path, os.X_OK):
            raise YardError(f"{path}: not built")
        return path

    def path(self, *names):
        return os.path.join(self.base, *names)

    def make_base(self):
        place = os.environ.get("TMPDIR", "/tmp")
        # A unix socket's path is short, and as root the server's user has to get through.
        if len(place) > 40 or (os.getuid() == 0 and not is_open(place)):
            place = "/tmp"
        with undisturbed():
            self.base = tempfile.mkdtemp(prefix="yard-", dir=place)
            os.chmod(self.base, 0o711)
            self.keeper = subprocess.Popen(KEEPER + [str(os.getpid()), self.base], start_new_session=True, stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in ("keys", "log", "home"):
            os.mkdir(self.path(name), 0o700)

    @property
    def environment(self):
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "HOME": self.path("home"),
                **{name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "YM_LOG")
                   if name in os.environ}}

    def cluster(self, verb, *args, seconds=60):
        done = run([CLUSTER, verb, self.path("pg"), *args], seconds)
        if done.returncode != 0:
            raise YardError(f"cluster {verb}: {done.stderr.strip()}")
        return done.stdout.strip()

    def start_cluster(self):
        with undisturbed():
            self.has_cluster = True
            self.cluster("start", "--with-pid", str(os.getpid()))

    @property
    def conninfo(self):
        return f"host={self.path('pg')} dbname=yardmaster"

    def db(self, *args, seconds=60, check=True):
        """yardctl-db; its output."""
        done = run([self.program("yardctl-db"), "--conninfo", self.conninfo, "--dir", STEPS, *args], seconds, env=self.environment)
        if check and done.returncode != 0:
            raise YardError(f"yardctl-db {' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}{done.stdout.strip()}")
        return done

    def sql(self, text, seconds=30):
        """Rows as lists of text.  A server that restarts is waited for, so text is run once or again."""
        psql = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
        args = [psql, "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.path("pg"), "-d", "yardmaster",
                "-U", pwd.getpwuid(os.getuid()).pw_name, "-c", text]

        def asked():
            done = run(args, seconds)
            if done.returncode == 0:
                return done
            if not AWAY.search(done.stderr):
                raise YardError(f"psql: {done.stderr.strip()}")
            return None
        answer = wait_for(asked, seconds, "PostgreSQL to answer")
        return [line.split("\t") for line in answer.stdout.splitlines()]

    def one(self, text):
        """The first value of the first row, as text."""
        return self.sql(text)[0][0]

    # --- keys ---

    def make_key(self, name, role, tenant):
        """A key pair in files; not yet known to the yard."""
        file = self.path("keys", name)
        done = run([self.program("yardctl"), "key", "new", file, "--name", name], env=self.environment)
        if done.returncode != 0:
            raise YardError(f"yardctl key new: {done.stderr.strip()}")
        key = Key(name, role, tenant, file, file + "_secret")
        self.keys[name] = key
        return key

    def authorize(self, key):
        """Through the running yard if there is one, else through the database."""
        values = ("--role", key.role, "--tenant", key.tenant, "--name", key.name)
        if self.is_ready:
            self.ctl("key", "authorize", key.public, *values, key="admin")
            self.wait_keys()
        else:
            self.db("authorize", "--public-key", key.public, *values)
        return key

    def wait_keys(self, seconds=10):
        """Both doors know every key that the table has: an agent that is too early is turned away."""
        number = int(self.one("SELECT number FROM ym.key_change"))

        def known():
            with open(self.path("log", "yardmasterd"), encoding="utf-8", errors="replace") as file:
                loaded = dict(re.findall(r"keys_loaded actor=(\w+) .*change=(\d+)", file.read()))
            return all(int(loaded.get(actor, 0)) >= number for actor in ("intake", "assignment"))
        wait_for(known, seconds, "the doors to read the key table again")

    def key(self, name, role, tenant):
        """The key of that name, made and let in when it is new."""
        return self.keys.get(name) or self.authorize(self.make_key(name, role, tenant))

    def make_keys(self):
        self.make_key("door", "", "")
        self.key("admin", "admin", "yard")
        self.key("operator", "operator", "yard")
        for tenant in self.tenants:
            self.key(tenant, "submitter", tenant)
        self.key("viewer", "viewer", self.tenants[0])

    # --- the daemon ---

    def configuration(self):
        values = {"": {"profile": self.profile, "run_directory": self.path("run"),
                       "program_directory": os.path.join(self.build, "bin")},
                  "doors": {"client_door": f"tcp://127.0.0.1:{self.ports[0].number}",
                            "agent_door": f"tcp://127.0.0.1:{self.ports[1].number}",
                            "door_key": self.path("keys", "door_secret")},
                  "database": {"conninfo": self.conninfo}}
        for name, value in self.settings.items():
            section, _, setting = name.rpartition(".")
            values.setdefault(section, {})[setting] = value
        lines = [f"{name}: {json.dumps(value)}" for name, value in values.pop("").items()]
        for section, pairs in values.items():
            lines += [f"{section}:"] + [f"  {name}: {json.dumps(value)}" for name, value in pairs.items()]
        return "\n".join(lines) + "\n"

    def launch(self):
        """yardmasterd, without waiting for it."""
        if self.notify is None:
            self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self.notify.bind(self.path("notify"))
        self.hear()                      # what an earlier daemon said last is not this one's READY
        if not self.ports:
            self.ports = [Port(), Port()]
        with open(self.path("yardmaster.yaml"), "w", encoding="utf-8") as file:
            file.write(self.configuration())
        self.is_ready = False
        with undisturbed(), open(self.path("log", "yardmasterd"), "ab") as log:
            self.daemon = spawn([self.program("yardmasterd"), "--config", self.path("yardmaster.yaml")],
                                env={**self.environment, "NOTIFY_SOCKET": self.path("notify")}, stdout=log, stderr=log)

    def hear(self):
        """Takes what the daemon told its service manager; True once it said READY."""
        while True:
            try:
                text = self.notify.recv(4096).decode(errors="replace")
            except BlockingIOError:
                return self.is_ready
            for line in text.splitlines():
                name, _, value = line.partition("=")
                if name == "READY":
                    self.is_ready = True
                elif name == "STATUS":
                    self.status = value

    def wait_ready(self, seconds=30):
        def settled():
            if self.daemon.poll() is not None:
                raise YardError(f"yardmasterd ended with {self.daemon.returncode}\n{self.log_ends()}")
            return self.hear() and all(actor.state == "ready" for actor in self.actors().values())
        try:
            wait_for(settled, seconds, "yardmasterd and all actors to be ready")
        except YardError as error:
            raise YardError(f"{error}; status: {self.status}\n{self.log_ends()}") from None

    def actors(self):
        """What the daemon writes for operators about its children."""
        try:
            with open(self.path("run", "actors"), encoding="utf-8") as file:
                rows = [line.split() for line in file]
        except FileNotFoundError:
            return {}
        return {row[0]: Actor(row[0], int(row[1]), int(row[2]), row[3], int(row[4])) for row in rows if len(row) >= 5}

    def kill(self, name, sig=signal.SIGKILL):
        """Signals an actor; returns it as it was before."""
        actor = self.actors()[name]
        os.kill(actor.pid, sig)
        return actor

    def wait_back(self, before, seconds=20):
        """Waits until a killed actor is ready again, as a later incarnation; returns it."""
        def back():
            actor = self.actors().get(before.name)
            return actor if actor and actor.state == "ready" and actor.incarnation > before.incarnation else None
        return wait_for(back, seconds, f"{before.name} to be back")

    def kill_backend(self, role):
        """SIGKILLs one PostgreSQL backend of that role."""
        return self.cluster("kill-backend", role, "--kill")

    # --- its users ---

    def ctl(self, *args, key=None, check=True, seconds=60, stdin=None):
        """yardctl as the owner of a key (the first tenant's submitter); the finished process."""
        who = self.keys[key or self.tenants[0]]
        env = {**self.environment, "YARD_ENDPOINT": f"tcp://127.0.0.1:{self.ports[0].number}",
               "YARD_SERVER_KEY": self.path("keys", "door"), "YARD_CERT": who.secret}
        done = run([self.program("yardctl"), *args], seconds, given=stdin, env=env)
        if check and done.returncode != 0:
            raise YardError(f"yardctl {' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}\n{self.log_ends()}")
        return done

    def ctl_json(self, *args, **more):
        return json.loads(self.ctl(*args, "-o", "json", **more).stdout)

    def agent(self, kind, name, region="eu", pool=None, capabilities=(), slots=4):
        """Starts yard-agent-KIND; a name that ran before starts again as the same agent."""
        if name in self.agents:
            return self.agents[name].start()
        key = self.key(name, "agent", "agents")
        args = [self.program(f"yard-agent-{kind}"), "--endpoint", f"tcp://127.0.0.1:{self.ports[1].number}",
                "--server-key", self.path("keys", "door"), "--cert", key.secret, "--region", region, "--slots", str(slots)]
        args += ["--pool", pool] if pool else []
        for capability in capabilities:
            args += ["--capability", capability]
        agent = Agent(name, args, self.environment, self.path("log", name))
        self.agents[name] = agent
        return agent.start()

    # --- whole ---

    def start(self):
        self.make_base()
        self.say("PostgreSQL")
        self.start_cluster()
        self.say("the database's schema")
        self.db("upgrade")
        self.say("keys")
        self.make_keys()
        self.say("yardmasterd and its actors")
        self.launch()
        self.wait_ready()
        return self

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop(look=False)
            raise

    def __exit__(self, kind, value, trace):
        self.stop(look=kind is None)

    def stop_daemon(self, seconds=30):
        """In order; its exit status, None if it had to be killed."""
        if self.daemon is None:
            return 0
        if self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
        try:
            status = self.daemon.wait(seconds)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait(10)
            status = None
        self.daemon, self.is_ready = None, False
        return status

    def stop(self, look=True):
        """Ends and removes everything; with look, YardError if something did not end well."""
        faults, ends = [], ""
        with undisturbed():
            faults += [f"agent {name} did not drain" for name, agent in self.agents.items() if not agent.stop()]
            status = self.stop_daemon()
            if status != 0:
                faults.append(f"yardmasterd ended with {status}")
            if self.base is not None:
                faults += self.trouble()
                ends = self.log_ends()
            if self.has_cluster:
                try:
                    self.cluster("stop")
                except (YardError, subprocess.TimeoutExpired) as error:
                    faults.append(str(error))
            if self.notify is not None:
                self.notify.close()
            for port in self.ports:
                port.free()
            if self.base is not None:
                shutil.rmtree(self.base, ignore_errors=True)
            if self.keeper is not None:
                os.killpg(self.keeper.pid, signal.SIGKILL)
                self.keeper.wait()
        self.agents, self.ports, self.notify, self.keeper, self.has_cluster = {}, [], None, None, False
        if look and faults:
            raise YardError("; ".join(faults) + "\n" + ends)

    def logs(self):
        for path in sorted(glob.glob(self.path("log", "*"))):
            with open(path, encoding="utf-8", errors="replace") as file:
                yield os.path.basename(path), file.read()

    def trouble(self):
        """Lines that no run may write: sanitizers' reports and broken promises."""
        return [f"{name}: {line.strip()}" for name, text in self.logs() for line in TROUBLE.findall(text)][:10]

    def log_ends(self, lines=15):
        return "\n".join(f"--- {name}\n" + "\n".join(text.splitlines()[-lines:]) for name, text in self.logs() if text)


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print("usage: yard.py BUILD [git|items]...", file=sys.stderr)
        return 64
    for number in STOPS:
        signal.signal(number, signal.default_int_handler)
    with Yard(sys.argv[1], say=lambda text: print(f"yard: {text}", flush=True)) as yard:
        for number, kind in enumerate(sys.argv[2:], 1):
            yard.agent(kind, f"{kind}-{number}")
        print(f"yard: {yard.base}; Ctrl-C ends it\n"
              f"export YARD_ENDPOINT=tcp://127.0.0.1:{yard.ports[0].number} YARD_SERVER_KEY={yard.path('keys', 'door')} "
              f"YARD_CERT={yard.keys[yard.tenants[0]].secret}", flush=True)
        try:
            yard.daemon.wait()
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
