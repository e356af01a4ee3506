"""Both ends of gRPC with grpcio, all four kinds of calls: prints the origin's port, reads the proxy's, and calls itself through it."""

import queue
import sys
from concurrent import futures

import grpc


class Echo(grpc.GenericRpcHandler):
    def service(self, call):
        return {
            "/echo.Echo/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "/echo.Echo/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/echo.Echo/Down": grpc.unary_stream_rpc_method_handler(lambda request, call: (b"%d" % n for n in range(100))),
            "/echo.Echo/Up": grpc.stream_unary_rpc_method_handler(lambda requests, call: b"%d" % sum(map(len, requests))),
            "/echo.Echo/Both": grpc.stream_stream_rpc_method_handler(lambda requests, call: (m.upper() for m in requests)),
        }.get(call.method)

    def unary(self, request, call):
        call.send_initial_metadata((("x-first", "1"),))
        call.set_trailing_metadata((("x-last", "2"),))
        return request[::-1]

    def fail(self, request, call):
        call.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: ä")


server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((Echo(),))
origin = server.add_insecure_port("127.0.0.1:0")
server.start()
print(origin, flush=True)
proxy = int(sys.stdin.readline())

with grpc.insecure_channel(f"127.0.0.1:{proxy}") as channel:
    path = "/echo.Echo/"
    reply, call = channel.unary_unary(path + "Unary").with_call(b"abc", timeout=20)
    assert reply == b"cba"
    assert ("x-first", "1") in [(k, v) for k, v in call.initial_metadata()], call.initial_metadata()
    assert ("x-last", "2") in [(k, v) for k, v in call.trailing_metadata()], call.trailing_metadata()

    large = bytes(3 << 20)
    assert channel.unary_unary(path + "Unary")(large, timeout=20) == large

    try:
        channel.unary_unary(path + "Fail")(b"", timeout=20)
        raise AssertionError("the call succeeded")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
        assert error.details() == "not today: ä", error

    assert list(channel.unary_stream(path + "Down")(b"", timeout=20)) == [b"%d" % n for n in range(100)]
    assert channel.stream_unary(path + "Up")((b"x" * n for n in range(100)), timeout=20) == b"4950"

    # Each message waits for the answer to the one before.
    outgoing = queue.Queue()
    replies = channel.stream_stream(path + "Both")(iter(outgoing.get, None), timeout=20)
    for word in [b"one", b"two", b"three"]:
        outgoing.put(word)
        assert next(replies) == word.upper()
    outgoing.put(None)
    assert list(replies) == []
    assert replies.code() == grpc.StatusCode.OK

server.stop(None)
print("done")
