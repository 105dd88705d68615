"""test_python.py - the Python example against a yard: the handbook is enough to speak the wire."""
import importlib.util
import os
import sqlite3
import subprocess
import time

import pytest
from conftest import job_number
from yard import ROOT, run

EXAMPLE = os.path.join(ROOT, "client", "python", "submit_and_watch.py")


def example(yard, *args):
    who = yard.keys[yard.tenants[0]]
    return run(["/usr/bin/python3", EXAMPLE, "--endpoint", f"tcp://127.0.0.1:{yard.ports[0].number}",
                "--server-key", yard.path("keys", "door"), "--cert", who.secret, *args], 60)


def test_the_example_submits_and_watches_to_the_end(yard, work):
    source, target = work.items(12)
    done = example(yard, "--name", "from-python", "--kind", "items-move", "--source", source, "--target", target,
                   "--tier", "premium", "--payload", '{"batch": 5}')
    assert done.returncode == 0, done.stdout + done.stderr
    assert "COMPLETED" in done.stdout
    (job, seq), = yard.sql("SELECT job_id, seq FROM ym.job_status WHERE name = 'from-python'")
    assert int(seq) >= 5, "submitted, leased, checkpoints, completed"
    with sqlite3.connect(target) as store:
        assert store.execute("SELECT count(*) FROM item").fetchone() == (12,)
    assert any(job_number(word) == int(job) for word in done.stdout.split() if word.startswith("job_"))


def test_the_example_says_what_was_refused(yard):
    done = example(yard, "--name", "x", "--kind", "NOT A WORD", "--source", "a", "--target", "b")
    assert done.returncode != 0
    assert "/kind" in done.stdout + done.stderr


def test_the_example_needs_nothing_but_pyzmq_and_msgpack():
    names = subprocess.run(["/usr/bin/python3", "-c", f"""
import ast, sys
tree = ast.parse(open({EXAMPLE!r}).read())
names = {{n.name.split('.')[0] for i in ast.walk(tree) if isinstance(i, ast.Import) for n in i.names}}
names |= {{i.module.split('.')[0] for i in ast.walk(tree) if isinstance(i, ast.ImportFrom)}}
print(*sorted(n for n in names if n not in sys.stdlib_module_names))"""], capture_output=True, text=True, check=True).stdout.split()
    assert names == ["msgpack", "zmq"]


def test_the_example_does_not_sleep_beyond_its_timeout():
    spec = importlib.util.spec_from_file_location("submit_and_watch", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    door = module.Door.__new__(module.Door)
    door.deadline = time.monotonic() + 0.05
    with pytest.raises(module.Ended, match="busy") as ended:
        door.wait_or_end({"retryable": True, "retry_after_ms": 20000, "text": "too much", "code": "busy", "faults": []})
    assert ended.value.status == 124 and time.monotonic() < door.deadline + 10
