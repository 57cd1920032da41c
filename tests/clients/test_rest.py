"""What only raw HTTP shows: JSON and binary mixes, raw bodies, compression, headers."""

import gzip
import json
import re
import struct
import zlib

import numpy as np
import pytest


def tensor(name="IN", shape=(1, 3), datatype="FP32", **rest):
    return {"name": name, "shape": list(shape), "datatype": datatype, **rest}


def binary_request(request, *tensors):
    """Body and headers of a request whose inputs follow the JSON."""
    header = json.dumps(request).encode()
    headers = {"Inference-Header-Content-Length": str(len(header))}
    return b"".join([header, *tensors]), headers


def split(response):
    """The JSON part of a binary response and the bytes after it."""
    length = int(response.headers["Inference-Header-Content-Length"])
    return json.loads(response.body[:length]), response.body[length:]


FLOATS = np.array([1.5, -2.0, 3.25], np.float32)


def test_json_to_json(server):
    response = server.infer("identity_fp32", {"inputs": [tensor(data=[1.5, -2, 3.25])]})
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert answer["model_name"] == "identity_fp32" and answer["model_version"] == "1"
    assert answer["outputs"] == [tensor("OUT", data=[1.5, -2.0, 3.25])]


def test_nested_json_data_is_row_major(server):
    data = [[1, 2], [3, 4]]
    body = {"inputs": [tensor(shape=[2, 2], data=data)]}
    assert server.infer("identity_fp32", body).json()["outputs"][0]["data"] == [1, 2, 3, 4]


def test_binary_to_json(server):
    request = {"inputs": [tensor(parameters={"binary_data_size": 12})]}
    response = server.infer("identity_fp32", *binary_request(request, FLOATS.tobytes()))
    assert response.json()["outputs"][0]["data"] == FLOATS.tolist()


def test_json_to_binary(server):
    request = {"inputs": [tensor(data=FLOATS.tolist())], "parameters": {"binary_data_output": True}}
    response = server.infer("identity_fp32", request)
    assert response.headers["Content-Type"] == "application/octet-stream"
    answer, data = split(response)
    assert answer["outputs"] == [tensor("OUT", parameters={"binary_data_size": 12})]
    assert data == FLOATS.tobytes()


def test_an_output_overrides_the_request(server):
    request = {
        "inputs": [tensor("A", data=[1, 2, 3]), tensor("B", data=[1, 1, 1])],
        "outputs": [{"name": "SUM", "parameters": {"binary_data": False}}, {"name": "DIFFERENCE"}],
        "parameters": {"binary_data_output": True},
    }
    answer, data = split(server.infer("two_inputs", request))
    assert answer["outputs"][0]["data"] == [2, 3, 4]
    assert answer["outputs"][1]["parameters"]["binary_data_size"] == 12
    assert np.frombuffer(data, np.float32).tolist() == [0, 1, 2]


def test_mixed_json_and_binary_inputs(server):
    request = {
        "inputs": [
            tensor("A", data=[1, 2, 3]),
            tensor("B", parameters={"binary_data_size": 12}),
        ]
    }
    response = server.infer("two_inputs", *binary_request(request, FLOATS.tobytes()))
    assert response.json()["outputs"][0]["data"] == [2.5, 0, 6.25]


def test_binary_strings_are_length_prefixed(server):
    element = "größer".encode()
    data = struct.pack("<I", len(element)) + element
    request = {
        "inputs": [
            tensor(shape=[1, 1], datatype="BYTES", parameters={"binary_data_size": len(data)})
        ],
        "parameters": {"binary_data_output": True},
    }
    _, answer = split(server.infer("identity_bytes", *binary_request(request, data)))
    assert answer == data


def test_json_strings(server):
    texts = ["", "größer", "a\u0000b", '"\\']
    body = {"inputs": [tensor(shape=[1, 4], datatype="BYTES", data=texts)]}
    assert server.infer("identity_bytes", body).json()["outputs"][0]["data"] == texts


def test_a_raw_body_is_the_only_input(server):
    response = server.infer(
        "identity_fp32", FLOATS.tobytes(), {"Inference-Header-Content-Length": "0"}
    )
    answer, data = split(response)
    assert answer["outputs"] == [tensor("OUT", parameters={"binary_data_size": 12})]
    assert data == FLOATS.tobytes()


