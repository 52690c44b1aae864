"""An agent as NoRouter 0.6 starts one, written from the description of the protocol.

    agent.py [OPTIONS] agent --automated

It fails, with a line on standard error and status 1, as soon as the other side does what
NoRouter 0.6 would not know or what a correct TCP would not do. Options, for tests:

    --report FILE     write what was seen, as JSON, at the end
    --features LIST   announce these, with commas between, instead of those of 0.6
    --tunnel PORT=NAME:PORT
                      listen on 127.0.0.1:PORT; resolve NAME and connect to it as the proxies
                      of 0.6 do: in the DNS of the host that a route leads to, with a
                      routeSuggestion, and through the stack
"""

import argparse
import fnmatch
import json
import os
import selectors
import signal
import socket
import struct
import sys

from bridge import Bridge, dial, listen
from frames import L3, FrameReader, Loop, Writer, message, on_bytes, read_message
from names import A, answer, canonical, question, read_answer, read_question
from packets import Wrong, address, show
from stack import FAILED, OPEN, Connection, Stack

FEATURES = "loopback,tcp,http,loopback.disable,socks,hostaliases,etchosts,routes,dns"
VERSION = "0.6.5"
ARGUMENTS = {
    "me", "forwards", "others", "hostnameMap", "http", "socks", "loopback", "stateDir",
    "writeEtcHosts", "routes", "nameServers",
}
# What our manager adds for agents that know it, before it can know whether this one does. Go's
# decoder leaves fields out that it does not know (encoding/json, Unmarshal).
LEFT_OUT = {"resume", "tellNames"}


def log(text: str) -> None:
    print(f"interop agent: {text}", file=sys.stderr, flush=True)


def exactly(what: str, value, names, optional=()) -> dict:
    """`value`, which must be an object of these fields."""
    if not isinstance(value, dict):
        raise Wrong(f"{what} is {value!r}, not an object")
    if not set(names) <= set(value) <= set(names) | set(optional):
        raise Wrong(f"{what} has the fields {sorted(value)}, wanted {sorted(names)}")
    return value


def ipv4(what: str, text) -> int:
    try:
        number = address(text)
        if show(number) == text:
            return number
    except (OSError, TypeError):
        pass
    raise Wrong(f"{what} is {text!r}, not an IPv4 address")


def port(what: str, number) -> int:
    if isinstance(number, int) and 0 < number < 65536:
        return number
    raise Wrong(f"{what} is {number!r}, not a port")


