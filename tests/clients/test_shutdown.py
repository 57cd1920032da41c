"""SIGTERM: what was accepted is answered, and the exit code is 0."""

import json
import signal
import socket
import threading
import time

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2_grpc

import small_models
import test_grpc

WORKERS = 8


class Load(threading.Thread):
    """Sends one request after another until the server no longer accepts."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.answered = 0
        self.lost = []

    def run(self):
        connection, served = None, 0
        while True:
            try:
                if connection is None:
                    connection, served = self.server.connect(), 0
                    connection.connect()
            except OSError:
                return
            try:
                connection.request("POST", "/v2/models/plus/infer", BODY)
                response = connection.getresponse()
                answer = response.read()
            except OSError as error:
                self.lost.append(f"request {served + 1} of its connection: {error!r}")
                return
            if response.status == 503:
                return
            assert response.status == 200, answer
            self.answered += 1
            served += 1
            if response.will_close:
                connection.close()
                connection = None


BODY = json.dumps(
    {"inputs": [{"name": "IN", "shape": [1, 4], "datatype": "FP32", "data": [0, 1, 2, 3]}]}
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_accepted_is_lost_under_load(repository, start, number):
    small_models.add(repository / "plus", 1, 1)
    server = start(repository)
    workers = [Load(server) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    time.sleep(0.5)
    assert server.stop(number) == 0
    for worker in workers:
        worker.join(30)
    assert sum(worker.answered for worker in workers) > 100
    assert [worker.lost for worker in workers] == [[]] * WORKERS


def test_grpc_under_load(repository, start):
    small_models.identity(repository / "identity_fp32", "FP32")
    server = start(repository)
    outcomes = []

    def work():
        with grpc.insecure_channel(server.grpc_url) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            while True:
                try:
                    stub.ModelInfer(test_grpc.request())
                    outcomes.append("answered")
                except grpc.RpcError as error:
                    outcomes.append((error.code(), error.details()))
                    return

    workers = [threading.Thread(target=work, daemon=True) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    time.sleep(0.5)
    assert server.stop() == 0
    for worker in workers:
        worker.join(30)
    assert outcomes.count("answered") > 100
    refusals = [outcome for outcome in outcomes if outcome != "answered"]
    assert {code for code, _ in refusals} == {grpc.StatusCode.UNAVAILABLE}
    # A connection that broke in the middle of a call would say so.
    assert not [details for _, details in refusals if "reset" in details or "RST" in details]


def test_a_request_in_flight_is_finished(repository, start):
    small_models.slow(repository / "slow", "max_batch_size: 1\n")
    server = start(repository)
    answers = []

    def ask():
        tensor = {"name": "IN", "shape": [1, 1], "datatype": "INT64", "data": [5000]}
        answers.append(server.infer("slow", {"inputs": [tensor]}))

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.2)
    assert not answers
    assert server.stop() == 0
    asking.join(30)
    assert answers[0].status == 200
    assert answers[0].json()["outputs"][0]["data"] == [5000]


def test_a_stream_is_finished(repository, start):
    small_models.slow(repository / "slow", "max_batch_size: 1\n")
    server = start(repository)
    with grpc.insecure_channel(server.grpc_url) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        message = test_grpc.request(model="slow")
        message.inputs[0].datatype = "INT64"
        message.raw_input_contents[0] = np.int64([5000]).tobytes()
        call = stub.ModelStreamInfer(iter([message]))
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        answer = next(call)
        assert answer.error_message == ""
        assert server.process.wait(30) == 0


def test_idle_connections_do_not_hold_it_up(repository, start):
    small_models.add(repository / "plus", 1, 1)
    server = start(repository)
    idle = [socket.create_connection(("127.0.0.1", server.http_port)) for _ in range(10)]
    begin = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begin < 10
    for connection in idle:
        connection.close()
