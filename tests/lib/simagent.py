"""simagent.py - an agent that behaves as a test wants it to: well, badly, late, twice or not at all.

A SimAgent is a thread with one connection.  It beats by itself, says every report again until it is
answered, and registers anew when the yard forgot it.  What it does when it is told something is up to
the test, by hand or by rules:

    told = sim.take("prepare", job)                               # by hand: waits for the signal
    assert sim.report(told, "attempt_started").name == "attempt_noted"

    sim.rule("suspend", works("suspend", "attempt_suspended", until="go"), job=job)
    sim.allow("go")                                               # by rule: waits for the test's word

A rule is a script: a generator function of (sim, told) that yields what it waits for: a Report (its
answer), an event's name, a callable, or None (a turn).  obedient() is the agent one hopes for.  Signals
are prepare, start, suspend, terminate, deprovision, and lost.
"""
import threading
import time
from collections import Counter, deque, namedtuple

from yard import YardError, wait_for
from yardwire import MESSAGES, Silence

Told = namedtuple("Told", "signal job fence at body")
OTHERS = {"attempt_suspend": "suspend", "attempt_terminate": "terminate", "attempt_lost": "lost"}
AGAIN_S = 0.5


class Report:
    """One callback; answer is None until it has come."""

    def __init__(self, name, body, patient):
        self.name, self.body, self.patient = name, body, patient
        self.answer, self.refused = None, []

    @property
    def is_good(self):
        return self.answer is not None and self.answer.name != "refused"


class Rule:
    def __init__(self, signal, script, job, times):
        self.signal, self.script, self.job, self.times = signal, script, job, times

    def fits(self, told):
        return self.signal == told.signal and self.job in (None, told.job) and self.times != 0


class Running:
    """A script on its way."""

    def __init__(self, told, generator):
        self.told, self.generator, self.waits = told, generator, None

    def may_go_on(self, sim):
        if isinstance(self.waits, Report):
            return self.waits.answer is not None
        if callable(self.waits):
            return self.waits()
        return self.waits is None or self.waits in sim.events


