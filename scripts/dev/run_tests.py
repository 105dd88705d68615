#!/usr/bin/python3
"""run_tests.py - what scripts/test does once everything is installed.

A step prints one line and gives counts that it read from what its tools wrote (JUnit files), or
counts as one test itself.  A tool that says nothing usable counts as one failure: silence is never
success.
"""
import argparse
import glob
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import namedtuple

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from yard import spawn, undisturbed  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = 77
STEP_SECONDS = 1200
END_SECONDS = 30                     # what a child has to clean up before it is killed
ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1",
               "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}

Counts = namedtuple("Counts", "passed failed skipped text", defaults=("",))
GOOD, BAD = Counts(1, 0, 0), Counts(0, 1, 0)


class Interrupted(BaseException):
    """Ctrl-C, or somebody asked us to end; number is the signal's."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def listen_to_interrupts():
    """The first one ends the run, later ones do not disturb the cleaning up."""
    def first(number, frame):
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, lambda *_: None)
        raise Interrupted(number)
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, first)


def signal_group(child, number):
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        pass


def end(child):
    """Asks a child to end, and all it started with it; what it said meanwhile."""
    said = ""
    for number, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, 5)):
        signal_group(child, number)
        try:
            said, _ = child.communicate(timeout=seconds)
            break
        except subprocess.TimeoutExpired:
            continue
    signal_group(child, signal.SIGKILL)
    return said


def sh(args, seconds=STEP_SECONDS, **more):
    """A command with a limit; (status, what it said). It ends when we do, however we end."""
    with undisturbed():
        child = spawn(args, cwd=ROOT, env={**ENVIRONMENT, **more}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                      text=True, errors="replace")
    try:
        said, _ = child.communicate(timeout=seconds)
        return child.returncode, said
    except subprocess.TimeoutExpired:
        return 124, end(child) + f"\nnot done after {seconds} s"
    finally:
        if child.poll() is None:
            end(child)


def tail(text, lines=40):
    return "\n".join(text.splitlines()[-lines:])


TELLING = re.compile(r"\[(----|FAIL|ERR|====)\]|^E  |^(FAILED|ERROR) |^_{5,}|^\S+:\d+: |ERROR: |SUMMARY|runtime error|panic")


def telling(text, lines=40):
    """The lines that say what failed; the last ones if none does."""
    found = [line for line in text.splitlines() if TELLING.search(line)][:lines]
    return "\n".join(found) or tail(text, lines)


def total(parts):
    parts = list(parts)
    return Counts(*(sum(part[i] for part in parts) for i in range(3)), "\n".join(part.text for part in parts if part.text))


def one(status, said):
    """A command that counts as one test."""
    if status == SKIPPED:
        return Counts(0, 0, 1, tail(said, 3))
    return GOOD if status == 0 else BAD._replace(text=tail(said))


def cases(path):
    """Counts of a JUnit file; None if there is none that can be read."""
    try:
        suites = list(ElementTree.parse(path).getroot().iter("testsuite"))
    except (OSError, ElementTree.ParseError):
        return None
    passed = failed = skipped = 0
    for case in (case for suite in suites for case in suite.findall("testcase")):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None or case.get("status") in ("SKIPPED", "disabled", "notrun"):
            skipped += 1
        else:
            passed += 1
    return Counts(passed, failed, skipped)


class Steps:
    """In the order they run; each takes no argument and gives Counts."""

    def __init__(self, slot, fuzz_seconds):
        self.slot, self.fuzz_seconds = slot, fuzz_seconds
        self.jobs = str(os.cpu_count() or 2)

    def tree(self, name):
        return os.path.join(self.slot, name)

    def build(self, name, preset, *targets):
        status, said = sh(["cmake", "--preset", preset, "-B", self.tree(name)])
        if status == 0:
            status, said = sh(["cmake", "--build", self.tree(name), "-j", self.jobs, *(["--target", *targets] if targets else [])])
        return one(status, said)

    def programs(self, name):
        """The tests that ctest knows; Criterion's own files say how many cases each has."""
        tree = self.tree(name)
        for old in glob.glob(f"{tree}/tests/*.xml"):
            os.unlink(old)
        report = os.path.join(tree, "ctest.xml")
        _, said = sh(["ctest", "--test-dir", tree, "-j", self.jobs, "--output-on-failure", "--output-junit", report])
        try:
            ran = list(ElementTree.parse(report).getroot().iter("testcase"))
        except (OSError, ElementTree.ParseError):
            ran = []
        if not ran:
            return BAD._replace(text=tail(said))
        parts = []
        for case in ran:
            found = cases(f"{tree}/tests/{case.get('name')}.xml")
            if case.get("status") == "run":
                parts.append(found if found and found.passed else BAD._replace(text=f"{case.get('name')}: counted no test"))
            else:
                out = case.findtext("system-out") or ""
                failed = max(1, found.failed if found else 1)
                parts.append(Counts(found.passed if found else 0, failed, 0, f"{case.get('name')} failed:\n{telling(out, 25)}"))
        return total(parts)

    def system(self, name):
        report = os.path.join(self.tree(name), "system.xml")
        if os.path.exists(report):
            os.unlink(report)
        # Most of a system test is waiting for a yard of its own, so a few files run at once.
        status, said = sh(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--maxfail=20",
                           "-n", self.jobs, "--dist", "loadfile",
                           f"--junitxml={report}", "tests/system"], YARD_BUILD=self.tree(name))
        with open(os.path.join(self.tree(name), "system.log"), "w", encoding="utf-8") as file:
            file.write(said)
        found = cases(report)
        if not found or not found.passed + found.failed:
            return BAD._replace(text=tail(said))
        if status != 0 and not found.failed:
            found = found._replace(failed=1)
        return found._replace(text=telling(said, 60) if found.failed else "")

    def shell(self, name):
        scripts = sorted(glob.glob(os.path.join(ROOT, "tests", "system", "*.sh")))
        results = []
        for script in scripts:
            result = one(*sh([script], 300, YARD_BUILD=self.tree(name)))
            results.append(result._replace(text=f"{os.path.basename(script)}: {result.text}" if result.text else ""))
        return total(results)

    def reference(self, name):
        return one(*sh([os.path.join(self.tree(name), "bin", "ym-schema"), "check", "docs/reference"]))

    def fuzz(self):
        sources = sorted(glob.glob(os.path.join(ROOT, "tests", "fuzz", "fuzz_*.c")))
        names = [os.path.splitext(os.path.basename(source))[0] for source in sources]
        built = self.build("fuzz", "fuzz", *names)
        if built.failed:
            return built
        return total(self.fuzz_one(name) for name in names)

    def fuzz_one(self, name):
        program = next(iter(glob.glob(f"{self.tree('fuzz')}/**/{name}", recursive=True)), None)
        if program is None:
            return BAD._replace(text=f"{name}: not built")
        corpus = os.path.join(self.slot, "corpus", name)
        os.makedirs(corpus, exist_ok=True)
        status, said = sh([program, f"-max_total_time={self.fuzz_seconds}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0",
                           "-print_final_stats=1", f"-artifact_prefix={self.slot}/{name}-", corpus], self.fuzz_seconds + 120)
        return one(status, f"{name}:\n{said}")

    def check(self):
        status, said = sh(["scripts/check", "--builds", self.slot])
        print("\n".join("        " + line for line in said.splitlines()), flush=True)
        return one(status, "see above")

    def demo(self, name):
        return one(*sh(["/usr/bin/python3", "scripts/dev/demo.py", "--check", "--build", self.tree(name)], 300))

    def plan(self, quick):
        yield "build (gcc)", lambda: self.build("gcc", "release")
        yield "unit and store tests", lambda: self.programs("gcc")
        yield "reference pages are current", lambda: self.reference("gcc")
        yield "system tests", lambda: self.system("gcc")
        yield "system tests in shell", lambda: self.shell("gcc")
        if quick:
            return
        yield "demo", lambda: self.demo("gcc")
        yield "build with sanitizers", lambda: self.build("asan", "asan")
        yield "unit and store tests, sanitizers", lambda: self.programs("asan")
        yield "system tests, sanitizers", lambda: self.system("asan")
        yield f"fuzzing, {self.fuzz_seconds} s each", self.fuzz
        yield "checks", self.check


