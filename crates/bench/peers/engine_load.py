"""Time that onnxruntime needs to load every model of a repository, one after another.

usage: engine_load.py REPOSITORY
Loads the newest version of each model with one intra-op thread, keeps all of them, and prints
{"seconds": sum, "models": n, "resident_mb": memory of this process}.
"""

import json
import sys
import time
from pathlib import Path

import onnxruntime


def newest(model):
    versions = [path for path in model.iterdir() if path.name.isdigit()]
    return max(versions, key=lambda path: int(path.name)) / "model.onnx"


def main(repository):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    files = [newest(model) for model in sorted(Path(repository).iterdir()) if model.is_dir()]
    start = time.monotonic()
    kept = [
        onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        for file in files
    ]
    seconds = time.monotonic() - start
    status = Path("/proc/self/status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    print(
        json.dumps({"seconds": seconds, "models": len(kept), "resident_mb": resident * 1024 / 1e6})
    )


if __name__ == "__main__":
    main(sys.argv[1])
