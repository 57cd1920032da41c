"""Traces: settings by tritonclient, files in Triton's format, and spans at a collector."""

import contextlib
import http.server
import json
import threading

import numpy as np
import pytest

import client_kinds
import small_models

ARRAY = np.zeros((1, 4), np.float32)
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


@pytest.fixture
def traced(repository, start, tmp_path):
    """A server that could trace into a file, and does not yet."""
    small_models.add(repository / "plus", 1, 1)
    small_models.identity(repository / "same", "FP32")
    file = tmp_path / "trace.json"
    options = ("--trace-file", file, "--trace-level", "off", "--trace-rate", "1")
    server = start(repository, *options)
    server.trace_file = file
    return server


def shown(client, answer):
    """Settings as lists of texts, whatever the protocol."""
    if client.is_grpc:
        return {name: setting.get("value", []) for name, setting in answer["settings"].items()}
    return {name: value if isinstance(value, list) else [value] for name, value in answer.items()}


def settings(client, **options):
    return shown(client, client.get_trace_settings(**options))


def infer(client, model="plus", **options):
    return client.infer(model, client.inputs(IN=ARRAY), **options)


def requests(path):
    """id -> the fragments of one request"""
    found = {}
    for fragment in json.loads(path.read_text()):
        found.setdefault(fragment["id"], []).append(fragment)
    return list(found.values())


@pytest.mark.parametrize("kind", client_kinds.ALL, ids=lambda kind: kind.name)
def test_trace_settings_are_read_changed_and_taken_back(traced, kind):
    client = kind(traced)
    first = settings(client)
    assert first == {
        "trace_level": ["OFF"],
        "trace_rate": ["1"],
        "trace_count": ["-1"],
        "log_frequency": ["0"],
        "trace_file": [str(traced.trace_file)],
        "trace_mode": ["triton"],
    }
    own = {"trace_level": ["TIMESTAMPS", "TENSORS"], "trace_rate": "2", "trace_count": "3"}
    answer = client.update_trace_settings(model_name="plus", settings=own)
    assert shown(client, answer) == settings(client, model_name="plus")
    assert settings(client, model_name="plus")["trace_level"] == ["TIMESTAMPS", "TENSORS"]
    assert settings(client, model_name="plus")["trace_rate"] == ["2"]
    assert settings(client) == settings(client, model_name="same") == first

    client.update_trace_settings(settings={"log_frequency": "7"})
    assert settings(client, model_name="plus")["log_frequency"] == ["7"]

    client.update_trace_settings(model_name="plus", settings=dict.fromkeys(own))
    client.update_trace_settings(settings={"log_frequency": None})
    assert settings(client, model_name="plus") == settings(client) == first


@pytest.mark.parametrize("kind", client_kinds.ALL, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "change, expected",
    [
        ({"trace_file": "elsewhere"}, ("trace file location can not be updated", "unsupported")),
        ({"trace_level": ["OFF", "TENSORS"]}, ("Expect only one trace level 'OFF'", "invalid")),
        ({"trace_rate": "often"}, ("Unable to parse 'trace_rate', got: often", "invalid")),
        ({"trace_count": "-2"}, ("Expecting value >= -1", "invalid")),
    ],
)
def test_trace_settings_that_cannot_be_had_are_refused(traced, kind, change, expected):
    client = kind(traced)
    text, status = client.error("update_trace_settings", settings=change)
    assert expected[0] in text and status == expected[1]
    text, _ = client.error("get_trace_settings", model_name="missing")
    assert "Request for unknown model : missing" in text


@pytest.mark.parametrize("kind", client_kinds.ALL, ids=lambda kind: kind.name)
def test_a_trace_file_has_what_tritons_tools_read(traced, kind):
    client = kind(traced)
    on = {"trace_level": ["TIMESTAMPS", "TENSORS"], "trace_count": "2", "log_frequency": "0"}
    client.update_trace_settings(model_name="plus", settings=on)
    infer(client, "same")
    for number in range(4):
        infer(client, request_id=f"request-{number}")
    assert settings(client, model_name="plus")["trace_count"] == ["0"]
    assert traced.stop() == 0
    first, second = requests(traced.trace_file)
    ids = [fragments[0]["request_id"] for fragments in (first, second)]
    assert ids == ["request-0", "request-1"]
    head, stamps, *tensors = first
    assert (head["model_name"], head["model_version"]) == ("plus", 1)
    times = {stamp["name"]: stamp["ns"] for stamp in stamps["timestamps"]}
    receive, send = ("GRPC_WAITREAD", "GRPC_SEND") if client.is_grpc else ("HTTP_RECV", "HTTP_SEND")
    order = [f"{receive}_START", f"{receive}_END", "REQUEST_START", "QUEUE_START", "COMPUTE_START"]
    order += ["COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END", "REQUEST_END"]
    order += [f"{send}_START", f"{send}_END"]
    assert list(times) == order and sorted(times.values()) == list(times.values())
    assert [tensor["activity"] for tensor in tensors] == [
        "TENSOR_QUEUE_INPUT",
        "TENSOR_BACKEND_OUTPUT",
    ]
    values = [float(value) for value in tensors[1]["tensor"]["data"].split(",")]
    shape = [int(dim) for dim in tensors[1]["tensor"]["shape"].split(",")]
    assert np.array_equal(np.array(values).reshape(shape), ARRAY + 1)


def test_files_are_split(traced):
    client = client_kinds.GrpcSync(traced)
    on = {"trace_level": ["TIMESTAMPS"], "log_frequency": "2"}
    client.update_trace_settings(settings=on)
    for _ in range(5):
        infer(client)
    assert traced.stop() == 0
    files = [traced.trace_file.with_name(f"trace.json.{number}") for number in range(3)]
    assert [len(requests(file)) for file in files] == [2, 2, 1]
    assert not traced.trace_file.exists()


@contextlib.contextmanager
def collector():
    """Takes OTLP over HTTP; gives its URL and the bodies that come."""
    bodies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/traces"
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("kind", client_kinds.ALL, ids=lambda kind: kind.name)
def test_a_callers_trace_goes_on_in_the_server(repository, start, kind):
    small_models.add(repository / "plus", 1, 1)
    with collector() as (url, bodies):
        server = start(repository, "--trace-endpoint", url, "--trace-service-name", "mine")
        client = kind(server)
        infer(client, headers={"traceparent": TRACEPARENT})
        infer(client, headers={"traceparent": TRACEPARENT[:-1] + "0"})
        infer(client)
        assert server.stop() == 0
    [body] = bodies
    # One request of the three: its own span and eight stages.
    assert body.count(bytes.fromhex(TRACE_ID)) == 9
    for text in (b"mine", b"triton.model_name", b"plus", b"queue", b"compute_infer", b"encode"):
        assert text in body


def test_a_collector_that_is_not_there_is_said_once(repository, start):
    small_models.add(repository / "plus", 1, 1)
    options = ("--trace-endpoint", "http://127.0.0.1:9", "--trace-rate", "1")
    server = start(repository, *options)
    client = client_kinds.HttpSync(server)
    for _ in range(20):
        infer(client)
    assert server.stop() == 0
    assert server.log.read_text().count("the collector does not take traces") == 1
