"""TCP over IPv4 as the netstack inside NoRouter 0.6 speaks it, as far as a peer can tell.

MSS 65495, window scale 6, a buffer of 2 MiB, SACK, timestamps where both sides want them,
valid checksums. Sequence numbers are kept as they would be without wrapping around, so
that they can be compared as numbers. What a correct peer would not send raises Wrong.
"""

import random
import struct
import time
from collections import deque

from packets import ACK, FIN, MSS, PSH, RST, SYN, Segment, Unreachable, Wrong, read, show, write

BUFFER = 2 << 20
SCALE = 6
FIRST_RTO = 1.0
LONGEST_RTO = 60.0
MOST_RETRIES = 8
TIME_WAIT = 2.0
# A window that opened by as much is told, also when there is nothing else to say.
UPDATE = 256 << 10

OPENING, ACCEPTING, OPEN, FAILED, GONE = "opening", "accepting", "open", "failed", "gone"


def unwrap(number: int, near: int) -> int:
    """The number that is `number` modulo 2^32 and nearest to `near`."""
    return near + ((number - near + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class Connection:
    """One connection; whoever owns it is called with it whenever something changed."""

    def __init__(self, stack, local, remote, owner):
        self.stack, self.local, self.remote, self.owner = stack, local, remote, owner
        self.state = OPENING
        self.received = deque()
        self.received_bytes = 0
        self.peer_ended = False
        self.is_orphan = False
        self._una = self._nxt = random.getrandbits(32)
        self._rcv_nxt = 0
        self._edge = 0
        self._early = {}
        self._mss = 536
        self._peer_window = 0
        self._peer_scale = 0
        self._is_scaled = False
        self._cwnd = 10 * MSS
        self._threshold = 1 << 30
        self._pending = deque()
        self._pending_bytes = 0
        self._end_wanted = self._end_sent = False
        self._flight = deque()
        self._duplicates = 0
        self._ack_due = False
        self._sack = self._timestamps = False
        self._peer_time = 0
        self._retries = 0
        self._deadline = None

    # ---- for the owner ----

    @property
    def space(self) -> int:
        """How many bytes may be sent now."""
        return max(0, BUFFER - self._pending_bytes - (self._nxt - self._una))

    def send(self, data: bytes) -> None:
        self._pending.append(memoryview(data))
        self._pending_bytes += len(data)
        self.stack.touched(self)

    def end(self) -> None:
        """Half-closes after what was sent."""
        self._end_wanted = True
        self.stack.touched(self)

    def take(self, count: int) -> None:
        """The first `count` received bytes were used; the window opens again."""
        self.received_bytes -= count
        while count:
            first = self.received.popleft()
            if len(first) > count:
                self.received.appendleft(first[count:])
                return
            count -= len(first)
        self.stack.touched(self)

    def close(self) -> None:
        """Nobody cares any more; bytes that nobody read are answered with a reset."""
        self.is_orphan = True
        self.owner = None
        if self.state != OPEN or self.received_bytes:
            self.reset()
        else:
            self.end()

    def reset(self) -> None:
        if self.state in (OPEN, ACCEPTING):
            self._emit(self._nxt, RST | ACK)
        self._forget(FAILED)

    # ---- opening ----

    def open(self) -> None:
        self._send_first(SYN)

    def answer(self, segment: Segment) -> None:
        self.state = ACCEPTING
        self._learn(segment)
        self._send_first(SYN | ACK)

    def _send_first(self, flags: int) -> None:
        self._flight.append([self._nxt, b"", flags, False])
        self._nxt += 1
        self._emit(self._una, flags)
        self._set_deadline(FIRST_RTO)

    def _learn(self, segment: Segment) -> None:
        """What the SYN of the peer says."""
        options = segment.options
        self._rcv_nxt = self._edge = segment.seq + 1
        self._edge += 65535
        self._mss = min(options.mss or 536, MSS)
        self._peer_scale = options.scale or 0
        self._is_scaled = options.scale is not None
        self._peer_window = segment.window
        self._sack = options.sack_permitted
        self._timestamps = options.timestamps is not None
        if options.timestamps:
            self._peer_time = options.timestamps[0]
        self.stack.handshakes.add((
            options.mss, options.scale, options.sack_permitted, self._timestamps,
        ))

    # ---- a segment arrives ----

    def input(self, segment: Segment) -> None:
        if self.state == OPENING:
            return self._input_opening(segment)
        if segment.flags & SYN and segment.flags & ACK:
            self._ack_due = True  # Our acknowledgement of it was lost.
            return self.stack.touched(self)
        if segment.flags & SYN:
            if unwrap(segment.seq, self._rcv_nxt) == self._rcv_nxt - 1:
                self._emit(self._una, self._flight[0][2] if self.state == ACCEPTING else ACK)
                return None
            raise Wrong(f"a SYN inside of a connection: {segment}")
        self._check_timestamps(segment)
        seq = unwrap(segment.seq, self._rcv_nxt)
        if segment.flags & RST:
            if self._rcv_nxt <= seq <= self._edge:
                self._forget(FAILED)
            else:
                self.stack.log(f"a reset outside of the window was ignored: {segment}")
            return None
        self._input_ack(segment)
        if self.state in (OPEN, ACCEPTING):
            self._input_data(segment, seq)
        elif self.state == GONE and segment.flags & FIN:
            self._emit(self._nxt, ACK)  # Our last acknowledgement was lost.
        return self.stack.touched(self)

    def _input_opening(self, segment: Segment) -> None:
        if not segment.flags & ACK or unwrap(segment.ack, self._nxt) != self._nxt:
            raise Wrong(f"an answer to a SYN that does not acknowledge it: {segment}")
        if segment.flags & RST:
            return self._forget(FAILED)
        if not segment.flags & SYN:
            raise Wrong(f"an answer to a SYN that is none: {segment}")
        self._learn(segment)
        if segment.options.timestamps:
            self._check_echo(segment.options.timestamps[1])
        self._flight.clear()
        self._una = self._nxt
        self._deadline = None
        self._retries = 0
        self.state = OPEN
        self._ack_due = True
        self.stack.touched(self)

    def _check_timestamps(self, segment: Segment) -> None:
        options = segment.options
        if options.timestamps and not self._timestamps:
            raise Wrong(f"timestamps that were not agreed on: {segment}")
        if self._timestamps and not options.timestamps and not segment.flags & RST:
            raise Wrong(f"no timestamps, though they were agreed on: {segment}")
        if options.timestamps:
            value, echo = options.timestamps
            self._check_echo(echo)
            if unwrap(segment.seq, self._rcv_nxt) <= self._rcv_nxt:
                self._peer_time = value

    def _check_echo(self, echo: int) -> None:
        if unwrap(echo, self.stack.clock()) > self.stack.clock():
            raise Wrong(f"an echo of the timestamp {echo}, which was never sent")

    def _input_ack(self, segment: Segment) -> None:
        ack = unwrap(segment.ack, self._una)
        if ack > self._nxt:
            raise Wrong(f"an acknowledgement of bytes never sent ({self._nxt}): {segment}")
        if segment.options.sack and not self._sack:
            raise Wrong(f"SACK that was not agreed on: {segment}")
        for left, right in segment.options.sack:
            left, right = unwrap(left, self._una), unwrap(right, self._una)
            if not left < right <= self._nxt:
                raise Wrong(f"SACK of bytes never sent: {left}-{right}: {segment}")
        window = segment.window << self._peer_scale
        if ack > self._una:
            self._acknowledged(ack)
            if self.state == ACCEPTING:
                self.state = OPEN
                self.stack.opened(self)
        elif (
            ack == self._una and self._flight and not segment.payload
            and window == self._peer_window and not segment.flags & FIN
        ):
            self._duplicates += 1
            if self._duplicates == 3:
                self._halve()
                self._cwnd = self._threshold
                self._send_again()
        if ack >= self._una:
            self._peer_window = window

    def _acknowledged(self, ack: int) -> None:
        self._cwnd += min(ack - self._una, MSS) if self._cwnd < self._threshold else MSS // 8
        self._una = ack
        self._duplicates = self._retries = 0
        while self._flight:
            seq, payload, flags, _ = first = self._flight[0]
            length = len(payload) + (1 if flags & (SYN | FIN) else 0)
            if seq + length <= ack:
                self._flight.popleft()
                continue
            if seq < ack:
                first[0], first[1] = ack, payload[ack - seq :]
            break
        self._set_deadline(FIRST_RTO if self._flight else None)

    def _input_data(self, segment: Segment, seq: int) -> None:
        payload, fin = segment.payload, bool(segment.flags & FIN)
        end = seq + len(payload)
        # A probe of a closed window may carry one byte (RFC 9293, 3.8.6.1).
        if end > self._edge and not (len(payload) == 1 and seq == self._edge):
            raise Wrong(f"{end - self._edge} bytes beyond the window: {segment}")
        if payload or fin:
            self._ack_due = True
        elif seq != self._rcv_nxt:
            self._ack_due = True  # A keep-alive, or a probe.
        if end > self._edge or (not payload and not fin):
            return
        if payload and self.peer_ended and end > self._rcv_nxt:
            raise Wrong(f"data after the end: {segment}")
        if payload and self.is_orphan and end > self._rcv_nxt:
            return self.reset()
        if seq > self._rcv_nxt:
            if len(self._early) < 256:
                self._early[seq] = (bytes(payload), fin)
            return
        self._take_in(seq, payload, fin)
        for early in sorted(self._early):
            if early > self._rcv_nxt:
                break
            self._take_in(early, *self._early.pop(early))

    def _take_in(self, seq: int, payload, fin: bool) -> None:
        fresh = payload[max(0, self._rcv_nxt - seq) :]
        if len(fresh):
            self.received.append(memoryview(fresh))
            self.received_bytes += len(fresh)
            self._rcv_nxt += len(fresh)
        if fin and not self.peer_ended and seq + len(payload) == self._rcv_nxt:
            self.peer_ended = True
            self._rcv_nxt += 1

    def unreachable(self, code: int) -> None:
        """For the netstack of 0.6, "host unreachable" ends an attempt; other codes do nothing."""
        if self.state == OPENING and code == 1:
            self._forget(FAILED)
        else:
            self.stack.log(f"an ICMP unreachable of code {code} was ignored")

    # ---- sending ----

    def flush(self) -> None:
        """Sends what may be sent now, and the acknowledgement that is due."""
        if self.state != OPEN:
            return
        most = self._mss - (12 if self._timestamps else 0)
        while self._pending or self._end_wanted and not self._end_sent:
            room = min(self._cwnd, self._peer_window) - (self._nxt - self._una)
            size = min(most, self._pending_bytes)
            if size > room or room == 0 and self._pending:
                if room <= 0 or self._flight:
                    break
                size = room
            payload = self._cut(size)
            is_last = not self._pending
            fin = FIN if self._end_wanted and is_last else 0
            flags = ACK | fin | (PSH if payload and is_last else 0)
            self._flight.append([self._nxt, payload, flags, False])
            self._emit(self._nxt, flags, payload)
            self._nxt += len(payload) + (1 if fin else 0)
            self._end_sent = bool(fin)
            if self._deadline is None:
                self._set_deadline(FIRST_RTO)
        if self._pending and not self._flight and self._deadline is None:
            self._set_deadline(FIRST_RTO)  # To probe a closed window.
        grown = self._rcv_nxt + self._free() - self._edge
        starved = self._edge - self._rcv_nxt < MSS
        if self._ack_due or grown >= UPDATE or starved and grown >= MSS:
            self._emit(self._nxt, ACK)
        if self._end_sent and self.peer_ended and not self._flight and self.is_orphan:
            self._set_deadline(TIME_WAIT)
            self.state = GONE

    def _free(self) -> int:
        """How much more may arrive."""
        return min(BUFFER, 65535 << (SCALE if self._is_scaled else 0)) - self.received_bytes

    def _cut(self, size: int) -> bytes:
        parts, left = [], size
        while left:
            first = self._pending.popleft()
            if len(first) > left:
                self._pending.appendleft(first[left:])
                first = first[:left]
            parts.append(first)
            left -= len(first)
        self._pending_bytes -= size
        return b"".join(parts)

    def _emit(self, seq: int, flags: int, payload: bytes = b"") -> None:
        options = b""
        if flags & SYN:
            # In the order of Linux, as netstack does; the answer has only what was asked for.
            is_first = not flags & ACK
            scale = is_first or self._is_scaled
            options = struct.pack("!BBH", 2, 4, MSS)
            options += b"\4\2" if is_first or self._sack else b"\1\1"
            if is_first or self._timestamps:
                options += struct.pack("!BBII", 8, 10, self.stack.clock(), self._peer_time)
            else:
                options += b"\1\1"
            options += struct.pack("!BBBB", 1, 3, 3, SCALE) if scale else b""
            options += b"\1" * (-len(options) % 4)
            window = 65535
        else:
            if self._timestamps and not flags & RST:
                options = struct.pack("!BBBBII", 1, 1, 8, 10, self.stack.clock(), self._peer_time)
            if self._early and self._sack and not payload and not flags & RST:
                options += self._sack_blocks()
            shift = SCALE if self._is_scaled else 0
            if self._free() > self._edge - self._rcv_nxt:
                self._edge = self._rcv_nxt + (self._free() >> shift << shift)
            window = min(65535, max(0, self._edge - self._rcv_nxt) >> shift)
        self._ack_due = False
        ack = self._rcv_nxt if flags & ACK else 0
        self.stack.emit(self.local, self.remote, seq, ack, flags, window, options, payload)

    def _sack_blocks(self) -> bytes:
        blocks = []
        for seq in sorted(self._early):
            end = seq + len(self._early[seq][0])
            if blocks and blocks[-1][1] >= seq:
                blocks[-1][1] = max(end, blocks[-1][1])
            elif end > seq:
                blocks.append([seq, end])
        blocks = blocks[: 3 if self._timestamps else 4]
        if not blocks:
            return b""
        numbers = [edge & 0xFFFFFFFF for block in blocks for edge in block]
        return struct.pack(f"!BBBB{len(numbers)}I", 1, 1, 5, 2 + 4 * len(numbers), *numbers)

    # ---- time ----

    def _set_deadline(self, seconds) -> None:
        self._deadline = None if seconds is None else time.monotonic() + seconds
        if self._deadline is not None:
            self.stack.earliest = min(self.stack.earliest, self._deadline)

    @property
    def deadline(self):
        return self._deadline

    def timeout(self) -> None:
        self._deadline = None
        if self.state == GONE:
            return self._forget(GONE)
        self._retries += 1
        if self._retries > MOST_RETRIES:
            self.stack.log(f"gave up a connection to {show(self.remote[0])}:{self.remote[1]}")
            return self._forget(FAILED)
        if self._flight:
            self._halve()
            self._cwnd = MSS
            self._send_again()
        elif self._pending:
            self._emit(self._una - 1, ACK)
        self._set_deadline(min(LONGEST_RTO, FIRST_RTO * 2**self._retries))
        return None

    def _halve(self) -> None:
        self._threshold = max((self._nxt - self._una) // 2, 2 * MSS)

    def _send_again(self) -> None:
        seq, payload, flags, _ = first = self._flight[0]
        first[3] = True
        self.stack.again += 1
        self._emit(seq, flags, payload)

    def _forget(self, state: str) -> None:
        self.state = state
        self._deadline = None
        self._flight.clear()
        self._pending.clear()
        self._pending_bytes = 0
        self.stack.forget(self)


class Stack:
    """All connections of one host.

    `transmit(*buffers)` sends a packet; `accept(address, port)` gives the owner of a
    connection that a peer asks for, or None to refuse it. The owner is called with the
    connection once it is open, and then whenever something changed.
    """

    def __init__(self, me: int, transmit, accept, log):
        self.me, self._transmit, self._accept, self.log = me, transmit, accept, log
        self._connections = {}
        self._touched = {}
        self._ident = random.getrandbits(16)
        self._next_port = random.randrange(16_000, 60_000)
        self._began = time.monotonic() - random.randrange(100_000)
        self.earliest = float("inf")
        self.handshakes = set()
        self.packets = self.again = 0

    def clock(self) -> int:
        """Milliseconds, for timestamps."""
        return int((time.monotonic() - self._began) * 1000) & 0xFFFFFFFF

    def connect(self, target, owner) -> Connection:
        """Opens a connection to an (address, port)."""
        for _ in range(50_000):
            self._next_port = self._next_port + 1 if self._next_port < 65_535 else 16_000
            local = (self.me, self._next_port)
            if (local, target) not in self._connections:
                connection = Connection(self, local, target, owner)
                self._connections[local, target] = connection
                connection.open()
                return connection
        raise RuntimeError("no port is left")

    def input(self, packet: memoryview) -> None:
        self.packets += 1
        what = read(packet)
        if isinstance(what, Unreachable):
            connection = self._connections.get((what.local, what.remote))
            if connection:
                connection.unreachable(what.code)
            return
        local, remote = (what.target, what.target_port), (what.source, what.source_port)
        connection = self._connections.get((local, remote))
        if connection and connection.state == GONE and what.flags & SYN:
            self.forget(connection)
            connection = None
        if connection:
            connection.input(what)
        elif what.flags & RST:
            pass
        elif what.flags & (SYN | ACK) == SYN:
            self._asked(what, local, remote)
        else:
            # Netstack, too, answers what it does not know with a reset (RFC 9293, 3.5.2).
            self.emit(local, remote, what.ack, 0, RST, 0, b"", b"")

    def _asked(self, segment: Segment, local, remote) -> None:
        owner = self._accept(*local)
        if owner is None:
            self.emit(local, remote, 0, segment.seq + 1, RST | ACK, 0, b"", b"")
            return
        connection = Connection(self, local, remote, owner)
        self._connections[local, remote] = connection
        connection.answer(segment)

    def emit(self, local, remote, seq, ack, flags, window, options, payload) -> None:
        self._ident += 1
        header = write(local, remote, seq, ack, flags, window, options, payload, self._ident)
        self._transmit(header, payload)

    def touched(self, connection: Connection) -> None:
        self._touched[connection] = True

    opened = touched

    def forget(self, connection: Connection) -> None:
        if self._connections.get((connection.local, connection.remote)) is connection:
            del self._connections[connection.local, connection.remote]
        self.touched(connection)

    def settle(self) -> None:
        """After each round: owners see what changed, then connections send."""
        while self._touched:
            touched, self._touched = self._touched, {}
            for connection in touched:
                if connection.owner and connection.state not in (OPENING, ACCEPTING):
                    connection.owner(connection)
            for connection in touched:
                connection.flush()

    def poll(self) -> float:
        """Runs what is due, and gives the time of the next call."""
        now = time.monotonic()
        if now >= self.earliest:
            self.earliest = float("inf")
            for connection in list(self._connections.values()):
                if connection.deadline is None:
                    continue
                if connection.deadline <= now:
                    connection.timeout()
                elif connection.deadline < self.earliest:
                    self.earliest = connection.deadline
        return self.earliest
