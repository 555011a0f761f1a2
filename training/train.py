#!/usr/bin/env python3
"""Trains the demo model on phantoms and keeps usable checkpoints all the time.

The run is planned by wall-clock minutes, because the learning rate must reach
zero when the time is up: --plan "8:64,32,64:20 6:64,64,64:60" trains 20 min at
8 mm and then 60 min at 6 mm. It can be stopped at any time and goes on with
--resume. Only phantoms are read.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import math
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from satgraph_training import checkpoint
from satgraph_training.classes import CLASSES, vocabulary_texts
from satgraph_training.loss import mask_loss
from satgraph_training.sampler import Pool
from satgraph_training.text import TextConfig, TextEncoder, Tokenizer, build_vocab, write_tokenizer
from satgraph_training.vision import Maskformer, VisionConfig

RANK_STRIDE = 1_000_003  # keeps the processes' random streams apart
LOG_STEPS = 50


@dataclass(frozen=True)
class Stage:
    """One leg of the plan."""

    spacing: tuple[float, float, float]
    patch: tuple[int, int, int]
    minutes: float

    @classmethod
    def parse(cls, text: str) -> Stage:
        """Reads SPACING:H,W,D:MINUTES; SPACING is one length in mm or three with commas."""
        spacing, patch, minutes = text.split(":")
        lengths = [float(s) for s in spacing.split(",")]
        return cls(tuple(lengths * 3)[:3], tuple(int(n) for n in patch.split(",")), float(minutes))


class Average:
    """Exponential moving average of the weights of some modules."""

    def __init__(self, modules: list[nn.Module], decay: float):
        self.modules, self.decay, self.count = modules, decay, 0
        self.states = [{k: v.detach().clone() for k, v in m.state_dict().items()} for m in modules]

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the present weights."""
        self.count += 1
        d = min(self.decay, (1 + self.count) / (10 + self.count))
        for m, s in zip(self.modules, self.states):
            for k, v in m.state_dict().items():
                if v.is_floating_point():
                    s[k].lerp_(v, 1 - d)


class Group:
    """The processes that train together; one process needs no group."""

    def __init__(self, rank: int, size: int, folder: Path):
        self.rank, self.size = rank, size
        if size > 1:
            place = f"file://{folder.resolve()}/.rendezvous"
            dist.init_process_group("gloo", init_method=place, rank=rank, world_size=size)

    def agree(self, modules: list[nn.Module]) -> None:
        """Gives every process the first one's weights."""
        if self.size > 1:
            for m in modules:
                for value in m.state_dict().values():
                    dist.broadcast(value, 0)

    def average(self, params: list[nn.Parameter], clock: float) -> float:
        """Averages the gradients over the processes and returns the first process' clock."""
        if self.size == 1:
            return clock
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in params])
        flat = torch.cat([flat, torch.tensor([clock * self.size if self.rank == 0 else 0.0])]) / self.size
        dist.all_reduce(flat)
        at = 0
        for p in params:
            if p.grad is not None:
                p.grad.copy_(flat[at : at + p.numel()].view_as(p))
            at += p.numel()
        return float(flat[-1])


def wordings(rng: torch.Generator) -> list[str]:
    """Returns one wording of every class: mostly the corpus' own."""
    out = []
    for name, others in CLASSES.items():
        pick = int(torch.randint(len(others), (1,), generator=rng))
        out.append(others[pick] if float(torch.rand(1, generator=rng)) < 0.3 else name)
    return out


def teach_text(text: TextEncoder, tokenizer: Tokenizer, seed: int, steps: int = 300) -> None:
    """Gives every class a random vector and teaches the text encoder to send all its wordings there.

    Without this the network learns foreground before classes, and the queries fall together and stay so.
    """
    rng = torch.Generator().manual_seed(seed)
    prompts = [(w, i) for i, (name, others) in enumerate(CLASSES.items()) for w in (name, *others)]
    ids, mask = tokenizer.batch([w for w, _ in prompts])
    goal = torch.randn(len(CLASSES), text.cfg.query_dim, generator=rng)[[i for _, i in prompts]]
    optimizer = torch.optim.AdamW(text.parameters(), lr=2e-3)
    for step in range(steps):
        for settings in optimizer.param_groups:
            settings["lr"] = 2e-3 * min(1, (step + 1) / 30) * (1 - step / steps)
        error = F.mse_loss(text(ids, mask, torch.zeros(len(ids), dtype=torch.long)), goal)
        optimizer.zero_grad()
        error.backward()
        nn.utils.clip_grad_norm_(text.parameters(), 1.0)
        optimizer.step()
    print(
        f"text encoder: {len(prompts)} wordings of {len(CLASSES)} classes, mean square error {float(error):.4f}",
        flush=True,
    )


