#!/usr/bin/python3
"""submit_and_watch.py - submits one job and prints what happens to it, until it has ended.

Needs python3-zmq and python3-msgpack and nothing of ours: what it knows of the wire is in
docs/reference/messages.md.  Whatever stays without an answer is asked again; a submit keeps its
request id then, so that it is done once.  Exit status: 0 completed, 1 failed or terminated, 64
usage, 65 refused, 69 no answer, 78 a key file that cannot be read, 124 --timeout is over.
"""
import argparse
import os
import struct
import sys
import time

import msgpack
import zmq
from zmq.auth import load_certificate

HEADER = struct.Struct(">BBHQQ16s8s")     # version, flags, number, ask, seq, trace, span
VERSION = 1
REFUSED, JOB_SUBMIT, JOB_ACCEPTED = 0x0003, 0x0101, 0x0102
JOB_STATUS, JOB_WATCH, JOB_CHANGED, JOB_PROGRESS = 0x0104, 0x0107, 0x0109, 0x010A
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
AGAIN_S = 3.0                             # without an answer, or without news of a watch


class Ended(Exception):
    """The program is to end with this status, for this reason."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


class Door:
    """One connection to the clients' door."""

    def __init__(self, endpoint, server_key, cert, deadline):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.curve_serverkey = public_key(server_key)
        self.socket.curve_publickey, self.socket.curve_secretkey = key_pair(cert)
        self.socket.connect(endpoint)
        self.deadline, self.asked = deadline, 0

    def say(self, number, body):
        """Sends an ask; its number. Without a connection it is dropped, and asked again later."""
        self.asked += 1
        header = HEADER.pack(VERSION, 0, number, self.asked, 0, bytes(16), bytes(8))
        try:
            self.socket.send(header + msgpack.packb(body), zmq.DONTWAIT)
        except zmq.Again:
            pass
        return self.asked

    def hear(self, seconds):
        """(number, ask, body) of the next message, or None after so many seconds."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Ended(124, "waited long enough")
        if not self.socket.poll(int(1000 * min(seconds, left)) + 1):
            return None
        frame = self.socket.recv()
        _, _, number, ask, _, _, _ = HEADER.unpack_from(frame)
        return number, ask, msgpack.unpackb(frame[HEADER.size:])

    def ask(self, number, body):
        """Asks until there is an answer: the message that answers, and the ask's number."""
        mine, silent = {self.say(number, body)}, 0
        while True:
            heard = self.hear(AGAIN_S)
            if heard is None:
                silent += 1
                if silent == 10:
                    raise Ended(69, "no answer; is the endpoint right, and is the key let in?")
                mine.add(self.say(number, body))
                continue
            if heard[1] not in mine:
                continue
            if heard[0] != REFUSED:
                return heard
            self.wait_or_end(heard[2])
            mine.add(self.say(number, body))

    def wait_or_end(self, refused):
        """Returns when a refused message may be sent again; never if it must not, or if that is too late."""
        if not refused["retryable"]:
            faults = "".join(f"\n  {path}: {text} [{code}]" for path, code, text in refused["faults"])
            raise Ended(65, f"{refused['text']} [{refused['code']}]{faults}")
        pause, left = max(0.1, refused["retry_after_ms"] / 1000), self.deadline - time.monotonic()
        time.sleep(max(0.0, min(pause, left)))
        if pause >= left:
            raise Ended(124, f"waited long enough: {refused['text']} [{refused['code']}]")


def load(path):
    try:
        return load_certificate(path)
    except (OSError, ValueError) as error:
        raise Ended(78, f"{path}: {error}") from None


def public_key(text):
    """Z85 text, or what a certificate file says."""
    if len(text) == 40 and not os.path.exists(text):
        return text.encode()
    return load(text)[0]


def key_pair(path):
    public, secret = load(path)
    if secret is None:
        raise Ended(78, f"{path} holds no secret key")
    return public, secret


def job_text(number):
    """An id as people see it."""
    digits = ""
    for _ in range(13):
        number, digit = divmod(number, 32)
        digits = ALPHABET[digit] + digits
    return "job_" + digits


def submit(door, given):
    spec = {"request": os.urandom(16), "name": given.name, "kind": given.kind, "tier": given.tier,
            "source": given.source, "target": given.target}
    if given.capability:
        spec["capabilities"] = given.capability
    if given.region:
        spec["regions"] = given.region
    if given.pool:
        spec["pool"] = given.pool
    if given.payload:
        spec["payload"] = given.payload.encode()
    return door.ask(JOB_SUBMIT, spec)[2]["job"]


def show(event):
    clock = time.strftime("%H:%M:%S", time.localtime(event["at"] / 1000))
    detail = f": {event['detail']}" if event["detail"] else ""
    print(f"{clock} #{event['seq']} {event['state']} {event['agent'] or '-'} {event['why']}{detail}", flush=True)


def watch(door, job):
    """Prints every event once, in order; the last state."""
    last, asked = 0, None
    while True:
        if asked is None:
            _, asked, _ = door.ask(JOB_WATCH, {"job": job, "after": last})
        heard = door.hear(AGAIN_S)
        if heard is None:                 # perhaps the door was opened anew and forgot us
            asked = None
            continue
        number, ask, body = heard
        if ask != asked:
            continue
        if number == REFUSED:             # the yard ended this watch
            door.wait_or_end(body)
            asked = None
        elif number == JOB_PROGRESS:
            print(f"         {body['done']} of {body['total'] or '?'}", flush=True)
        elif number == JOB_CHANGED and body["seq"] == last + 1:
            last = body["seq"]
            show(body)
            if body["final"]:
                return body["state"]
        elif number == JOB_CHANGED and body["seq"] > last:
            asked = None                  # one is missing: ask for all after the last known


class Options(argparse.ArgumentParser):
    """argparse ends with 2; commands of a yard end with 64."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def options_known():
    options = Options(description="Submits one job and watches it until it has ended.")
    for name, variable in (("endpoint", "YARD_ENDPOINT"), ("server-key", "YARD_SERVER_KEY"), ("cert", "YARD_CERT")):
        value = os.environ.get(variable)
        options.add_argument("--" + name, default=value, required=value is None, help=f"[{variable}]")
    for name in ("name", "kind", "source", "target"):
        options.add_argument("--" + name, required=True)
    options.add_argument("--tier", default="standard")
    options.add_argument("--capability", action="append", help="may be given again")
    options.add_argument("--region", action="append", help="may be given again")
    options.add_argument("--pool")
    options.add_argument("--payload", help="text for the agent")
    options.add_argument("--timeout", type=float, default=float("inf"), help="seconds in all")
    return options


def main():
    options = options_known()
    given = options.parse_args()
    try:
        door = Door(given.endpoint, given.server_key, given.cert, time.monotonic() + given.timeout)
        job = submit(door, given)
        print(job_text(job), flush=True)
        state = watch(door, job)
    except Ended as end:
        print(f"{options.prog}: {end}", file=sys.stderr)
        return end.status
    return 0 if state == "COMPLETED" else 1


if __name__ == "__main__":
    sys.exit(main())
