"""Runs ONNX's node conformance cases through a Hone server that is in explicit model control.

    run.py --port PORT --cases DIR [--filter TEXT] [--slice N]

DIR is what tests/models/dump_node_cases.py wrote; the server serves DIR/models. Each case's model
is loaded, gets the case's inputs as a binary V2 request, and its outputs are compared with the
tolerance that the case states. The outcomes are set beside what onnxruntime 1.32 itself makes of
the same case: one that it passes and the server does not is a bug, and makes the exit code 1.
"""

import argparse
import collections
import http.client
import json
import pathlib
import struct
import sys
import urllib.parse

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

HERE = pathlib.Path(__file__).parent

# Element types that V2 has a name for.
WIRE_TYPES = {
    TensorProto.BOOL: ("BOOL", np.bool_),
    TensorProto.UINT8: ("UINT8", np.uint8),
    TensorProto.UINT16: ("UINT16", np.uint16),
    TensorProto.UINT32: ("UINT32", np.uint32),
    TensorProto.UINT64: ("UINT64", np.uint64),
    TensorProto.INT8: ("INT8", np.int8),
    TensorProto.INT16: ("INT16", np.int16),
    TensorProto.INT32: ("INT32", np.int32),
    TensorProto.INT64: ("INT64", np.int64),
    TensorProto.FLOAT16: ("FP16", np.float16),
    TensorProto.BFLOAT16: ("BF16", ml_dtypes.bfloat16),
    TensorProto.FLOAT: ("FP32", np.float32),
    TensorProto.DOUBLE: ("FP64", np.float64),
    TensorProto.STRING: ("BYTES", np.object_),
}
NUMPY_TYPES = {name: dtype for name, dtype in WIRE_TYPES.values()}

PASS = "pass"
WRONG = "wrong answer"
REFUSED = "load refused"
FAILED = "request failed"
OUTSIDE = "not a V2 tensor"
OUTCOMES = (PASS, OUTSIDE, REFUSED, FAILED, WRONG)


class NotRepresentable(Exception):
    """A sequence, map or optional value, or an element type that V2 has no name for."""


class Wrong(Exception):
    """The answer differs from the case's."""


class Client:
    """One connection to the server."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path, body=b"", headers=()):
        self.connection.request("POST", path, body, dict(headers))
        response = self.connection.getresponse()
        answer = response.read()
        if response.status != 200:
            message = answer.decode(errors="replace")
            raise http.client.HTTPException(f"{response.status} {message}")
        return response, answer

    def load(self, model):
        self.post(f"/v2/repository/models/{urllib.parse.quote(model)}/load")

    def unload(self, model):
        self.post(f"/v2/repository/models/{urllib.parse.quote(model)}/unload")

    def infer(self, model, tensors):
        """`tensors` and the answer: name -> (wire type, array)."""
        inputs, chunks = [], []
        for name, (datatype, array) in tensors.items():
            chunks.append(encode(datatype, array))
            size = {"binary_data_size": len(chunks[-1])}
            shape = list(array.shape)
            inputs.append({"name": name, "datatype": datatype, "shape": shape, "parameters": size})
        request = {"inputs": inputs, "parameters": {"binary_data_output": True}}
        header = json.dumps(request).encode()
        response, answer = self.post(
            f"/v2/models/{urllib.parse.quote(model)}/infer",
            b"".join([header, *chunks]),
            {"Inference-Header-Content-Length": str(len(header))},
        )
        length = int(response.getheader("Inference-Header-Content-Length", len(answer)))
        outputs, offset = {}, length
        for output in json.loads(answer[:length])["outputs"]:
            size = output["parameters"]["binary_data_size"]
            data = answer[offset : offset + size]
            offset += size
            outputs[output["name"]] = (output["datatype"], decode(output, data))
        if offset != len(answer):
            raise Wrong(f"{len(answer) - offset} bytes after the last output")
        return outputs


def encode(datatype, array):
    if datatype != "BYTES":
        return np.ascontiguousarray(array).tobytes()
    elements = [e if isinstance(e, bytes) else str(e).encode() for e in array.ravel()]
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def decode(output, data):
    shape = output["shape"]
    if output["datatype"] != "BYTES":
        return np.frombuffer(data, NUMPY_TYPES[output["datatype"]]).reshape(shape)
    elements, offset = [], 0
    while offset < len(data):
        (length,) = struct.unpack_from("<I", data, offset)
        elements.append(data[offset + 4 : offset + 4 + length])
        offset += 4 + length
    array = np.empty(len(elements), np.object_)
    array[:] = elements
    return array.reshape(shape)


def read_values(folder, kind, infos):
    """name -> (wire type, array) of a case's inputs or outputs."""
    values = {}
    for index, info in enumerate(infos):
        path = folder / f"{kind}_{index}.pb"
        if not info.type.HasField("tensor_type") or not path.exists():
            raise NotRepresentable(f"{info.name} is no tensor")
        tensor = TensorProto.FromString(path.read_bytes())
        if tensor.data_type not in WIRE_TYPES:
            raise NotRepresentable(f"{info.name} is {TensorProto.DataType.Name(tensor.data_type)}")
        datatype, _ = WIRE_TYPES[tensor.data_type]
        values[info.name] = (datatype, numpy_helper.to_array(tensor))
    return values


