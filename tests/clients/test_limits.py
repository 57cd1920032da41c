"""Limits that can be set: over them there is an answer that names the limit."""

import contextlib
import http.client
import json
import socket
import time

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

import small_models

MIB = 1 << 20


@pytest.fixture
def wide(repository):
    """A repository with one model of variable width."""
    small_models.identity(repository / "identity", "FP32")
    return repository


def body(width):
    data = [0.5] * width
    return {"inputs": [{"name": "IN", "shape": [1, width], "datatype": "FP32", "data": data}]}


def message(width):
    request = service_pb2.ModelInferRequest(model_name="identity")
    request.inputs.add(name="IN", datatype="FP32", shape=[1, width])
    request.raw_input_contents.append(np.zeros(width, np.float32).tobytes())
    return request


def test_the_size_of_a_body(wide, start):
    server = start(wide, "--http-max-input-size", "10000")
    assert server.infer("identity", body(100)).status == 200
    # By its declared length, and by what came in pieces of undeclared length.
    declared = server.infer("identity", body(10_000))
    assert declared.status in (400, 413)
    assert "10000" in declared.error() and "http-max-input-size" in declared.error()
    connection = server.connect()
    with contextlib.suppress(ConnectionError):
        pieces = iter([json.dumps(body(10_000)).encode()])
        connection.request("POST", "/v2/models/identity/infer", pieces)
        assert connection.getresponse().status in (400, 413)
    assert server.infer("identity", body(100)).status == 200


def test_the_size_of_what_numbers_become(wide, start):
    """Five bytes of JSON may become eight of a tensor."""
    server = start(wide, "--http-max-input-size", "10000")
    width = 4000
    text = '{"inputs":[{"name":"IN","shape":[1,%d],"datatype":"FP32","data":[%s]}]}'
    response = server.infer("identity", (text % (width, ",".join("0" * width))).encode())
    assert response.status in (400, 413)


@pytest.mark.parametrize("algorithm", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_size_of_a_message(wide, start, algorithm):
    server = start(wide, "--grpc-max-message-size", str(MIB))
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(server.grpc_url, options) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        before = server.memory_bytes()
        with pytest.raises(grpc.RpcError) as error:
            stub.ModelInfer(message(16 * MIB), compression=algorithm)
        assert error.value.code() in (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            grpc.StatusCode.INVALID_ARGUMENT,
            grpc.StatusCode.OUT_OF_RANGE,
        )
        assert server.memory_bytes() - before < 30 * MIB
        assert stub.ModelInfer(message(10)).model_name == "identity"


def test_the_number_of_connections(wide, start):
    server = start(wide, "--http-max-connections", "8")
    kept = [server.connect() for _ in range(8)]
    for connection in kept:
        connection.request("GET", "/v2/health/live")
        connection.getresponse().read()
    with contextlib.suppress(ConnectionError, http.client.HTTPException):
        assert server.get("/v2/health/live").status == 503
    kept.pop().close()
    server.wait_until(lambda: server.get("/v2/health/live").status == 200, 5)
    # Health and metrics have a port of their own.
    assert server.get("/v2/health/live", port=server.metrics_port).status == 200


def test_the_time_between_two_pieces_of_a_body(wide, start):
    server = start(wide, "--body-idle-timeout-secs", "1")
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=10) as connection:
        connection.sendall(b"POST /v2/models/identity/infer HTTP/1.1\r\nHost: x\r\n")
        connection.sendall(b'Content-Length: 100\r\n\r\n{"inputs"')
        begin = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while connection.recv(65536):
                pass
        assert 0.5 < time.monotonic() - begin < 4


def test_the_time_between_two_requests(wide, start):
    server = start(wide, "--http-keep-alive-secs", "1")
    connection = server.connect()
    connection.request("GET", "/v2/health/live")
    connection.getresponse().read()
    begin = time.monotonic()
    assert connection.sock.recv(1) == b""
    assert 0.5 < time.monotonic() - begin < 4


def test_the_number_of_waiting_requests(repository, start):
    small_models.lookup(
        repository / "lookup",
        100,
        "max_batch_size: 64\ndynamic_batching { max_queue_delay_microseconds: 1000000 }\n",
    )
    server = start(repository, "--max-queue-requests", "2")
    tensor = {"name": "IN", "shape": [1, 1], "datatype": "INT64", "data": [1]}
    request = json.dumps({"inputs": [tensor]})
    connections = [server.connect() for _ in range(3)]
    for connection in connections:
        connection.request("POST", "/v2/models/lookup/infer", request)
        time.sleep(0.05)
    statuses = [connection.getresponse().status for connection in connections]
    assert statuses == [200, 200, 503]
