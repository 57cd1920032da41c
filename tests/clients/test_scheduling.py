"""Batches, bounded queues, deadlines, cancellation and priorities, seen from outside."""

import concurrent.futures
import os
import re
import socket
import threading
import time

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

import hone_server
import small_models

ONE_INSTANCE = "max_batch_size: 1\ninstance_group [ { count: 1 kind: KIND_CPU } ]\n"
QUEUED_MAX = 3


@pytest.fixture(scope="module")
def busy_server(tmp_path_factory):
    """Serves models of which one request at a time runs, as long as it asks to."""
    repository = tmp_path_factory.mktemp("slow")
    policy = f"default_queue_policy {{ max_queue_size: {QUEUED_MAX} allow_timeout_override: true }}"
    small_models.slow(repository / "slow", ONE_INSTANCE + f"dynamic_batching {{ {policy} }}\n")
    levels = "priority_levels: 2 default_priority_level: 2"
    small_models.slow(repository / "levels", ONE_INSTANCE + f"dynamic_batching {{ {levels} }}\n")
    small_models.identity(repository / "widths", "FP32", config=GATHERS)
    small_models.lookup(repository / "lookup", 100, GATHERS)
    log = tmp_path_factory.mktemp("log") / "busy.log"
    # What a run of these takes depends on the numbers in the request, which no server can foresee.
    with hone_server.Server(log, repository, "--inline-compute-micros", "0") as server:
        yield server.wait_until_ready()


# Waits for company up to 300 ms.
GATHERS = (
    "max_batch_size: 4\n"
    "instance_group [ { count: 1 kind: KIND_CPU } ]\n"
    "dynamic_batching { max_queue_delay_microseconds: 300000 }\n"
)


@pytest.fixture(scope="module")
def rounds_per_second(busy_server):
    """How many rounds of the slow models take a second on this machine."""
    rounds = 500

    def seconds():
        start = time.monotonic()
        assert ask(busy_server, "slow", rounds).status == 200
        return time.monotonic() - start

    return rounds / min(seconds() for _ in range(5))


def body(value, **fields):
    tensor = {"name": "IN", "shape": [1, 1], "datatype": "INT64", "data": [int(value)]}
    return {"inputs": [tensor], **fields}


def ask(server, model, value, **fields):
    return server.infer(model, body(value, **fields), {"Hone-Explain": "1"})


def counters(server, model):
    return server.get(f"/v2/models/{model}/stats").json()["model_stats"][0]


def pending(server, model):
    name = f'nv_inference_pending_request_count{{model="{model}",version="1"}} '
    (line,) = [line for line in server.metrics().splitlines() if line.startswith(name)]
    return float(line.removeprefix(name))


class Threads(concurrent.futures.ThreadPoolExecutor):
    """Runs requests side by side."""

    def __init__(self):
        super().__init__(max_workers=16)


def occupy(server, pool, model, rounds):
    """Starts a request that keeps the only instance busy, and returns once it runs."""
    running = pool.submit(ask, server, model, rounds)
    time.sleep(0.1)
    assert not running.done()
    return running


def test_a_full_queue_refuses_at_once_and_says_when_to_retry(busy_server, rounds_per_second):
    with Threads() as pool:
        running = occupy(busy_server, pool, "slow", rounds_per_second)
        queued = [pool.submit(ask, busy_server, "slow", 1) for _ in range(QUEUED_MAX)]
        busy_server.wait_until(lambda: pending(busy_server, "slow") == QUEUED_MAX, 5)
        start = time.monotonic()
        refused = ask(busy_server, "slow", 1)
        waited = time.monotonic() - start
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert "slow" in refused.error() and str(QUEUED_MAX) in refused.error()
        assert waited < 0.5
        assert running.result().status == 200
        assert [one.result().status for one in queued] == [200] * QUEUED_MAX
    text = busy_server.metrics()
    name = 'nv_inference_request_failure{model="slow",version="1",reason="REJECTED"}'
    alternative = 'nv_inference_request_failure{model="slow",reason="REJECTED",version="1"}'
    assert name in text or alternative in text