def run(argv):
    options = argparse.ArgumentParser(prog="scripts/test")
    options.add_argument("--slot", required=True, help=argparse.SUPPRESS)
    options.add_argument("--quick", action="store_true", help="leave out sanitizers, fuzzing, checks and the demo")
    options.add_argument("--fuzz-seconds", type=int, default=10, metavar="N", help="for each target (10)")
    given = options.parse_args(argv)
    steps = Steps(given.slot, given.fuzz_seconds)
    results = []
    for name, step in steps.plan(given.quick):
        start = time.monotonic()
        result = step()
        results.append(result)
        word = "FAIL" if result.failed else "ok  "
        skipped = f", {result.skipped} skipped" if result.skipped else ""
        print(f"{word} {name:34} {time.monotonic() - start:4.0f} s  {result.passed} passed, {result.failed} failed{skipped}", flush=True)
        if result.text:
            print("\n".join("        " + line for line in result.text.splitlines()), flush=True)
        if result.failed and name.startswith("build"):
            break
    all_of = total(results)
    skipped = f", {all_of.skipped} skipped" if all_of.skipped else ""
    print(f"{all_of.passed} passed, {all_of.failed} failed{skipped}")
    return 1 if all_of.failed else 0


def main(argv=None):
    listen_to_interrupts()
    try:
        return run(argv)
    except Interrupted as interrupted:
        print("interrupted", file=sys.stderr)
        return 128 + interrupted.number


if __name__ == "__main__":
    sys.exit(main())
