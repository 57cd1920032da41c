"""What only gRPC has: streams, metadata, health, reflection, message rules."""

import queue
import threading

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from tritonclient.grpc import service_pb2, service_pb2_grpc

SERVICE = "inference.GRPCInferenceService"


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(server.grpc_url) as channel:
        yield channel


@pytest.fixture
def stub(channel):
    return service_pb2_grpc.GRPCInferenceServiceStub(channel)


def request(model="identity_fp32", value=1.0, **fields):
    """One FP32 [1, 1] input."""
    message = service_pb2.ModelInferRequest(model_name=model, **fields)
    message.inputs.add(name="IN", datatype="FP32", shape=[1, 1])
    message.raw_input_contents.append(np.float32([value]).tobytes())
    return message


def code_of(call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as error:
        call(*arguments, **options)
    return error.value.code(), error.value.details()


# Every field of InferTensorContents and the types that ride in it.
CONTENTS = [
    ("BOOL", "bool_contents", [True, False], np.bool_),
    ("INT8", "int_contents", [-128, 127], np.int8),
    ("INT16", "int_contents", [-32768, 5], np.int16),
    ("INT32", "int_contents", [-(2**31), 5], np.int32),
    ("INT64", "int64_contents", [-(2**63), 5], np.int64),
    ("UINT8", "uint_contents", [0, 255], np.uint8),
    ("UINT16", "uint_contents", [0, 65535], np.uint16),
    ("UINT32", "uint_contents", [0, 2**32 - 1], np.uint32),
    ("UINT64", "uint64_contents", [0, 2**64 - 1], np.uint64),
    ("FP32", "fp32_contents", [0.5, -1.5], np.float32),
    ("FP64", "fp64_contents", [0.5, -1.5], np.float64),
]


@pytest.mark.parametrize("datatype, field, values, dtype", CONTENTS)
def test_typed_contents_answer_raw(stub, datatype, field, values, dtype):
    message = service_pb2.ModelInferRequest(model_name=f"identity_{datatype.lower()}")
    tensor = message.inputs.add(name="IN", datatype=datatype, shape=[1, 2])
    getattr(tensor.contents, field).extend(values)
    answer = stub.ModelInfer(message)
    assert np.frombuffer(answer.raw_output_contents[0], dtype).tolist() == values
    assert not answer.outputs[0].HasField("contents")


def test_bytes_contents(stub):
    message = service_pb2.ModelInferRequest(model_name="identity_bytes")
    tensor = message.inputs.add(name="IN", datatype="BYTES", shape=[1, 2])
    tensor.contents.bytes_contents.extend([b"", b"abc"])
    assert stub.ModelInfer(message).raw_output_contents[0] == b"\0\0\0\0\3\0\0\0abc"


def test_raw_and_typed_contents_do_not_mix(stub):
    message = request()
    message.inputs[0].contents.fp32_contents.append(1)
    code, details = code_of(stub.ModelInfer, message)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "IN" in details


def test_a_value_out_of_its_type_is_refused(stub):
    message = service_pb2.ModelInferRequest(model_name="identity_int8")
    message.inputs.add(name="IN", datatype="INT8", shape=[1, 1]).contents.int_contents.append(300)
    code, details = code_of(stub.ModelInfer, message)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "IN" in details


@pytest.mark.parametrize(
    "name, value",
    [
        ("priority", {"string_param": "high"}),
        ("timeout", {"bool_param": True}),
        ("triton_secret", {"int64_param": 1}),
    ],
)
def test_reserved_parameters_are_checked(stub, name, value):
    message = request()
    message.parameters[name].CopyFrom(service_pb2.InferParameter(**value))
    code, details = code_of(stub.ModelInfer, message)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and name in details


def test_explain_gives_the_request_its_timing(stub):
    _, call = stub.ModelInfer.with_call(request(), metadata=[("hone-explain", "1")])
    metadata = dict(call.initial_metadata()) | dict(call.trailing_metadata())
    timing = metadata["server-timing"]
    assert "compute_infer;dur=" in timing and "reason=" in timing


def test_a_stream_answers_in_order(stub):
    # The first model is much slower than the others; the answers wait for it.
    sent = [request(id=str(index), value=index) for index in range(50)]
    answers = list(stub.ModelStreamInfer(iter(sent)))
    assert [answer.error_message for answer in answers] == [""] * 50
    assert [answer.infer_response.id for answer in answers] == [str(i) for i in range(50)]
    values = [
        np.frombuffer(a.infer_response.raw_output_contents[0], np.float32)[0] for a in answers
    ]
    assert values == list(range(50))


def test_every_answer_of_a_stream_says_that_it_is_final(stub):
    (answer,) = stub.ModelStreamInfer(iter([request()]))
    assert answer.infer_response.parameters["triton_final_response"].bool_param


def test_a_stream_mixes_models_and_survives_errors(stub):
    sent = [request(), request(model="absent"), request(value=3.0)]
    answers = list(stub.ModelStreamInfer(iter(sent)))
    assert [bool(answer.error_message) for answer in answers] == [False, True, False]
    assert "absent" in answers[1].error_message
    assert np.frombuffer(answers[2].infer_response.raw_output_contents[0], np.float32) == [3]


def test_a_stream_may_ask_for_real_errors(stub):
    call = stub.ModelStreamInfer(
        iter([request(), request(model="absent"), request()]),
        metadata=[("triton_grpc_error", "true")],
    )
    assert next(call).infer_response.model_name == "identity_fp32"
    with pytest.raises(grpc.RpcError) as error:
        next(call)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_the_client_librarys_stream(server):
    answers = queue.Queue()
    with triton.InferenceServerClient(server.grpc_url) as client:
        client.start_stream(callback=lambda result, error: answers.put((result, error)))
        for index in range(10):
            tensor = triton.InferInput("IN", [1, 1], "FP32")
            tensor.set_data_from_numpy(np.float32([[index]]))
            client.async_stream_infer("identity_fp32", [tensor], request_id=str(index))
        got = [answers.get(timeout=10) for _ in range(10)]
        client.stop_stream()
    assert all(error is None for _, error in got)
    assert [result.as_numpy("OUT").item() for result, _ in got] == list(range(10))


def test_the_client_librarys_asynchronous_call(server):
    done = threading.Event()
    answers = []
    with triton.InferenceServerClient(server.grpc_url) as client:
        tensor = triton.InferInput("IN", [1, 1], "FP32")
        tensor.set_data_from_numpy(np.float32([[7]]))
        client.async_infer(
            "identity_fp32",
            [tensor],
            callback=lambda result, error: (answers.append((result, error)), done.set()),
        )
        assert done.wait(10)
    result, error = answers[0]
    assert error is None and result.as_numpy("OUT").item() == 7


@pytest.mark.parametrize("service", ["", SERVICE])
def test_health_check(channel, service):
    health = health_pb2_grpc.HealthStub(channel)
    answer = health.Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_an_unknown_service(channel):
    health = health_pb2_grpc.HealthStub(channel)
    code, _ = code_of(health.Check, health_pb2.HealthCheckRequest(service="absent"))
    assert code == grpc.StatusCode.NOT_FOUND


def test_health_watch_starts_with_the_present_state(channel):
    health = health_pb2_grpc.HealthStub(channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service=""), timeout=10)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