def test_a_full_queue_in_grpc(busy_server, rounds_per_second):
    with Threads() as pool, grpc.insecure_channel(busy_server.grpc_url) as channel:
        running = occupy(busy_server, pool, "slow", rounds_per_second)
        queued = [pool.submit(ask, busy_server, "slow", 1) for _ in range(QUEUED_MAX)]
        busy_server.wait_until(lambda: pending(busy_server, "slow") == QUEUED_MAX, 5)
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as error:
            stub.ModelInfer(grpc_request("slow", 1))
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        assert running.result().status == 200
        assert [one.result().status for one in queued] == [200] * QUEUED_MAX


def grpc_request(model, value):
    message = service_pb2.ModelInferRequest(model_name=model)
    message.inputs.add(name="IN", datatype="INT64", shape=[1, 1])
    message.raw_input_contents.append(np.int64([value]).tobytes())
    return message


def test_a_deadline_ends_the_wait_while_the_instance_is_busy(busy_server, rounds_per_second):
    with Threads() as pool:
        running = occupy(busy_server, pool, "slow", 1.5 * rounds_per_second)
        before = counters(busy_server, "slow")["execution_count"]
        start = time.monotonic()
        late = ask(busy_server, "slow", 1, parameters={"timeout": 200_000})
        waited = time.monotonic() - start
        assert not running.done()
        assert late.status == 503
        assert "time" in late.error()
        assert 0.15 < waited < 0.8
        assert running.result().status == 200
    assert counters(busy_server, "slow")["execution_count"] == before + 1


def test_a_client_that_hangs_up_is_not_computed(busy_server, rounds_per_second):
    with Threads() as pool:
        running = occupy(busy_server, pool, "slow", rounds_per_second)
        before = counters(busy_server, "slow")["execution_count"]
        text = b'{"inputs":[{"name":"IN","shape":[1,1],"datatype":"INT64","data":[2]}]}'
        with socket.create_connection(("127.0.0.1", busy_server.http_port)) as connection:
            connection.sendall(
                b"POST /v2/models/slow/infer HTTP/1.1\r\nHost: x\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(text), text)
            )
            busy_server.wait_until(lambda: pending(busy_server, "slow") == 1, 5)
        busy_server.wait_until(lambda: pending(busy_server, "slow") == 0, 0.8)
        assert not running.done()
        assert running.result().status == 200
    assert counters(busy_server, "slow")["execution_count"] == before + 1


def test_a_cancelled_call_is_not_computed(busy_server, rounds_per_second):
    with Threads() as pool, grpc.insecure_channel(busy_server.grpc_url) as channel:
        running = occupy(busy_server, pool, "slow", rounds_per_second)
        before = counters(busy_server, "slow")["execution_count"]
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        call = stub.ModelInfer.future(grpc_request("slow", 2))
        busy_server.wait_until(lambda: pending(busy_server, "slow") == 1, 5)
        call.cancel()
        busy_server.wait_until(lambda: pending(busy_server, "slow") == 0, 0.8)
        assert not running.done()
        assert running.result().status == 200
    assert counters(busy_server, "slow")["execution_count"] == before + 1


def test_a_higher_priority_overtakes(busy_server, rounds_per_second):
    order, lock = [], threading.Lock()

    def send(label, **parameters):
        assert (
            ask(busy_server, "levels", rounds_per_second / 20, parameters=parameters).status == 200
        )
        with lock:
            order.append(label)

    with Threads() as pool:
        running = occupy(busy_server, pool, "levels", rounds_per_second)
        low = [pool.submit(send, "low") for _ in range(3)]
        busy_server.wait_until(lambda: pending(busy_server, "levels") == 3, 5)
        high = pool.submit(send, "high", priority=1)
        for one in (running, high, *low):
            one.result()
    assert order == ["high", "low", "low", "low"]


