"""The name server of a private network: name_server.py ADDRESS NAME=ADDRESS…, UDP and TCP.

It prints a JSON object once it listens.
"""

import json
import socket
import socketserver
import struct
import sys
import threading

from names import A, NO_SUCH_NAME, answer, canonical, read_question

HOST = sys.argv[1]
NAMES = {canonical(name): at for name, _, at in (each.partition("=") for each in sys.argv[2:])}


def reply(query: bytes) -> bytes:
    _, name, kind = read_question(query)
    if name not in NAMES:
        return answer(query, [], NO_SUCH_NAME)
    return answer(query, [NAMES[name]] if kind == A else [])


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        query, sock = self.request
        sock.sendto(reply(query), self.client_address)


class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        while len(head := self.rfile.read(2)) == 2:
            data = reply(self.rfile.read(struct.unpack("!H", head)[0]))
            self.wfile.write(struct.pack("!H", len(data)) + data)


socketserver.ThreadingTCPServer.daemon_threads = True
udp = socketserver.UDPServer((HOST, 53), Udp)
tcp = socketserver.ThreadingTCPServer((HOST, 53), Tcp)
threading.Thread(target=udp.serve_forever, daemon=True).start()
print(json.dumps({"event": "listening"}), flush=True)
tcp.serve_forever()