def compare(expected, actual, about):
    if list(expected) != list(actual):
        raise Wrong(f"outputs {list(actual)} instead of {list(expected)}")
    for name, (datatype, want) in expected.items():
        got_type, got = actual[name]
        # Model configurations know no scalars: one goes over the wire as a vector of one.
        want = np.atleast_1d(want)
        if got_type != datatype or got.shape != want.shape:
            raise Wrong(f"{name}: {got_type} {got.shape} instead of {datatype} {want.shape}")
        if datatype == "BYTES":
            want = [e if isinstance(e, bytes) else str(e).encode() for e in want.ravel()]
            same = list(got.ravel()) == want
        elif datatype == "BF16":
            want, got = want.astype(np.float32), got.astype(np.float32)
            same = np.allclose(got, want, about["rtol"], about["atol"], equal_nan=True)
        else:
            same = np.allclose(got, want, about["rtol"], about["atol"], equal_nan=True)
        if not same:
            raise Wrong(f"{name}: {str(got)[:80]} instead of {str(want)[:80]}")


def run_case(client, cases, name):
    """Returns the outcome and why."""
    data = cases / "data" / name
    about = json.loads((data / "case.json").read_text())
    graph = onnx.load(cases / "models" / name / "1" / "model.onnx").graph
    try:
        sets = [
            (read_values(folder, "input", graph.input), read_values(folder, "output", graph.output))
            for folder in (data / str(index) for index in range(about["sets"]))
        ]
    except NotRepresentable as error:
        return OUTSIDE, str(error)
    try:
        client.load(name)
    except http.client.HTTPException as error:
        return REFUSED, str(error)
    try:
        for inputs, expected in sets:
            compare(expected, client.infer(name, inputs), about)
        return PASS, ""
    except http.client.HTTPException as error:
        return FAILED, str(error)
    except Wrong as error:
        return WRONG, str(error)
    finally:
        client.unload(name)


def read_reference():
    """case -> (operator's domain, operator, what onnxruntime itself makes of it)."""
    reference = {}
    for line in (HERE / "onnxruntime-1.32.tsv").read_text().splitlines():
        if not line.startswith("#"):
            case, opset, operator, outcome = line.split("\t")
            reference[case] = (opset.split(":")[0], operator, outcome)
    return reference


def print_table(results, reference):
    domains = collections.defaultdict(collections.Counter)
    for name, (outcome, _) in results.items():
        domains[reference[name][0]][outcome] += 1
    print(f"{'operators of':<28}{'cases':>8}" + "".join(f"{o:>18}" for o in OUTCOMES))
    total = collections.Counter()
    for domain, counts in sorted(domains.items()):
        total.update(counts)
        print_row(domain, counts)
    print_row("all", total)
    itself = collections.Counter(reference[name][2] for name in results)
    print("onnxruntime 1.32 itself: " + ", ".join(f"{n} {o}" for o, n in itself.most_common()))
    return total


def print_row(label, counts):
    print(f"{label:<28}{counts.total():>8}" + "".join(f"{counts[o]:>18}" for o in OUTCOMES))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cases", type=pathlib.Path, required=True)
    parser.add_argument("--filter", default="")
    parser.add_argument("--slice", type=int, default=1)
    options = parser.parse_args()

    reference = read_reference()
    names = sorted(p.name for p in (options.cases / "data").iterdir() if options.filter in p.name)
    names = names[:: options.slice]
    if not names:
        sys.exit(f"no case has {options.filter!r} in its name")
    client = Client(options.port)
    results = {name: run_case(client, options.cases, name) for name in names}

    total = print_table(results, reference)
    bugs = [
        n for n, (o, _) in results.items() if o not in (PASS, OUTSIDE) and reference[n][2] == "ok"
    ]
    better = [n for n, (o, _) in results.items() if o == PASS and reference[n][2] != "ok"]
    outside = [n for n, (o, _) in results.items() if o == OUTSIDE and reference[n][2] == "ok"]
    print(f"  passed by it and no V2 tensors: {len(outside)}")
    print(f"  passed here and not by it: {len(better)}")
    for name in bugs:
        outcome, why = results[name]
        print(f"BUG {name} ({reference[name][1]}): {outcome}: {why[:400]}")
    print(f"{total[PASS]} passed, {len(bugs)} failed")
    sys.exit(1 if bugs else 0)


if __name__ == "__main__":
    main()
