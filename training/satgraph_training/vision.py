"""The vision half of SAT: a six-stage U-Net and a cross-attention query decoder.

Written from the description of the checkpoint format; parameter names and
shapes are those of the released checkpoints, so that a state dict of either
side loads into the other (see checkpoint.py for the `module.` prefix and the
aliased keys).

Axes: images are (B, 3, H, W, D), which are the (x, y, z) axes of an RAS
volume; H, W and D are multiples of 32. Queries are (B, N, C) or (N, C).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STAGES = 6
STRIDE = 2 ** (STAGES - 1)


@dataclass(frozen=True)
class VisionConfig:
    """Sizes of the vision network. The defaults are those of the demo model."""

    features: tuple[int, ...] = (16, 32, 64, 96, 128, 128)
    encoder_convs: tuple[int, ...] = (1, 1, 2, 2, 2, 1)
    decoder_convs: tuple[int, ...] = (1, 2, 2, 1, 1)
    query_dim: int = 96
    projection_hidden: int = 96
    mask_hidden: int = 48
    mid_hidden: tuple[int, ...] = (48, 48, 48)
    layers: int = 6
    heads: int = 8
    ffn: int = 384

    @classmethod
    def from_state(cls, state: dict[str, Tensor], heads: int = 8) -> VisionConfig:
        """Reads the sizes from a state dict (without `module.`); the heads cannot be read from it."""

        def count(pattern: str) -> int:
            n = 0
            while pattern.format(n) in state:
                n += 1
            return n

        enc = "backbone.encoder.stages.{}.0.convs.%s.conv.weight"
        stages = range(STAGES)
        mid = [
            state[f"mid_mask_embed_proj.{i}.0.weight"].shape[0] for i in range(count("mid_mask_embed_proj.{}.0.weight"))
        ]
        return cls(
            features=tuple(state[(enc % 0).format(s)].shape[0] for s in stages),
            encoder_convs=tuple(count(f"backbone.encoder.stages.{s}.0.convs.{{}}.conv.weight") for s in stages),
            decoder_convs=tuple(
                count(f"backbone.decoder.stages.{s}.convs.{{}}.conv.weight") for s in range(STAGES - 1)
            ),
            query_dim=state["projection_layer.2.weight"].shape[0],
            projection_hidden=state["projection_layer.0.weight"].shape[0],
            mask_hidden=state["mask_embed_proj.0.weight"].shape[0],
            mid_hidden=tuple(mid),
            layers=count("transformer_decoder.layers.{}.linear1.weight"),
            heads=heads,
            ffn=state["transformer_decoder.layers.0.linear1.weight"].shape[0],
        )


class ConvBlock(nn.Module):
    """Convolution, instance norm, leaky ReLU."""

    def __init__(self, cin: int, cout: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv3d(cin, cout, 3, stride, 1)
        self.norm = nn.InstanceNorm3d(cout, eps=1e-5, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), 0.01, inplace=True)


class ConvStack(nn.Module):
    """Several blocks at one resolution; only the first may stride."""

    def __init__(self, cin: int, cout: int, count: int, stride: int = 1):
        super().__init__()
        self.convs = nn.Sequential(
            *[ConvBlock(cin if i == 0 else cout, cout, stride if i == 0 else 1) for i in range(count)]
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.convs(x)


class Encoder(nn.Module):
    """Six stages; every stage but the first halves the grid."""

    def __init__(self, cfg: VisionConfig):
        super().__init__()
        stages, cin = [], 3
        for s, (cout, n) in enumerate(zip(cfg.features, cfg.encoder_convs)):
            stages.append(nn.Sequential(ConvStack(cin, cout, n, 1 if s == 0 else 2)))
            cin = cout
        self.stages = nn.Sequential(*stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        skips = []
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        return skips


class Decoder(nn.Module):
    """Five stages back up; the upsampled channels come before the skip's."""

    def __init__(self, cfg: VisionConfig):
        super().__init__()
        f = cfg.features
        self.transpconvs = nn.ModuleList(nn.ConvTranspose3d(f[i + 1], f[i], 2, 2) for i in reversed(range(STAGES - 1)))
        self.stages = nn.ModuleList(
            ConvStack(2 * f[i], f[i], cfg.decoder_convs[s]) for s, i in enumerate(reversed(range(STAGES - 1)))
        )

    def forward(self, skips: list[Tensor]) -> list[Tensor]:
        x, outs = skips[-1], []
        for s, (up, stage) in enumerate(zip(self.transpconvs, self.stages)):
            x = stage(torch.cat([up(x), skips[-2 - s]], 1))
            outs.append(x)
        return outs


class UNet(nn.Module):
    """Encoder and decoder under the checkpoint's names."""

    def __init__(self, cfg: VisionConfig):
        super().__init__()
        self.encoder = Encoder(cfg)
        self.decoder = Decoder(cfg)

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        skips = self.encoder(x)
        return skips, self.decoder(skips)


