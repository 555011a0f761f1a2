"""The text half of SAT: an MPNet-shaped encoder of prompts, its tokenizer and its vocabulary.

Parameter names and shapes are those of the released text encoder checkpoint.
A prompt becomes `[CLS] wordpieces [SEP]`, padded with id 0, and one vector.
"""

from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MODALITIES = {"ct": 0, "mri": 1, "us": 2, "pet": 3}
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MAX_TOKENS = 256
BUCKETS = 32


class Tokenizer:
    """WordPiece tokenizer of a vocab.txt (one token a line, the id is the line)."""

    def __init__(self, vocab: list[str]):
        self.vocab = vocab
        self.ids = {token: i for i, token in enumerate(vocab)}
        self.cls, self.sep, self.unk = (self.ids[t] for t in ("[CLS]", "[SEP]", "[UNK]"))

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Reads vocab.txt."""
        return cls(Path(path).read_text(encoding="utf-8").splitlines())

    @staticmethod
    def words(text: str) -> list[str]:
        """Lower-cases, strips accents and splits at spaces, punctuation and CJK characters."""
        out: list[str] = []
        word = ""
        for ch in unicodedata.normalize("NFD", text.lower()):
            cat = unicodedata.category(ch)
            if cat == "Mn" or ch == "\ufffd" or (cat in ("Cc", "Cf") and ch not in "\t\n\r"):
                continue
            alone = (
                cat.startswith("P") or ch in "$+<=>^`|~" or 0x4E00 <= ord(ch) <= 0x9FFF or 0x3400 <= ord(ch) <= 0x4DBF
            )
            if ch.isspace() or alone:
                if word:
                    out.append(word)
                word = ""
                if alone:
                    out.append(ch)
            else:
                word += ch
        return out + ([word] if word else [])

    def pieces(self, word: str) -> list[int]:
        """Splits one word greedily, longest piece first; an unsplittable word is one [UNK]."""
        if len(word) > 100:
            return [self.unk]
        out, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = self.ids.get(("##" if start else "") + word[start:end])
                if piece is not None:
                    out.append(piece)
                    start = end
                    break
            else:
                return [self.unk]
        return out

    def encode(self, text: str) -> list[int]:
        """Returns the ids of one prompt, at most 256, the last always [SEP]."""
        ids = [self.cls] + [i for word in self.words(text) for i in self.pieces(word)]
        return ids[: MAX_TOKENS - 1] + [self.sep]

    def batch(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Returns input_ids and attention_mask (B, L), padded with id 0."""
        rows = [self.encode(t) for t in texts]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        return ids, (ids > 0).long()


def build_vocab(texts: list[str]) -> list[str]:
    """Builds a vocabulary: specials, single characters and their continuations, then the words of texts, sorted."""
    chars = "abcdefghijklmnopqrstuvwxyz0123456789"
    out = SPECIALS + list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + list(chars) + ["##" + c for c in chars]
    words = sorted({w for t in texts for w in Tokenizer.words(t)} - set(out))
    return out + words + ["<mask>"]


@dataclass(frozen=True)
class TextConfig:
    """Sizes of the text encoder. The defaults are those of the demo model."""

    vocab: int
    hidden: int = 96
    layers: int = 2
    heads: int = 4
    intermediate: int = 192
    positions: int = 514
    query_dim: int = 96
    pooler: bool = True

    @classmethod
    def from_state(cls, state: dict[str, Tensor], heads: int | None = None) -> TextConfig:
        """Reads the sizes from a state dict (without `module.`)."""
        pre = "text_tower.biolord."
        vocab, hidden = state[pre + "embeddings.word_embeddings.weight"].shape
        layers = 0
        while f"{pre}encoder.layer.{layers}.output.dense.weight" in state:
            layers += 1
        bias = state[pre + "encoder.relative_attention_bias.weight"]
        return cls(
            vocab=vocab,
            hidden=hidden,
            layers=layers,
            heads=heads or bias.shape[1],
            intermediate=state[pre + "encoder.layer.0.intermediate.dense.weight"].shape[0],
            positions=state[pre + "embeddings.position_embeddings.weight"].shape[0],
            query_dim=state["projection_layer.2.weight"].shape[0],
            pooler=pre + "pooler.dense.weight" in state,
        )


def relative_buckets(length: int) -> Tensor:
    """Returns the (L, L) bucket of every query-key distance: 16 for each direction, logarithmic from 8 on, up to 128."""
    pos = torch.arange(length)
    n = pos[:, None] - pos[None, :]  # query minus key
    half = BUCKETS // 2
    side = (n < 0).long() * half
    n = n.abs()
    exact = half // 2
    far = exact + (torch.log(n.clamp(min=1).float() / exact) / math.log(128 / exact) * (half - exact)).long()
    return side + torch.where(n < exact, n, far.clamp(max=half - 1))


