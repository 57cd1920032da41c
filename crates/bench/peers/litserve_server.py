"""LitServe and onnxruntime: every MODEL/1/model.onnx of a repository at /v2/models/MODEL/infer, JSON
only. One worker process per core and model, each with one session and one intra-op thread.
"""

import argparse
from pathlib import Path

import litserve
import numpy as np
import onnxruntime

DTYPES = {"FP32": np.float32, "INT64": np.int64}


class OnnxApi(litserve.LitAPI):
    def __init__(self, path, name):
        super().__init__(api_path=f"/v2/models/{name}/infer")
        self.path = str(path)
        self.name = name

    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            self.path, options, providers=["CPUExecutionProvider"]
        )

    def decode_request(self, request):
        feeds = {
            tensor["name"]: np.array(tensor["data"], DTYPES[tensor["datatype"]]).reshape(
                tensor["shape"]
            )
            for tensor in request["inputs"]
        }
        return feeds, [output["name"] for output in request["outputs"]]

    def predict(self, call):
        feeds, names = call
        return names, self.session.run(names, feeds)

    def encode_response(self, answer):
        outputs = [
            {
                "name": name,
                "shape": list(result.shape),
                "datatype": "FP32",
                "data": result.ravel().tolist(),
            }
            for name, result in zip(*answer)
        ]
        return {"model_name": self.name, "model_version": "1", "outputs": outputs}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("repository")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    arguments = parser.parse_args()
    apis = [
        OnnxApi(path, path.parts[-3]) for path in Path(arguments.repository).glob("*/1/model.onnx")
    ]
    server = litserve.LitServer(
        apis, accelerator="cpu", devices=1, workers_per_device=arguments.workers, timeout=120
    )
    server.run(
        host="127.0.0.1", port=arguments.port, generate_client_file=False, log_level="warning"
    )