def test_a_raw_body_needs_a_single_input(server):
    response = server.infer("two_inputs", b"\0" * 24, {"Inference-Header-Content-Length": "0"})
    assert response.status == 400
    assert "input" in response.error()


@pytest.mark.parametrize(
    "encoding, compress", [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_request(server, encoding, compress):
    body = compress(json.dumps({"inputs": [tensor(data=FLOATS.tolist())]}).encode())
    response = server.infer("identity_fp32", body, {"Content-Encoding": encoding})
    assert response.json()["outputs"][0]["data"] == FLOATS.tolist()


def test_a_compressed_binary_request(server):
    request = {"inputs": [tensor(parameters={"binary_data_size": 12})]}
    body, headers = binary_request(request, FLOATS.tobytes())
    headers["Content-Encoding"] = "gzip"
    response = server.infer("identity_fp32", gzip.compress(body), headers)
    assert response.json()["outputs"][0]["data"] == FLOATS.tolist()


@pytest.mark.parametrize(
    "accepted, encoding",
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip;q=0.1, deflate;q=0.9", "deflate"),
        ("identity", None),
        ("br", None),
        (None, None),
    ],
)
def test_a_compressed_response(server, accepted, encoding):
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    data = [0.0] * 4096
    body = {"inputs": [tensor(shape=[1, 4096], data=data)]}
    response = server.infer("identity_fp32", body, headers)
    assert response.headers["Content-Encoding"] == encoding
    decompress = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[encoding]
    assert json.loads(decompress(response.body))["outputs"][0]["data"] == data


def test_an_unknown_encoding_is_refused_with_the_known_ones(server):
    response = server.infer("identity_fp32", b"x", {"Content-Encoding": "br"})
    assert response.status == 501
    accepted = {name.strip() for name in response.headers["Accept-Encoding"].split(",")}
    assert accepted == {"gzip", "deflate"}


def test_explain_gives_the_request_its_timing(server):
    body = {"inputs": [tensor(data=FLOATS.tolist())]}
    response = server.infer("identity_fp32", body, {"Hone-Explain": "1"})
    timing = response.headers["Server-Timing"]
    for stage in ("receive", "decode", "queue", "compute_infer", "wake", "encode", "total"):
        assert float(re.search(rf"\b{stage};dur=([0-9.]+)", timing)[1]) >= 0
    assert re.search(r"rows=1\b.*reason=\w+", timing)


def test_nobody_pays_for_an_explanation_that_was_not_asked_for(server):
    body = {"inputs": [tensor(data=FLOATS.tolist())]}
    assert "Server-Timing" not in server.infer("identity_fp32", body).headers


def test_keep_alive_serves_one_request_after_another(server):
    connection = server.connect()
    body = json.dumps({"inputs": [tensor(data=FLOATS.tolist())]})
    for _ in range(20):
        connection.request("POST", "/v2/models/identity_fp32/infer", body)
        response = connection.getresponse()
        assert json.loads(response.read())["outputs"][0]["data"] == FLOATS.tolist()
    connection.close()


def test_a_model_name_may_be_escaped(server):
    body = {"inputs": [tensor(data=FLOATS.tolist())]}
    assert server.infer("identity%5Ffp32", body).status == 200


@pytest.mark.parametrize("element", ["FP16", "BF16"])
def test_half_precision_has_no_json_form(server, element):
    body = {"inputs": [tensor(datatype=element, data=[1, 2, 3])]}
    response = server.infer(f"identity_{element.lower()}", body)
    assert response.status == 400
    assert element in response.error() and "binary" in response.error()


def test_nan_survives_json(server):
    request = {"inputs": [tensor(parameters={"binary_data_size": 12})]}
    data = np.array([np.nan, np.inf, 1], np.float32).tobytes()
    response = server.infer("identity_fp32", *binary_request(request, data))
    answer = response.json()["outputs"][0]["data"]
    assert np.isnan(answer[0]) and answer[1:] == [np.inf, 1]


def test_reserved_parameters_are_refused(server):
    body = {"inputs": [tensor(data=FLOATS.tolist())], "parameters": {"triton_secret": 1}}
    response = server.infer("identity_fp32", body)
    assert response.status == 400 and "triton_" in response.error()
