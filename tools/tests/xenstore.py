# SPDX-License-Identifier: GPL-2.0-or-later
"""A xenstore for tests of the daemon, without a hypervisor.

libxenstore talks to xenstored over a Unix socket that XENSTORED_PATH names
(the protocol is Xen's public io/xs_wire.h). This is the other end of it: a
tree of nodes, transactions and watches, in a thread of the test itself, so
that a test can also read and write nodes directly, as the toolstack would.

What is simplified: everybody is dom0 (paths that don't start with / are below
/local/domain/0) and may do everything but write below the nodes that a test
has listed in Xenstore.read_only, and a transaction fails whenever
anything at all has been written since it began. The latter is allowed, and
is the harder case for a client.
"""

import os
import socket
import struct
import threading

(DIRECTORY, READ, WATCH, UNWATCH, TRANSACTION_START, TRANSACTION_END,
 WRITE, MKDIR, RM, WATCH_EVENT, ERROR) = (1, 2, 4, 5, 6, 7, 11, 12, 13, 15, 16)

HEADER = struct.Struct("=IIII")     # type, request, transaction, length
HOME = "/local/domain/0/"


class XenstoreError(Exception):
    """An error number by its name, as the protocol has it."""


def absolute(path):
    """The whole path of a node that may be named relative to our home."""
    return path if path.startswith("/") else HOME + path


def parents(path):
    """The nodes above @path, from the root down."""
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[:i + 1]) for i in range(len(parts))]


class Tree:
    """Nodes by absolute path; what was written is kept for watches."""

    def __init__(self, nodes):
        self.nodes = dict(nodes)
        self.changed = []       # (path, removed)

    def read(self, path):
        if path not in self.nodes:
            raise XenstoreError("ENOENT")
        return self.nodes[path]

    def list(self, path):
        self.read(path)
        below = path.rstrip("/") + "/"
        return sorted(node[len(below):] for node in self.nodes
                      if node.startswith(below) and "/" not in
                      node[len(below):])

    def write(self, path, value):
        for parent in parents(path):
            self.nodes.setdefault(parent, b"")
        self.nodes[path] = value
        self.changed.append((path, False))

    def mkdir(self, path):
        if path not in self.nodes:
            self.write(path, b"")

    def remove(self, path):
        if path not in self.nodes:
            # As xenstored does: no error if at least the parent is there
            self.read(path.rpartition("/")[0])
            return
        for node in list(self.nodes):
            if node == path or node.startswith(path + "/"):
                del self.nodes[node]
        self.changed.append((path, True))


class Watch:
    """One client's interest in a node and all below it."""

    def __init__(self, client, path, token):
        self.client, self.path, self.token = client, path, token

    def tell(self, path):
        if not self.path.startswith("/"):
            path = path[len(HOME):]
        self.client.send(WATCH_EVENT, 0, 0, f"{path}\0{self.token}\0".encode())

    def consider(self, path, removed):
        mine = absolute(self.path)
        if path == mine or path.startswith(mine + "/"):
            self.tell(path)
        elif removed and mine.startswith(path + "/"):
            self.tell(mine)


class Client:
    """One connection, served by a thread."""

    def __init__(self, store, sock):
        self.store, self.sock = store, sock
        self.trees = {}         # by transaction: (generation, Tree)
        threading.Thread(target=self.serve, daemon=True).start()

    def send(self, kind, request, transaction, payload):
        header = HEADER.pack(kind, request, transaction, len(payload))
        try:
            self.sock.sendall(header + payload)
        except OSError:
            pass                # the client has gone; serve() will notice

    def receive(self, length):
        data = b""
        while len(data) < length:
            part = self.sock.recv(length - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data

    def serve(self):
        try:
            while True:
                kind, request, transaction, length = HEADER.unpack(
                    self.receive(HEADER.size))
                self.answer(kind, request, transaction, self.receive(length))
        except OSError:
            self.store.forget(self)

    def answer(self, kind, request, transaction, payload):
        with self.store.lock:
            try:
                reply = self.handle(kind, transaction, payload)
            except XenstoreError as err:
                kind, reply = ERROR, str(err).encode() + b"\0"
            self.send(kind, request, transaction, reply)
            if kind == WATCH:
                self.store.watches[-1].tell(
                    absolute(self.store.watches[-1].path))
            self.store.fire()

    def handle(self, kind, transaction, payload):
        fields = payload.split(b"\0")
        first = fields[0].decode()
        if kind == WATCH:
            self.store.watches.append(Watch(self, first, fields[1].decode()))
        elif kind == UNWATCH:
            self.store.watches = [
                watch for watch in self.store.watches
                if (watch.client, watch.path) != (self, first)]
        elif kind == TRANSACTION_START:
            return self.begin()
        elif kind == TRANSACTION_END:
            self.end(transaction, first == "T")
        else:
            return self.access(kind, transaction, absolute(first), payload)
        return b"OK\0"

    def begin(self):
        self.store.transactions += 1
        self.trees[self.store.transactions] = (
            self.store.generation, Tree(self.store.tree.nodes))
        return f"{self.store.transactions}\0".encode()

    def end(self, transaction, commit):
        generation, tree = self.trees.pop(transaction)
        if commit and tree.changed:
            if generation != self.store.generation:
                raise XenstoreError("EAGAIN")
            self.store.tree = tree

    def access(self, kind, transaction, path, payload):
        tree = self.trees[transaction][1] if transaction else self.store.tree
        if kind == READ:
            return tree.read(path)
        if kind == DIRECTORY:
            return b"".join(n.encode() + b"\0" for n in tree.list(path))
        if any(path.startswith(absolute(p)) for p in self.store.read_only):
            raise XenstoreError("EACCES")
        if kind == WRITE:
            tree.write(path, payload.split(b"\0", 1)[1])
        elif kind == MKDIR:
            tree.mkdir(path)
        elif kind == RM:
            tree.remove(path)
        else:
            raise XenstoreError("ENOSYS")
        return b"OK\0"


class Xenstore:
    """The server, and the test's own way to its nodes."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.RLock()
        self.tree = Tree({"/": b""})
        self.generation = 0
        self.transactions = 0
        self.watches = []
        self.read_only = []
        self.clients = []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(path)
        self.sock.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock = self.sock.accept()[0]
            except OSError:
                return
            with self.lock:
                self.clients.append(Client(self, sock))

    def close(self):
        """End, as a xenstored that crashes."""
        self.sock.close()
        os.unlink(self.path)
        with self.lock:
            for client in self.clients:
                client.sock.shutdown(socket.SHUT_RDWR)
                client.sock.close()

    def forget(self, client):
        with self.lock:
            self.watches = [w for w in self.watches if w.client != client]
            self.clients = [c for c in self.clients if c != client]

    def fire(self):
        """Tell everybody what has changed since the last time."""
        changed, self.tree.changed = self.tree.changed, []
        if changed:
            self.generation += 1
        for path, removed in changed:
            for watch in self.watches:
                watch.consider(path, removed)

    def write(self, path, value):
        self.write_all({path: value})

    def write_all(self, values):
        """Write several nodes at once, as in a transaction."""
        with self.lock:
            for path, value in values.items():
                self.tree.write(absolute(path), str(value).encode())
            self.fire()

    def remove(self, path):
        with self.lock:
            self.tree.remove(absolute(path))
            self.fire()

    def read(self, path):
        """A node's value, or None if there is no such node."""
        with self.lock:
            value = self.tree.nodes.get(absolute(path))
            return value.decode() if value is not None else None