def deep_loss(outputs: list[Tensor], target: Tensor, absent_weight: float) -> tuple[Tensor, Tensor]:
    """Returns the loss over all scales of outputs (1, N, ...) against target (N, H, W, D), and that of the finest alone."""
    finest = loss = mask_loss(outputs[0][0], target, absent_weight=absent_weight)
    coarse = target[None]
    for level, logits in enumerate(outputs[1:]):
        coarse = F.avg_pool3d(coarse, 2)
        loss = loss + 0.4 / 2**level * mask_loss(logits[0], coarse[0], absent_weight=absent_weight)
    return loss, finest.detach()


@torch.no_grad()
def mean_dice(logits: Tensor, target: Tensor) -> Tensor | None:
    """Returns the mean Dice of the masks of the classes in view, None when there is none."""
    drawn, wanted = logits.flatten(1) > 0, target.flatten(1) > 0.5
    here = wanted.sum(1) > 50
    if not bool(here.any()):
        return None
    return (2 * (drawn & wanted).sum(1)[here] / (drawn.sum(1) + wanted.sum(1))[here]).mean()


class Trainer:
    """One process' share of a run: the model, its optimizer and its clock."""

    def __init__(self, args: argparse.Namespace, rank: int):
        torch.set_num_threads(args.threads)
        torch.manual_seed(args.seed)
        self.args, self.rank = args, rank
        self.group = Group(rank, args.processes, args.out)
        self.device = torch.device(args.device)
        features, down, up = (
            tuple(int(n) for n in s.split(",")) for s in (args.features, args.encoder_convs, args.decoder_convs)
        )
        self.config = VisionConfig(features, down, up)
        self.tokenizer = Tokenizer(build_vocab(vocabulary_texts()))
        self.text_config = TextConfig(vocab=len(self.tokenizer.vocab), query_dim=self.config.query_dim, pooler=False)
        vision, text = Maskformer(self.config), TextEncoder(self.text_config)
        self.state_file = args.out / "state.pt"
        fresh = not (args.resume and self.state_file.exists())
        if fresh:
            teach_text(text, self.tokenizer, args.seed)
        self.vision, self.text = vision.to(self.device), text.to(self.device)
        self.group.agree([self.vision, self.text])
        self.average = Average([self.vision, self.text], args.ema)
        self.params = [*self.vision.parameters(), *self.text.parameters()]
        shares = [(self.vision, 1.0), (self.text, args.text_lr)]
        self.optimizer = torch.optim.AdamW(
            [{"params": list(m.parameters()), "scale": share} for m, share in shares],
            lr=args.lr, weight_decay=1e-4, fused=True,
        )  # fmt: skip
        self.amp = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(args.amp)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=args.amp == "fp16")
        self.stages = [Stage.parse(s) for s in args.plan.split()]
        self.total = 60 * sum(s.minutes for s in self.stages)
        self.step, self.elapsed = 0, 0.0  # seconds of training so far, of which the last step counts up to mark
        self.mark = time.monotonic()
        if not fresh:
            self.load()
        self.rng = torch.Generator().manual_seed(args.seed + self.step + RANK_STRIDE * rank)

    def load(self) -> None:
        """Goes back to the last saved state."""
        s = torch.load(self.state_file, map_location=self.device, weights_only=False)  # our own file
        self.vision.load_state_dict(s["vision"])
        self.text.load_state_dict(s["text"])
        self.optimizer.load_state_dict(s["optimizer"])
        self.average.states, self.average.count = s["ema"], s["ema_count"]
        self.step, self.elapsed = s["step"], s["elapsed"]

    def save(self, stage: Stage) -> None:
        """Writes the state to resume from, and the averaged weights as checkpoints; the first process' task."""
        if self.rank != 0:
            return
        out = self.args.out
        state = {
            "vision": self.vision.state_dict(), "text": self.text.state_dict(), "optimizer": self.optimizer.state_dict(),
            "ema": self.average.states, "ema_count": self.average.count, "step": self.step, "elapsed": self.elapsed,
        }  # fmt: skip
        checkpoint.save_atomic(self.state_file, state)
        pair = uuid.uuid4().hex
        checkpoint.save(out / "vision.pth", self.step, self.average.states[0], self.optimizer.state_dict(), pair)
        checkpoint.save(out / "text_encoder.pth", self.step, self.average.states[1], pair=pair)
        write_tokenizer(out / "biolord", self.tokenizer.vocab, self.text_config)
        meta = {
            "spacing": list(stage.spacing), "patch": list(stage.patch), "heads": self.config.heads, "step": self.step,
            "minutes": round(self.elapsed / 60, 1), "classes": list(CLASSES),
        }  # fmt: skip
        (out / "model.json").write_text(json.dumps(meta, indent=2) + "\n")

    def learning_rate(self) -> float:
        """Warm-up by steps, then a cosine over the planned time."""
        cosine = (1 + math.cos(math.pi * min(1.0, self.elapsed / self.total))) / 2
        return self.args.lr * min(1.0, (self.step + 1) / self.args.warmup) * (0.01 + 0.99 * cosine)

    def learn(self, image: Tensor, codes: Tensor, member: Tensor) -> tuple[Tensor, Tensor | None]:
        """Takes one step; returns the loss and the mean Dice of this process' sample."""
        rate = self.learning_rate()
        for settings in self.optimizer.param_groups:
            settings["lr"] = rate * settings["scale"]
        image, codes, member = (t.to(self.device) for t in (image, codes, member))
        target = member[:, codes.flatten().long()].view(-1, *codes.shape)
        ids, mask = (t.to(self.device) for t in self.tokenizer.batch(wordings(self.rng)))
        with torch.autocast(self.device.type, self.amp) if self.amp else contextlib.nullcontext():
            queries = self.text(ids, mask, torch.zeros(len(ids), dtype=torch.long, device=self.device))
            outputs = self.vision(image[None, None].expand(1, 3, -1, -1, -1).contiguous(), queries, deep=True)
        absent = 0.05 + 0.45 * min(1.0, self.elapsed / self.total)  # first learn to draw, then not to draw
        loss, finest = deep_loss(outputs, target, absent)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        now = time.monotonic()
        self.elapsed, self.mark = self.group.average(self.params, self.elapsed + now - self.mark), now
        if torch.isfinite(nn.utils.clip_grad_norm_(self.params, 1.0)):
            self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.rank == 0:
            self.average.update()
        self.step += 1
        return finest, mean_dice(outputs[0][0], target)

    def run(self) -> None:
        """Walks the plan from where it stands; the first process keeps the log."""
        with (self.args.out / "log.csv").open("a", newline="") as file:
            log = csv.writer(file)
            if self.step == 0 and self.rank == 0:
                log.writerow(["step", "minutes", "spacing", "lr", "loss", "dice"])
            done = 0.0
            for stage in self.stages:
                done += 60 * stage.minutes
                if self.elapsed < done:
                    self.leg(stage, done, log, file)
        if self.rank == 0:
            print(f"done: {self.step} steps, {self.elapsed / 60:.1f} min", flush=True)

    def leg(self, stage: Stage, done: float, log: Any, file: TextIO) -> None:
        """Trains one stage until done seconds have gone, all stages counted."""
        pool = Pool(self.args.pool, stage.spacing, stage.patch, self.args.seed + RANK_STRIDE * self.rank, self.step)
        loader = torch.utils.data.DataLoader(pool, batch_size=None, num_workers=self.args.workers, prefetch_factor=3)
        self.mark = time.monotonic()
        saved, loss, dice = self.elapsed, 3.0, 0.0  # loss and dice: running means
        for image, codes, member in loader:
            value, score = self.learn(image, codes, member)
            loss += 0.02 * (float(value) - loss)
            dice += 0.02 * (float(score) - dice) if score is not None else 0.0
            if self.step % LOG_STEPS == 0 and self.rank == 0:
                minutes, rate = self.elapsed / 60, self.learning_rate()
                log.writerow(
                    [self.step, f"{minutes:.2f}", stage.spacing[0], f"{rate:.6f}", f"{loss:.4f}", f"{dice:.4f}"]
                )
                file.flush()
                print(f"step {self.step} min {minutes:.1f}/{self.total / 60:.0f} {stage.spacing[0]:g} mm "
                      f"lr {rate:.5f} loss {loss:.4f} dice {dice:.4f}", flush=True)  # fmt: skip
            if self.elapsed - saved > 60 * self.args.save_minutes:
                self.save(stage)
                saved = self.elapsed
            if self.elapsed >= done:
                break
        self.save(stage)