@pytest.fixture
def reflected(channel):
    """Messages and methods that the server describes: name -> {number: (name, type)}."""
    database = ProtoReflectionDescriptorDatabase(channel)
    file = database.FindFileContainingSymbol(SERVICE)
    files = [file, *(database.FindFileByName(name) for name in file.dependency)]
    return database, files


def describe(message, prefix=""):
    """Yields (message, field number, field name, type, repeated) for a message and those in it."""
    name = prefix + message.name
    for field in message.field:
        yield name, field.number, field.name, field.type, field.label
    for nested in message.nested_type:
        yield from describe(nested, name + ".")


def test_reflection_lists_the_services(reflected):
    database, _ = reflected
    services = set(database.get_services())
    assert {SERVICE, "grpc.health.v1.Health"} <= services


def test_messages_have_the_field_numbers_that_clients_were_built_with(reflected):
    _, files = reflected
    from tritonclient.grpc import model_config_pb2

    ours = {row for file in files for message in file.message_type for row in describe(message)}
    theirs = set()
    for module in (service_pb2, model_config_pb2):
        file = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        theirs |= {row for message in file.message_type for row in describe(message)}
    missing = sorted(row for row in theirs - ours)
    assert not missing


def test_the_service_has_every_method(reflected):
    _, files = reflected
    (service,) = [s for file in files for s in file.service if s.name == "GRPCInferenceService"]
    ours = {(m.name, m.client_streaming, m.server_streaming) for m in service.method}
    file = descriptor_pb2.FileDescriptorProto.FromString(service_pb2.DESCRIPTOR.serialized_pb)
    theirs = {(m.name, m.client_streaming, m.server_streaming) for m in file.service[0].method}
    assert theirs <= ours
