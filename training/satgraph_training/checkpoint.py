"""Reading and writing checkpoints in the layout of the released SAT files.

vision.pth holds step, model_state_dict and (optional) optimizer_state_dict;
text_encoder.pth holds step and model_state_dict. Both may hold pair, by which
`satgraph model convert` knows that they belong together. Keys start with `module.`,
and every convolution and norm of the U-Net is stored a second time as
`all_modules.0` and `all_modules.1`, sharing storage with the first.
"""

from __future__ import annotations

import os
import pickle
import re
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor

_BLOCK = re.compile(r"^(backbone\..*\.convs\.\d+\.)(conv|norm)\.(weight|bias)$")
_UNUSED = ("atlas_tower", "temperature")


def to_official(state: dict[str, Tensor]) -> OrderedDict[str, Tensor]:
    """Adds the `module.` prefix and the aliased keys."""
    out: OrderedDict[str, Tensor] = OrderedDict()
    pending: list[tuple[str, Tensor]] = []
    block = ""
    for key, value in state.items():
        m = _BLOCK.match(key)
        if (m.group(1) if m else "") != block:
            out.update(pending)
            pending, block = [], m.group(1) if m else ""
        value = value.detach().cpu()
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


def save(path: Path, step: int, state: dict[str, Tensor], optimizer: dict | None = None, pair: str = "") -> None:
    """Writes a checkpoint whole or not at all; pair is the same text in the two that belong together."""
    data = {"step": step, "model_state_dict": to_official(state)}
    if pair:
        data["pair"] = pair
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


_ALLOWED = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch", "FloatStorage"),
    ("torch", "HalfStorage"),
    ("torch", "LongStorage"),
}


class _Unpickler(pickle.Unpickler):
    """Takes tensors and plain containers. torch's own weights_only does so too, but refuses numbers before 2.0."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"a checkpoint may not hold {module}.{name}")
        return super().find_class(module, name)


class _Restricted:
    """The pickle module that torch.load is given."""

    Unpickler = _Unpickler
    load = staticmethod(lambda file, **options: _Unpickler(file, **options).load())


def load(path: Path) -> tuple[int, dict[str, Tensor]]:
    """Returns the step and the plain state dict of a checkpoint; only tensors and plain containers are unpickled."""
    data = torch.load(path, map_location="cpu", pickle_module=_Restricted)
    return int(data["step"]), from_official(data["model_state_dict"])