class SimAgent(threading.Thread):
    """See the top of the file.  connect() opens its connection; the rest is what it registers as."""

    def __init__(self, connect, **registration):
        super().__init__(daemon=True)
        self.connect, self.registration = connect, {"slots": 1, **registration}
        self.rules, self.scripts, self.began, self.said = [], [], set(), {}
        self.told, self.taken, self.out, self.pending = [], set(), deque(), {}
        self.events, self.numbers, self.beat_asks = set(), Counter(), set()
        self.over, self.ready, self.beats, self.beat_at, self.polite = threading.Event(), threading.Event(), True, 0.0, True
        self.door, self.error = None, None

    # --- what the test says to it ---

    def begin(self, seconds=10):
        self.start()
        if not self.ready.wait(seconds):
            self.kill()
            raise YardError(f"a simulated agent was not registered: {self.error}")
        return self

    def __enter__(self):
        return self if self.is_alive() else self.begin()

    def __exit__(self, *what):
        self.stop()
        if self.error is not None and what[0] is None:
            raise self.error

    def stop(self):
        """It leaves in order."""
        self.over.set()
        self.join(10)

    def kill(self):
        """It is gone, without a word."""
        self.polite = False
        self.stop()

    def allow(self, *events):
        self.events.update(events)

    def rule(self, signal, script, job=None, times=None):
        """Later rules come first; times: after so many it is used up."""
        self.rules.insert(0, Rule(signal, script, job, times))
        return self

    def obedient(self):
        """Runs what it is given until finish is allowed, for all or for one job, and does what it is told."""
        for signal in ("prepare", "start"):
            self.rule(signal, runs)
        self.rule("suspend", at_once("attempt_suspended"))
        self.rule("terminate", at_once("attempt_terminated"))
        self.rule("deprovision", cleans)
        return self

    def heard(self, signal, job=None, fence=None):
        return [told for told in list(self.told) if told.signal == signal and job in (None, told.job) and fence in (None, told.fence)]

    def take(self, signal, job=None, seconds=5.0, fence=None):
        """The next such signal that was not taken yet; None if none comes."""
        def found():
            for place, told in enumerate(list(self.told)):
                if place not in self.taken and told.signal == signal and job in (None, told.job) and fence in (None, told.fence):
                    self.taken.add(place)
                    return told
            return None
        try:
            return wait_for(found, seconds, signal)
        except YardError:
            return None

    def say(self, told, name, patient=True, **more):
        """A report about an attempt, numbered unless a number is given (None: none)."""
        key, body = (told.job, told.fence), {"job": told.job, "fence": told.fence, **more}
        if "message" not in more and any(field.name == "message" for field in MESSAGES[name].fields):
            self.numbers[key] += 1
            body["message"] = self.numbers[key]
        report = Report(name, {field: value for field, value in body.items() if value is not None}, patient)
        if name not in ("attempt_checkpoint", "attempt_resources", "attempt_progress"):
            self.said[key] = report
        self.out.append(report)
        return report

    def report(self, told, name, seconds=5.0, **more):
        """say(), and its answer."""
        report = self.say(told, name, **more)
        return wait_for(lambda: report.answer, seconds, f"an answer to {name} of {told.job}")

    def again(self, report):
        """The same report once more, to the octet."""
        same = Report(report.name, report.body, report.patient)
        self.out.append(same)
        return same

    def working(self, told, signal=None):
        return self.report(told, "attempt_working", signal=signal or told.signal)

    def checkpoint(self, told, number, resume=b"", done=0, total=0, mappings=()):
        return self.report(told, "attempt_checkpoint", checkpoint=number, resume=resume, mark="", done=done, total=total,
                           mappings=[list(pair) for pair in mappings])

    def resources(self, told, **states):
        """resources (told, database="provisioned")"""
        return self.report(told, "attempt_resources", resources=[[name, state, f"at {name}"] for name, state in states.items()])

    def complete(self, told, result="done", **more):
        return self.report(told, "attempt_completed", done=1, total=1, result=result, **more)

    def fail(self, told, retryable, text="did not work", **more):
        return self.report(told, "attempt_failed", retryable=retryable, text=text, **more)

    def quit(self, told):
        """No script of that attempt goes on."""
        self.scripts = [one for one in self.scripts if (one.told.job, one.told.fence) != (told.job, told.fence) or one.told is told]

    # --- its thread ---

    def run(self):
        try:
            with self.connect() as self.door:
                self.door.beats = False
                while not self.over.is_set():
                    self.turn()
                if self.polite and self.door.session:
                    self.door.answer(self.door.tell("agent_leave", session=self.door.session), 1)
        except Exception as error:        # told by the test, which would not see it here
            self.error = error

    def turn(self):
        if not self.door.session:
            self.register()
            return
        now = time.monotonic()
        if self.beats and now >= self.beat_at:
            self.beat_at = now + 0.25
            self.beat_asks.add(self.door.tell("agent_beat", session=self.door.session))
        self.send(now)
        message = self.door.recv(0.005)
        while message is not None:
            self.hear(message)
            message = self.door.recv(0)
        self.step()

    def register(self):
        try:
            if self.door.register(limit=2, **self.registration).name == "agent_registered":
                self.ready.set()
        except Silence:
            pass

    def forgotten(self):
        """The yard does not know this session any more: everything it held is over."""
        self.door.session = 0
        self.scripts, self.pending, self.beat_asks = [], {}, set()
        self.out.clear()

    def send(self, now):
        for ask, (report, at) in list(self.pending.items()):
            if now >= at:
                del self.pending[ask]
                self.out.append(report)
        while self.out:
            report = self.out.popleft()
            ask = self.door.tell(report.name, session=self.door.session, **report.body)
            if MESSAGES[report.name].sort == "ASK":
                self.pending[ask] = (report, now + AGAIN_S)

    def hear(self, message):
        signal = message["signal"] if message.name == "attempt_start" else OTHERS.get(message.name)
        if signal:
            self.hear_signal(Told(signal, message["job"], message["fence"], time.monotonic(), message))
        elif message.ask in self.beat_asks:
            self.beat_asks.discard(message.ask)
            if message.code == "not_registered":
                self.forgotten()
        elif message.ask in self.pending:
            self.hear_answer(*self.pending.pop(message.ask), message)

    def hear_answer(self, report, at, message):
        if message.name == "refused" and report.patient and message["retryable"] and message.code != "not_registered":
            report.refused.append(message)
            self.pending[-message.ask] = (report, time.monotonic() + 0.05)
        else:
            report.answer = message

    def hear_signal(self, told):
        self.told.append(told)
        if told.signal == "lost":
            self.quit(told)
        rule = next((rule for rule in self.rules if rule.fits(told)), None)
        if rule is None:
            return
        key = (told.signal, told.job, told.fence)
        if rule.times is None and key in self.began:
            last = self.said.get((told.job, told.fence))
            if last is not None and last.answer is not None:
                self.again(last)
            return
        if rule.times is None:
            self.began.add(key)
        else:
            rule.times -= 1
        self.scripts.append(Running(told, rule.script(self, told)))

    def step(self):
        for running in list(self.scripts):
            while running in self.scripts and running.may_go_on(self):
                try:
                    running.waits = next(running.generator)
                except StopIteration:
                    if running in self.scripts:
                        self.scripts.remove(running)
                if running.waits is None:
                    break


# --- scripts ---

def runs(sim, told):
    """Started, and completed once "finish" or ("finish", job) is allowed."""
    yield sim.say(told, "attempt_started")
    yield lambda: "finish" in sim.events or ("finish", told.job) in sim.events
    sim.quit(told)
    yield sim.say(told, "attempt_completed", done=1, total=1, result="done")


def cleans(sim, told):
    names = [one[0] for one in told.body["resources"]]
    if names:
        yield sim.say(told, "attempt_resources", resources=[[name, "removed", ""] for name in names])
    yield sim.say(told, "attempt_deprovisioned")


def never(sim, told):
    """Nothing, ever."""
    return
    yield


def at_once(name, **more):
    def script(sim, told):
        sim.quit(told)
        yield sim.say(told, name, **more)
    return script


def works(signal, then, until, **more):
    """Answers "working"; the callback comes once that event is allowed."""
    def script(sim, told):
        yield sim.say(told, "attempt_working", signal=signal)
        yield until
        sim.quit(told)
        yield sim.say(told, then, **more)
    return script


def works_for_ever(signal):
    def script(sim, told):
        yield sim.say(told, "attempt_working", signal=signal)
    return script


def errs(signal, retryable=True, text="it did not work"):
    def script(sim, told):
        yield sim.say(told, "attempt_errored", signal=signal, retryable=retryable, text=text)
    return script


def twice(name, **more):
    """The same callback, with the same number, two times in a row."""
    def script(sim, told):
        sim.quit(told)
        first = sim.say(told, name, **more)
        second = sim.again(first)
        yield first
        yield second
    return script


def lies(name, job=0, fence=0, **more):
    """Reports about another job or with another fencing number than it was told."""
    def script(sim, told):
        yield sim.say(told._replace(job=told.job + job, fence=told.fence + fence), name, **more)
    return script


def completes(sim, told):
    """Whatever it is told."""
    sim.quit(told)
    yield sim.say(told, "attempt_completed", done=1, total=1, result="done")
