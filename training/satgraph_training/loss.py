"""The training loss: binary cross-entropy and Dice over many, mostly small or absent, classes."""

from __future__ import annotations

import torch
from torch import Tensor


class MaskLoss(torch.autograd.Function):
    """BCE plus Dice of logits (N, V) against targets (N, V) in [0, 1].

    Present classes pay 1 - soft Dice. Absent ones pay S / (S + K), S being the
    sum of their probabilities and K a hundredth of the patch, times
    absent_weight; a high weight at the start teaches to draw nothing at all. The
    gradient is written out: the tensors are large, and autograd would keep
    several copies of them.
    """

    @staticmethod
    def forward(ctx, logits: Tensor, target: Tensor, bce_weight: float, absent_weight: float) -> Tensor:
        n, v = logits.shape
        p = torch.sigmoid(logits.float())
        inter, mass, size = (p * target).sum(1), p.sum(1), target.sum(1)
        present = size > 0.5
        some = present.sum().clamp(min=1)
        union = mass + size
        smooth = 1.0
        dice = (2 * inter + smooth) / (union + smooth)
        k = v / 100.0
        ghost = mass / (mass + k)
        every = max(1, v // 4096)  # the value is only reported: a sample of the voxels will do
        ps, ts = p[:, ::every].clamp(1e-6, 1 - 1e-6), target[:, ::every]
        bce = -(ts * ps.log() + (1 - ts) * (1 - ps).log()).mean()
        loss = bce_weight * bce + ((1 - dice) * present).sum() / some + absent_weight * (ghost * ~present).sum() / n

        # d loss / d p of the two Dice parts: a[i] * target + b[i]
        a = torch.where(present, -2 / (union + smooth) / some, torch.zeros_like(union))
        b = torch.where(present, dice / (union + smooth) / some, absent_weight * k / (mass + k) ** 2 / n)
        grad = (target * a[:, None]).add_(b[:, None]).mul_(p).mul_(1 - p)
        grad.add_(p - target, alpha=bce_weight / (n * v))
        ctx.save_for_backward(grad.to(logits.dtype))
        return loss

    @staticmethod
    def backward(ctx, g: Tensor):
        (grad,) = ctx.saved_tensors
        return grad * g, None, None, None


def mask_loss(logits: Tensor, target: Tensor, bce_weight: float = 4.0, absent_weight: float = 1.0) -> Tensor:
    """Returns the loss of logits (N, ...) against targets of the same shape."""
    return MaskLoss.apply(logits.flatten(1), target.flatten(1), bce_weight, absent_weight)
