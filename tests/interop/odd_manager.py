"""A manager that sends one agent everything odd that the protocol lets pass, and more:

    odd_manager.py COMMAND…

Paddings, frame types and fields of the future, packets that are none, messages that are
none, and the longest frame there is. Then a connection to the agent's port 9000, where a
server counts bytes, shows that the agent is well. It ends with status 0, or 1 and a reason.
"""

import json
import os
import struct
import subprocess
import sys
import time

from frames import JSON, L3, FrameReader, Loop, Writer, frame, message, on_bytes, read_message
from packets import Wrong, address
from stack import FAILED, Stack

ME, AGENT, PORT = "127.0.42.100", "127.0.42.101", 9000
LONGEST = 2**24 - 5
LIMIT = 30.0
SENT = 1_000_000


def encoded(value) -> bytes:
    return json.dumps(value).encode()


def future(**known) -> dict:
    """An object with fields that nobody knows yet."""
    return {"aaa": None, **known, "zzz": {"deep": [1, 2.5, "three", None, True]}}


def before() -> list:
    huge = b'{"type":"event","body":{"type":"huge","data":"%s"}}'
    return [
        frame(L3, b""), frame(L3, b"\x45\0\0"), frame(L3, bytes(20)), frame(L3, bytes(65_535)),
        frame(0, b"nothing"), frame(7, b"the future"), frame(0xFFFF, b"", 0xFFFF),
        frame(JSON, b""), frame(JSON, b"{"), frame(JSON, b"\xff\xfe"), frame(JSON, b"null"),
        frame(JSON, b"[]"), frame(JSON, encoded({"type": "announcement", "body": {}})),
        frame(JSON, encoded({"type": "event", "body": {"type": "newThing", "data": [1]}})),
        frame(JSON, huge % (b"x" * (LONGEST - len(huge) + 2))),
    ]


def configure() -> bytes:
    names = {f"host-{number}.example.com": ME for number in range(50_000)}
    forward = {"listen_port": PORT, "connect_ip": "127.0.0.1", "connect_port": PORT}
    args = future(
        me=AGENT,
        forwards=[future(**forward, proto="tcp")],
        others=None,
        hostnameMap=names,
        http=future(), socks={}, loopback=future(disable=False),
        stateDir=future(disable=True),
        routes=[future(toCIDR=None, toHostnameGlob=None, via=AGENT)],
        nameServers=[],
    )
    body = future(id=2**31 - 1, op="configure", args=args)
    return frame(JSON, encoded(future(type="request", body=body)), 0xABCD)


def after() -> list:
    packets = [bytes(length) for length in range(60)]
    packets += [b"\x60" + bytes(59), b"\x45" + bytes(59), b"\x4f" + bytes(59), b"\xff" * 65_535]
    return [frame(L3, each, 0x1234) for each in packets] + [frame(9, b"?")]


class Odd:
    def __init__(self, loop: Loop, command):
        self._loop = loop
        self._frames = FrameReader()
        self._count = b""
        self._step = "the result of configure"
        self._began = False
        self.process = subprocess.Popen(
            [*command, "agent", "--automated"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._output = Writer(loop, os.dup(self.process.stdin.fileno()))
        self.process.stdin.close()
        on_bytes(loop, self.process.stdout.fileno(), self._input, self._ended)
        self._stack = Stack(address(ME), self._transmit, lambda *_: None, print)
        loop.after_each.insert(0, self._stack.settle)
        loop.at(time.monotonic() + LIMIT, self._too_late)
        self._output.send(*before(), configure())

    def _transmit(self, header: bytes, payload: bytes) -> None:
        self._output.send(frame(L3, header + payload, 0x5678))

    def _input(self, data: bytes) -> None:
        if not self._began and data[0] != 0x42:
            raise Wrong(f"the output begins with {data[:64]!r}")
        self._began = True
        for kind, payload in self._frames.feed(data):
            if kind == L3:
                self._stack.input(payload)
                continue
            kind, body = read_message(payload)
            if self._step != "the result of configure" or kind != "result" or "error" in body:
                raise Wrong(f"waited for {self._step}, but there came {kind!r} {body!r:.300}")
            if (body["request_id"], body["op"]) != (2**31 - 1, "configure"):
                raise Wrong(f"a result of something else: {body!r:.300}")
            self._output.send(*after())
            self._step = "the count of what was sent"
            connection = self._stack.connect((address(AGENT), PORT), self._changed)
            connection.send(b"x" * SENT)
            connection.end()

    def _changed(self, connection) -> None:
        while connection.received:
            self._count += connection.received[0]
            connection.take(len(connection.received[0]))
        if connection.state == FAILED:
            raise Wrong("the connection failed")
        if connection.peer_ended:
            if self._count != f"counted {SENT}".encode():
                raise Wrong(f"the server said {self._count!r}")
            connection.close()
            self._step = "the end of the agent"
            self._output.close()

    def _ended(self) -> None:
        if self._step != "the end of the agent":
            raise Wrong(f"the output ended before {self._step}")
        self._loop.stopped = True
        if self.process.wait(LIMIT) != 0:
            raise Wrong(f"the agent ended with status {self.process.returncode}")

    def _too_late(self) -> None:
        raise Wrong(f"waited {LIMIT} s in vain for {self._step}")


def main() -> int:
    loop = Loop()
    odd = Odd(loop, sys.argv[1:])
    try:
        loop.run()
        return 0
    except Wrong as error:
        print(f"interop odd manager: FAILED: {error}", file=sys.stderr)
        return 1
    finally:
        if odd.process.poll() is None:
            odd.process.kill()
            odd.process.wait()


if __name__ == "__main__":
    sys.exit(main())
