"""FastAPI, uvicorn (httptools, uvloop) and onnxruntime: what a team writes in an afternoon.

Serves every MODEL/1/model.onnx of a repository at /v2/models/MODEL/infer, JSON only. One worker
process per core, each with one session per model and one intra-op thread.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

DTYPES = {"FP32": np.float32, "INT64": np.int64}


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float] | list[int]


class Output(BaseModel):
    name: str


class InferRequest(BaseModel):
    inputs: list[Tensor]
    outputs: list[Output]


def sessions(repository):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return {
        path.parts[-3]: onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        for path in Path(repository).glob("*/1/model.onnx")
    }


def make_app():
    app = FastAPI()
    models = sessions(os.environ["REPOSITORY"])

    @app.get("/v2/health/ready")
    def ready():
        return {}

    @app.post("/v2/models/{name}/infer")
    def infer(name: str, request: InferRequest):
        if name not in models:
            raise HTTPException(404, f"no model {name}")
        feeds = {
            tensor.name: np.array(tensor.data, DTYPES[tensor.datatype]).reshape(tensor.shape)
            for tensor in request.inputs
        }
        names = [output.name for output in request.outputs]
        results = models[name].run(names, feeds)
        outputs = [
            {
                "name": output,
                "shape": list(result.shape),
                "datatype": "FP32",
                "data": result.ravel().tolist(),
            }
            for output, result in zip(names, results)
        ]
        return {"model_name": name, "model_version": "1", "outputs": outputs}

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("repository")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    arguments = parser.parse_args()
    os.environ["REPOSITORY"] = arguments.repository
    uvicorn.run(
        "fastapi_server:make_app",
        factory=True,
        app_dir=str(Path(__file__).parent),
        host="127.0.0.1",
        port=arguments.port,
        workers=arguments.workers,
        log_level="warning",
        access_log=False,
    )