def timing(response):
    """(rows, requests, reason) of the batch that answered."""
    found = re.search(r"rows=(\d+) requests=(\d+) reason=(\w+)", response.headers["Server-Timing"])
    return int(found[1]), int(found[2]), found[3]


def test_a_lone_request_waits_for_the_delay(busy_server):
    start = time.monotonic()
    response = ask(busy_server, "lookup", 5)
    assert response.json()["outputs"][0]["data"] == [50]
    assert timing(response) == (1, 1, "delay")
    assert 0.25 < time.monotonic() - start < 1


def test_requests_side_by_side_run_together(busy_server):
    with Threads() as pool:
        answers = list(pool.map(lambda value: ask(busy_server, "lookup", value), range(4)))
    assert [a.json()["outputs"][0]["data"] for a in answers] == [[0], [10], [20], [30]]
    assert [timing(answer) for answer in answers] == [(4, 4, "full")] * 4


def test_a_poisonous_request_fails_alone(busy_server):
    with Threads() as pool:
        answers = list(pool.map(lambda v: ask(busy_server, "lookup", v), [1, 1000, 3, 4]))
    assert [answer.status == 200 for answer in answers] == [True, False, True, True]
    assert [a.json()["outputs"][0]["data"] for a in answers if a.status == 200] == [
        [10],
        [30],
        [40],
    ]
    assert {timing(a)[2] for a in answers if a.status == 200} == {"retry"}


def test_other_shapes_do_not_share_a_batch(busy_server):
    def send(width):
        data = [float(width)] * width
        tensor = {"name": "IN", "shape": [1, width], "datatype": "FP32", "data": data}
        return busy_server.infer("widths", {"inputs": [tensor]}, {"Hone-Explain": "1"})

    with Threads() as pool:
        answers = list(pool.map(send, [2, 2, 3, 3]))
    for width, answer in zip([2, 2, 3, 3], answers):
        assert answer.json()["outputs"][0]["data"] == [width] * width
        assert timing(answer)[0] <= 2


def test_health_and_metrics_answer_while_everything_is_busy(busy_server, rounds_per_second):
    with Threads() as pool:
        running = occupy(busy_server, pool, "slow", rounds_per_second)
        other = occupy(busy_server, pool, "levels", rounds_per_second)
        while not (running.done() and other.done()):
            start = time.monotonic()
            assert busy_server.get("/v2/health/live").status == 200
            assert busy_server.metrics()
            assert time.monotonic() - start < 0.5
            time.sleep(0.01)


def test_a_large_request_does_not_hold_the_network_up(repository, start):
    """Small requests of a model say nothing about what a large one takes."""
    small_models.cubic(repository / "cubic")
    server = start(repository)

    def send(width):
        tensor = {"name": "IN", "shape": [1, width], "datatype": "FP32", "data": [1.0] * width}
        return server.infer("cubic", {"inputs": [tensor]})

    for _ in range(30):
        assert send(1).status == 200
    connections = [server.connect() for _ in range(8)]
    with Threads() as pool:
        large = [pool.submit(send, 2500) for _ in os.sched_getaffinity(0)]
        slowest = 0.0
        while not all(one.done() for one in large):
            for connection in connections:
                start = time.monotonic()
                connection.request("GET", "/v2/health/live")
                assert connection.getresponse().read() == b""
                slowest = max(slowest, time.monotonic() - start)
        assert [one.result().status for one in large] == [200] * len(large)
    assert slowest < 0.3


def test_a_hung_instance_is_replaced(repository, start, rounds_per_second):
    small_models.slow(repository / "slow", ONE_INSTANCE)
    server = start(repository, "--hang-limit-secs", "1")
    begin = time.monotonic()
    hung = ask(server, "slow", 6 * rounds_per_second)
    assert hung.status in (500, 503)
    assert time.monotonic() - begin < 4
    server.wait_until(lambda: server.get("/v2/health/ready").status == 200, 10)
    assert ask(server, "slow", 1).status == 200
    assert time.monotonic() - begin < 6
