"""Broken, hostile and slow requests: a clear error, bounded memory, and the server lives."""

import gzip
import json
import os
import select
import socket
import time
import zlib

import numpy as np
import pytest

import client_kinds

MIB = 1 << 20
# What one request of 100 MB may cost at most while it is refused.
MEMORY_MAX = 400 * MIB

GOOD = {"name": "IN", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}


def changed(**fields):
    """The good input with other fields; None takes one away."""
    tensor = GOOD | fields
    return {"inputs": [{key: value for key, value in tensor.items() if value is not None}]}


@pytest.fixture(autouse=True)
def lives(server):
    """After every test, a good request is answered."""
    yield
    response = server.infer("identity_fp32", {"inputs": [GOOD]})
    assert response.json()["outputs"][0]["data"] == [1, 2, 3]


# name -> (body, texts that the message must hold)
REFUSED = {
    "malformed": ('{"inputs": [', ["JSON"]),
    "empty": ("", []),
    "no object": ("[1, 2]", []),
    "trailing text": (json.dumps({"inputs": [GOOD]}) + "x", []),
    "not UTF-8": (b'{"inputs": [{"name": "\xff\xfe"}]}', []),
    "no inputs": ({}, ["inputs"]),
    "inputs is no list": ({"inputs": {}}, ["inputs"]),
    "no name": (changed(name=None), ["name"]),
    "no shape": (changed(shape=None), ["IN", "shape"]),
    "no datatype": (changed(datatype=None), ["IN", "datatype"]),
    "unknown datatype": (changed(datatype="FP31"), ["IN", "FP31"]),
    "lower-case datatype": (changed(datatype="fp32"), ["IN", "fp32"]),
    "no data": (changed(data=None), ["IN"]),
    "shape says 17, data has 16": (changed(shape=[1, 17], data=[0] * 16), ["IN", "17", "16"]),
    "data has 17, shape says 16": (changed(shape=[1, 16], data=[0] * 17), ["IN", "16"]),
    "wrong model shape": (changed(shape=[1, 1, 3]), ["IN", "[1,1,3]"]),
    "negative dimension": (changed(shape=[1, -3]), ["IN", "-3"]),
    "fractional dimension": (changed(shape=[1, 3.5]), ["shape"]),
    "string dimension": (changed(shape=["1", "3"]), ["shape"]),
    "huge dimension": (changed(shape=[1, 2**62], data=[1]), ["IN"]),
    "overflowing shape": (changed(shape=[2**40, 2**40], data=[1]), ["IN"]),
    "dimension over 64 bits": (changed(shape=[1, 2**70], data=[1]), ["shape"]),
    "string in FP32 data": (changed(data=[1, "2", 3]), ["IN", "FP32"]),
    "null in data": (changed(data=[1, None, 3]), ["IN"]),
    "object in data": (changed(data=[1, {}, 3]), ["IN"]),
    "ragged data": (changed(shape=[2, 2], data=[[1, 2], [3]]), ["IN"]),
    "unknown input": ({"inputs": [GOOD | {"name": "OTHER"}]}, ["OTHER"]),
    "the same input twice": ({"inputs": [GOOD, GOOD]}, ["IN"]),
    "the same output twice": ({"inputs": [GOOD], "outputs": [{"name": "OUT"}] * 2}, ["OUT"]),
    "unknown output": ({"inputs": [GOOD], "outputs": [{"name": "NO"}]}, ["NO"]),
    "data and binary data": (changed(parameters={"binary_data_size": 12}), ["IN"]),
    "string timeout": ({"inputs": [GOOD], "parameters": {"timeout": "soon"}}, ["timeout"]),
    "negative priority": ({"inputs": [GOOD], "parameters": {"priority": -1}}, ["priority"]),
    "negative class count": (
        {"inputs": [GOOD], "outputs": [{"name": "OUT", "parameters": {"classification": -1}}]},
        ["classification"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_request_is_told_what_is_wrong(server, case):
    body, named = REFUSED[case]
    if isinstance(body, str):
        body = body.encode()
    response = server.infer("identity_fp32", body)
    assert response.status == 400, response.body[:300]
    for text in named:
        assert text in response.error()


@pytest.mark.parametrize(
    "datatype, value",
    [
        ("INT8", 128),
        ("INT8", 1.5),
        ("UINT8", -1),
        ("UINT64", 2**64),
        ("INT64", -(2**63) - 1),
        ("INT32", "1"),
        ("BOOL", 2),
        ("BYTES", 5),
    ],
)
def test_a_number_that_does_not_fit_its_type(server, datatype, value):
    body = changed(datatype=datatype, shape=[1, 1], data=[value])
    response = server.infer(f"identity_{datatype.lower()}", body)
    assert response.status == 400
    assert "IN" in response.error() and datatype in response.error()


def test_nan_in_json_is_a_number(server):
    body = b'{"inputs":[{"name":"IN","shape":[1,2],"datatype":"FP32","data":[NaN,-Infinity]}]}'
    answer = server.infer("identity_fp32", body).json()["outputs"][0]["data"]
    assert np.isnan(answer[0]) and answer[1] == -np.inf


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "99999999999999999999", "10000", " "])
def test_a_wrong_header_length(server, length):
    headers = {"Inference-Header-Content-Length": length}
    response = server.infer("identity_fp32", json.dumps({"inputs": [GOOD]}).encode(), headers)
    assert response.status == 400
    assert "Inference-Header-Content-Length" in response.error()


@pytest.mark.parametrize(
    "size, sent, named",
    [
        (12, 8, ["IN"]),
        (12, 16, []),
        (8, 8, ["IN", "12"]),
        (-1, 0, ["binary_data_size"]),
        (2**63, 12, []),
    ],
)
def test_binary_data_of_another_size(server, size, sent, named):
    tensor = {key: GOOD[key] for key in ("name", "shape", "datatype")}
    request = {"inputs": [tensor | {"parameters": {"binary_data_size": size}}]}
    header = json.dumps(request).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    response = server.infer("identity_fp32", header + b"\0" * sent, headers)
    assert response.status == 400
    for text in named:
        assert text in response.error()


@pytest.mark.parametrize(
    "framing", [b"\5\0\0\0abc", b"\3\0\0\0abcd", b"\xff\xff\xff\xffabc", b"\0"]
)
def test_broken_framing_of_strings(server, framing):
    tensor = {"name": "IN", "shape": [1, 1], "datatype": "BYTES"}
    request = {"inputs": [tensor | {"parameters": {"binary_data_size": len(framing)}}]}
    header = json.dumps(request).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    response = server.infer("identity_bytes", header + framing, headers)
    assert response.status == 400 and "IN" in response.error()


def test_a_raw_body_that_is_no_whole_row(server):
    headers = {"Inference-Header-Content-Length": "0"}
    response = server.infer("identity_fp32", b"\0" * 7, headers)
    assert response.status == 400
    assert "raw" in response.error() and "7" in response.error()


@pytest.mark.parametrize("model", ["absent", "..", "%2e%2e%2fetc", "identity_fp32%00", "a" * 5000])
def test_models_that_are_not_there(server, model):
    response = server.infer(model, {"inputs": [GOOD]})
    assert 400 <= response.status < 500


@pytest.mark.parametrize("version", ["0", "x", "-1", "99999999999999999999"])
def test_versions_that_are_not_there(server, version):
    response = server.post(f"/v2/models/identity_fp32/versions/{version}/infer", {"inputs": [GOOD]})
    assert 400 <= response.status < 500


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"inputs":[{"name":"IN","data":['])
def test_deep_nesting(server, opening):
    response = server.infer("identity_fp32", (opening * 100_000).encode())
    assert response.status == 400
    response = server.post("/v2/repository/index", ("[" * 100_000).encode())
    assert response.status == 400


def test_deeply_nested_data(server):
    body = '{"inputs":[{"name":"IN","shape":[1,3],"datatype":"FP32","data":' + "[" * 100_000
    response = server.infer("identity_fp32", body.encode())
    assert response.status == 400


def too_large(status):
    return status in (400, 413)


def test_a_hundred_megabytes_of_json(server):
    before = server.memory_bytes()
    text = b'{"inputs":[{"name":"IN","shape":[1,25000000],"datatype":"FP32","data":['
    body = text + b"1.5," * 25_000_000 + b"1]}]}"
    start = time.monotonic()
    try:
        response = server.infer("identity_fp32", body)
        assert too_large(response.status) and str(64 * MIB) in response.error().replace(",", "")
    except ConnectionError:
        # It may stop listening to a body that it said no to.
        pass
    assert time.monotonic() - start < 5
    assert server.memory_bytes() - before < MEMORY_MAX


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compression_bomb(server, encoding):
    packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    # After a full flush the same bytes can stand there any number of times.
    start = packer.compress(b" ") + packer.flush(zlib.Z_FULL_FLUSH)
    mebibyte = packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    body = start + mebibyte * 1024
    before = server.memory_bytes()
    response = server.infer("identity_fp32", body, {"Content-Encoding": encoding})
    assert too_large(response.status)
    assert server.memory_bytes() - before < MEMORY_MAX


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"{}" * 1000)[:-9]])
def test_broken_compression(server, body):
    response = server.infer("identity_fp32", body, {"Content-Encoding": "gzip"})
    assert response.status == 400


def send_raw(server, data, *, read_for=5.0):
    """Sends bytes as they are and returns what comes back until the end or the time is over."""
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=read_for) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
            return answer
        except OSError:
            return b""


