"""Embeds sentences through REST and gRPC: demo.py HTTP_PORT GRPC_PORT TOKENIZER_JSON"""

import http.client
import json
import sys
import time

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tokenizers import Tokenizer

SENTENCES = (
    "A chef is cooking pasta in the kitchen.",
    "Someone prepares noodles for dinner.",
    "The stock market fell sharply on Monday.",
)
OUTPUT = "sentence_embedding"
WARM_REQUESTS = 20


def tokenise(path):
    tokenizer = Tokenizer.from_file(path)
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(list(SENTENCES))
    return {
        "input_ids": np.array([e.ids for e in encoded], np.int64),
        "attention_mask": np.array([e.attention_mask for e in encoded], np.int64),
        "token_type_ids": np.array([e.type_ids for e in encoded], np.int64),
    }


def embed(module, client, arrays):
    """One embedding per sentence, through either of the client library's modules."""
    inputs = []
    for name, array in arrays.items():
        inputs.append(module.InferInput(name, array.shape, "INT64"))
        inputs[-1].set_data_from_numpy(array)
    outputs = [module.InferRequestedOutput(OUTPUT)]
    return client.infer("minilm", inputs, outputs=outputs).as_numpy(OUTPUT)


def milliseconds(call):
    """The median of a few calls."""
    times = []
    for _ in range(WARM_REQUESTS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * sorted(times)[len(times) // 2]


def first_row_as_json(arrays):
    inputs = [
        {"name": name, "shape": [1, array.shape[1]], "datatype": "INT64", "data": array[0].tolist()}
        for name, array in arrays.items()
    ]
    return json.dumps({"inputs": inputs, "outputs": [{"name": OUTPUT}]}, separators=(",", ":"))


def explain(port, body):
    """The timing that the server gives for one request when it is asked to."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v2/models/minilm/infer", body, {"Hone-Explain": "1"})
    response = connection.getresponse()
    response.read()
    return response.getheader("Server-Timing")


def main():
    http_port, grpc_port, tokenizer = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    arrays = tokenise(tokenizer)
    rest = tritonclient.http.InferenceServerClient(f"127.0.0.1:{http_port}")
    grpc = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{grpc_port}")
    by_rest = embed(tritonclient.http, rest, arrays)
    by_grpc = embed(tritonclient.grpc, grpc, arrays)

    numbers = " ".join(f"{value:+.4f}" for value in by_rest[0, :5])
    print(f"   {SENTENCES[0]!r} -> [{numbers} ...] ({by_rest.shape[1]} numbers)")
    print(f"   REST and gRPC differ by at most {np.abs(by_rest - by_grpc).max():.1e}")
    for other in (1, 2):
        print(f"   similarity to {SENTENCES[other]!r}: {by_rest[0] @ by_rest[other]:.2f}")
    rest_time = milliseconds(lambda: embed(tritonclient.http, rest, arrays))
    grpc_time = milliseconds(lambda: embed(tritonclient.grpc, grpc, arrays))
    print(f"   three sentences take {rest_time:.1f} ms by REST, {grpc_time:.1f} ms by gRPC")
    body = first_row_as_json(arrays)
    print(f"   where the time of one goes (Hone-Explain): {explain(http_port, body)}")
    print("\n   the same by hand:")
    print(f"   curl -s 127.0.0.1:{http_port}/v2/models/minilm/infer -d '{body}'\n")

    if np.abs(by_rest - by_grpc).max() > 1e-5 or by_rest[0] @ by_rest[1] < by_rest[0] @ by_rest[2]:
        sys.exit("these embeddings are wrong")


if __name__ == "__main__":
    main()
