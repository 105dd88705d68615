"""fakeyard.py - the agents' door alone, played by the test: tells a real agent what no real yard would.

    with FakeYard(server) as yard:              # server: its certificate
        ... start an agent program at yard.endpoint ...
        yard.tell("attempt_terminate", job=1, fence=7, reason="early")
        yard.heard("attempt_terminated", fence=7)

Every question is answered well and kept; what is prepared is told to start.
"""
import threading
from collections import deque

import zmq
from yard import wait_for
from yardwire import MESSAGES, Answer, pack


class FakeYard(threading.Thread):
    """See the top of the file."""

    def __init__(self, server, lease_ms=3000):
        super().__init__(daemon=True)
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.curve_server = True
        self.socket.curve_publickey, self.socket.curve_secretkey = server.public, server.secret
        self.endpoint = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"
        self.lease_ms, self.peer, self.error = lease_ms, None, None
        self.out, self.reports, self.over = deque(), [], threading.Event()
        self.starts = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *what):
        self.over.set()
        self.join(10)
        self.socket.close()
        if self.error is not None and what[0] is None:
            raise self.error

    def run(self):
        try:
            while not self.over.is_set():
                while self.out and self.peer is not None:
                    self.socket.send_multipart([self.peer, self.out.popleft()])
                if self.socket.poll(5):
                    self.peer, frame = self.socket.recv_multipart()
                    self.answer(Answer(frame))
        except Exception as error:        # told by the test, which would not see it here
            self.error = error

    def answer(self, message):
        if MESSAGES[message.name].sort != "ASK":
            return
        self.reports.append(message)
        if message.name == "agent_register":
            name, body = "agent_registered", {"session": 1, "heartbeat_ms": 500, "lease_ms": self.lease_ms, "lost": []}
        elif message.name in ("agent_beat", "agent_leave"):
            name, body = "agent_beaten", {"session": 1}
        elif message.name == "attempt_lookup":
            name, body = "attempt_mappings", {"job": message["job"], "mappings": []}
        else:
            name, body = "attempt_noted", {"job": message["job"], "fence": message["fence"], "checkpoint": message.body.get("checkpoint", 0)}
        self.socket.send_multipart([self.peer, pack(name, body, message.ask)])
        if message.name == "attempt_prepared" and message["fence"] in self.starts:
            self.tell("attempt_start", **{**self.starts[message["fence"]], "signal": "start"})

    def tell(self, name, /, **body):
        self.out.append(pack(name, body))

    def start_of(self, job, fence, source, target, signal="prepare", **more):
        self.starts[fence] = {"signal": signal, "job": job, "attempt": 1, "fence": fence, "tenant": "acme", "name": "tiny", "kind": "items-move",
                              "source": source, "target": target, "payload": b"", "checkpoint": 0, "resume": b"", "mark": "", "done": 0,
                              "total": 0, "resources": [], **more}
        self.tell("attempt_start", **self.starts[fence])

    def of(self, name, fence=None):
        return [report for report in list(self.reports) if report.name == name and fence in (None, report.body.get("fence"))]

    def heard(self, name, fence=None, seconds=5):
        return wait_for(lambda: self.of(name, fence), seconds, f"{name} of {fence}")[0]
