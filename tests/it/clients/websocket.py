"""Both ends of a WebSocket with Python's websockets: prints the origin's port, reads the proxy's, and talks to itself through it."""

import sys
import threading

from websockets.sync.client import connect
from websockets.sync.server import serve


def echo(socket):
    for message in socket:
        socket.send(message)


with serve(echo, "127.0.0.1", 0, max_size=None) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.socket.getsockname()[1], flush=True)
    proxy = int(sys.stdin.readline())
    with connect(f"ws://127.0.0.1:{proxy}/echo", max_size=None) as socket:
        assert socket.response.headers["Upgrade"] == "websocket"
        for message in ["hello", "x" * 70_000, bytes(range(256)) * 4096, ""]:
            socket.send(message)
            assert socket.recv(timeout=20) == message
        assert socket.ping().wait(20)
    assert socket.close_code == 1000, socket.close_code
    server.shutdown()
print("done")
