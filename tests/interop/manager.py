"""A manager as NoRouter 0.6 is one, written from the description of the protocol.

    manager.py MANIFEST.json

The manifest is NoRouter's, as JSON. It starts the commands with `agent --automated` behind
them, configures the agents with what 0.6 would send, byte by byte, and carries packets.
What it sees it tells as JSON objects, one a line, on standard output; what agents say on
standard error it hands on with their names. It fails, with a line on standard error and
status 1, as soon as an agent does what 0.6 would not know, or sends a packet that is wrong.
With SIGTERM it closes the agents' input and waits for them to end, with status 0.
"""

import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from collections import OrderedDict

from frames import L3, FrameReader, Loop, Writer, frame, message, on_bytes, read_message
from packets import Segment, Wrong, address, read, show

MOST_LEARNT = 512
DNS_PORT = 10053
END_LIMIT = 5.0


def tell(event: str, **fields) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


class Router:
    """Where to: a virtual address, a learnt one, or a range, of which the last counts."""

    def __init__(self, vips, routes):
        self._vips = set(vips)
        self._learnt = OrderedDict()
        self._ranges = [
            (ipaddress.ip_network(each, strict=False), address(route["via"]))
            for route in routes for each in route["toCIDR"] or ()
        ]

    def learn(self, addresses, via: int) -> None:
        for each in addresses:
            self._learnt[each] = via
            self._learnt.move_to_end(each)
            if len(self._learnt) > MOST_LEARNT:
                self._learnt.popitem(last=False)

    def route(self, target: int) -> int:
        if target in self._vips:
            return target
        if target in self._learnt:
            self._learnt.move_to_end(target)
            return self._learnt[target]
        known = ipaddress.ip_address(target)
        return next((via for net, via in reversed(self._ranges) if known in net), target)


def forward(text: str) -> dict:
    """`8080:127.0.0.1:80`, with `/tcp` behind it if one likes."""
    listen, host, connect = text.removesuffix("/tcp").split(":")
    return {
        "listen_port": int(listen), "connect_ip": host, "connect_port": int(connect),
        "proto": "tcp",
    }


def routes_of(manifest: dict) -> list:
    """Routes with their destinations sorted into the two lists, which Go writes as null when empty."""
    routes = []
    for route in manifest.get("routes") or ():
        ranges, globs = [], []
        for each in route["to"]:
            try:
                ipaddress.ip_network(each, strict=False)
                ranges.append(each)
            except ValueError:
                globs.append(each)
        via = manifest["hosts"].get(route["via"], {}).get("vip", route["via"])
        routes.append({"toCIDR": ranges or None, "toHostnameGlob": globs or None, "via": via})
    return routes


def configure_args(manifest: dict, name: str) -> dict:
    """What 0.6 sends, in the order of its fields; it leaves out empty lists and `false`, but
    never an object."""
    hosts, host = manifest["hosts"], manifest["hosts"][name]
    forwards = [forward(each) for each in host.get("ports", ())]
    others = [
        {"ip": other["vip"], "port": forward(each)["listen_port"], "proto": "tcp"}
        for other in hosts.values() if other is not host for each in other.get("ports", ())
    ]
    names = {
        known: each["vip"] for own, each in hosts.items() for known in (own, *each.get("aliases", ()))
    }
    listens = {
        field: {"listen": host[field]["listen"]} if host.get(field) else {}
        for field in ("http", "socks")
    }
    disable = {"disable": True}
    state = host.get("stateDir") or {}
    args = {
        "me": host["vip"],
        "forwards": forwards,
        "others": others,
        "hostnameMap": dict(sorted(names.items())),
        **listens,
        "loopback": disable if (host.get("loopback") or {}).get("disable") else {},
        "stateDir": {
            **({"path": state["pathOnAgent"]} if state.get("pathOnAgent") else {}),
            **(disable if state.get("disable") else {}),
        },
        "writeEtcHosts": bool(host.get("writeEtcHosts")),
        "routes": routes_of(manifest),
        "nameServers": [
            {"ip": each["vip"], "port": DNS_PORT, "proto": "tcp"} for each in hosts.values()
        ],
    }
    kept = {"me", "http", "socks", "loopback", "stateDir"}
    return {field: value for field, value in args.items() if value or field in kept}


