"""test_chaos.py - agents that misbehave at random, people who change their minds, and kills: in the end every job has ended.

The seed is printed; YARD_SEED repeats a run's choices, though not its timing.
"""
import os
import random
import time

import pytest
from life import kind, nothing_is_forgotten, quick_yard
from simagent import cleans, runs
from wireyard import wait_for
from yard import YardError
from yardwire import job_body

__all__ = ["kind"]
AGENTS = ("agent-1", "agent-2", "agent-3")
ACTS = 120
DONE = {"prepare": "attempt_prepared", "start": "attempt_started", "suspend": "attempt_suspended", "terminate": "attempt_terminated"}
REFUSED_WELL = {"", "illegal_move", "already_final", "not_suspender", "dependency_cycle", "unknown_dependency", "stale_version"}


def pause(seconds):
    """For a script: true once so long has passed."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def unruly(rng, signal):
    """What a bad day at an agent looks like, for one signal."""
    def script(sim, told):
        if signal == "deprovision":
            if rng.random() < 0.7:
                yield from cleans(sim, told)
            return
        what = rng.random()
        if what < 0.08:
            return                                   # never
        if what < 0.2:
            yield sim.say(told, "attempt_errored", signal=signal, retryable=rng.random() < 0.9, text="a bad day")
            return
        if what < 0.3:                               # of an attempt that is not its own
            yield sim.say(told._replace(fence=told.fence - 1), "attempt_completed", done=1, total=1, result="")
        if rng.random() < 0.4:
            yield sim.say(told, "attempt_working", signal=signal)
            yield pause(rng.random() * 0.3)
        if signal == "prepare" and rng.random() < 0.5:
            names = rng.sample(("database", "staging", "mount"), 2)
            yield sim.say(told, "attempt_resources", resources=[[name, "requested", ""] for name in names])
            yield sim.say(told, "attempt_resources", resources=[[names[0], "provisioned", "here"]])
        if signal == "prepare" and rng.random() < 0.5:
            yield from moves(sim, told, rng)
            return
        sim.quit(told)
        first = sim.say(told, DONE[signal])
        if rng.random() < 0.3:
            sim.again(first)
        yield first
        if signal == "start":
            yield from works_on(sim, told, rng)
    return script


def moves(sim, told, rng):
    yield sim.say(told, "attempt_started")
    yield from works_on(sim, told, rng)


def works_on(sim, told, rng):
    """A few checkpoints, and then whatever end it comes to."""
    first = told.body["checkpoint"]
    for number in range(first + 1, first + 1 + rng.randrange(3)):
        yield pause(rng.random() * 0.1)
        yield sim.say(told, "attempt_checkpoint", checkpoint=number, resume=b"", mark="", done=number, total=9, mappings=[])
    yield pause(rng.random() * 0.3)
    if rng.random() < 0.15:
        yield sim.say(told, "attempt_failed", retryable=rng.random() < 0.8, text="a bad day")
    else:
        yield sim.say(told, "attempt_completed", done=1, total=1, result="done")


class Chaos:
    def __init__(self, yard, kind, rng):
        self.yard, self.kind, self.rng, self.jobs, self.sims = yard, kind, rng, [], {}
        self.doors = {name: yard.door(name) for name in ("acme", "globex", "operator")}

    def agent(self, name):
        sim = self.yard.sim(name, slots=2, capabilities=[self.kind])
        for signal in (*DONE, "deprovision"):
            sim.rule(signal, unruly(random.Random(self.rng.random()), signal))
        self.sims[name] = sim

    def ask(self, who, name, /, **body):
        answer = self.doors[who].until(name, 20, **body)
        assert answer.code in REFUSED_WELL, answer
        return answer

    def submit(self):
        rng = self.rng
        more = {"tier": rng.choice(("standard", "premium", "platinum")), "urgency": rng.randrange(1, 17)}
        if self.jobs and rng.random() < 0.2:
            more["after"] = [[rng.choice(self.jobs[-5:])[1], rng.choice(("success", "any"))]]
        if rng.random() < 0.1:
            more["run_limit_ms"] = 300
        who = rng.choice(("acme", "globex"))
        answer = self.ask(who, "job_submit", **job_body(kind=self.kind, **more))
        if answer.name == "job_accepted":
            self.jobs.append((who, answer["job"]))

    def change(self):
        if not self.jobs:
            return
        owner, job = self.rng.choice(self.jobs)
        verb = self.rng.choice(("terminate", "suspend", "suspend", "resume", "resume", "hold", "release", "retry", "urge", "retier"))
        more = {"urge": {"urgency": self.rng.randrange(0, 17)}, "retier": {"tier": self.rng.choice(("standard", "premium"))}}.get(verb, {})
        who = "operator" if verb in ("hold", "release", "retier") or self.rng.random() < 0.5 else owner
        self.ask(who, "job_act", request=os.urandom(16), job=job, verb=verb, **more)

    def kill(self):
        victim = self.rng.choice(("assignment", "queue-standard", "queue-platinum", "intake", "agent", "agent"))
        if victim == "agent":
            name = self.rng.choice(AGENTS)
            self.sims[name].kill()
            self.agent(name)
        else:
            self.yard.wait_back(self.yard.kill(victim))

    def act(self):
        what = self.rng.random()
        (self.submit if what < 0.5 else self.change if what < 0.88 else self.kill)()

    def calm(self):
        """Everybody behaves from now on."""
        for name in AGENTS:
            sim, self.sims[name] = self.sims[name], None
            sim.kill()
            self.sims[name] = self.yard.sim(name, slots=4, capabilities=[self.kind]).obedient()
            self.sims[name].rule("prepare", runs).allow("finish")

    def settle(self):
        """Lifts what people did, so that every job can end; True when all have."""
        rows = self.yard.sql(f"""SELECT job_id, state, held, urgency, suspender FROM ym.job_run JOIN ym.job USING (job_id) WHERE kind = '{self.kind}'""")
        for job, state, held, urgency, suspender in (map(int, row) for row in rows):
            owner = next(who for who, one in self.jobs if one == job)
            if held:
                self.ask("operator", "job_act", request=os.urandom(16), job=job, verb="retry")
            if not urgency:
                self.ask("operator", "job_act", request=os.urandom(16), job=job, verb="urge", urgency=16)
            if state == 520:
                self.ask("operator" if suspender == 4 else owner, "job_act", request=os.urandom(16), job=job, verb="resume")
        return not rows

    def close(self):
        for sim in filter(None, self.sims.values()):
            sim.stop()
        for door in self.doors.values():
            door.close()


@pytest.mark.parametrize("turn", range(2))
def test_whatever_happens_every_job_ends(kind, turn):
    seed = int(os.environ.get("YARD_SEED", random.randrange(10 ** 6)))
    print(f"\nYARD_SEED={seed}")
    with quick_yard(**{"jobs.losses_max": 3, "jobs.attempts_max": 4}) as yard:
        chaos = Chaos(yard, kind, random.Random(seed))
        try:
            for name in AGENTS:
                chaos.agent(name)
            for number in range(ACTS):
                chaos.act()
                if number % 10 == 0:
                    nothing_is_forgotten(yard)
            chaos.calm()
            try:
                wait_for(chaos.settle, 40, "every job to end")
            except YardError as error:
                pytest.fail(f"{error}: {left(yard)}")
            nothing_is_forgotten(yard)
            assert int(yard.one("SELECT count(*) FROM ym.job_done")) == len(chaos.jobs)
        finally:
            chaos.close()


def left(yard):
    return yard.sql("SELECT job_id, state, wanted, held, unmet, holder, live, ends_as, suspender FROM ym.job_run")
