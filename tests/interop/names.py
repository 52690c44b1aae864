"""The little of DNS (RFC 1035) that the peers need: questions for addresses, and answers."""

import struct

from packets import Wrong, address, show

A, INTERNET = 1, 1
NO_SUCH_NAME, REFUSED = 3, 5


def canonical(name: str) -> str:
    return name.lower().rstrip(".") + "."


def _write_name(name: str) -> bytes:
    labels = [label.encode() for label in name.rstrip(".").split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _read_name(data: bytes, at: int):
    labels, end = [], None
    for _ in range(128):
        length = data[at]
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | data[at + 1]
        elif length:
            labels.append(data[at + 1 : at + 1 + length].decode())
            at += 1 + length
        else:
            return ".".join(labels) + ".", end or at + 1
    raise Wrong("a name in a DNS message that never ends")


def question(ident: int, name: str) -> bytes:
    """Asks for the addresses of a name."""
    head = struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 0)
    return head + _write_name(name) + struct.pack("!HH", A, INTERNET)


def read_question(data: bytes):
    """The id, the canonical name and the type of the first question."""
    ident, _, count = struct.unpack_from("!HHH", data)
    if count == 0:
        raise Wrong("a DNS query without a question")
    name, at = _read_name(data, 12)
    kind, _ = struct.unpack_from("!HH", data, at)
    return ident, canonical(name), kind


def answer(query: bytes, addresses, code: int = 0) -> bytes:
    """The answer to a query: these addresses, and a code."""
    _, at = _read_name(query, 12)
    head = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(addresses), 0, 0)
    records = b"".join(
        struct.pack("!HHHIHI", 0xC00C, A, INTERNET, 60, 4, address(each)) for each in addresses
    )
    return head + query[12 : at + 4] + records


def read_answer(data: bytes):
    """The id and the addresses of an answer."""
    ident, _, questions, answers = struct.unpack_from("!HHHH", data)
    at = 12
    for _ in range(questions):
        at = _read_name(data, at)[1] + 4
    found = []
    for _ in range(answers):
        at = _read_name(data, at)[1]
        kind, _, _, length = struct.unpack_from("!HHIH", data, at)
        if kind == A:
            found.append(show(struct.unpack_from("!I", data, at + 10)[0]))
        at += 10 + length
    return ident, found