class Agent:
    def __init__(self, loop: Loop, options):
        self._loop, self._options = loop, options
        self._frames = FrameReader()
        self._output = Writer(loop, 1)
        self._stack = None
        self._args = {}
        self._names = {}
        self._forwards = {}
        self._next_id = 0
        self._alarm = None
        self.messages = []
        on_bytes(loop, 0, self._input, self._ended)
        loop.after_each.insert(0, self._settle)

    # ---- the link ----

    def _input(self, data: bytes) -> None:
        for kind, payload in self._frames.feed(data):
            if kind == L3:
                if self._stack is None:
                    raise Wrong("a packet before the configuration")
                self._stack.input(payload)
            else:
                self._message(*read_message(payload))

    def _ended(self) -> None:
        if not self._frames.is_between_frames:
            raise Wrong("the input ended within a frame")
        self._loop.stopped = True

    def _settle(self) -> None:
        if self._stack is None:
            return
        self._stack.settle()
        earliest = self._stack.poll()
        self._stack.settle()
        if earliest != float("inf") and (self._alarm is None or earliest < self._alarm):
            self._alarm = earliest
            self._loop.at(earliest, self._alarmed)

    def _alarmed(self) -> None:
        self._alarm = None

    def _transmit(self, header: bytes, payload: bytes) -> None:
        head = struct.pack("!IHH", 0x42 << 24 | 4 + len(header) + len(payload), L3, 0)
        self._output.send(head + header, payload)

    # ---- control ----

    def _message(self, kind, body) -> None:
        name = body.get("op", body.get("type")) if isinstance(body, dict) else body
        self.messages.append(f"{kind} {name}")
        if kind != "request" or name != "configure":
            raise Wrong(f'a message that NoRouter 0.6 does not know: "{kind}" {body!r:.300}')
        exactly("the request", body, {"id", "op", "args"})
        if not isinstance(body["id"], int):
            raise Wrong(f"the id of a request is {body['id']!r}")
        if self._stack is not None:
            raise Wrong("a second configuration")
        self._configure(body["args"])
        data = {"features": self._options.features.split(","), "version": VERSION}
        result = {"request_id": body["id"], "op": "configure", "data": data}
        self._output.send(message("result", result))

    def _configure(self, args) -> None:
        exactly("args", args, {"me"}, ARGUMENTS | LEFT_OUT)
        args = {name: value for name, value in args.items() if name not in LEFT_OUT}
        self._args = args
        me = ipv4("me", args["me"])
        self._stack = Stack(me, self._transmit, self._accept, log)
        self._check(args)
        hosts = args.get("hostnameMap") or {}
        self._names = {canonical(name): vip for name, vip in hosts.items()}
        is_loopback = not (args.get("loopback") or {}).get("disable")
        for each in args.get("forwards") or ():
            target = each["connect_ip"], each["connect_port"]
            self._forwards[each["listen_port"]] = target
            if is_loopback:
                at = args["me"], each["listen_port"]
                listen(self._loop, at, lambda sock, to=target: self._local(sock, to))
        for each in [*(args.get("others") or ()), *(args.get("nameServers") or ())]:
            if is_loopback:
                at = each["ip"], each["port"]
                to = address(each["ip"]), each["port"]
                listen(self._loop, at, lambda sock, to=to: self._through(sock, to))
        for tunnel in self._options.tunnel:
            at, _, target = tunnel.partition("=")
            name, _, number = target.rpartition(":")
            where = name, int(number)
            listen(
                self._loop, ("127.0.0.1", int(at)),
                lambda sock, where=where: self._tunnel(sock, *where),
            )

    def _check(self, args) -> None:
        """The types that Go would not decode, and values that mean nothing."""
        for each in args.get("forwards") or ():
            exactly("a forward", each, {"listen_port", "connect_ip", "connect_port", "proto"})
            port("listen_port", each["listen_port"])
            port("connect_port", each["connect_port"])
            if not isinstance(each["connect_ip"], str) or each["proto"] != "tcp":
                raise Wrong(f"a forward of no use: {each}")
        for field in ("others", "nameServers"):
            for each in args.get(field) or ():
                exactly(f"one of {field}", each, {"ip", "port", "proto"})
                ipv4(field, each["ip"])
                port(field, each["port"])
                if each["proto"] != "tcp":
                    raise Wrong(f"one of {field} is of no use: {each}")
        if any(each["ip"] == args["me"] for each in args.get("others") or ()):
            raise Wrong("this host is among the others")
        for name, vip in (args.get("hostnameMap") or {}).items():
            ipv4(f"the address of {name}", vip)
        for field in ("http", "socks"):
            value = exactly(field, args.get(field) or {}, (), {"listen"})
            if not isinstance(value.get("listen", ""), str):
                raise Wrong(f"{field} is {value!r}")
        exactly("loopback", args.get("loopback") or {}, (), {"disable"})
        exactly("stateDir", args.get("stateDir") or {}, (), {"path", "disable"})
        if not isinstance(args.get("writeEtcHosts", False), bool):
            raise Wrong(f"writeEtcHosts is {args['writeEtcHosts']!r}")
        for route in args.get("routes") or ():
            exactly("a route", route, {"toCIDR", "toHostnameGlob", "via"})
            ipv4("via", route["via"])
            for each in [*(route["toCIDR"] or ()), *(route["toHostnameGlob"] or ())]:
                if not isinstance(each, str):
                    raise Wrong(f"a route leads to {each!r}")

    # ---- connections ----

    def _accept(self, target: int, number: int):
        """What serves a connection to an address and a port; 0.6 accepts before it dials."""
        if target != self._stack.me:
            return lambda connection: self._serve(connection, (show(target), number))
        if number in self._forwards:
            return lambda connection: self._serve(connection, self._forwards[number])
        servers = self._args.get("nameServers") or ()
        if any(each["ip"] == self._args["me"] and each["port"] == number for each in servers):
            return lambda connection: NameService(self, self._loop, connection)
        return None

    def _serve(self, connection: Connection, target) -> None:
        if connection.state != OPEN:
            return
        connection.owner = lambda _connection: None

        def done(sock) -> None:
            if sock is None:
                connection.close()
            else:
                Bridge(self._loop, sock, connection)

        dial(self._loop, target, done)

    def _through(self, sock: socket.socket, target) -> None:
        Bridge(self._loop, sock, self._stack.connect(target, None))

    def _local(self, client: socket.socket, target) -> None:
        """A client on this machine for a port of this machine: no stack is involved."""

        def done(sock) -> None:
            if sock is None:
                client.close()
            else:
                Relay(self._loop, client, sock)

        dial(self._loop, target, done)

    # ---- what the proxies of 0.6 do with a name ----

    def _tunnel(self, sock: socket.socket, name: str, number: int) -> None:
        try:
            return self._through(sock, (address(name), number))
        except OSError:
            pass
        known = self._names.get(canonical(name))
        if known:
            return self._through(sock, (address(known), number))
        vias = [
            route["via"] for route in self._args.get("routes") or ()
            for glob in route["toHostnameGlob"] or ()
            if fnmatch.fnmatchcase(canonical(name), canonical(glob))
        ]
        servers = {each["ip"]: each["port"] for each in self._args.get("nameServers") or ()}
        if not vias or vias[-1] not in servers:
            log(f"no name server for {name}")
            return sock.close()

        def resolved(addresses) -> None:
            if not addresses:
                log(f"{name} has no address at {vias[-1]}")
                return sock.close()
            data = {"ip": addresses, "route": vias[-1]}
            event = {"type": "routeSuggestion", "data": data}
            self._output.send(message("event", event))
            return self._through(sock, (address(addresses[0]), number))

        self._next_id += 1
        server = address(vias[-1]), servers[vias[-1]]
        return self._ask(server, question(self._next_id, name), resolved)

    def _ask(self, server, query: bytes, resolved) -> None:
        """Asks a name server of the mesh, over TCP through the stack."""
        text = bytearray()

        def changed(connection: Connection) -> None:
            while connection.received:
                text.extend(connection.received[0])
                connection.take(len(connection.received[0]))
            if len(text) >= 2 and len(text) >= 2 + struct.unpack_from("!H", text)[0]:
                connection.close()
                ident, found = read_answer(bytes(text[2:]))
                if ident != struct.unpack_from("!H", query)[0]:
                    raise Wrong(f"a DNS answer to the query {ident}, which nobody asked")
                resolved(found)
            elif connection.state == FAILED or connection.peer_ended:
                connection.close()
                resolved([])

        connection = self._stack.connect(server, changed)
        connection.send(struct.pack("!H", len(query)) + query)

    def addresses_of(self, name: str):
        return self._names.get(name)

    # ---- the end ----

    def report(self, failure) -> None:
        if not self._options.report:
            return
        stack = self._stack
        what = {"failure": failure, "messages": self.messages, "args": self._args}
        if stack is not None:
            what |= {"packets": stack.packets, "sentAgain": stack.again}
            names = "mss", "scale", "sackPermitted", "timestamps"
            what["handshakes"] = [dict(zip(names, each)) for each in sorted(stack.handshakes, key=str)]
        part = self._options.report + ".part"
        with open(part, "w") as file:
            json.dump(what, file)
        os.rename(part, self._options.report)


