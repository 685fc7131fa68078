"""A reverse proxy that serves another address under a sub-path, as nginx does with `location /prefix/ { proxy_pass …/; }`."""

import socket
import threading


class Proxy(threading.Thread):
    def __init__(self, prefix, port):
        super().__init__(daemon=True)
        self.prefix, self.upstream = prefix, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}{prefix}"
        # Paths asked for that do not lie under the prefix.
        self.strangers, self.open, self.lock = [], set(), threading.Lock()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            try:
                self.forward(client)
            except OSError:
                pass

    def forward(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(65_536)
            if not more:
                return
            head += more
        head, rest = head.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, version = first.split(" ")
        if not path.startswith(self.prefix):
            self.strangers.append(path)
            client.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        lines = [line for line in lines if not line.lower().startswith("connection:")]
        first = f"{method} /{path[len(self.prefix):]} {version}"
        with socket.create_connection(("127.0.0.1", self.upstream)) as server:
            server.sendall("\r\n".join([first, *lines, "Connection: close", "", ""]).encode("latin-1") + rest)
            with self.lock:
                self.open.add(client)
            threading.Thread(target=self.copy, args=(client, server), daemon=True).start()
            try:
                self.copy(server, client)
            finally:
                with self.lock:
                    self.open.discard(client)

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self):
        """Breaks every connection, as a restart of the proxy does."""
        with self.lock:
            for client in self.open:
                client.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