class Client:
    """One agent."""

    def __init__(self, manager, name: str, ident: int):
        self.name = name
        self._manager, self._ident = manager, ident
        host = manager.manifest["hosts"][name]
        self.vip = address(host["vip"])
        self._args = configure_args(manager.manifest, name)
        self._frames = FrameReader()
        self._error_line = b""
        self._is_first = True
        self.is_ready = self.is_over = False
        self.process = subprocess.Popen(
            [*host["cmd"], "agent", "--automated"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            # A signal for the manager is not one for the agents.
            start_new_session=True,
        )
        loop = manager.loop
        self.output = Writer(loop, os.dup(self.process.stdin.fileno()))
        self.process.stdin.close()
        on_bytes(loop, self.process.stdout.fileno(), self._input, self._ended)
        on_bytes(loop, self.process.stderr.fileno(), self._said, lambda: None)
        body = {"id": ident, "op": "configure", "args": self._args}
        self.output.send(message("request", body))

    def _said(self, data: bytes) -> None:
        *lines, self._error_line = (self._error_line + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            print(f"stderr[{self.name}({show(self.vip)})]: {text}", file=sys.stderr, flush=True)

    def _input(self, data: bytes) -> None:
        try:
            if self._is_first and data[0] != 0x42:
                raise Wrong(f"its output begins with {data[:64]!r}")
            self._is_first = False
            for kind, payload in self._frames.feed(data):
                if kind == L3:
                    self._packet(payload)
                else:
                    self._message(*read_message(payload))
        except Wrong as error:
            raise Wrong(f"{self.name}: {error}") from error

    def _ended(self) -> None:
        self.is_over = True
        if not self._manager.is_ending:
            raise Wrong(f"failed to receive from {self.name}: its output ended")
        if not self._frames.is_between_frames:
            raise Wrong(f"{self.name}: its output ended within a frame")

    def _packet(self, packet: memoryview) -> None:
        what = read(packet)
        if not self.is_ready:
            raise Wrong("a packet before the result of configure")
        if isinstance(what, Segment):
            source, target = what.source, what.target
        else:
            source, target = what.remote[0], what.local[0]
        if source != self.vip and self._manager.router.route(source) != self.vip:
            raise Wrong(f"a packet from {show(source)}, which is not its address")
        self._manager.deliver(target, packet)

    def _message(self, kind, body) -> None:
        if kind == "result" and isinstance(body, dict):
            self._result(body)
        elif kind == "event" and isinstance(body, dict):
            self._event(body)
        else:
            raise Wrong(f"a message that NoRouter 0.6 does not know: {kind!r} {body!r:.300}")

    def _result(self, body: dict) -> None:
        if body.get("request_id") != self._ident or body.get("op") != "configure":
            raise Wrong(f"a result that nobody asked for: {body!r:.300}")
        # For Go even an error that is null is one.
        if set(body) != {"request_id", "op", "data"}:
            raise Wrong(f"a result that is not a success: {body!r:.300}")
        data = body["data"]
        features, version = data.get("features"), data.get("version")
        if not isinstance(features, list) or not all(isinstance(each, str) for each in features):
            raise Wrong(f"the features are {features!r}")
        if not isinstance(version, str) or not version:
            raise Wrong(f"the version is {version!r}")
        if self.is_ready:
            raise Wrong("a second result")
        if "tcp" not in features:
            raise Wrong('it lacks essential feature "tcp"')
        if self._args["loopback"] and "loopback.disable" not in features:
            raise Wrong('it lacks feature "loopback.disable", aborting for security purpose')
        self.is_ready = True
        tell("ready", host=self.name, features=features, version=version)

    def _event(self, body: dict) -> None:
        if set(body) != {"type", "data"} or body["type"] != "routeSuggestion":
            raise Wrong(f"an event that NoRouter 0.6 does not know: {body!r:.300}")
        data = body["data"]
        try:
            addresses, via = [address(each) for each in data["ip"]], address(data["route"])
        except (OSError, TypeError, KeyError):
            raise Wrong(f"a routeSuggestion that is none: {data!r:.300}") from None
        if set(data) != {"ip", "route"} or via not in self._manager.clients:
            raise Wrong(f"a routeSuggestion that is none: {data!r:.300}")
        tell("suggestion", host=self.name, **data)
        self._manager.router.learn(addresses, via)


class Manager:
    def __init__(self, loop: Loop, manifest: dict):
        self.loop, self.manifest = loop, manifest
        self.is_ending = False
        self._packets = 0
        vips = [address(host["vip"]) for host in manifest["hosts"].values()]
        self.router = Router(vips, routes_of(manifest))
        self.clients = {}
        for ident, name in enumerate(manifest["hosts"], 1):
            client = Client(self, name, ident)
            self.clients[client.vip] = client

    def deliver(self, target: int, packet: memoryview) -> None:
        self._packets += 1
        client = self.clients.get(self.router.route(target))
        if client is None:
            raise Wrong(f"a packet to {show(target)}, which is nobody's address")
        client.output.send(frame(L3, packet))

    def end(self) -> None:
        """Closes the agents' input and waits until they have ended."""
        self.is_ending = True
        self.loop.after_each.append(self._look)
        for client in self.clients.values():
            client.output.close()
        self.loop.at(time.monotonic() + END_LIMIT, self._too_late)

    def _look(self) -> None:
        if not all(client.is_over for client in self.clients.values()):
            return
        self.loop.stopped = True
        for client in self.clients.values():
            status = client.process.wait(END_LIMIT)
            if status != 0:
                raise Wrong(f"{client.name} ended with status {status}")
        tell("end", packets=self._packets)

    def _too_late(self) -> None:
        late = [client.name for client in self.clients.values() if not client.is_over]
        raise Wrong(f"{' '.join(late)}: its input ended {END_LIMIT} s ago, but it did not")

    def kill(self) -> None:
        for client in self.clients.values():
            if client.process.poll() is None:
                client.process.kill()
                client.process.wait()


def main() -> int:
    with open(sys.argv[1]) as file:
        manifest = json.load(file)
    loop = Loop()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    manager = Manager(loop, manifest)
    on_bytes(loop, wake, lambda _: None if manager.is_ending else manager.end(), lambda: None)
    try:
        loop.run()
        return 0
    except (Wrong, subprocess.TimeoutExpired) as error:
        print(f"interop manager: FAILED: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        manager.kill()


if __name__ == "__main__":
    sys.exit(main())
