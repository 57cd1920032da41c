"""The real models, as requests, against onnxruntime on the same files."""

import gzip
import json
import pathlib

import numpy as np
import onnx
import onnxruntime
import pytest

import client_kinds

HERE = pathlib.Path(__file__).parent
FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")

# FP32 answers may differ by this, relative to the largest number of the output.
TOLERANCE = 1e-4

random = np.random.default_rng(7)


def token_ids(rows, tokens):
    mask = np.ones((rows, tokens), np.int64)
    mask[-1, tokens // 2 :] = 0
    ids = random.integers(1000, 30000, (rows, tokens)) * mask
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def pixels(*shape):
    return random.uniform(-1, 1, shape).astype(np.float32)


# (model, version, inputs); several shapes where the model has variable ones.
REQUESTS = [
    ("minilm", "", token_ids(1, 9)),
    ("minilm", "", token_ids(3, 64)),
    ("minilm-int8", "", token_ids(1, 9)),
    ("minilm-int8", "", token_ids(3, 64)),
    ("magika", "", {"bytes": random.integers(0, 257, (2, 2048)).astype(np.int32)}),
    ("ocr-det", "", {"x": pixels(1, 3, 96, 160)}),
    ("ocr-det", "", {"x": pixels(2, 3, 64, 64)}),
    ("ocr-rec", "", {"x": pixels(1, 3, 48, 100)}),
    ("ocr-rec", "", {"x": pixels(2, 3, 48, 320)}),
    ("ocr-cls", "", {"x": pixels(4, 3, 48, 192)}),
    ("open-nsfw", "", {"input_0": 100 * pixels(1, 224, 224, 3)}),
    ("fashion-resnet", "", {"image": random.integers(0, 256, (5, 1, 28, 28)).astype(np.float32)}),
]


def session(models, model, version="1"):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(models / model / version / "model.onnx", options)


def latest(models, model):
    return str(max(int(path.name) for path in (models / model).iterdir() if path.name.isdigit()))


def assert_close(actual, expected):
    assert actual.shape == expected.shape and actual.dtype == expected.dtype
    if expected.dtype.kind != "f":
        assert np.array_equal(actual, expected)
        return
    scale = np.abs(expected).max()
    assert np.abs(actual - expected).max() <= TOLERANCE * scale


@pytest.fixture(params=[client_kinds.HttpSync, client_kinds.GrpcSync], ids=lambda kind: kind.name)
def real(request, models_server):
    return request.param(models_server)


@pytest.mark.parametrize("model, version, arrays", REQUESTS)
def test_answers_are_onnxruntimes(real, models, model, version, arrays):
    result = real.infer(model, real.inputs(**arrays), model_version=version)
    reference = session(models, model, version or latest(models, model))
    for output, expected in zip(reference.get_outputs(), reference.run(None, arrays)):
        assert_close(result.as_numpy(output.name), expected)


def test_json_gives_the_same_answers(models_server, models):
    client = client_kinds.HttpSync(models_server)
    arrays = token_ids(2, 7)
    inputs = client.inputs(binary=False, **arrays)
    outputs = [client.output("sentence_embedding", binary_data=False)]
    answer = client.infer("minilm", inputs, outputs=outputs).as_numpy("sentence_embedding")
    expected = session(models, "minilm").run(["sentence_embedding"], arrays)[0]
    assert_close(answer, expected)


def test_int8_is_within_one_quantisation_step(real, models):
    images = random.integers(0, 256, (8, 1, 28, 28)).astype(np.float32)
    answer = real.infer("fashion-resnet-int8", real.inputs(image=images)).as_numpy("logits")
    expected = session(models, "fashion-resnet-int8").run(["logits"], {"image": images})[0]
    graph = onnx.load(models / "fashion-resnet-int8/1/model.onnx").graph
    (last,) = [node for node in graph.node if "logits" in node.output]
    constants = {tensor.name: tensor for tensor in graph.initializer}
    step = float(onnx.numpy_helper.to_array(constants[last.input[1]]))
    assert last.op_type == "DequantizeLinear"
    assert np.abs(answer - expected).max() <= step * 1.001


def load_idx(name, header):
    path = FASHION_MNIST / name
    if not path.exists():
        pytest.fail(f"no {path}: `apt-get install dataset-fashion-mnist`")
    return np.frombuffer(gzip.open(path).read()[header:], np.uint8)


def accuracy(labels, answer_batch, rows=50):
    """Share of images whose most probable class is the right one."""
    batches = [slice(start, start + rows) for start in range(0, len(labels), rows)]
    right = [(answer_batch(b).argmax(axis=1) == labels[b]).sum() for b in batches]
    return sum(right) / len(labels)


# An INT8 product differs a little between CPUs with and without instructions for it.
@pytest.mark.parametrize(
    "model, known, tolerance",
    [("fashion-resnet", 0.9056, 5e-5), ("fashion-resnet-int8", 0.9058, 1e-3)],
)
def test_the_known_accuracy_over_ten_thousand_images(
    models_server, models, model, known, tolerance
):
    images = load_idx("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28).astype(np.float32)
    labels = load_idx("t10k-labels-idx1-ubyte.gz", 8)
    client = client_kinds.HttpSync(models_server)
    reference = session(models, model)
    with client.module.InferenceServerClient(client.url) as connection:

        def ask(batch):
            inputs = client.inputs(image=images[batch])
            return connection.infer(model, inputs).as_numpy("probabilities")

        served = accuracy(labels, ask)
    alone = accuracy(labels, lambda b: reference.run(["probabilities"], {"image": images[b]})[0])
    assert served == pytest.approx(alone, abs=5e-5)
    assert served == pytest.approx(known, abs=tolerance)


def test_classification_names_the_clothes(models_server):
    images = load_idx("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28).astype(np.float32)
    client = client_kinds.HttpSync(models_server)
    outputs = [client.output("probabilities", class_count=1)]
    answer = client.infer("fashion-resnet", client.inputs(image=images[:3]), outputs=outputs)
    names = [cell[0].decode().split(":")[2] for cell in answer.as_numpy("probabilities")]
    assert names == ["Ankle boot", "Pullover", "Trouser"]


SCORES = json.loads((HERE / "tabular/scores.json").read_text())


@pytest.mark.parametrize("about", SCORES, ids=[about["model"] for about in SCORES])
def test_tabular_models_reach_their_scores(real, models, about):
    data = np.load(HERE / "tabular" / f"{about['model']}.npz")
    features, truth = data["X"], data["y"]
    name = about["outputs"][0][0]
    config = real.get_model_config(about["model"])
    rows = config.get("config", config)["max_batch_size"]
    answers = [
        real.infer(about["model"], real.inputs(X=features[start : start + rows])).as_numpy(name)
        for start in range(0, len(features), rows)
    ]
    answer = np.concatenate(answers).ravel()
    if "regressor" in about["ops"][0].lower():
        score = 1 - ((answer - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    else:
        score = (answer == truth).mean()
    assert len(answer) == about["rows"]
    assert score == pytest.approx(about["ort_score"], abs=1e-4)


def chunks(kind, count):
    """`count` steps of 576 samples at 16 kHz: 64 of the step before and 512 new ones."""
    samples = np.arange(64 + 512 * count) / 16000
    if kind == "silence":
        signal = np.zeros_like(samples)
    elif kind == "noise":
        signal = np.random.default_rng(0).normal(0, 0.01, samples.shape)
    else:
        signal = voice(samples)
    return [signal[512 * i : 512 * i + 576].astype(np.float32)[None] for i in range(count)]


def voice(time):
    """A vowel-like buzz: harmonics of a moving pitch under two formants, in syllables."""
    pitch = 120 + 20 * np.sin(2 * np.pi * 3 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    buzz = np.zeros_like(time)
    for harmonic in range(1, 30):
        frequency = harmonic * 120
        formants = sum(np.exp(-(((frequency - f) / 150) ** 2)) for f in (700, 1200, 2500))
        buzz += (formants + 0.02) * np.sin(harmonic * phase)
    return 0.3 * buzz / np.abs(buzz).max() * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * time))


@pytest.mark.parametrize("kind", ["voice", "noise", "silence"])
def test_single_steps_of_a_stateful_model(real, models, kind):
    reference = session(models, "silero-vad")
    sr_shape = real.get_model_metadata("silero-vad")["inputs"]
    (sr_shape,) = [list(map(int, i.get("shape", []))) for i in sr_shape if i["name"] == "sr"]
    rate = np.full(sr_shape, 16000, np.int64)
    state = np.zeros((2, 1, 128), np.float32)
    highest = 0.0
    for chunk in chunks(kind, 20):
        inputs = real.inputs(input=chunk, state=state, sr=rate)
        result = real.infer("silero-vad", inputs)
        arrays = {"input": chunk, "state": state, "sr": np.array(16000, np.int64)}
        probability, next_state = reference.run(None, arrays)
        assert np.abs(result.as_numpy("output") - probability).max() <= 1e-5
        assert np.abs(result.as_numpy("stateN") - next_state).max() <= 1e-4
        highest = max(highest, float(result.as_numpy("output").max()))
        state = result.as_numpy("stateN")
    assert (highest > 0.5) == (kind == "voice")


@pytest.mark.parametrize("model", ["ocr-det", "ocr-rec"])
def test_both_generations_of_ocr_answer_side_by_side(models, start, model):
    server = start(models, "--model-control-mode", "explicit")
    client = client_kinds.HttpSync(server)
    client.load_model(model, config='{"version_policy": {"all": {}}}')
    arrays = {"x": pixels(1, 3, 48 if model == "ocr-rec" else 64, 96)}
    for version in ("1", "2"):
        result = client.infer(model, client.inputs(**arrays), model_version=version)
        reference = session(models, model, version)
        for output, expected in zip(reference.get_outputs(), reference.run(None, arrays)):
            assert_close(result.as_numpy(output.name), expected)
