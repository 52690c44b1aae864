"""An agent that takes its configuration, answers pings, and floods while it is told to.

    flooding_agent.py --flood KIND --while FILE [--towards VIP] agent --automated

It floods as long as FILE exists, as fast as it is read. KIND is one of

    events       control events that nobody knows
    suggestions  events routeSuggestion, each with another address
    results      results of `status` that nobody asked for, with 100 failed listeners each
    deep         control messages of 3.8 MB of nested brackets
    packets      TCP segments of no connection, of 64 bytes, from every port to VIP
    syns         SYNs to port 9101 of VIP, from every port
    disorder     segments of 1 byte far ahead of their turn, from 256 ports to port 9101 of VIP
    strangers    the same from 10.66.0.1, an address behind this host
    forged       the same from 127.0.42.102, the address of another host
    unknown      frames of a type that nobody knows
    credits      acknowledgements of nothing, and of more than there is
    lines        lines on standard error
    line         one line without an end on standard error
"""

import argparse
import itertools
import os
import struct
import sys
import threading
import time

from frames import CREDIT, JSON, L3, FrameReader, frame, message, read_message
from packets import ACK, PSH, SYN, address, show, write

# Bytes that are made once and written again and again.
PIECE = 1 << 20


def repeated(frames) -> bytes:
    """Whole frames, a piece of them."""
    made, size = [], 0
    for each in itertools.cycle(frames):
        made.append(each)
        size += len(each)
        if size >= PIECE:
            return b"".join(made)


def events(options) -> bytes:
    return repeated([message("event", {"type": "zzz"})])


def suggestions(options) -> bytes:
    def suggestion(index):
        data = {"ip": [show(0x0A420000 + index)], "route": options.towards}
        return message("event", {"type": "routeSuggestion", "data": data})

    return repeated([suggestion(index) for index in range(8192)])


def results(options) -> bytes:
    error = {"code": "EADDRINUSE", "message": "x" * 60}
    listeners = [
        {"address": f"127.0.42.101:{port}", "kind": "loopback", "error": error}
        for port in range(1, 101)
    ]
    body = {"request_id": 1, "op": "status", "data": {"listeners": listeners}}
    return repeated([message("result", body)])


def deep(options) -> bytes:
    half = 1900000
    text = b'{"type":"event","body":{"type":"zzz","data":' + b"[" * half + b"]" * half + b"}}"
    return frame(JSON, text)


def segments(options, ports, target_port, flags, ahead=0, payload=b"", source=None):
    me, them = address(source or options.me), address(options.towards)
    for port in ports:
        packet = write(
            (me, port), (them, target_port or port), 1001 + ahead * (port + 1),
            0 if flags & SYN else 1, flags, 65535, b"", payload, port,
        )
        yield frame(L3, packet + payload)


def packets(options, source=None) -> bytes:
    ports = range(1024, 65536)
    data = b"x" * 24
    return repeated(list(segments(options, ports, None, ACK | PSH, 0, data, source)))


def strangers(options) -> bytes:
    return packets(options, "10.66.0.1")


def forged(options) -> bytes:
    return packets(options, "127.0.42.102")


def unknown(options) -> bytes:
    return repeated([frame(9, b"x" * 56)])


def credits(options) -> bytes:
    return repeated([frame(CREDIT, struct.pack(">QI", taken, every)) for taken, every in ((0, 0), (1 << 40, 9))])


def syns(options) -> bytes:
    return repeated(list(segments(options, range(1024, 65536), 9101, SYN)))


def disorder(options) -> bytes:
    ports = range(20000, 20256)
    ahead = list(segments(options, ports, 9101, ACK, 97, b"x"))
    return b"".join(segments(options, ports, 9101, SYN)) + repeated(ahead)


def lines(options) -> bytes:
    return b"rogue says the same line again and again, without end\n" * (PIECE // 54)


def line(options) -> bytes:
    return b"x" * PIECE


KINDS = {
    each.__name__: each
    for each in (
        events, suggestions, results, deep, packets, syns, disorder, strangers, forged,
        unknown, credits, lines, line,
    )
}
lock = threading.Lock()


def write_all(fd: int, data: bytes) -> None:
    with lock:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]


def flood(options) -> None:
    piece = KINDS[options.flood](options)
    fd = 2 if options.flood in ("lines", "line") else 1
    while True:
        if os.path.exists(options.file):
            write_all(fd, piece)
        else:
            time.sleep(0.02)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flood", choices=KINDS, required=True)
    parser.add_argument("--while", dest="file", required=True)
    parser.add_argument("--towards", default="127.0.42.101")
    options, _ = parser.parse_known_args()
    credits_too = options.flood == "credits"
    reader = FrameReader((L3, JSON, CREDIT) if credits_too else (L3, JSON))
    while data := os.read(0, 1 << 16):
        for kind, payload in reader.feed(data):
            if kind != JSON:
                continue
            what, body = read_message(payload)
            if what != "request":
                continue
            result = {"request_id": body["id"], "op": body["op"]}
            if body["op"] == "configure":
                options.me = body["args"]["me"]
                features = ["tcp", "loopback.disable", "ping"] + ["credit"] * credits_too
                result["data"] = {"features": features, "version": "flood"}
            write_all(1, message("result", result))
            if body["op"] == "configure":
                threading.Thread(target=flood, args=[options], daemon=True).start()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