def test_a_declared_length_of_a_hundred_terabytes(server):
    request = (
        b"POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=5) as connection:
        connection.sendall(request % 10**14)
        answer = connection.recv(65536)
    assert answer.split()[1] in (b"400", b"413")


@pytest.mark.parametrize("length", [b"-1", b"x", b"5, 6", b"99999999999999999999999"])
def test_a_content_length_that_is_none(server, length):
    head = b"POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\nContent-Length: "
    answer = send_raw(server, head + length + b"\r\n\r\nhello")
    assert answer.startswith(b"HTTP/1.1 4")


def test_a_body_cut_short(server):
    head = b"POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
    answer = send_raw(server, head + b'{"inputs"')
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize(
    "garbage", [b"\0" * 64, b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", os.urandom(4096)]
)
def test_no_http_at_all(server, garbage):
    answer = send_raw(server, garbage)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_headers_without_an_end(server):
    answer = send_raw(server, b"GET /v2 HTTP/1.1\r\n" + b"X-Filler: y\r\n" * 100_000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_a_very_long_path(server):
    answer = send_raw(server, b"GET /" + b"a" * MIB + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_a_million_one_byte_chunks(server):
    before = server.memory_bytes()
    head = (
        b"POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    answer = send_raw(server, head + b"1\r\n \r\n" * 1_000_000 + b"0\r\n\r\n", read_for=20)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert server.memory_bytes() - before < 100 * MIB


def test_half_sent_headers_are_closed(small_repository, start):
    server = start(small_repository, "--http-header-timeout-secs", "2")
    connections = [socket.create_connection(("127.0.0.1", server.http_port)) for _ in range(200)]
    for connection in connections:
        connection.sendall(b"POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: ")
    assert server.is_alive()
    deadline = time.monotonic() + 8
    waiting = set(connections)
    while waiting and time.monotonic() < deadline:
        readable, _, _ = select.select(list(waiting), [], [], 0.2)
        for connection in readable:
            if connection.recv(65536) == b"":
                waiting.discard(connection)
    assert not waiting, f"{len(waiting)} connections are still open"


def test_a_slow_reader_does_not_hold_others_up(server):
    width = 100_000
    body = json.dumps(changed(shape=[4, width], data=[0.125] * (4 * width))).encode()
    head = b"POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.http_port)) as slow:
        slow.sendall(head % len(body) + body)
        time.sleep(0.3)
        start = time.monotonic()
        assert server.infer("identity_fp32", {"inputs": [GOOD]}).status == 200
        assert time.monotonic() - start < 1


def test_a_closed_half_is_answered_or_counts_as_gone(server):
    """A client that closed its half cannot be told from one that left, whose work is cancelled."""
    body = json.dumps({"inputs": [GOOD]}).encode()
    head = b"POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    answer = send_raw(server, head % len(body) + body)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 200") and b'"OUT"' in answer


def test_garbage_on_the_grpc_port(server):
    for garbage in (b"\0" * 1000, b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096)):
        with socket.create_connection(("127.0.0.1", server.grpc_port), timeout=1) as connection:
            try:
                connection.sendall(garbage)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                # It hung up in the middle, which is an answer too.
                pass
    assert client_kinds.GrpcSync(server).is_server_live()