def train(rank: int, args: argparse.Namespace) -> None:
    """Trains, as one of args.processes processes."""
    Trainer(args, rank).run()


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pool", type=Path, nargs="+", required=True, help="folders of `satgraph phantom`")
    p.add_argument("--out", type=Path, required=True, help="where state, checkpoints and the log are written")
    p.add_argument(
        "--plan", default="8:64,32,64:20 6:64,64,64:60", help="legs SPACING:H,W,D:MINUTES, SPACING one length or three"
    )
    p.add_argument("--features", default="16,32,64,96,128,128")
    p.add_argument("--encoder-convs", default="1,1,2,2,2,1")
    p.add_argument("--decoder-convs", default="1,2,2,1,1")
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--text-lr", type=float, default=0.05, help="learning rate of the text encoder, as a share of --lr")
    p.add_argument("--warmup", type=int, default=100, help="steps")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=2, help="of each process")
    p.add_argument("--processes", type=int, default=1, help="each has its own sample; gradients are averaged (CPU)")
    p.add_argument("--workers", type=int, default=1, help="processes that draw samples, for each training process")
    p.add_argument("--device", default="cpu")
    p.add_argument("--amp", choices=["none", "bf16", "fp16"], default="none", help="fp16 needs a GPU")
    p.add_argument("--save-minutes", type=float, default=3)
    p.add_argument("--ema", type=float, default=0.998)
    p.add_argument("--resume", action="store_true")
    return p.parse_args()


def main() -> None:
    """Starts the processes."""
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.processes == 1:
        train(0, args)
        return
    (args.out / ".rendezvous").unlink(missing_ok=True)
    torch.multiprocessing.spawn(train, (args,), nprocs=args.processes)


if __name__ == "__main__":
    main()
