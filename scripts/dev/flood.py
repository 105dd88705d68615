#!/usr/bin/python3
"""flood.py - submits many jobs at a steady rate and writes down how long each acknowledgement took.

usage: flood.py --endpoint TCP --server-key FILE --cert FILE --rate N < JOBS > ACKNOWLEDGED

JOBS has one JSON object a line, the fields of job_submit without its request id.  What is not
answered in time, or refused for now, is sent again with the same request id, as every client
should; the time runs from the first sending.  ACKNOWLEDGED has a line for each job:
{"job": number, "sent_ms": wall clock, "ack_ms": duration, "sendings": count}.
Exit 1 if a job was refused for good or stayed without an answer for a minute.
"""
import argparse
import json
import os
import struct
import sys
import time

import msgpack
import zmq

HEADER = struct.Struct(">BBHQQ16s8s")     # version, flags, number, ask, seq, trace, span
JOB_SUBMIT, JOB_ACCEPTED, REFUSED = 0x0101, 0x0102, 0x0003
AGAIN_S, GIVE_UP_S = 0.5, 60


def keys_of(path):
    """Public and secret key of a certificate file, as Z85 text; the secret one may be missing."""
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition("=")
            found[name.strip()] = value.strip().strip('"').encode()
    return found["public-key"], found.get("secret-key")


def connect(endpoint, server_key, cert):
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.curve_publickey, socket.curve_secretkey = keys_of(cert)
    socket.curve_serverkey = keys_of(server_key)[0]
    socket.linger, socket.reconnect_ivl = 0, 20
    socket.connect(endpoint)
    return socket


class Waiting:
    """A job that was sent and is not acknowledged."""

    def __init__(self, ask, spec):
        spec = {"request": os.urandom(16), **spec}
        spec["payload"] = json.dumps(spec.get("payload", {})).encode()
        self.frame = HEADER.pack(1, 0, JOB_SUBMIT, ask, 0, bytes(16), bytes(8)) + msgpack.packb(spec, use_bin_type=True)
        self.sent_ms, self.first, self.sendings, self.due = 0, 0.0, 0, 0.0

    def send(self, socket, now):
        if self.sendings == 0:
            self.first, self.sent_ms = now, time.time_ns() // 1_000_000
        self.sendings += 1
        self.due = now + AGAIN_S
        try:
            socket.send(self.frame, zmq.DONTWAIT)
        except zmq.Again:
            pass


def hear(frame, waiting):
    """Takes one answer; the acknowledgement's line, or None."""
    _, _, number, ask, _, _, _ = HEADER.unpack_from(frame)
    job = waiting.get(ask)
    if job is None:                       # answered before: it was sent twice
        return None
    body = msgpack.unpackb(frame[HEADER.size:])
    now = time.monotonic()
    if number == JOB_ACCEPTED:
        del waiting[ask]
        return {"job": body["job"], "sent_ms": job.sent_ms, "ack_ms": round((now - job.first) * 1000, 3), "sendings": job.sendings}
    if number == REFUSED and body["retryable"]:
        job.due = now + max(0.1, body["retry_after_ms"] / 1000)
        return None
    sys.exit(f"flood: refused: {body.get('code')}: {body.get('text')} {body.get('faults')}")


def flood(socket, specs, rate):
    start, sent, waiting = time.monotonic(), 0, {}
    while sent < len(specs) or waiting:
        now = time.monotonic()
        while sent < len(specs) and now >= start + sent / rate:
            sent += 1
            waiting[sent] = Waiting(sent, specs[sent - 1])
            waiting[sent].send(socket, now)
        for job in waiting.values():
            if now - job.first > GIVE_UP_S:
                sys.exit("flood: no answer for a minute")
            if now >= job.due:
                job.send(socket, now)
        next_send = start + sent / rate if sent < len(specs) else now + AGAIN_S
        if socket.poll(max(1, min(50, int((next_send - now) * 1000)))):
            try:
                while True:
                    line = hear(socket.recv(zmq.DONTWAIT), waiting)
                    if line:
                        print(json.dumps(line), flush=True)
            except zmq.Again:
                pass


def main():
    options = argparse.ArgumentParser()
    for name in ("--endpoint", "--server-key", "--cert"):
        options.add_argument(name, required=True)
    options.add_argument("--rate", type=float, default=50, help="jobs a second (50)")
    given = options.parse_args()
    socket = connect(given.endpoint, given.server_key, given.cert)
    flood(socket, [json.loads(line) for line in sys.stdin], given.rate)


main()
