"""test_scripts.py - what the developers' scripts promise: they end what they started, and find a place."""
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from types import SimpleNamespace

import demo
import demo_proof
import pytest
import run_tests
from yard import ROOT, Yard, is_alive, run, wait_for

DEV = os.path.join(ROOT, "scripts", "dev")
RUNNER = """
import sys
sys.path.insert(0, sys.argv[1])
import run_tests
run_tests.run = lambda argv: run_tests.sh(["sh", "-c", 'echo $$ >"$0.new"; mv "$0.new" "$0"; sleep 600', sys.argv[2]])[0]
sys.exit(run_tests.main([]))
"""


def runner(tmp_path):
    """A run of the tests whose only step waits; the run, and the step's process."""
    file = tmp_path / "pid"
    made = subprocess.Popen([sys.executable, "-c", RUNNER, DEV, str(file)], stderr=subprocess.PIPE, text=True)
    wait_for(file.exists, 10, "the step to run")
    return made, int(file.read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_step(number, tmp_path):
    made, step = runner(tmp_path)
    made.send_signal(number)
    _, said = made.communicate(timeout=20)
    assert made.returncode == 128 + number
    assert said == "interrupted\n"
    assert not is_alive(step)


def test_a_killed_run_takes_its_step_along(tmp_path):
    made, step = runner(tmp_path)
    made.kill()
    made.wait(10)
    made.stderr.close()
    wait_for(lambda: not is_alive(step), 10, "the step to end")


def test_a_step_that_is_late_is_asked_before_it_is_killed():
    status, said = run_tests.sh(["sh", "-c", "trap 'echo asked; exit' TERM; echo began; sleep 600 & wait"], 0.5)
    assert status == 124
    assert said.split("\n") == ["began", "asked", "", "not done after 0.5 s"]


def take_slot(root):
    return subprocess.run(["bash", "-euc", f'root={root}; . {DEV}/slot.sh; take_slot x; echo "$slot"'],
                          capture_output=True, text=True, check=False, timeout=10)


def not_ours(root, *names):
    """A lock that cannot be written, for root neither."""
    for name in names:
        os.makedirs(os.path.join(root, "build", name, ".lock"))


def test_a_slot_that_may_not_be_written_is_passed_over(tmp_path):
    not_ours(tmp_path, "x", "x-2")
    taken = take_slot(tmp_path)
    assert (taken.stdout, taken.stderr) == (f"{tmp_path}/build/x-3\n", "")


def test_without_a_slot_the_reason_is_one_sentence(tmp_path):
    not_ours(tmp_path, "x", *(f"x-{number}" for number in range(2, 9)))
    refused = take_slot(tmp_path)
    assert refused.returncode == 75
    assert len(refused.stderr.splitlines()) == 1 and "may not write" in refused.stderr


def test_an_earlier_ready_is_not_heard(tmp_path, monkeypatch):
    yard = Yard(build=str(tmp_path))
    yard.base, yard.ports = str(tmp_path), []
    (tmp_path / "log").mkdir()
    monkeypatch.setattr(yard, "program", lambda name: "/bin/true")
    try:
        yard.launch()
        yard.daemon.wait(10)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as earlier:
            earlier.sendto(b"READY=1", yard.path("notify"))
        yard.launch()
        yard.daemon.wait(10)
        assert not yard.hear()
    finally:
        yard.notify.close()
        for port in yard.ports:
            port.free()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a tree to somebody else")
def test_the_demo_takes_the_history_of_another_users_tree(tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    subprocess.run(["git", "init", "-q", tree], check=True)
    subprocess.run(["git", "-C", tree, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", "x", "--allow-empty"],
                   check=True)
    subprocess.run(["chown", "-R", "nobody", tree], check=True)
    monkeypatch.setattr(demo, "ROOT", str(tree))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    demo.trust_every_owner(str(tmp_path / "gitconfig"))
    said = []
    assert demo.make_history(SimpleNamespace(line=said.append), str(tmp_path / "copy")) == "this repository's own history"
    assert not said


def test_the_demo_tells_why_it_makes_a_history(tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("x")
    monkeypatch.setattr(demo, "ROOT", str(tree))
    said = []
    assert demo.make_history(SimpleNamespace(line=said.append), str(tmp_path / "copy")) == "a history made of this tree"
    assert "not a git repository" in said[0]


def test_a_mapped_item_that_nobody_wrote_is_a_breach(tmp_path):
    with sqlite3.connect(tmp_path / "changelogs.sqlite") as store:
        store.execute("CREATE TABLE item (source_id, target_id, body)")
        store.execute("CREATE TABLE effect (source_id, fence)")
    (tmp_path / "items").write_text("")
    yard = SimpleNamespace(path=lambda *names: str(tmp_path / names[-1]), one=lambda text: "0", sql=lambda text: [["lost", "1"]])
    table = demo_proof.Table()
    demo_proof.prove_items(table, SimpleNamespace(yard=yard, items=str(tmp_path / "items"), floods={}, tiny=0, slice=0, batch=1))
    assert [line[0] for line in table.lines if line[2] == "BREACH"] == ["items mapped and never written"]


def bench(name):
    done = run(["/usr/bin/python3", os.path.join(ROOT, "tests", "bench", name), Yard().build, "--smoke"], 120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_bench_works():
    said = bench("waiting.py")
    assert "queue process" in said and "lease, median" in said


def test_the_bench_of_statuses_works():
    said = bench("status.py")
    assert "under the flood" in said and "p99" in said


def test_every_proof_that_is_named_exists(tmp_path):
    check = os.path.join(ROOT, "scripts", "check-proofs")
    done = run(["/usr/bin/python3", check], 30)
    assert done.returncode == 0, done.stdout
    (tmp_path / "page.md").write_text("| S5 | law | `store/test_life::every_pair` `store/test_life::no_pair` |\n| S6 | final | by eye |\n")
    done = run(["/usr/bin/python3", check, str(tmp_path / "page.md")], 30)
    assert done.returncode == 1 and "no such test: store/test_life::no_pair" in done.stdout and "no test: | S6" in done.stdout
    assert "::every_pair" not in done.stdout
