"""The written-out gradient of the loss against autograd."""

import torch

from satgraph_training.loss import mask_loss


def reference(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    p, (n, v) = torch.sigmoid(z), z.shape
    bce = torch.nn.functional.binary_cross_entropy_with_logits(z, t)
    present = t.sum(1) > 0.5
    dice = (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)
    ghost = p.sum(1) / (p.sum(1) + v / 100)
    return 4 * bce + (1 - dice)[present].sum() / present.sum().clamp(min=1) + ghost[~present].sum() / n


def test_gradient() -> None:
    torch.manual_seed(0)
    t = (torch.rand(4, 600) < 0.3).float()
    t[2] = 0
    a = torch.randn(4, 600, requires_grad=True)
    b = a.detach().clone().requires_grad_()
    got, want = mask_loss(a, t), reference(b, t)
    got.backward()
    want.backward()
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(a.grad, b.grad, atol=1e-7, rtol=1e-4)
