"""A WebSocket that looks like a socket, of binary frames alone, for ninep_client.py.

web_socket.py URL [HEADER...]    prints the status of the handshake, and "closed CODE" when the
                                 server closes the connection; ends with its input
"""
import base64
import os
import select
import socket
import struct
import sys
from urllib.parse import urlsplit

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Refused(ConnectionError):
    """The server did not switch; `status` is what it said instead."""

    def __init__(self, status):
        super().__init__(f"status {status}")
        self.status = status


class WebSocket:
    def __init__(self, url, headers=()):
        where = urlsplit(url)
        self.socket = socket.create_connection((where.hostname, where.port))
        self.socket.settimeout(30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw = b""
        self.payload = b""
        self.close_code = None
        lines = [f"GET {where.path} HTTP/1.1", f"Host: {where.netloc}", "Connection: Upgrade",
                 "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(), *headers]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        while b"\r\n\r\n" not in self.raw:
            self._fill()
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        status = int(head.split()[1])
        if status != 101:
            raise Refused(status)

    def fileno(self):
        return self.socket.fileno()

    def _fill(self):
        more = self.socket.recv(1 << 16)
        if not more:
            raise ConnectionError("the server has hung up")
        self.raw += more

    def _take(self, count):
        while len(self.raw) < count:
            self._fill()
        taken, self.raw = self.raw[:count], self.raw[count:]
        return taken

    def send_frame(self, opcode, payload):
        head = bytes([0x80 | opcode])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        elif len(payload) < 1 << 16:
            head += struct.pack(">BH", 0x80 | 126, len(payload))
        else:
            head += struct.pack(">BQ", 0x80 | 127, len(payload))
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(head + mask + masked)

    def receive_frame(self):
        opcode, length = self._take(2)
        if length == 126:
            length, = struct.unpack(">H", self._take(2))
        elif length == 127:
            length, = struct.unpack(">Q", self._take(8))
        return opcode & 15, self._take(length)

    # What a socket has.
    def sendall(self, message):
        self.send_frame(BINARY, message)

    def recv(self, count):
        while not self.payload:
            opcode, payload = self.receive_frame()
            if opcode == PING:
                self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                self.close_code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                self.send_frame(CLOSE, payload)
                return b""
            elif opcode == BINARY:
                self.payload = payload
        taken, self.payload = self.payload[:count], self.payload[count:]
        return taken


def main():
    try:
        connected = WebSocket(sys.argv[1], sys.argv[2:])
    except Refused as refused:
        print(refused.status)
        return
    print(101, flush=True)
    while True:
        ready, _, _ = select.select([connected, sys.stdin], [], [])
        if sys.stdin in ready and not sys.stdin.readline():
            return
        if connected in ready and not connected.recv(1):
            print("closed", connected.close_code)
            return


if __name__ == "__main__":
    main()