class Attention(nn.Module):
    """Multi-head attention of MPNet with its output norm."""

    def __init__(self, cfg: TextConfig):
        super().__init__()
        self.attn = nn.ModuleDict({k: nn.Linear(cfg.hidden, cfg.hidden) for k in "qkvo"})
        self.LayerNorm = nn.LayerNorm(cfg.hidden)
        self.heads = cfg.heads

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        b, n, c = x.shape

        def split(t: Tensor) -> Tensor:
            return t.view(b, n, self.heads, c // self.heads).transpose(1, 2)

        q, k, v = (split(self.attn[name](x)) for name in "qkv")
        weight = (q @ k.transpose(2, 3) / math.sqrt(c // self.heads) + bias).softmax(-1)
        return self.LayerNorm(x + self.attn["o"]((weight @ v).transpose(1, 2).reshape(b, n, c)))


class TextLayer(nn.Module):
    """One post-norm layer of MPNet."""

    def __init__(self, cfg: TextConfig):
        super().__init__()
        self.attention = Attention(cfg)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(cfg.hidden, cfg.intermediate)})
        self.output = nn.ModuleDict(
            {"dense": nn.Linear(cfg.intermediate, cfg.hidden), "LayerNorm": nn.LayerNorm(cfg.hidden)}
        )

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        x = self.attention(x, bias)
        return self.output["LayerNorm"](x + self.output["dense"](F.gelu(self.intermediate["dense"](x))))


class TextTower(nn.Module):
    """MPNet: embeddings, relative bias shared by all layers, layers; mean over the real tokens."""

    def __init__(self, cfg: TextConfig):
        super().__init__()
        embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(cfg.vocab, cfg.hidden, padding_idx=1),
                "position_embeddings": nn.Embedding(cfg.positions, cfg.hidden, padding_idx=1),
                "LayerNorm": nn.LayerNorm(cfg.hidden),
            }
        )
        embeddings.register_buffer("position_ids", torch.arange(cfg.positions)[None])
        encoder = nn.ModuleDict(
            {
                "layer": nn.ModuleList(TextLayer(cfg) for _ in range(cfg.layers)),
                "relative_attention_bias": nn.Embedding(BUCKETS, cfg.heads),
            }
        )
        parts = {"embeddings": embeddings, "encoder": encoder}
        if cfg.pooler:
            parts["pooler"] = nn.ModuleDict({"dense": nn.Linear(cfg.hidden, cfg.hidden)})
        self.biolord = nn.ModuleDict(parts)
        for emb in (
            embeddings["word_embeddings"],
            embeddings["position_embeddings"],
            encoder["relative_attention_bias"],
        ):
            nn.init.normal_(emb.weight, std=0.1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        emb, enc = self.biolord["embeddings"], self.biolord["encoder"]
        real = (ids != 1).long()
        positions = real.cumsum(1) * real + 1
        x = emb["LayerNorm"](emb["word_embeddings"](ids) + emb["position_embeddings"](positions))
        rel = enc["relative_attention_bias"](relative_buckets(ids.shape[1]).to(ids.device)).permute(2, 0, 1)[None]
        bias = rel + (1.0 - mask[:, None, None, :].to(x)) * -1e9
        for layer in enc["layer"]:
            x = layer(x, bias)
        keep = mask[..., None].to(x)
        return (x * keep).sum(1) / keep.sum(1)


class TextEncoder(nn.Module):
    """Prompts and their modality to query embeddings (B, C)."""

    def __init__(self, cfg: TextConfig):
        super().__init__()
        self.cfg = cfg
        self.text_tower = TextTower(cfg)
        self.projection_layer = nn.Sequential(
            nn.Linear(cfg.hidden, cfg.query_dim), nn.GELU(), nn.Linear(cfg.query_dim, cfg.query_dim)
        )
        self.modality_embed = nn.Embedding(len(MODALITIES), cfg.query_dim)

    def forward(self, ids: Tensor, mask: Tensor, modality: Tensor) -> Tensor:
        return self.projection_layer(self.text_tower(ids, mask)) + self.modality_embed(modality)


def write_tokenizer(folder: Path, vocab: list[str], cfg: TextConfig) -> None:
    """Writes the tokenizer folder (vocab.txt, tokenizer_config.json, config.json) beside a text checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
    tokenizer = {
        "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>",
        "mask_token": "<mask>", "unk_token": "[UNK]", "do_basic_tokenize": True, "do_lower_case": True,
        "strip_accents": None, "tokenize_chinese_chars": True, "model_max_length": 512, "tokenizer_class": "MPNetTokenizer",
    }  # fmt: skip
    config = {
        "architectures": ["MPNetModel"], "model_type": "mpnet", "hidden_act": "gelu", "hidden_size": cfg.hidden,
        "intermediate_size": cfg.intermediate, "layer_norm_eps": 1e-5, "max_position_embeddings": cfg.positions,
        "num_attention_heads": cfg.heads, "num_hidden_layers": cfg.layers, "relative_attention_num_buckets": BUCKETS,
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "vocab_size": cfg.vocab, "torch_dtype": "float32",
    }  # fmt: skip
    for name, value in (("tokenizer_config.json", tokenizer), ("config.json", config)):
        (folder / name).write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
