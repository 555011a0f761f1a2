"""Builds the ONNX graphs and the manifest of a model bundle from plain state dicts.

The graphs are written node by node, not traced, so that the same weights give
the same bytes with every version of PyTorch. Weights are stored as float16 and
cast to float32 when a session opens; all arithmetic is float32.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from .text import MAX_TOKENS, TextConfig, Tokenizer, relative_buckets
from .vision import STAGES, STRIDE, VisionConfig, position_encoding

OPSET = 17
# Parts of checkpoints that inference never reads.
_UNUSED = ("mid_mask_embed_proj.", ".norm1.", ".position_ids", ".pooler.")
NOTICE = "Demonstration model trained on synthetic phantoms only. Never for clinical use."
LIMITATIONS = (
    "It does badly: thin structures (myocardium, ribs), spleen and stomach, lung lobes that are cut off, "
    "and scans of a few slices, where it may draw structures that are not in view."
)


class Graph:
    """A small builder: every method adds nodes and returns the name of the result."""

    def __init__(self, state: dict[str, Tensor]):
        self.state = state
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.cast: set[str] = set()
        self.count = 0

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Adds one node with one output."""
        self.count += 1
        out = f"{kind.lower()}_{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name=out, **attributes))
        return out

    def rename(self, name: str, result: str) -> None:
        """Gives a result the name of a graph output."""
        self.nodes.append(helper.make_node("Identity", [name], [result], name=result + "_out"))

    def weight(self, key: str) -> str:
        """Returns a float32 view of a weight that is stored as float16."""
        if key not in self.cast:
            value = self.state[key].detach().cpu().numpy().astype(np.float16)
            self.initializers[key] = numpy_helper.from_array(value, key)
            self.nodes.append(helper.make_node("Cast", [key], [key + ".f32"], name="cast_" + key, to=TensorProto.FLOAT))
            self.cast.add(key)
        return key + ".f32"

    def const(self, value: np.ndarray | list | float, dtype: type = np.float32) -> str:
        """Adds a constant and returns its name; equal constants are stored once."""
        array = np.asarray(value, dtype)
        digest = hashlib.sha256(array.tobytes() + str((array.dtype, array.shape)).encode()).hexdigest()[:12]
        name = "const_" + digest
        self.initializers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def ints(self, *values: int) -> str:
        """Adds a constant int64 vector."""
        return self.const(list(values), np.int64)

    def linear(self, x: str, prefix: str) -> str:
        """x @ W^T + b."""
        w = self.op("Transpose", self.weight(prefix + ".weight"), perm=[1, 0])
        return self.op("Add", self.op("MatMul", x, w), self.weight(prefix + ".bias"))

    def gelu(self, x: str) -> str:
        """The exact (erf) GELU."""
        erf = self.op("Erf", self.op("Mul", x, self.const(1 / math.sqrt(2))))
        return self.op("Mul", self.op("Mul", x, self.const(0.5)), self.op("Add", erf, self.const(1.0)))

    def mlp(self, x: str, prefix: str, last: bool = True) -> str:
        """Linear, GELU, Linear and, if last, GELU."""
        x = self.linear(self.gelu(self.linear(x, prefix + ".0")), prefix + ".2")
        return self.gelu(x) if last else x

    def layer_norm(self, x: str, prefix: str) -> str:
        """LayerNorm over the last axis."""
        w, b = self.weight(prefix + ".weight"), self.weight(prefix + ".bias")
        return self.op("LayerNormalization", x, w, b, axis=-1, epsilon=1e-5)

    def attend(self, q: str, k: str, v: str, heads: int, width: int, batch: int, bias: str | None = None) -> str:
        """Multi-head attention of projected (B, n, C) inputs; batch is B, or 0 to keep it."""
        shape = self.ints(batch, -1, heads, width // heads)
        q, v = (self.op("Transpose", self.op("Reshape", t, shape), perm=[0, 2, 1, 3]) for t in (q, v))
        k = self.op("Transpose", self.op("Reshape", k, shape), perm=[0, 2, 3, 1])
        score = self.op("Mul", self.op("MatMul", q, k), self.const(1 / math.sqrt(width // heads)))
        if bias:
            score = self.op("Add", score, bias)
        out = self.op("MatMul", self.op("Softmax", score, axis=-1), v)
        return self.op("Reshape", self.op("Transpose", out, perm=[0, 2, 1, 3]), self.ints(batch, -1, width))

    def model(
        self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto], pair: str
    ) -> bytes:
        """Checks the graph and returns it as bytes."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, list(self.initializers.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="satgraph")
        model.ir_version = 8
        helper.set_model_props(model, {"pair": pair})
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def _value(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def backbone(state: dict[str, Tensor], cfg: VisionConfig, patch: tuple[int, int, int], pair: str) -> bytes:
    """image (1,3,H,W,D) -> features (1,F0,H,W,D), memory (1,T,C) and key (1,T,C): memory with the positions added."""
    g = Graph(state)

    def stack(x: str, prefix: str, count: int, stride: int) -> str:
        for i in range(count):
            p = f"{prefix}.convs.{i}"
            s = stride if i == 0 else 1
            x = g.op("Conv", x, g.weight(p + ".conv.weight"), g.weight(p + ".conv.bias"),
                     kernel_shape=[3] * 3, pads=[1] * 6, strides=[s] * 3)  # fmt: skip
            x = g.op("InstanceNormalization", x, g.weight(p + ".norm.weight"), g.weight(p + ".norm.bias"), epsilon=1e-5)
            x = g.op("LeakyRelu", x, alpha=0.01)
        return x

    x, skips = "image", []
    for s in range(STAGES):
        x = stack(x, f"backbone.encoder.stages.{s}.0", cfg.encoder_convs[s], 1 if s == 0 else 2)
        skips.append(x)
    pooled = []
    for s, skip in enumerate(skips[:-1]):
        k = STRIDE >> s
        pooled.append(g.op("AveragePool", skip, kernel_shape=[k] * 3, strides=[k] * 3))
    tokens = math.prod(n // STRIDE for n in patch)
    pooled = g.op("Reshape", g.op("Concat", *pooled, skips[-1], axis=1), g.ints(1, sum(cfg.features), tokens))
    memory = g.mlp(g.op("Transpose", pooled, perm=[0, 2, 1]), "projection_layer")
    pos = position_encoding(*(n // STRIDE for n in patch), cfg.query_dim)[None].numpy()
    key = g.op("Add", memory, g.const(pos))
    for s in range(STAGES - 1):
        p = f"backbone.decoder.transpconvs.{s}"
        up = g.op(
            "ConvTranspose", x, g.weight(p + ".weight"), g.weight(p + ".bias"), kernel_shape=[2] * 3, strides=[2] * 3
        )
        x = stack(g.op("Concat", up, skips[-2 - s], axis=1), f"backbone.decoder.stages.{s}", cfg.decoder_convs[s], 1)
    for name, out in ((x, "features"), (memory, "memory"), (key, "key")):
        g.rename(name, out)
    token_shape = [1, tokens, cfg.query_dim]
    outputs = [
        _value("features", [1, cfg.features[0], *patch]),
        _value("memory", token_shape),
        _value("key", token_shape),
    ]
    return g.model("backbone", [_value("image", [1, 3, *patch])], outputs, pair)


def decoder(state: dict[str, Tensor], cfg: VisionConfig, patch: tuple[int, int, int], pair: str) -> bytes:
    """features, memory, key and queries (1,N,C) -> logits (1,N,H,W,D)."""
    g = Graph(dict(state))
    c, tokens = cfg.query_dim, math.prod(n // STRIDE for n in patch)
    t = "queries"
    for layer in range(cfg.layers):
        p = f"transformer_decoder.layers.{layer}"
        w, b = g.weight(p + ".multihead_attn.in_proj_weight"), g.weight(p + ".multihead_attn.in_proj_bias")
        projected = []
        for i, x in enumerate((g.layer_norm(t, p + ".norm2"), "key", "memory")):
            lo, hi, axis = g.ints(i * c), g.ints((i + 1) * c), g.ints(0)
            wi = g.op("Transpose", g.op("Slice", w, lo, hi, axis), perm=[1, 0])
            projected.append(g.op("Add", g.op("MatMul", x, wi), g.op("Slice", b, lo, hi, axis)))
        out = g.attend(*projected, cfg.heads, c, 1)
        t = g.op("Add", t, g.linear(out, p + ".multihead_attn.out_proj"))
        h = g.op("Relu", g.linear(g.layer_norm(t, p + ".norm3"), p + ".linear1"))
        t = g.op("Add", t, g.linear(h, p + ".linear2"))
    embed = g.mlp(g.layer_norm(t, "transformer_decoder.norm"), "mask_embed_proj")
    pixels = g.op("Reshape", "features", g.ints(1, cfg.features[0], math.prod(patch)))
    g.rename(g.op("Reshape", g.op("MatMul", embed, pixels), g.ints(1, -1, *patch)), "logits")
    inputs = [_value("features", [1, cfg.features[0], *patch]), _value("memory", [1, tokens, c]),
              _value("key", [1, tokens, c]), _value("queries", [1, "N", c])]  # fmt: skip
    return g.model("decoder", inputs, [_value("logits", [1, "N", *patch])], pair)


def text(state: dict[str, Tensor], cfg: TextConfig, pair: str) -> bytes:
    """input_ids (B,L), attention_mask (B,L), modality (B) -> embeddings (B,C); L at most 256."""
    g = Graph(state)
    tower = "text_tower.biolord."
    one = g.const(1, np.int64)
    real = g.op("Cast", g.op("Not", g.op("Equal", "input_ids", one)), to=TensorProto.INT64)
    positions = g.op("Add", g.op("Mul", g.op("CumSum", real, one), real), one)
    words = g.op("Gather", g.weight(tower + "embeddings.word_embeddings.weight"), "input_ids")
    places = g.op("Gather", g.weight(tower + "embeddings.position_embeddings.weight"), positions)
    x = g.layer_norm(g.op("Add", words, places), tower + "embeddings.LayerNorm")

    length = g.op("Squeeze", g.op("Shape", "input_ids", start=1, end=2), g.ints(0))
    index = g.op("Range", g.const(0, np.int64), length, one)
    offset = g.op("Sub", g.op("Unsqueeze", index, g.ints(1)), g.op("Unsqueeze", index, g.ints(0)))
    table = relative_buckets(MAX_TOKENS)  # by distance query - key, from -255 to 255
    by_offset = np.concatenate([table[0, 1:].numpy()[::-1], table[:, 0].numpy()])
    bucket = g.op("Gather", g.const(by_offset, np.int64), g.op("Add", offset, g.const(MAX_TOKENS - 1, np.int64)))
    relative = g.op("Gather", g.weight(tower + "encoder.relative_attention_bias.weight"), bucket)
    relative = g.op("Unsqueeze", g.op("Transpose", relative, perm=[2, 0, 1]), g.ints(0))
    mask = g.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    hidden = g.op("Mul", g.op("Sub", g.const(1.0), mask), g.const(-1e9))
    bias = g.op("Add", relative, g.op("Unsqueeze", hidden, g.ints(1, 2)))
    for layer in range(cfg.layers):
        p = f"{tower}encoder.layer.{layer}"
        q, k, v = (g.linear(x, f"{p}.attention.attn.{name}") for name in "qkv")
        out = g.linear(g.attend(q, k, v, cfg.heads, cfg.hidden, 0, bias), p + ".attention.attn.o")
        x = g.layer_norm(g.op("Add", x, out), p + ".attention.LayerNorm")
        h = g.linear(g.gelu(g.linear(x, p + ".intermediate.dense")), p + ".output.dense")
        x = g.layer_norm(g.op("Add", x, h), p + ".output.LayerNorm")
    keep = g.op("Unsqueeze", mask, g.ints(2))
    total = g.op("ReduceSum", g.op("Mul", x, keep), g.ints(1), keepdims=0)
    mean = g.op("Div", total, g.op("ReduceSum", keep, g.ints(1), keepdims=0))
    code = g.op("Gather", g.weight("modality_embed.weight"), "modality")
    g.rename(g.op("Add", g.mlp(mean, "projection_layer", last=False), code), "embeddings")
    i64 = TensorProto.INT64
    inputs = [
        _value("input_ids", ["B", "L"], i64),
        _value("attention_mask", ["B", "L"], i64),
        _value("modality", ["B"], i64),
    ]
    return g.model("text", inputs, [_value("embeddings", ["B", cfg.query_dim])], pair)


def pair_id(vision: dict[str, Tensor], words: dict[str, Tensor]) -> str:
    """Names the pair of vision network and text encoder; parts of another pair must be refused.

    Hashed are the names and float16 values of what the graphs hold, in order of name, vision first.
    """
    digest = hashlib.sha256()
    for state in (vision, words):
        for key in sorted(k for k in state if not any(part in k for part in _UNUSED)):
            digest.update(key.encode())
            digest.update(state[key].detach().cpu().float().numpy().astype(np.float16).tobytes())
    return digest.hexdigest()[:32]


def self_test(files: dict[str, bytes], vocab: list[str], patch: tuple[int, int, int], prompts: list[str]) -> dict:
    """Runs the bundle on a formula image and notes what comes out, so that a reader can check itself."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    run = {n: onnxruntime.InferenceSession(files[n + ".onnx"], options, providers=["CPUExecutionProvider"])
           for n in ("backbone", "decoder", "text")}  # fmt: skip
    h, w, d = (np.arange(n, dtype=np.float32) for n in patch)
    image = np.sin(0.11 * h)[:, None, None] + np.sin(0.07 * w)[None, :, None] + np.sin(0.05 * d)[None, None, :]
    image = np.repeat(image[None, None].astype(np.float32), 3, 1)
    ids, mask = Tokenizer(vocab).batch(prompts)
    feed = {"input_ids": ids.numpy(), "attention_mask": mask.numpy(), "modality": np.zeros(len(prompts), np.int64)}
    (queries,) = run["text"].run(None, feed)
    features, memory, key = run["backbone"].run(["features", "memory", "key"], {"image": image})
    (logits,) = run["decoder"].run(None, {"features": features, "memory": memory, "key": key, "queries": queries[None]})
    probes = []
    for n in range(len(prompts)):
        for at in ((0, 0, 0), tuple(s // 2 for s in patch), (patch[0] - 1, patch[1] // 3, patch[2] // 4)):
            probes.append({"prompt": prompts[n], "voxel": list(at), "logit": round(float(logits[(0, n, *at)]), 5)})
    return {
        "image": "v(h,w,d) = sin(0.11 h) + sin(0.07 w) + sin(0.05 d), voxel indices, the same in all 3 channels",
        "modality": "ct",
        "embedding": {"prompt": prompts[0], "first": [round(float(v), 6) for v in queries[0, :8]]},
        "probes": probes,
        "tolerance": 0.01,
    }


def write(
    out: Path,
    vision: dict[str, Tensor],
    words: dict[str, Tensor],
    vocab: list[str],
    heads: tuple[int, int],
    spacing: list[float],
    patch: tuple[int, int, int],
    prompts: list[dict],
    version: str,
    extra: dict | None = None,
) -> dict:
    """Writes a bundle folder and returns its manifest. heads are those of the query decoder and of the text encoder."""
    cfg, text_cfg = VisionConfig.from_state(vision, heads[0]), TextConfig.from_state(words, heads[1])
    pair = pair_id(vision, words)
    files = {
        "backbone.onnx": backbone(vision, cfg, patch, pair),
        "decoder.onnx": decoder(vision, cfg, patch, pair),
        "text.onnx": text(words, text_cfg, pair),
        "vocab.txt": ("\n".join(vocab) + "\n").encode(),
    }
    manifest = {
        "name": "satgraph demo",
        "version": version,
        "demo": True,
        "notice": NOTICE,
        "limitations": LIMITATIONS,
        "spacing": spacing,
        "patch": list(patch),
        "modalities": ["ct"],
        "embedding_width": cfg.query_dim,
        "prompts": prompts,
        "threshold": 0.5,
        "overlap": 0.5,
        "normalization": {"ct": {"clip": [-500, 1000], "then": "z-score over the cropped scan, ddof 0"}},
        "heads": cfg.heads,
        "pair": pair,
        "opset": OPSET,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "bytes": {name: len(data) for name, data in files.items()},
        "self_test": self_test(files, vocab, patch, [p["name"] for p in prompts[:2]]),
        **(extra or {}),
    }
    out.mkdir(parents=True, exist_ok=True)
    files["manifest.json"] = (json.dumps(manifest, indent=1, sort_keys=False) + "\n").encode()
    for name, data in files.items():  # the manifest last
        tmp = out / (name + ".tmp")
        tmp.write_bytes(data)
        os.replace(tmp, out / name)
    return manifest
