"""IPv4, TCP and ICMP as they travel in frames: written, and read without mercy.

Reading raises Wrong for whatever a correct sender would not send; NoRouter itself is more
lenient, but a test wants to know.
"""

import socket
import struct
from typing import NamedTuple, Optional, Tuple

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

# The interface of NoRouter's agents: an MTU of 65536, of which IPv4 can use 65535.
LARGEST_PACKET = 65535
MSS = LARGEST_PACKET - 40
TCP_PROTOCOL, ICMP_PROTOCOL = 6, 1


class Wrong(Exception):
    """Something that the other side must not do."""


def address(text: str) -> int:
    """The number of an address; OSError if it is none."""
    return struct.unpack("!I", socket.inet_aton(text))[0]


def show(number: int) -> str:
    return socket.inet_ntoa(struct.pack("!I", number))


def total(data) -> int:
    """The sum of 16-bit words modulo 0xffff, which is what a checksum complements."""
    value = int.from_bytes(data, "big") % 0xFFFF
    return value * 256 % 0xFFFF if len(data) % 2 else value


def checksum(value: int) -> int:
    """The checksum for a total; data that is not all zero never sums up to +0."""
    return 0xFFFF - (value % 0xFFFF or 0xFFFF)


def pseudo(source: int, target: int, length: int) -> int:
    """The total of TCP's pseudo-header (RFC 9293, 3.1)."""
    return total(struct.pack("!IIHH", source, target, TCP_PROTOCOL, length))


class Options(NamedTuple):
    """The options of a TCP header; those that are absent are None or empty."""

    mss: Optional[int] = None
    scale: Optional[int] = None
    sack_permitted: bool = False
    sack: Tuple[Tuple[int, int], ...] = ()
    timestamps: Optional[Tuple[int, int]] = None


class Segment(NamedTuple):
    source: int
    source_port: int
    target: int
    target_port: int
    seq: int
    ack: int
    flags: int
    window: int
    options: Options
    options_length: int
    payload: memoryview

    def __str__(self) -> str:
        names = zip("FSRPA", (FIN, SYN, RST, PSH, ACK))
        flags = "".join(name for name, bit in names if self.flags & bit)
        ends = f"{show(self.source)}:{self.source_port} > {show(self.target)}:{self.target_port}"
        length = len(self.payload)
        return f"{ends} {flags} seq {self.seq} ack {self.ack} win {self.window} len {length}"


class Unreachable(NamedTuple):
    """ICMP type 3: what the code says of the connection that the packet quotes."""

    code: int
    local: Tuple[int, int]
    remote: Tuple[int, int]


def read(packet: memoryview):
    """A Segment or an Unreachable; raises Wrong for anything else."""
    if len(packet) < 20:
        raise Wrong(f"an IPv4 packet of {len(packet)} bytes")
    first, _, length, _, fragment, ttl, protocol, _, source, target = struct.unpack(
        "!BBHHHBBHII", packet[:20]
    )
    if first != 0x45:
        raise Wrong(f"an IPv4 packet that begins with {first:#x}, not 0x45")
    if length != len(packet):
        raise Wrong(f"an IPv4 packet of {length} bytes in a frame of {len(packet)}")
    if fragment & 0xBFFF:
        raise Wrong(f"an IPv4 fragment: flags and offset are {fragment:#x}")
    if ttl == 0:
        raise Wrong("an IPv4 packet whose time to live is 0")
    if total(packet[:20]) != 0:
        raise Wrong("an IPv4 header with a wrong checksum")
    if protocol == TCP_PROTOCOL:
        return _read_tcp(source, target, packet[20:])
    if protocol == ICMP_PROTOCOL:
        return _read_icmp(source, target, packet[20:])
    raise Wrong(f"an IPv4 packet of protocol {protocol}")


