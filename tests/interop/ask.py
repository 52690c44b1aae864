"""Asks a name server over TCP for the addresses of a name: ask.py ADDRESS:PORT NAME."""

import socket
import struct
import sys

from names import question, read_answer


def read_full(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            sys.exit(f"the answer ended after {len(data)} of {count} bytes")
        data += more
    return data


host, _, port = sys.argv[1].rpartition(":")
with socket.create_connection((host, int(port)), timeout=10) as sock:
    query = question(4242, sys.argv[2])
    sock.sendall(struct.pack("!H", len(query)) + query)
    (length,) = struct.unpack("!H", read_full(sock, 2))
    ident, addresses = read_answer(read_full(sock, length))
if ident != 4242:
    sys.exit(f"the answer is one to {ident}")
print(" ".join(addresses))
