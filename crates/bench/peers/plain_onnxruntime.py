"""onnxruntime in a loop, without any server: what a server with the same engine is held against.

usage: plain_onnxruntime.py MODEL FEED.json OUTPUT
FEED.json holds {input: {"datatype", "shape", "data"}}. Prints one JSON line with the output, then
for each line "THREADS SECONDS" of its input runs the model in so many threads, each with a session
of its own of one intra-op thread, and prints one JSON line with what it measured.
"""

import json
import resource
import sys
import threading
import time

import numpy as np
import onnxruntime

DTYPES = {"FP32": np.float32, "INT64": np.int64}


def main(model, feed, output):
    feeds = {
        name: np.array(tensor["data"], DTYPES[tensor["datatype"]]).reshape(tensor["shape"])
        for name, tensor in json.load(open(feed)).items()
    }
    sessions = [session(model)]
    (answer,) = sessions[0].run([output], feeds)
    print(json.dumps(answer.ravel().tolist()), flush=True)
    for line in sys.stdin:
        threads, seconds = line.split()
        while len(sessions) < int(threads):
            sessions.append(session(model))
        measured = measure(sessions[: int(threads)], feeds, output, float(seconds))
        print(json.dumps(measured), flush=True)


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def measure(sessions, feeds, output, seconds):
    latencies = []
    start = time.monotonic()
    cpu = cpu_seconds()
    loops = [
        threading.Thread(target=loop, args=(each, feeds, output, start + seconds, latencies))
        for each in sessions
    ]
    for thread in loops:
        thread.start()
    for thread in loops:
        thread.join()
    elapsed = time.monotonic() - start
    cpu = cpu_seconds() - cpu
    requests = len(latencies)
    return {
        "requests": requests,
        "seconds": elapsed,
        "requests_per_second": requests / elapsed,
        "p50_ms": float(np.quantile(latencies, 0.5) * 1e3),
        "p99_ms": float(np.quantile(latencies, 0.99) * 1e3),
        "server_cpu_us": cpu * 1e6 / requests,
        "client_cpu_us": 0.0,
        "resident_mb": resident_mb(),
    }


def loop(session, feeds, output, end, latencies):
    start = time.monotonic()
    while start < end:
        session.run([output], feeds)
        now = time.monotonic()
        latencies.append(now - start)
        start = now


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident_mb():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main(*sys.argv[1:])
