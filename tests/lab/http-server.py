#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A web server with faults: http-server.py FILE [CERT KEY]

Serves FILE under names that say how (see the methods called serve_...), prints its port, and
ends when its stdin does.  /count/NAME tells how often NAME was asked for.
/bucket/NAME wants AWS Signature Version 4, by key "AKID", secret "S3cret/+=", region
"us-east-1" or "eu-test-1".
"""
import hashlib
import hmac
import http.server
import os
import ssl
import sys
import threading
import time

CONTENT = open(sys.argv[1], "rb").read()
ETAG = '"' + hashlib.md5(CONTENT).hexdigest() + '"'
MODIFIED = "Tue, 01 Jul 2025 10:00:00 GMT"
ACCESS, SECRET = "AKID", "S3cret/+="
counts = {}
ending = threading.Event()


def hmac256(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def fail(self, code):
        self.send_response(code)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"oops\n")

    def begin(self):
        """The first byte that is asked for."""
        text = self.headers.get("Range", "")
        if not text.startswith("bytes=") or not text.endswith("-"):
            return 0
        if self.headers.get("If-Range", ETAG) not in (ETAG, MODIFIED):
            return 0
        return int(text[6:-1])

    def head(self, begin, length=None, etag=ETAG):
        self.send_response(206 if begin else 200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        if begin:
            self.send_header(
                "Content-Range",
                "bytes %d-%d/%d" % (begin, len(CONTENT) - 1, len(CONTENT)),
            )
        self.send_header("ETag", etag)
        self.send_header("Last-Modified", MODIFIED)
        self.end_headers()

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True

    def serve_file(self, ranges=True):
        begin = self.begin() if ranges else 0
        if begin >= len(CONTENT):
            return self.fail(416)
        self.head(begin, len(CONTENT) - begin)
        self.wfile.write(CONTENT[begin:])

    def serve_drop(self, ranges=True, etag=ETAG, again=False):
        """Half of it, then the connection is gone; the next time all is well."""
        if self.count > 1 and not again:
            return self.serve_file(ranges)
        begin = self.begin() if ranges else 0
        if begin >= len(CONTENT):
            return self.fail(416)
        self.head(begin, len(CONTENT) - begin, etag)
        self.wfile.write(CONTENT[begin : begin + max(1, (len(CONTENT) - begin) // 2)])
        self.hang_up()

    def serve_drop_norange(self):
        self.serve_drop(ranges=False)

    def serve_drop_changed(self):
        # The second answer ignores If-Range and has another ETag.
        if self.count == 1:
            return self.serve_drop()
        begin = int(self.headers["Range"][6:-1])
        self.head(begin, len(CONTENT) - begin, '"other"')
        self.wfile.write(CONTENT[begin:])

    def serve_drop_always(self):
        begin = self.begin()
        self.head(begin, len(CONTENT) - begin)
        self.wfile.write(CONTENT[begin : begin + 10])
        self.hang_up()

    def serve_wrong_length(self):
        begin = self.begin()
        if begin >= len(CONTENT):
            return self.fail(416)
        self.head(begin, len(CONTENT) - begin + 10)
        self.wfile.write(CONTENT[begin:])
        self.hang_up()

    def chunked(self, end):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, end, 30000):
            part = CONTENT[at : min(at + 30000, end)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if end == len(CONTENT):
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.hang_up()

    def serve_chunked(self):
        self.chunked(len(CONTENT))

    def serve_chunked_drop(self):
        self.chunked(len(CONTENT) // 2)

    def serve_flaky(self):
        """503 twice, then well."""
        return self.fail(503) if self.count < 3 else self.serve_file()

    def serve_down(self):
        self.fail(500)

    def serve_404(self):
        self.fail(404)

    def serve_403(self):
        self.fail(403)

    def serve_204(self):
        self.send_response(204)
        self.end_headers()

    def serve_stall(self):
        """Some bytes, then silence."""
        self.head(0, len(CONTENT))
        self.wfile.write(CONTENT[:1000])
        self.wfile.flush()
        ending.wait(30)
        self.hang_up()

    def serve_silent(self):
        ending.wait(30)
        self.hang_up()

    def serve_resumed_stall(self):
        return self.serve_stall() if self.count == 1 else self.serve_file()

    def redirect(self, place):
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def serve_redirect(self):
        self.redirect("/file")

    def serve_redirect_file(self):
        self.redirect("file:///etc/passwd")

    def serve_redirect_loop(self):
        self.redirect("/redirect_loop")

    def serve_auth(self):
        if self.headers.get("Authorization") != "Basic dXNlcjpwYXNz":  # user:pass
            return self.fail(401)
        self.serve_file()

    def serve_slow(self):
        """1 MB/s, in small pieces."""
        self.head(0, len(CONTENT))
        for at in range(0, len(CONTENT), 10000):
            self.wfile.write(CONTENT[at : at + 10000])
            self.wfile.flush()
            time.sleep(0.01)

    def is_signed(self):
        try:
            algorithm, rest = self.headers["Authorization"].split(" ", 1)
            parts = dict(p.strip().split("=", 1) for p in rest.split(","))
            key, day, region, service, last = parts["Credential"].split("/")
            signed = parts["SignedHeaders"].split(";")
        except (KeyError, TypeError, ValueError, AttributeError):
            return False
        stamp = self.headers.get("x-amz-date", "")
        known = key == ACCESS and region in ("us-east-1", "eu-test-1")
        if (
            algorithm != "AWS4-HMAC-SHA256"
            or not known
            or (service, last) != ("s3", "aws4_request")
            or "host" not in signed
            or not stamp.startswith(day)
        ):
            return False
        when = time.strptime(stamp + "+0000", "%Y%m%dT%H%M%SZ%z")
        if abs(time.time() - (time.mktime(when) - time.timezone)) > 900:
            return False
        lines = "".join(n + ":" + self.headers[n].strip() + "\n" for n in signed)
        request = "\n".join(
            ["GET", self.path, "", lines, ";".join(signed), self.headers["x-amz-content-sha256"]]
        )
        digest = hashlib.sha256(request.encode()).hexdigest()
        scope = "/".join([day, region, service, last])
        text = "\n".join([algorithm, stamp, scope, digest])
        mac = ("AWS4" + SECRET).encode()
        for part in (day, region, service, last, text):
            mac = hmac256(mac, part)
        return hmac.compare_digest(mac.hex(), parts["Signature"])

    def serve_bucket(self):
        if not self.is_signed():
            return self.fail(403)
        if self.path.endswith("/moved"):
            return self.redirect("/file")
        if self.path.endswith("/drop"):
            return self.serve_drop()
        self.serve_file()

    def do_GET(self):
        name = self.path.split("?")[0].strip("/")
        if name.startswith("count/"):
            body = str(counts.get(name[6:], 0)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        counts[name] = self.count = counts.get(name, 0) + 1
        serve = getattr(self, "serve_" + name.split("/")[0], self.serve_404)
        try:
            serve()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that goes away, or does not like our certificate


def main():
    server = Server(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()
    ending.set()
    os._exit(0)


main()
