"""Joins a socket of the machine with a connection of the stack, as NoRouter 0.6 does: a
reset of either side becomes a clean end of the other."""

import errno
import selectors
import socket

from frames import Loop
from stack import FAILED, OPEN, OPENING, Connection

CHUNK = 256 << 10


class Bridge:
    def __init__(self, loop: Loop, sock: socket.socket, connection: Connection):
        self._loop, self._socket, self._connection = loop, sock, connection
        self._is_up_done = self._is_down_done = False
        self._is_blocked = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.owner = self._pump
        if connection.state != OPENING:
            self._pump(connection)

    def _ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._is_blocked = False
        if events & selectors.EVENT_READ:
            self._up()
        self._pump(self._connection)

    def _pump(self, connection: Connection) -> None:
        if connection.owner is None:
            return
        self._down()
        if self._is_up_done and self._is_down_done:
            self._loop.watch(self._socket, 0, None)
            self._socket.close()
            connection.close()
            return
        wants = selectors.EVENT_WRITE if self._is_blocked else 0
        is_wanted = connection.state == OPEN and connection.space > 0 or connection.state == FAILED
        if not self._is_up_done and is_wanted:
            wants |= selectors.EVENT_READ
        self._loop.watch(self._socket, wants, self._ready)

    def _up(self) -> None:
        """From the socket to the connection."""
        if self._is_up_done:
            return
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data and self._connection.state == OPEN:
            self._connection.send(data)
        else:
            self._is_up_done = True
            self._connection.end()

    def _down(self) -> None:
        """From the connection to the socket."""
        connection = self._connection
        while connection.received and not self._is_blocked:
            try:
                connection.take(self._socket.send(connection.received[0]))
            except BlockingIOError:
                self._is_blocked = True
            except OSError:
                connection.take(connection.received_bytes)
                self._is_down_done = True
        is_over = connection.peer_ended or connection.state == FAILED
        if not connection.received and is_over and not self._is_down_done:
            self._is_down_done = True
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # It is gone already.


def dial(loop: Loop, target, done) -> None:
    """Connects to a real (host, port); `done(socket)`, or `done(None)` if that fails."""
    try:
        host = socket.gethostbyname(target[0])
        sock = socket.socket()
        sock.setblocking(False)
        code = sock.connect_ex((host, target[1]))
    except OSError:
        return done(None)

    def ready(_events: int) -> None:
        loop.watch(sock, 0, None)
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            sock.close()
            return done(None)
        return done(sock)

    if code not in (0, errno.EINPROGRESS):
        sock.close()
        return done(None)
    return loop.watch(sock, selectors.EVENT_WRITE, ready)


def listen(loop: Loop, at, accepted) -> None:
    """Listens on a real (address, port) and calls `accepted(socket)` for each client."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(at)
    listener.listen(1024)
    listener.setblocking(False)

    def ready(_events: int) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return  # The client gave up.
        accepted(sock)

    loop.watch(listener, selectors.EVENT_READ, ready)