class NameService:
    """The DNS at me:10053: hosts and aliases, and the system's resolver for all else."""

    def __init__(self, agent: Agent, loop: Loop, connection: Connection):
        self._agent, self._loop = agent, loop
        self._text = bytearray()
        if connection.state == OPEN:
            connection.owner = self._changed
            self._changed(connection)

    def _changed(self, connection: Connection) -> None:
        while connection.received:
            self._text += connection.received[0]
            connection.take(len(connection.received[0]))
        while len(self._text) >= 2:
            (length,) = struct.unpack_from("!H", self._text)
            if len(self._text) < 2 + length:
                break
            query = bytes(self._text[2 : 2 + length])
            del self._text[: 2 + length]
            self._query(connection, query)
        if connection.peer_ended or connection.state == FAILED:
            connection.close()

    def _query(self, connection: Connection, query: bytes) -> None:
        def reply(data: bytes) -> None:
            if connection.state == OPEN:
                connection.send(struct.pack("!H", len(data)) + data)

        _, name, kind = read_question(query)
        known = self._agent.addresses_of(name)
        if known and kind == A:
            reply(answer(query, [known]))
        else:
            self._forward(query, reply)

    def _forward(self, query: bytes, reply) -> None:
        with open("/etc/resolv.conf") as file:
            words = [line.split() for line in file]
        servers = [line[1] for line in words if line[:1] == ["nameserver"]]
        if not servers:
            return reply(answer(query, []))
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.connect((servers[0], 53))
        sock.send(query)

        def ready(_events: int) -> None:
            self._loop.watch(sock, 0, None)
            try:
                data = sock.recv(65535)
            except OSError:
                data = answer(query, [])
            sock.close()
            reply(data)

        return self._loop.watch(sock, selectors.EVENT_READ, ready)


