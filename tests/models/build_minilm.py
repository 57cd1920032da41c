"""Writes all-MiniLM-L6-v2 as ONNX from its safetensors weights.

    build_minilm.py MODEL_DIR OUT.onnx

The graph is a BERT encoder, a mean over the tokens that the mask keeps, and a division by the
length of that mean. It uses plain operators of opset 17 (no fused attention), because that is what
exporters write and what an optimiser has to start from.

    input_ids, attention_mask, token_type_ids   INT64 [batch, sequence]
    last_hidden_state                           FP32  [batch, sequence, hidden]
    sentence_embedding                          FP32  [batch, hidden], unit length
"""

import json
import math
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

OPSET = 17
IR_VERSION = 8


class Graph:
    """Collects nodes and initializers; every method returns the name of a value."""

    def __init__(self):
        self.nodes = []
        self.initializers = {}

    def constant(self, name, value, dtype=np.float32):
        if name not in self.initializers:
            array = np.ascontiguousarray(np.asarray(value, dtype=dtype))
            self.initializers[name] = numpy_helper.from_array(array, name)
        return name

    def integers(self, *values):
        """A vector of INT64, as axes and target shapes are given."""
        return self.constant("i64_" + "_".join(map(str, values)), values, np.int64)

    def node(self, op, *inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name


class Encoder:
    """BERT's layers over one [`Graph`]; `weights` are under their PyTorch names."""

    def __init__(self, graph, config, weights):
        self.graph = graph
        self.weights = weights
        self.hidden = config["hidden_size"]
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.epsilon = config["layer_norm_eps"]

    def weight(self, name, transposed=False):
        value = self.weights[name]
        if transposed:
            return self.graph.constant(name + ".transposed", value.T)
        return self.graph.constant(name, value)

    def linear(self, x, prefix):
        product = self.graph.node(
            "MatMul", x, self.weight(prefix + ".weight", transposed=True), name=prefix + "/matmul"
        )
        return self.graph.node("Add", product, self.weight(prefix + ".bias"), name=prefix + "/bias")

    def normalise(self, x, prefix, name=None):
        return self.graph.node(
            "LayerNormalization",
            x,
            self.weight(prefix + ".weight"),
            self.weight(prefix + ".bias"),
            name=name or prefix,
            axis=-1,
            epsilon=self.epsilon,
        )

    def embed(self):
        """Sum of word, segment and position embeddings, normalised."""
        g = self.graph
        tables = "embeddings.{}_embeddings.weight"
        words = g.node("Gather", self.weight(tables.format("word")), "input_ids", name="words")
        segments = g.node(
            "Gather", self.weight(tables.format("token_type")), "token_type_ids", name="segments"
        )
        zero, one = g.constant("zero", 0, np.int64), g.constant("one", 1, np.int64)
        length = g.node("Gather", g.node("Shape", "input_ids", name="shape"), one, name="length")
        range_ = g.node("Range", zero, length, one, name="range")
        places = g.node("Unsqueeze", range_, g.integers(0), name="places")
        positions = g.node(
            "Gather", self.weight(tables.format("position")), places, name="positions"
        )
        both = g.node("Add", words, segments, name="words_and_segments")
        return self.normalise(
            g.node("Add", both, positions, name="embedded"), "embeddings.LayerNorm"
        )

    def attention_bias(self, mask):
        """0 where a token counts, the lowest FP32 where it is padding: [batch, 1, 1, sequence]."""
        g = self.graph
        spread = g.node("Unsqueeze", mask, g.integers(1, 2), name="mask_spread")
        dropped = g.node("Sub", g.constant("one_f", 1.0), spread, name="mask_dropped")
        lowest = g.constant("lowest", np.finfo(np.float32).min)
        return g.node("Mul", dropped, lowest, name="attention_bias")

    def attention(self, x, bias, prefix):
        g = self.graph
        head = self.hidden // self.heads

        def split(part, order):
            projected = self.linear(x, f"{prefix}.self.{part}")
            shape = g.integers(0, 0, self.heads, head)
            heads = g.node("Reshape", projected, shape, name=f"{prefix}/{part}/split")
            return g.node("Transpose", heads, name=f"{prefix}/{part}/heads", perm=order)

        query, key = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1])
        value = split("value", [0, 2, 1, 3])
        scores = g.node("MatMul", query, key, name=f"{prefix}/scores")
        root = g.constant("sqrt_head", math.sqrt(head))
        scaled = g.node("Div", scores, root, name=f"{prefix}/scaled")
        masked = g.node("Add", scaled, bias, name=f"{prefix}/masked")
        shares = g.node("Softmax", masked, name=f"{prefix}/shares", axis=-1)
        mixed = g.node("MatMul", shares, value, name=f"{prefix}/mixed")
        rows = g.node("Transpose", mixed, name=f"{prefix}/rows", perm=[0, 2, 1, 3])
        joined = g.node("Reshape", rows, g.integers(0, 0, self.hidden), name=f"{prefix}/joined")
        return self.linear(joined, f"{prefix}.output.dense")

    def gelu(self, x, prefix):
        """x * (erf(x / sqrt 2) + 1) / 2"""
        g = self.graph
        ratio = g.node("Div", x, g.constant("sqrt_2", math.sqrt(2.0)), name=f"{prefix}/ratio")
        erf = g.node("Erf", ratio, name=f"{prefix}/erf")
        gate = g.node("Add", erf, g.constant("one_f", 1.0), name=f"{prefix}/gate")
        doubled = g.node("Mul", x, gate, name=f"{prefix}/doubled")
        return g.node("Mul", doubled, g.constant("half", 0.5), name=f"{prefix}/gelu")

    def layer(self, x, bias, index):
        g = self.graph
        prefix = f"encoder.layer.{index}"
        attended = self.attention(x, bias, prefix + ".attention")
        residual = g.node("Add", attended, x, name=f"{prefix}/attention_residual")
        x = self.normalise(residual, prefix + ".attention.output.LayerNorm")
        wide = self.gelu(self.linear(x, prefix + ".intermediate.dense"), prefix)
        narrow = self.linear(wide, prefix + ".output.dense")
        residual = g.node("Add", narrow, x, name=f"{prefix}/residual")
        last = index == self.layers - 1
        return self.normalise(
            residual, prefix + ".output.LayerNorm", "last_hidden_state" if last else None
        )

    def pool(self, x, mask):
        """Unit-length mean over the tokens that the mask keeps."""
        g = self.graph
        weights = g.node("Unsqueeze", mask, g.integers(-1), name="pool_weights")
        weighted = g.node("Mul", x, weights, name="pool_weighted")
        total = g.node("ReduceSum", weighted, g.integers(1), name="pool_total", keepdims=0)
        tokens = g.node("ReduceSum", weights, g.integers(1), name="pool_tokens", keepdims=0)
        tokens = g.node("Max", tokens, g.constant("tiny_count", 1e-9), name="pool_tokens_min")
        mean = g.node("Div", total, tokens, name="pool_mean")
        length = g.node("ReduceL2", mean, name="pool_length", axes=[1], keepdims=1)
        length = g.node("Max", length, g.constant("tiny_length", 1e-12), name="pool_length_min")
        return g.node("Div", mean, length, name="sentence_embedding")


