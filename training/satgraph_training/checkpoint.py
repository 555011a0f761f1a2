"""Reading and writing checkpoints in the layout of the released SAT files.

vision.pth holds step, model_state_dict and (optional) optimizer_state_dict;
text_encoder.pth holds step and model_state_dict. Keys start with `module.`,
and every convolution and norm of the U-Net is stored a second time as
`all_modules.0` and `all_modules.1`, sharing storage with the first.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor

_BLOCK = re.compile(r"^(backbone\..*\.convs\.\d+\.)(conv|norm)\.(weight|bias)$")
_UNUSED = ("atlas_tower", "temperature")


def to_official(state: dict[str, Tensor], half: bool = False) -> OrderedDict[str, Tensor]:
    """Adds the `module.` prefix and the aliased keys; half stores floating tensors as float16."""
    plain: OrderedDict[str, Tensor] = OrderedDict()
    for key, value in state.items():
        value = value.detach().cpu()
        if half and value.is_floating_point():
            value = value.half()
        plain[key] = value
    out: OrderedDict[str, Tensor] = OrderedDict()
    pending: list[tuple[str, Tensor]] = []
    block = ""
    for key, value in plain.items():
        m = _BLOCK.match(key)
        if (m.group(1) if m else "") != block:
            out.update(pending)
            pending, block = [], m.group(1) if m else ""
        out["module." + key] = value
        if m:
            index = 0 if m.group(2) == "conv" else 1
            pending.append((f"module.{m.group(1)}all_modules.{index}.{m.group(3)}", value))
    out.update(pending)
    return out


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drops the prefix, the aliases and what only the knowledge training used; tensors become float32."""
    out = {}
    for key, value in state.items():
        key = key.removeprefix("module.")
        if ".all_modules." in key or any(word in key for word in _UNUSED):
            continue
        out[key] = value.float() if value.is_floating_point() else value
    return out


def save(path: Path, step: int, state: dict[str, Tensor], optimizer: dict | None = None, half: bool = False) -> None:
    """Writes a checkpoint whole or not at all."""
    data = {"step": step, "model_state_dict": to_official(state, half)}
    if optimizer is not None:
        data["optimizer_state_dict"] = optimizer
    save_atomic(path, data)


def save_atomic(path: Path, data: object) -> None:
    """torch.save through a temporary file and a rename."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(path.name + ".tmp")
    torch.save(data, tmp)
    os.replace(tmp, path)


def load(path: Path) -> tuple[int, dict[str, Tensor]]:
    """Returns the step and the plain state dict of a checkpoint; only tensors and plain containers are unpickled."""
    data = torch.load(path, map_location="cpu", weights_only=True)
    return int(data["step"]), from_official(data["model_state_dict"])
