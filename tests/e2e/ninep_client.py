"""A client of 9P2000.L that does as it is told, for what Linux's own would not do.

ninep_client.py ADDRESS UID attach          prints the errno of the attach, or OK and its user
ninep_client.py ADDRESS UID create NAME     makes a file below the root
ninep_client.py ADDRESS UID read NAME       prints a file's bytes
ninep_client.py ADDRESS UID lock NAME       prints "free" or "taken"
ninep_client.py ADDRESS UID hold NAME       takes the lock, prints "held", ends with its input
ninep_client.py ADDRESS UID hit-and-run NAME  sends all requests of `create` and is gone

ADDRESS is HOST:PORT, the path of a Unix socket, or ws://HOST:PORT/PATH, with #PASSWORD if one is
needed; UID is what it says that it is, "-" for nobody.
"""
import errno
import os
import socket
import struct
import sys

NO_UID = NO_FID = 0xFFFFFFFF
NO_TAG = 0xFFFF
RLERROR = 7
TLOPEN, TLCREATE, TGETATTR, TLOCK, TVERSION, TATTACH = 12, 14, 24, 52, 100, 104
TWALK, TREAD, TWRITE, TCLUNK, TUNLINKAT = 110, 116, 118, 120, 76
WRITE_LOCK = 1


def text(value):
    data = value.encode()
    return struct.pack("<H", len(data)) + data


def message(kind, body, tag=1):
    return struct.pack("<IBH", 7 + len(body), kind, tag) + body


class Connection:
    """One request at a time; an Rlerror is an OSError."""

    def __init__(self, address):
        if address.startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(address)
        elif address.startswith("ws://"):
            import web_socket  # beside this file
            url, _, password = address.partition("#")
            self.socket = web_socket.WebSocket(
                url, [f"Authorization: Bearer {password}"] if password else [])
        else:
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def take(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the server has hung up")
            data += more
        return data

    def ask(self, kind, body, tag=1):
        self.socket.sendall(message(kind, body, tag))
        size, answer, _ = struct.unpack("<IBH", self.take(7))
        body = self.take(size - 7)
        if answer == RLERROR:
            code = struct.unpack("<I", body)[0]
            raise OSError(code, os.strerror(code))
        assert answer == kind + 1, answer
        return body

    def attach(self, uid, fid=0):
        self.ask(TVERSION, VERSION_BODY, NO_TAG)
        self.ask(TATTACH, attach_body(uid, fid))

    def walk(self, fid, newfid, *names):
        self.ask(TWALK, walk_body(fid, newfid, *names))

    def create(self, directory, fid, name, mode=0o644):
        self.walk(directory, fid)
        self.ask(TLCREATE, create_body(fid, name, mode))

    def open(self, directory, fid, name, flags):
        self.walk(directory, fid, name)
        self.ask(TLOPEN, struct.pack("<II", fid, flags))

    def write(self, fid, offset, data):
        body = struct.pack("<IQI", fid, offset, len(data)) + data
        return struct.unpack("<I", self.ask(TWRITE, body))[0]

    def read(self, fid, offset=0, count=4096):
        return self.ask(TREAD, struct.pack("<IQI", fid, offset, count))[4:]

    def size(self, fid):
        # valid[8] qid[13] mode[4] uid[4] gid[4] nlink[8] rdev[8] size[8]
        return struct.unpack_from("<Q", self.ask(TGETATTR, struct.pack("<IQ", fid, 0x7FF)), 49)[0]

    def remove(self, directory, name):
        self.ask(TUNLINKAT, struct.pack("<I", directory) + text(name) + struct.pack("<I", 0))

    def lock(self, fid):
        """For writing, all of it. True if the lock was there to be had."""
        body = struct.pack("<IBIQQI", fid, WRITE_LOCK, 0, 0, 0, os.getpid()) + text("raw")
        return self.ask(TLOCK, body)[0] == 0

    def clunk(self, fid):
        self.ask(TCLUNK, struct.pack("<I", fid))


VERSION_BODY = struct.pack("<I", 65536) + text("9P2000.L")


def attach_body(uid, fid=0):
    return struct.pack("<II", fid, NO_FID) + text("") + text("") + struct.pack("<I", uid)


def walk_body(fid, newfid, *names):
    return struct.pack("<IIH", fid, newfid, len(names)) + b"".join(map(text, names))


def create_body(fid, name, mode=0o644):
    return struct.pack("<I", fid) + text(name) + struct.pack("<III", os.O_RDWR, mode, os.getegid())


def main():
    address, uid, command, *arguments = sys.argv[1:]
    uid = NO_UID if uid == "-" else int(uid)
    client = Connection(address)
    if command == "hit-and-run":
        client.socket.sendall(message(TVERSION, VERSION_BODY, NO_TAG) +
                              message(TATTACH, attach_body(uid)) +
                              message(TWALK, walk_body(0, 1)) +
                              message(TLCREATE, create_body(1, arguments[0])))
        return
    try:
        client.attach(uid)
        if command == "create":
            client.create(0, 1, arguments[0])
        elif command == "read":
            client.open(0, 1, arguments[0], os.O_RDONLY)
            print(client.read(1).decode(), end="")
            return
        elif command == "lock":
            client.open(0, 1, arguments[0], os.O_RDWR)
            print("free" if client.lock(1) else "taken")
            return
        elif command == "hold":
            client.open(0, 1, arguments[0], os.O_RDWR)
            print("held" if client.lock(1) else "taken", flush=True)
            sys.stdin.read()
            return
        print("OK")
    except OSError as error:
        print(errno.errorcode.get(error.errno, error))


if __name__ == "__main__":
    main()
