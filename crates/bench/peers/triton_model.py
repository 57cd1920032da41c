"""Model of Triton's Python backend: identity, or an ONNX file through onnxruntime.

Without the parameter `onnx` in config.pbtxt, OUTPUT0 is INPUT0, the same tensor object, which is the
cheapest model that the Python backend can run. With it, each instance has its own session with one
intra-op thread; the requests of a batch that Triton's dynamic batcher made are run as one.
"""

import json

import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.session = None
        path = config["parameters"].get("onnx", {}).get("string_value")
        if path:
            self.session = session(path)
            self.inputs = [each["name"] for each in config["input"]]
            self.outputs = [each["name"] for each in config["output"]]

    def execute(self, requests):
        if self.session is None:
            return [identity(request) for request in requests]
        parts = [self.arrays(request) for request in requests]
        feeds = {name: np.concatenate([part[name] for part in parts]) for name in self.inputs}
        results = self.session.run(self.outputs, feeds)
        ends = np.cumsum([len(part[self.inputs[0]]) for part in parts])[:-1]
        split = zip(*[np.split(result, ends) for result in results])
        return [self.response(outputs) for outputs in split]

    def arrays(self, request):
        return {name: pb.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}

    def response(self, outputs):
        return pb.InferenceResponse([pb.Tensor(*pair) for pair in zip(self.outputs, outputs)])


def identity(request):
    tensor = pb.get_input_tensor_by_name(request, "INPUT0")
    return pb.InferenceResponse([pb.Tensor.from_dlpack("OUTPUT0", tensor.to_dlpack())])


def session(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