class DecoderLayer(nn.Module):
    """Pre-norm cross-attention and feed-forward; no self-attention. norm1 is stored but never used."""

    def __init__(self, dim: int, heads: int, ffn: int):
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(dim, heads)
        self.linear1 = nn.Linear(dim, ffn)
        self.linear2 = nn.Linear(ffn, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)
        self.heads = heads

    def forward(self, t: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """t is (B, N, C); key and value are (B, T, C)."""
        b, n, c = t.shape
        wq, wk, wv = self.multihead_attn.in_proj_weight.chunk(3)
        bq, bk, bv = self.multihead_attn.in_proj_bias.chunk(3)

        def split(x: Tensor) -> Tensor:
            return x.view(b, -1, self.heads, c // self.heads).transpose(1, 2)

        q = split(F.linear(self.norm2(t), wq, bq))
        k = split(F.linear(key, wk, bk))
        v = split(F.linear(value, wv, bv))
        weight = (q @ k.transpose(2, 3) / math.sqrt(c // self.heads)).softmax(-1)
        t = t + self.multihead_attn.out_proj((weight @ v).transpose(1, 2).reshape(b, n, c))
        return t + self.linear2(F.relu(self.linear1(self.norm3(t))))


class QueryDecoder(nn.Module):
    """The stack of layers and its final norm."""

    def __init__(self, cfg: VisionConfig):
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(cfg.query_dim, cfg.heads, cfg.ffn) for _ in range(cfg.layers))
        self.norm = nn.LayerNorm(cfg.query_dim)

    def forward(self, t: Tensor, key: Tensor, value: Tensor) -> Tensor:
        for layer in self.layers:
            t = layer(t, key, value)
        return self.norm(t)


def mlp(cin: int, hidden: int, cout: int) -> nn.Sequential:
    """Linear, GELU, Linear, GELU, as every projection of the network."""
    return nn.Sequential(nn.Linear(cin, hidden), nn.GELU(), nn.Linear(hidden, cout), nn.GELU())


def position_encoding(h: int, w: int, d: int, dim: int) -> Tensor:
    """Returns the (h*w*d, dim) sinusoidal positions of the tokens, d fastest.

    Every axis has ceil(dim/6)*2 channels, sine and cosine interleaved; the
    axes follow one another and what is beyond dim is cut off.
    """
    ch = math.ceil(dim / 6) * 2
    freq = 1.0 / (10000 ** (torch.arange(0, ch, 2, dtype=torch.float32) / ch))
    out = torch.zeros(h, w, d, 3 * ch)
    for axis, n in enumerate((h, w, d)):
        angle = torch.arange(n, dtype=torch.float32)[:, None] * freq
        enc = torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)
        shape = [1, 1, 1, ch]
        shape[axis] = n
        out[..., axis * ch : (axis + 1) * ch] = enc.view(shape)
    return out[..., :dim].reshape(-1, dim)


class Maskformer(nn.Module):
    """Text-prompted segmentation network of SAT's shape."""

    def __init__(self, cfg: VisionConfig):
        super().__init__()
        self.cfg = cfg
        f = cfg.features
        self.backbone = UNet(cfg)
        self.projection_layer = mlp(sum(f), cfg.projection_hidden, cfg.query_dim)
        self.transformer_decoder = QueryDecoder(cfg)
        self.mid_mask_embed_proj = nn.ModuleList(mlp(cfg.query_dim, h, f[i + 1]) for i, h in enumerate(cfg.mid_hidden))
        self.mask_embed_proj = mlp(cfg.query_dim, cfg.mask_hidden, f[0])
        # Logits are products of embeddings that end in a GELU (never under -0.17) and of normalised features, without
        # a bias: with features of unit variance no background could be far below 0, and for hundreds of steps
        # nothing would be learnt but the norms' scale.
        for stage in self.backbone.decoder.stages:
            nn.init.constant_(stage.convs[-1].norm.weight, 4.0)
            nn.init.constant_(stage.convs[-1].norm.bias, 1.0)

    def features(self, image: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Runs what depends on the patch alone.

        Returns the U-Net decoder's outputs, finest last, the memory
        (B, T, C) that is attended to as values, and the keys (B, T, C).
        """
        skips, outs = self.backbone(image)
        pooled = [F.avg_pool3d(s, STRIDE >> i) for i, s in enumerate(skips[:-1])] + [skips[-1]]
        pooled = torch.cat(pooled, 1)
        h, w, d = pooled.shape[2:]
        memory = self.projection_layer(pooled.flatten(2).transpose(1, 2))
        pos = position_encoding(h, w, d, self.cfg.query_dim).to(memory)
        return outs, memory, memory + pos

    def decode(self, memory: Tensor, key: Tensor, queries: Tensor) -> Tensor:
        """Returns the decoded queries (B, N, C)."""
        if queries.dim() == 2:
            queries = queries.expand(memory.shape[0], -1, -1)
        return self.transformer_decoder(queries, key, memory)

    @staticmethod
    def masks(features: Tensor, embed: Tensor) -> Tensor:
        """Multiplies features (B, F, H, W, D) by embeddings (B, N, F) into logits (B, N, H, W, D)."""
        b, n = embed.shape[:2]
        return torch.bmm(embed, features.flatten(2)).view(b, n, *features.shape[2:])

    def forward(self, image: Tensor, queries: Tensor, deep: bool = False) -> Tensor | list[Tensor]:
        """Returns the logits (B, N, H, W, D); with deep, a list with coarser ones behind the finest."""
        outs, memory, key = self.features(image)
        t = self.decode(memory, key, queries)
        logits = self.masks(outs[-1], self.mask_embed_proj(t))
        if not deep:
            return logits
        coarse = [self.masks(outs[-2 - i], proj(t)) for i, proj in enumerate(self.mid_mask_embed_proj)]
        return [logits, *coarse]
