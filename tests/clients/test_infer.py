"""Inference through each of tritonclient's four clients."""

import ml_dtypes
import numpy as np
import pytest

ARRAYS = {
    "bool": np.array([[True, False, True]]),
    "uint8": np.array([[0, 7, 255]], np.uint8),
    "uint16": np.array([[0, 7, 65535]], np.uint16),
    "uint32": np.array([[0, 7, 2**32 - 1]], np.uint32),
    "uint64": np.array([[0, 7, 2**64 - 1]], np.uint64),
    "int8": np.array([[-128, 0, 127]], np.int8),
    "int16": np.array([[-(2**15), 0, 2**15 - 1]], np.int16),
    "int32": np.array([[-(2**31), 0, 2**31 - 1]], np.int32),
    "int64": np.array([[-(2**63), 0, 2**63 - 1]], np.int64),
    "fp16": np.array([[-1.5, 0, 65504]], np.float16),
    "bf16": np.array([[-1.5, 0, 3e38]], ml_dtypes.bfloat16),
    "fp32": np.array([[-1.5, 1 / 3, 3.4e38]], np.float32),
    "fp64": np.array([[-1.5, 1 / 3, 1.7e308]], np.float64),
    "bytes": np.array([[b"", b"hone", bytes(range(256))]], np.object_),
}


@pytest.mark.parametrize("element", ARRAYS)
def test_every_element_type_comes_back(client, element):
    array = ARRAYS[element]
    result = client.infer(f"identity_{element}", client.inputs(IN=array))
    answer = result.as_numpy("OUT")
    assert answer.shape == array.shape
    assert answer.tolist() == array.tolist()


@pytest.mark.parametrize("element", [e for e in ARRAYS if e not in ("fp16", "bf16", "bytes")])
def test_every_json_type_comes_back(server, element):
    array = ARRAYS[element]
    tensor = {"name": "IN", "shape": [1, 3], "datatype": element.upper(), "data": array.tolist()}
    output = server.infer(f"identity_{element}", {"inputs": [tensor]}).json()["outputs"][0]
    assert output["shape"] == [1, 3]
    assert np.array(output["data"], array.dtype).tolist() == array.ravel().tolist()


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_two_inputs_and_two_outputs(client, rows):
    a = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
    b = np.full((rows, 3), 10, np.float32)
    result = client.infer("two_inputs", client.inputs(A=a, B=b))
    assert np.array_equal(result.as_numpy("SUM"), a + b)
    assert np.array_equal(result.as_numpy("DIFFERENCE"), a - b)


def test_inputs_in_another_order(client):
    a, b = np.ones((1, 3), np.float32), np.full((1, 3), 5, np.float32)
    result = client.infer("two_inputs", client.inputs(B=b, A=a))
    assert result.as_numpy("DIFFERENCE").tolist() == [[-4, -4, -4]]


def test_only_requested_outputs_come_in_their_order(client):
    ones = np.ones((1, 3), np.float32)
    inputs = client.inputs(A=ones, B=ones)
    only = client.infer("two_inputs", inputs, outputs=[client.output("DIFFERENCE")])
    assert only.as_numpy("DIFFERENCE") is not None
    assert only.as_numpy("SUM") is None


def test_the_request_id_comes_back(client):
    inputs = client.inputs(IN=ARRAYS["fp32"])
    result = client.infer("identity_fp32", inputs, request_id="request-7")
    response = result.get_response()
    assert (response.id if client.is_grpc else response["id"]) == "request-7"


def test_the_response_names_model_and_version(client):
    inputs = client.inputs(IN=np.zeros((1, 4), np.float32))
    response = client.infer("versions", inputs, model_version="2").get_response()
    got = (
        (response.model_name, response.model_version)
        if client.is_grpc
        else (
            response["model_name"],
            response["model_version"],
        )
    )
    assert got == ("versions", "2")


@pytest.mark.parametrize("version, amount", [("", 10), ("1", 1), ("2", 2), ("10", 10)])
def test_each_version_answers_and_the_latest_by_default(client, version, amount):
    inputs = client.inputs(IN=np.zeros((1, 4), np.float32))
    answer = client.infer("versions", inputs, model_version=version).as_numpy("OUT")
    assert answer.tolist() == [[amount] * 4]


def test_zero_size_tensors(client):
    array = np.zeros((1, 0), np.float32)
    answer = client.infer("identity_fp32", client.inputs(IN=array)).as_numpy("OUT")
    assert answer.shape == (1, 0)


def test_a_model_without_a_batch_dimension(client):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    answer = client.infer("fixed_shape", client.inputs(IN=array)).as_numpy("OUT")
    assert np.array_equal(answer, -array)


def test_a_scalar_model(client):
    shape = client.get_model_metadata("scalar")["inputs"][0].get("shape", [])
    array = np.full(list(map(int, shape)), 2.5, np.float32)
    answer = client.infer("scalar", client.inputs(IN=array)).as_numpy("OUT")
    assert answer.ravel().tolist() == [-2.5]


