#!/usr/bin/python3
"""demo.py - the story that scripts/demo tells: build, run, work, kill, prove, remove.

Every figure of the last table is read from what the run left: the yard's tables, the targets, and
the submitters' own notes of their acknowledgements.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import demo_proof as proof  # noqa: E402
from yard import ROOT, STOPS, Yard, YardError, run, spawn, undisturbed, wait_for  # noqa: E402

PROGRAMS = ("yardmasterd", "ym-assignment", "ym-queue", "ym-intake", "yardctl", "yardctl-db", "yard-agent-git", "yard-agent-items")
TENANTS = ("acme", "globex", "initech")
TIERS = {"acme": "platinum", "globex": "premium", "initech": "standard"}
ITEMS, BATCH = 12000, 200            # work items; a checkpoint after each batch
TINY, SLICE, RATE = 150, 5, 15       # small jobs of each tenant, items in each, jobs a second
PACE_MS = 120                        # between batches: long enough to be killed in the middle


class Interrupted(BaseException):
    """Ctrl-C, or somebody asked us to end."""


def listen_to_interrupts():
    """The first one ends the demo, later ones do not disturb the cleaning up."""
    def first(number, frame):
        for stop in STOPS:
            signal.signal(stop, lambda *_: None)
        raise Interrupted
    for stop in STOPS:
        signal.signal(stop, first)


class Show:
    """What the reader sees: lines, and on a terminal one more that changes."""

    def __init__(self, plain):
        self.moving = sys.stdout.isatty() and not plain
        self.start, self.spoke, self.open = time.monotonic(), 0.0, False

    def clock(self):
        return f"{time.monotonic() - self.start:6.1f} s  "

    def line(self, text=""):
        if self.open:
            print("\r\033[K", end="")
            self.open = False
        print((self.clock() + text) if text else "", flush=True)

    def now(self, text):
        """A state that changes: repainted on a terminal, else a line every two seconds."""
        if self.moving:
            room = shutil.get_terminal_size().columns - 1
            print("\r\033[K" + (self.clock() + text)[:room], end="", flush=True)
            self.open = True
        elif time.monotonic() - self.spoke > 2:
            self.spoke = time.monotonic()
            self.line(text)


def build(show, tree):
    """Compiles the programs; the compiler's progress is shown."""
    log = os.path.join(tree, "demo.log")
    for args in (["cmake", "--preset", "release", "-B", tree],
                 ["cmake", "--build", tree, "-j", str(os.cpu_count() or 2), "--target", *PROGRAMS]):
        with undisturbed():
            maker = spawn(args, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            with open(log, "w", encoding="utf-8") as file:
                for text in maker.stdout:
                    file.write(text)
                    step = re.match(r"\[(\d+/\d+)\]", text)
                    if step:
                        show.now(f"building {step.group(1)}")
            if maker.wait() != 0:
                with open(log, encoding="utf-8") as file:
                    raise YardError("the build failed:\n" + "".join(file.readlines()[-30:]))
        finally:
            if maker.poll() is None:
                os.killpg(maker.pid, signal.SIGTERM)
                maker.wait()
            maker.stdout.close()
    show.line("built")


def git(*args):
    done = run(["git", *args], 120)
    if done.returncode != 0:
        raise YardError(f"git {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout.strip()


def trust_every_owner(path):
    """A clone's other half does not hear -c: that a tree may belong to somebody else has to stand in a file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("[safe]\n\tdirectory = *\n")
    os.environ["GIT_CONFIG_GLOBAL"] = path


def make_history(show, path):
    """A snapshot of this tree's own history; if there is none, one commit for each folder."""
    why = f"{ROOT} is no whole git repository"
    try:
        if git("-C", ROOT, "rev-parse", "--show-toplevel") == ROOT and git("-C", ROOT, "rev-parse", "--is-shallow-repository") == "false":
            git("clone", "--quiet", "--mirror", "--no-hardlinks", ROOT, path)
            return "this repository's own history"
    except YardError as error:
        why = str(error).splitlines()[-1]
        shutil.rmtree(path, ignore_errors=True)
    git("init", "--quiet", path)
    names = sorted(name for name in os.listdir(ROOT) if name not in (".git", "build"))
    for name in names:
        copy = shutil.copytree if os.path.isdir(os.path.join(ROOT, name)) else shutil.copy
        copy(os.path.join(ROOT, name), os.path.join(path, name))
        git("-C", path, "add", "-f", name)
        git("-C", path, "-c", "user.name=demo", "-c", "user.email=demo@localhost", "commit", "-q", "-m", name)
    show.line(f"a repository was made of this tree: {why}")
    return "a history made of this tree"


class Demo:
    tiny, slice, batch = TINY, SLICE, BATCH

    def __init__(self, show, tree):
        self.show, self.yard = show, Yard(tree, say=lambda text: show.now("starting " + text))
        self.yard.tenants = TENANTS
        self.floods, self.jobs, self.kills, self.back_ms = {}, {}, [], {}
        self.released = None             # (killed at, job, fence of the lost attempt)
        self.gave_way = None             # (number of the checkpoint, commits it held, commits told of by then)

    # --- the work ---

    def prepare(self):
        yard, show = self.yard, self.show
        os.mkdir(yard.path("source"))
        os.mkdir(yard.path("target"))
        self.history, self.items = yard.path("source", "history.git"), yard.path("source", "items.jsonl")
        trust_every_owner(yard.path("gitconfig"))
        what = make_history(show, self.history)
        self.commits = int(git("-C", self.history, "rev-list", "--count", "--all"))
        show.now("collecting work items")
        made = run([os.path.join(ROOT, "scripts", "dev", "make-items"), self.items, str(ITEMS)], 120)
        if made.returncode != 0:
            raise YardError(f"make-items: {made.stderr.strip()}")
        with open(self.items, encoding="utf-8") as file:
            self.lines = file.readlines()
        show.line(f"to move: {what} ({self.commits} commits), {len(self.lines):,} work items from the packages' changelogs")

    def start_agents(self):
        for region, slots in (("eu-west", 2), ("us-east", 1)):
            self.yard.agent("git", f"git-{region}", region=region, slots=slots)
            self.yard.agent("items", f"items-{region}", region=region, slots=8)
        self.yard.agent("items", "items-eu-west-2", region="eu-west", slots=8)
        wait_for(lambda: self.yard.one("SELECT count(*) FROM ym.agent WHERE state = 100") == str(len(self.yard.agents)), 20,
                 "the agents to be registered")
        actors = len(self.yard.actors())
        self.show.line(f"running: PostgreSQL, yardmasterd with {actors} actors, {len(self.yard.agents)} agents in eu-west and us-east")

    def submit(self, tenant, name, kind, source, target, payload, *more):
        job = self.yard.ctl("job", "submit", "--name", name, "--kind", kind, "--tier", TIERS[tenant], "--source", source,
                            "--target", target, "--payload", json.dumps(payload), *more, key=tenant).stdout.strip()
        self.jobs[name] = job
        return job

    def submit_main(self):
        yard, self.range = self.yard, max(1, self.commits // 25)
        self.submit("acme", "history", "git-move", self.history, yard.path("target", "history.git"),
                    {"range": self.range, "pace_ms": PACE_MS}, "--region", "eu-west")
        self.submit("initech", "history copy", "git-move", self.history, yard.path("target", "copy.git"),
                    {"range": self.range, "pace_ms": PACE_MS}, "--region", "us-east")
        self.submit("globex", "changelogs", "items-move", self.items, yard.path("target", "changelogs.sqlite"),
                    {"batch": BATCH, "pace_ms": PACE_MS}, "--region", "eu-west")
        self.show.line(f"submitted: the history twice (acme in eu-west, initech in us-east), {len(self.lines):,} items bound to eu-west (globex)")

    def start_floods(self):
        """Small jobs of every tenant, each from a process of its own."""
        for place, tenant in enumerate(TENANTS):
            specs = []
            for number in range(TINY):
                source = self.yard.path("source", f"{tenant}-{number}.jsonl")
                first = (place * TINY + number) * SLICE
                with open(source, "w", encoding="utf-8") as file:
                    file.writelines(self.lines[first:first + SLICE])
                specs.append({"name": f"slice {tenant} {number}", "kind": "items-move", "tier": TIERS[tenant], "source": source,
                              "target": self.yard.path("target", f"{tenant}.sqlite")})
            jobs, out = self.yard.path(f"{tenant}.jobs"), self.yard.path(f"{tenant}.acknowledged")
            with open(jobs, "w", encoding="utf-8") as file:
                file.writelines(json.dumps(spec) + "\n" for spec in specs)
            command = (f'exec /usr/bin/python3 "{ROOT}/scripts/dev/flood.py" --endpoint tcp://127.0.0.1:{self.yard.ports[0].number} '
                       f'--server-key "{self.yard.path("keys", "door")}" --cert "{self.yard.keys[tenant].secret}" --rate {RATE} <"{jobs}"')
            with undisturbed(), open(out, "wb") as file, open(self.yard.path("log", f"flood-{tenant}"), "wb") as log:
                self.floods[tenant] = spawn(["sh", "-c", command], stdout=file, stderr=log)
        self.show.line(f"flood: {TINY} small jobs from each of {len(TENANTS)} tenants, {RATE} a second each")

    # --- what is done to it ---

    def status(self):
        row = self.yard.sql("""SELECT (SELECT count(*) FROM ym.job), (SELECT count(*) FROM ym.job_done),
            (SELECT count(*) FROM ym.id_map)""")[0]
        parts = [f"{row[1]} of {row[0]} jobs ended", f"{int(row[2]):,} items mapped"]
        for name, job in self.jobs.items():
            done = self.yard.sql(f"SELECT state_name, done, total FROM ym.job_status WHERE name = '{name}'")
            if done:
                state, so_far, whole = done[0]
                parts.append(f"{name} {so_far}/{whole}" if state == "STARTED" else f"{name} {state.lower()}")
        return ", ".join(parts)

    def until(self, question, seconds, what):
        """Waits, and shows how far things are."""
        def asked():
            answer = question()
            if not answer:
                self.show.now(self.status())
            return answer
        return wait_for(asked, seconds, what)

    def note_kill(self, what):
        self.kills.append(time.time_ns() // 1_000_000)
        self.show.line(f"KILL   {what}")

    def kill_agent(self):
        job, agent, fence = self.yard.sql("SELECT job_id, agent, fence FROM ym.job_status WHERE name = 'changelogs'")[0]
        self.note_kill(f"kill -9 of agent {agent}, which is moving the changelogs")
        self.yard.agents[agent].kill()
        self.released = (self.kills[-1], job, fence)
        self.killed_agent = agent

    def kill_actor(self, name):
        start = time.monotonic()
        before = self.yard.kill(name)
        self.note_kill(f"kill -9 of actor {name}")
        self.yard.wait_back(before)
        self.back_ms[name] = (time.monotonic() - start) * 1000
        self.show.line(f"       {name} is back after {self.back_ms[name]:.0f} ms")

    def kill_backend(self, role):
        self.note_kill(f"kill -9 of the PostgreSQL backend of {role}; PostgreSQL restarts itself")
        self.yard.kill_backend(role)
        self.backend_killed_ms = time.time_ns() // 1_000_000

    def preempt(self):
        """A platinum job needs the one slot that a standard one has, in the middle of its repository."""
        copy = "SELECT checkpoint FROM ym.job_status WHERE name = 'history copy'"
        self.until(lambda: int(self.yard.one(copy)) >= 5, 60, "five checkpoints of the history's copy")
        self.submit("acme", "urgent history", "git-move", self.history, self.yard.path("target", "urgent.git"),
                    {"range": self.commits}, "--region", "us-east")
        self.show.line("submitted: the history once more, platinum (acme), for the only git slot of us-east, where a standard job runs")
        gone = "SELECT count(*) FROM ym.job_event e JOIN ym.job j USING (job_id) WHERE j.name = 'history copy' AND e.on_event IN (16, 17)"
        self.until(lambda: self.yard.one(gone) != "0", 30, "the standard job to give its slot up")
        number, kept, told = self.yard.sql("""SELECT c.checkpoint, c.done, s.done FROM ym.job_status s JOIN ym.checkpoint c USING (job_id)
            WHERE s.name = 'history copy' ORDER BY c.checkpoint DESC LIMIT 1""")[0]
        self.gave_way = (int(number), int(kept), int(told))
        self.show.line(f"       the copy stopped with a checkpoint at commit {kept} of {self.commits}; it comes back by itself")

    def disturb(self):
        checkpoint = "SELECT checkpoint FROM ym.job_status WHERE name = 'changelogs'"
        self.until(lambda: int(self.yard.one(checkpoint)) >= 20, 60, "twenty checkpoints of the changelogs")
        self.kill_agent()
        for actor in ("intake", "queue-premium", "assignment"):
            self.kill_actor(actor)
        self.until(lambda: int(self.yard.one("SELECT attempt FROM ym.job_status WHERE name = 'changelogs'")) > 1, 30,
                   "the killed agent's job to be leased again")
        agent = self.yard.one("SELECT agent FROM ym.job_status WHERE name = 'changelogs'")
        self.show.line(f"       the changelogs go on at {agent} from their last checkpoint; {self.killed_agent} is started again")
        self.yard.agent("items", self.killed_agent)
        self.kill_backend("ym_assignment")

    def finish(self):
        self.until(lambda: all(flood.poll() is not None for flood in self.floods.values()), 120, "the floods to be acknowledged")
        for tenant, flood in self.floods.items():
            if flood.returncode != 0:
                with open(self.yard.path("log", f"flood-{tenant}"), encoding="utf-8") as file:
                    raise YardError(f"{tenant}: {file.read().strip()}")
        self.until(lambda: self.yard.one("SELECT count(*) FROM ym.job_run") == "0", 120, "all jobs to end")
        self.show.line("every job has ended; comparing the targets with the sources")

    def acknowledgements(self):
        for tenant in self.floods:
            with open(self.yard.path(f"{tenant}.acknowledged"), encoding="utf-8") as file:
                yield from map(json.loads, file)

    def close(self):
        """Ends whatever still runs; after a good end there is nothing left to do."""
        with undisturbed():
            for flood in self.floods.values():
                if flood.poll() is None:
                    flood.kill()
                    flood.wait()
            self.yard.stop(look=False)

    def story(self):
        self.yard.start()
        self.show.line(f"a yard of its own is up in {self.yard.base}")
        self.prepare()
        self.start_agents()
        self.start_floods()
        self.submit_main()
        self.preempt()
        self.disturb()
        self.finish()


def keep(show, yard):
    print(f"""
It goes on running; Ctrl-C here ends and removes it. In another terminal:

  export YARD_ENDPOINT=tcp://127.0.0.1:{yard.ports[0].number} YARD_SERVER_KEY={yard.path('keys', 'door')}
  export YARD_CERT={yard.keys['operator'].secret} PATH={yard.build}/bin:$PATH
  yardctl jobs
  yardctl agents
  yardctl job submit --help     (with YARD_CERT={yard.keys['acme'].secret})
  psql -h {yard.path('pg')} yardmaster -c 'TABLE ym.job_status'
  cat {yard.path('run', 'actors')}
""", flush=True)
    while yard.daemon.poll() is None:
        time.sleep(1)
    show.line("yardmasterd ended")


def main():
    options = argparse.ArgumentParser(prog="scripts/demo")
    options.add_argument("--build", required=True, help=argparse.SUPPRESS)
    options.add_argument("--check", action="store_true", help="plain lines; time limits count too")
    options.add_argument("--keep", action="store_true", help="go on running after the table")
    given = options.parse_args()
    listen_to_interrupts()
    show = Show(given.check)
    demo = None
    try:
        build(show, os.path.abspath(given.build))
        demo = Demo(show, given.build)
        demo.story()
        good = proof.prove(demo, strict=given.check)
        if given.keep:
            keep(show, demo.yard)
        demo.yard.stop()
        show.line("everything was stopped and removed")
        return 0 if good else 1
    except YardError as error:
        show.line(f"BREACH {error}")
        return 1
    except Interrupted:
        show.line("interrupted; cleaning up")
        return 130
    finally:
        if demo is not None:
            demo.close()


if __name__ == "__main__":
    sys.exit(main())