def build(model_dir):
    config = json.loads((model_dir / "config.json").read_text())
    weights = {
        name.removeprefix("bert."): value
        for name, value in load_file(model_dir / "model.safetensors").items()
    }
    graph = Graph()
    encoder = Encoder(graph, config, weights)
    mask = graph.node("Cast", "attention_mask", name="mask", to=TensorProto.FLOAT)
    bias = encoder.attention_bias(mask)
    x = encoder.embed()
    for index in range(encoder.layers):
        x = encoder.layer(x, bias, index)
    encoder.pool(x, mask)

    def value(name, element, *dims):
        return helper.make_tensor_value_info(name, element, dims)

    names = ("input_ids", "attention_mask", "token_type_ids")
    proto = helper.make_graph(
        graph.nodes,
        "all-MiniLM-L6-v2",
        [value(name, TensorProto.INT64, "batch", "sequence") for name in names],
        [
            value("last_hidden_state", TensorProto.FLOAT, "batch", "sequence", encoder.hidden),
            value("sentence_embedding", TensorProto.FLOAT, "batch", encoder.hidden),
        ],
        list(graph.initializers.values()),
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(
        proto, opset_imports=[opset], ir_version=IR_VERSION, producer_name="hone-tests"
    )
    onnx.checker.check_model(model)
    return model


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: build_minilm.py MODEL_DIR OUT.onnx")
    onnx.save(build(pathlib.Path(sys.argv[1])), sys.argv[2])


if __name__ == "__main__":
    main()
