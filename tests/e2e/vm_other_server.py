"""Servers that are no daemon of this version, on a port that it prints, by path: a WebSocket that
agrees to no subprotocol, or to another one than was asked for, an ordinary page, one that hangs up.
"""
import base64
import hashlib
import http.server

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/page":
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"page")
            return
        self.close_connection = True
        if self.path == "/silence":
            return
        key = self.headers["Sec-WebSocket-Key"] + MAGIC
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_header("Sec-WebSocket-Accept", accept)
        if self.path == "/older":
            self.send_header("Sec-WebSocket-Protocol", "cairn.resume.v0")
        self.end_headers()
        self.wfile.flush()
        self.rfile.read(1)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
