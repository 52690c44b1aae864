"""Frames on file descriptors, and the one loop that waits for all of them."""

import heapq
import json
import os
import selectors
import struct
import time
from collections import deque

from packets import Wrong

L3, JSON = 1, 2
# Of our own agents and managers; NoRouter knows no frames of this type.
CREDIT = 3
MAGIC = 0x42
# Far above what TCP's windows let through; more means that somebody reads nothing.
MOST_WAITING = 256 << 20


def frame(kind: int, payload: bytes, padding: int = 0) -> bytes:
    return struct.pack("!IHH", MAGIC << 24 | 4 + len(payload), kind, padding) + payload


def message(kind: str, body) -> bytes:
    """A JSON frame, written as Go's encoding/json writes it: no space, fields in order."""
    text = json.dumps({"type": kind, "body": body}, separators=(",", ":"))
    return frame(JSON, text.encode())


def read_message(payload: bytes):
    """The type and the body of a JSON frame, which must hold these two and no more."""
    try:
        value = json.loads(bytes(payload))
    except ValueError as error:
        raise Wrong(f"a JSON frame that is none: {error}: {bytes(payload[:200])!r}")
    if not isinstance(value, dict) or set(value) != {"type", "body"}:
        raise Wrong(f"a message that is not a type and a body: {value!r:.200}")
    return value["type"], value["body"]


class FrameReader:
    """Cuts a stream of bytes into frames; `at` tells how far it came."""

    def __init__(self, kinds=(L3, JSON)):
        """Takes frames of these types; NoRouter knows no others."""
        self._rest = bytearray()
        self._kinds = kinds

    def feed(self, data: bytes):
        """Yields the type and the payload of each frame that is complete."""
        self._rest += data
        at = 0
        view = memoryview(bytes(self._rest))
        while len(view) - at >= 4:
            (head,) = struct.unpack_from("!I", view, at)
            length = head & 0xFFFFFF
            if head >> 24 != MAGIC or length < 4:
                raise Wrong(f"no frame begins with {bytes(view[at:at + 64])!r}")
            if len(view) - at < 4 + length:
                break
            kind, padding = struct.unpack_from("!HH", view, at + 4)
            if kind not in self._kinds or padding != 0:
                raise Wrong(f"a frame of type {kind} with padding {padding:#x}")
            yield kind, view[at + 8 : at + 4 + length]
            at += 4 + length
        self._rest = bytearray(view[at:])

    @property
    def is_between_frames(self) -> bool:
        return not self._rest


class Loop:
    """Waits for file descriptors and times; runs what was put off after each round."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._timers = []
        self._count = 0
        self.after_each = []
        self.stopped = False

    def watch(self, file, events: int, callback) -> None:
        """Calls `callback(events)` when `file` is ready for `events`; none of them: never."""
        known = file in self._selector.get_map()
        if not events:
            if known:
                self._selector.unregister(file)
        elif known:
            self._selector.modify(file, events, callback)
        else:
            self._selector.register(file, events, callback)

    def at(self, when: float, callback) -> None:
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, callback))

    def run(self) -> None:
        while not self.stopped:
            for callback in self.after_each:
                callback()
            if self.stopped:
                return
            wait = None
            if self._timers:
                wait = max(0, self._timers[0][0] - time.monotonic())
            for key, events in self._selector.select(wait):
                key.data(events)
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()


class Writer:
    """Writes buffers to a descriptor, in order, as it takes them."""

    def __init__(self, loop: Loop, fd: int, on_error=None):
        os.set_blocking(fd, False)
        self._loop, self._fd, self._on_error = loop, fd, on_error
        self._waiting = deque()
        self._waiting_bytes = 0
        self._close = False
        loop.after_each.append(self.flush)

    def send(self, *buffers: bytes) -> None:
        """Buffers to be written after all earlier ones, at the end of this round."""
        self._waiting.extend(memoryview(each) for each in buffers if each)
        self._waiting_bytes += sum(map(len, buffers))
        if self._waiting_bytes > MOST_WAITING:
            raise Wrong(f"{self._waiting_bytes} bytes wait for a reader that does not read")

    def close(self) -> None:
        """Closes the descriptor once all is written."""
        self._close = True

    def flush(self, _events: int = 0) -> None:
        if self._fd < 0:
            return
        try:
            while self._waiting:
                batch = [self._waiting[index] for index in range(min(len(self._waiting), 64))]
                written = os.writev(self._fd, batch)
                self._waiting_bytes -= written
                while written:
                    first = self._waiting.popleft()
                    if len(first) > written:
                        self._waiting.appendleft(first[written:])
                        break
                    written -= len(first)
        except BlockingIOError:
            pass
        except BrokenPipeError as error:
            self._waiting.clear()
            if self._on_error:
                self._on_error(error)
        self._loop.watch(self._fd, selectors.EVENT_WRITE if self._waiting else 0, self.flush)
        if self._close and not self._waiting:
            os.close(self._fd)
            self._fd = -1


def on_bytes(loop: Loop, fd: int, take, ended) -> None:
    """Calls `take(bytes)` with what arrives on `fd`, and `ended()` at its end."""
    os.set_blocking(fd, False)

    def ready(_events: int) -> None:
        try:
            data = os.read(fd, 1 << 20)
        except BlockingIOError:
            return
        if data:
            take(data)
        else:
            loop.watch(fd, 0, None)
            ended()

    loop.watch(fd, selectors.EVENT_READ, ready)