class Relay:
    """Two sockets of this machine, joined; each half is over at its end or failure."""

    def __init__(self, loop: Loop, one: socket.socket, other: socket.socket):
        self._loop, self._ends = loop, 0
        self._waiting = {one: b"", other: b""}
        self._peer = {one: other, other: one}
        self._done = set()
        for sock in (one, other):
            sock.setblocking(False)
            self._wait(sock)

    def _wait(self, sock: socket.socket) -> None:
        events = selectors.EVENT_WRITE if self._waiting[sock] else 0
        if sock not in self._done and not self._waiting[self._peer[sock]]:
            events |= selectors.EVENT_READ
        self._loop.watch(sock, events, lambda events: self._ready(sock, events))

    def _ready(self, sock: socket.socket, events: int) -> None:
        peer = self._peer[sock]
        if events & selectors.EVENT_WRITE:
            self._write(sock)
        if events & selectors.EVENT_READ and sock not in self._done:
            try:
                data = sock.recv(65536)
            except BlockingIOError:
                data = None
            except OSError:
                data = b""
            if data:
                self._waiting[peer] = data
                self._write(peer)
            elif data is not None:
                self._done.add(sock)
                try:
                    peer.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # It is gone already.
        if len(self._done) == 2 and not any(self._waiting.values()):
            for each in (sock, peer):
                self._loop.watch(each, 0, None)
                each.close()
            return
        self._wait(sock)
        self._wait(peer)

    def _write(self, sock: socket.socket) -> None:
        try:
            self._waiting[sock] = self._waiting[sock][sock.send(self._waiting[sock]) :]
        except BlockingIOError:
            pass
        except OSError:
            self._waiting[sock] = b""
            self._done.add(self._peer[sock])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--report")
    parser.add_argument("--features", default=FEATURES)
    parser.add_argument("--tunnel", action="append", default=[])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--automated", action="store_true")
    options = parser.parse_args()
    if options.words != ["agent"] or not options.automated or sys.argv[-2:] != ["agent", "--automated"]:
        print(f"the words are {sys.argv[1:]}, not agent --automated", file=sys.stderr)
        return 2
    loop = Loop()
    agent = Agent(loop, options)

    def stop(_signal, _frame) -> None:
        loop.stopped = True
        loop.at(0, lambda: None)

    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    on_bytes(loop, wake, lambda data: None, lambda: None)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    failure = None
    try:
        loop.run()
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
        log(f"FAILED: {failure}")
        if not isinstance(error, Wrong):
            import traceback

            traceback.print_exc()
    agent.report(failure)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