def test_nan_and_infinity_in_binary(client):
    array = np.array([[np.nan, np.inf, -np.inf]], np.float32)
    answer = client.infer("identity_fp32", client.inputs(IN=array)).as_numpy("OUT")
    assert np.array_equal(answer, array, equal_nan=True)


def test_classification_names_the_labels(client):
    array = np.array([[0.1, 0.7, 0.15, 0.05], [0.4, 0.3, 0.2, 0.1]], np.float32)
    outputs = [client.output("SCORES", class_count=2)]
    answer = client.infer("scores", client.inputs(IN=array), outputs=outputs).as_numpy("SCORES")
    assert answer.shape == (2, 2)
    rows = [[cell.decode().split(":") for cell in row] for row in answer]
    assert [cell[1:] for cell in rows[0]] == [["1", "dog"], ["2", "fish"]]
    assert [cell[1:] for cell in rows[1]] == [["0", "cat"], ["1", "dog"]]
    assert float(rows[0][0][0]) == pytest.approx(0.7)


def test_classification_of_more_classes_than_there_are(client):
    array = np.array([[0.1, 0.7, 0.15, 0.05]], np.float32)
    outputs = [client.output("SCORES", class_count=9)]
    answer = client.infer("scores", client.inputs(IN=array), outputs=outputs).as_numpy("SCORES")
    assert answer.shape == (1, 4)


def test_parameters_of_the_caller_are_accepted(client):
    parameters = {"tenant": "a", "level": 3, "strict": True, "share": 0.5}
    inputs = client.inputs(IN=ARRAYS["fp32"])
    result = client.infer("identity_fp32", inputs, parameters=parameters)
    assert np.array_equal(result.as_numpy("OUT"), ARRAYS["fp32"])


def test_priority_and_timeout_are_accepted(client):
    inputs = client.inputs(IN=ARRAYS["fp32"])
    result = client.infer("identity_fp32", inputs, priority=1, timeout=10_000_000)
    assert np.array_equal(result.as_numpy("OUT"), ARRAYS["fp32"])


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compression_both_ways(client, algorithm):
    array = np.zeros((4, 20_000), np.float32)
    array[2, 11] = 7
    options = {"compression_algorithm": algorithm}
    if not client.is_grpc:
        options = {f"{way}_compression_algorithm": algorithm for way in ("request", "response")}
    answer = client.infer("identity_fp32", client.inputs(IN=array), **options).as_numpy("OUT")
    assert np.array_equal(answer, array)


# What a request can get wrong, and what the message must name.
WRONG = {
    "unknown model": ("absent", {"IN": np.zeros((1, 3), np.float32)}, ["absent"], "not found"),
    "wrong type": (
        "identity_fp32",
        {"IN": np.zeros((1, 3), np.int32)},
        ["IN", "INT32", "FP32"],
        "invalid",
    ),
    "wrong rank": ("identity_fp32", {"IN": np.zeros(3, np.float32)}, ["IN", "[3]"], "invalid"),
    "wrong dimension": (
        "two_inputs",
        {"A": np.zeros((1, 4), np.float32), "B": np.zeros((1, 3), np.float32)},
        ["A", "[1,4]", "3"],
        "invalid",
    ),
    "missing input": (
        "two_inputs",
        {"A": np.zeros((1, 3), np.float32)},
        ["two_inputs", "B"],
        "invalid",
    ),
    "unknown input": (
        "identity_fp32",
        {"IN": np.zeros((1, 3), np.float32), "MORE": np.zeros((1, 3), np.float32)},
        ["MORE"],
        "invalid",
    ),
    "too many rows": (
        "identity_fp32",
        {"IN": np.zeros((1000, 1), np.float32)},
        ["1000", "batch"],
        "invalid",
    ),
    "rows that differ": (
        "two_inputs",
        {"A": np.zeros((1, 3), np.float32), "B": np.zeros((2, 3), np.float32)},
        ["B"],
        "invalid",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_is_told_what_is_wrong(client, case):
    model, arrays, named, code = WRONG[case]
    message, got_code = client.error("infer", model, client.inputs(**arrays))
    assert got_code == code
    for text in named:
        assert text in message


def test_an_unknown_output_is_named(client):
    inputs = client.inputs(IN=ARRAYS["fp32"])
    message, code = client.error("infer", "identity_fp32", inputs, outputs=[client.output("NO")])
    assert "NO" in message and code == "invalid"


def test_an_unknown_version_is_named(client):
    inputs = client.inputs(IN=ARRAYS["fp32"])
    message, code = client.error("infer", "identity_fp32", inputs, model_version="9")
    assert "identity_fp32" in message and "9" in message and code == "not found"


def test_a_failing_model_fails_the_request(client):
    message, _ = client.error("infer", "lookup", client.inputs(IN=np.array([[1000]])))
    assert "lookup" in message or "indices" in message
    good = client.infer("lookup", client.inputs(IN=np.array([[7]]))).as_numpy("OUT")
    assert good.tolist() == [[70]]
