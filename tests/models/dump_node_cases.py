"""Writes the node conformance cases of the `onnx` package as a model repository and its test data.

dump_node_cases.py OUT

OUT/models/CASE/1/model.onnx
OUT/data/CASE/case.json               {"rtol", "atol", "sets"}
OUT/data/CASE/SET/{input,output}_N.pb serialised TensorProto; absent if the value is no tensor
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

# Loading the cases runs numpy on purpose at the edges of its domain.
warnings.filterwarnings("ignore")

from onnx.backend.test.loader import load_node_model_tests  # noqa: E402


def as_tensor(value, info):
    """The value as a TensorProto; None for sequences, maps and optional values."""
    if isinstance(value, TensorProto):
        return value
    if not info.type.HasField("tensor_type"):
        return None
    return numpy_helper.from_array(np.asarray(value), info.name)


def write_values(folder, kind, values, infos):
    for index, (value, info) in enumerate(zip(values, infos)):
        tensor = as_tensor(value, info)
        if tensor is not None:
            (folder / f"{kind}_{index}.pb").write_bytes(tensor.SerializeToString())


def write_case(case, out):
    version = out / "models" / case.name / "1"
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(case.model.SerializeToString())
    data = out / "data" / case.name
    data.mkdir(parents=True)
    about = {"rtol": case.rtol, "atol": case.atol, "sets": len(case.data_sets)}
    (data / "case.json").write_text(json.dumps(about))
    for index, (inputs, outputs) in enumerate(case.data_sets):
        folder = data / str(index)
        folder.mkdir()
        write_values(folder, "input", inputs, case.model.graph.input)
        write_values(folder, "output", outputs, case.model.graph.output)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: dump_node_cases.py OUT")
    out = pathlib.Path(sys.argv[1])
    cases = load_node_model_tests()
    for case in cases:
        write_case(case, out)
    print(f"{len(cases)} cases of onnx {onnx.__version__}")


if __name__ == "__main__":
    main()