def _read_tcp(source: int, target: int, data: memoryview) -> Segment:
    if len(data) < 20:
        raise Wrong(f"a TCP segment of {len(data)} bytes")
    source_port, target_port, seq, ack, offset, window, _, urgent = struct.unpack(
        "!HHIIHHHH", data[:20]
    )
    flags, header = offset & 0xFFF, (offset >> 12) * 4
    if (pseudo(source, target, len(data)) + total(data)) % 0xFFFF != 0:
        raise Wrong("a TCP segment with a wrong checksum")
    if header < 20 or header > len(data):
        raise Wrong(f"a TCP header of {header} bytes in {len(data)}")
    options = _read_options(bytes(data[20:header]), flags)
    segment = Segment(
        source, source_port, target, target_port, seq, ack, flags, window,
        options, header - 20, data[header:],
    )
    if flags & ~(FIN | SYN | RST | PSH | ACK):
        raise Wrong(f"TCP flags {flags:#x}, of which some are not for us: {segment}")
    if flags & SYN and flags & (FIN | RST) or flags & FIN and flags & RST:
        raise Wrong(f"TCP flags that exclude each other: {segment}")
    if not flags & (SYN | RST | ACK):
        raise Wrong(f"a TCP segment without an acknowledgement: {segment}")
    if flags & SYN and segment.payload:
        raise Wrong(f"a SYN with data: {segment}")
    if not flags & ACK and ack != 0:
        raise Wrong(f"an acknowledgement number without ACK: {segment}")
    if urgent != 0 or source_port == 0 or target_port == 0:
        raise Wrong(f"an urgent pointer or a port 0: {segment}")
    # MSS counts the options of TCP in (RFC 6691).
    if len(segment.payload) + segment.options_length > MSS:
        raise Wrong(f"a segment beyond the MSS of {MSS}: {segment}")
    return segment


# Kind, length, and whether it belongs into a SYN.
_LENGTHS = {2: ({4}, True), 3: ({3}, True), 4: ({2}, True), 5: ({10, 18, 26, 34}, False), 8: ({10}, None)}


def _read_options(data: bytes, flags: int) -> Options:
    found, at = {}, 0
    while at < len(data):
        kind = data[at]
        if kind == 0:
            if any(data[at:]):
                raise Wrong(f"TCP options that go on after their end: {data.hex()}")
            break
        if kind == 1:
            at += 1
            continue
        length = data[at + 1] if at + 1 < len(data) else 0
        lengths, in_syn = _LENGTHS.get(kind, (set(), None))
        if length not in lengths or at + length > len(data):
            raise Wrong(f"TCP option {kind} of length {length}: {data.hex()}")
        if in_syn is not None and in_syn != bool(flags & SYN):
            raise Wrong(f"TCP option {kind} where it is not allowed (flags {flags:#x})")
        if kind in found:
            raise Wrong(f"TCP option {kind} twice: {data.hex()}")
        found[kind] = data[at + 2 : at + length]
        at += length
    scale = found[3][0] if 3 in found else None
    if scale is not None and scale > 14:
        raise Wrong(f"a window scale of {scale}; 14 is the most")
    mss = struct.unpack("!H", found[2])[0] if 2 in found else None
    if mss == 0:
        raise Wrong("an MSS of 0")
    return Options(
        mss, scale, 4 in found,
        tuple(struct.iter_unpack("!II", found.get(5, b""))),
        struct.unpack("!II", found[8]) if 8 in found else None,
    )


def _read_icmp(source: int, target: int, data: memoryview) -> Unreachable:
    if len(data) < 8 + 20 + 8:
        raise Wrong(f"an ICMP message of {len(data)} bytes")
    kind, code = data[0], data[1]
    if kind != 3:
        raise Wrong(f"an ICMP message of type {kind}")
    if total(data) != 0:
        raise Wrong("an ICMP message with a wrong checksum")
    quoted = data[8:]
    if quoted[0] != 0x45 or quoted[9] != TCP_PROTOCOL:
        raise Wrong("an ICMP message that quotes no TCP segment")
    local, remote = struct.unpack("!II", quoted[12:20])
    local_port, remote_port = struct.unpack("!HH", quoted[20:24])
    if local != target:
        raise Wrong(f"{show(target)} is told of a packet of {show(local)}")
    return Unreachable(code, (local, local_port), (remote, remote_port))


def write(source, target, seq, ack, flags, window, options, payload, ident) -> bytes:
    """The headers of a segment between two (address, port), to go before its payload."""
    length = 20 + len(options) + len(payload)
    tcp = struct.pack(
        "!HHIIHHHH", source[1], target[1], seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
        (5 + len(options) // 4) << 12 | flags, window, 0, 0,
    ) + options
    sum_ = checksum(pseudo(source[0], target[0], length) + total(tcp) + total(payload))
    ip = struct.pack(
        "!BBHHHBBHII", 0x45, 0, 20 + length, ident & 0xFFFF, 0, 64, TCP_PROTOCOL, 0,
        source[0], target[0],
    )
    ip = ip[:10] + struct.pack("!H", checksum(total(ip))) + ip[12:]
    return ip + tcp[:16] + struct.pack("!H", sum_) + tcp[18:]
