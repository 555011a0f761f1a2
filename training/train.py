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
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

from satgraph_training import checkpoint
from satgraph_training.classes import CLASSES, vocabulary_texts
from satgraph_training.loss import mask_loss
from satgraph_training.sampler import Pool
from satgraph_training.text import TextConfig, TextEncoder, Tokenizer, build_vocab, write_tokenizer
from satgraph_training.vision import Maskformer, VisionConfig


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


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pool", type=Path, nargs="+", required=True, help="folders of `satgraph phantom`")
    p.add_argument("--out", type=Path, required=True, help="where state, checkpoints and the log are written")
    p.add_argument(
        "--plan", default="8:64,32,64:20 6:64,64,64:60", help="legs SPACING:H,W,D:MINUTES, SPACING one length or three"
    )
    p.add_argument("--features", default="16,32,64,96,128,160")
    p.add_argument("--encoder-convs", default="1,1,1,1,1,1")
    p.add_argument("--decoder-convs", default="1,1,1,1,1")
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--text-lr", type=float, default=0.05, help="learning rate of the text encoder, as a share of --lr")
    p.add_argument("--warmup", type=int, default=100, help="steps")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=2, help="of each process")
    p.add_argument(
        "--processes", type=int, default=1, help="each works on its own sample; the gradients are averaged (CPU)"
    )
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--device", default="cpu")
    p.add_argument("--amp", choices=["none", "bf16", "fp16"], default="none")
    p.add_argument("--save-minutes", type=float, default=3)
    p.add_argument("--ema", type=float, default=0.998)
    p.add_argument("--resume", action="store_true")
    return p.parse_args()


class Group:
    """The processes that train together; one process needs no group."""

    def __init__(self, rank: int, size: int, folder: Path):
        self.rank, self.size = rank, size
        if size > 1:
            dist.init_process_group(
                "gloo", init_method=f"file://{folder.resolve()}/.rendezvous", rank=rank, world_size=size
            )

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


def train(rank: int, args: argparse.Namespace) -> None:
    """Trains, as one of args.processes processes; the first one keeps the log and the checkpoints."""
    group = Group(rank, args.processes, args.out)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device = torch.device(args.device)
    ints = lambda s: tuple(int(n) for n in s.split(","))
    config = VisionConfig(ints(args.features), ints(args.encoder_convs), ints(args.decoder_convs))
    vocab = build_vocab(vocabulary_texts())
    tokenizer = Tokenizer(vocab)
    text_config = TextConfig(vocab=len(vocab), query_dim=config.query_dim, pooler=False)
    vision, text = Maskformer(config), TextEncoder(text_config)
    state_file = args.out / "state.pt"
    fresh = not (args.resume and state_file.exists())
    if fresh:
        teach_text(text, tokenizer, args.seed)
    vision, text = vision.to(device), text.to(device)
    group.agree([vision, text])
    average = Average([vision, text], args.ema)
    params = [p for m in (vision, text) for p in m.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": list(vision.parameters()), "scale": 1.0}, {"params": list(text.parameters()), "scale": args.text_lr}],
        lr=args.lr, weight_decay=1e-4, fused=True,
    )  # fmt: skip
    scaler = torch.amp.GradScaler(device.type, enabled=args.amp == "fp16")
    amp = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(args.amp)

    stages = [Stage.parse(s) for s in args.plan.split()]
    total = 60 * sum(s.minutes for s in stages)
    step, elapsed = 0, 0.0
    if not fresh:
        s = torch.load(state_file, map_location=device, weights_only=False)  # our own file
        vision.load_state_dict(s["vision"])
        text.load_state_dict(s["text"])
        optimizer.load_state_dict(s["optimizer"])
        average.states, average.count = s["ema"], s["ema_count"]
        step, elapsed = s["step"], s["elapsed"]
    rng = torch.Generator().manual_seed(args.seed + step + 1_000_003 * rank)

    log_file = (args.out / "log.csv").open("a", newline="")
    log = csv.writer(log_file)
    if step == 0:
        log.writerow(["step", "minutes", "spacing", "lr", "loss", "dice", "step_seconds"])

    def save(stage: Stage) -> None:
        checkpoint.save_atomic(
            state_file,
            {
                "vision": vision.state_dict(), "text": text.state_dict(), "optimizer": optimizer.state_dict(),
                "ema": average.states, "ema_count": average.count, "step": step, "elapsed": elapsed,
            },
        )  # fmt: skip
        checkpoint.save(args.out / "vision.pth", step, average.states[0])
        checkpoint.save(args.out / "text_encoder.pth", step, average.states[1])
        write_tokenizer(args.out / "biolord", vocab, text_config)
        meta = {"spacing": list(stage.spacing), "patch": list(stage.patch), "heads": config.heads, "step": step,
                "minutes": round(elapsed / 60, 1), "classes": list(CLASSES)}  # fmt: skip
        (args.out / "model.json").write_text(json.dumps(meta, indent=2) + "\n")

    done = 0.0
    for stage in stages:
        done += 60 * stage.minutes
        if elapsed >= done:
            continue
        pool = Pool(args.pool, stage.spacing, stage.patch, args.seed + 1_000_003 * rank, step)
        loader = iter(torch.utils.data.DataLoader(pool, batch_size=None, num_workers=args.workers, prefetch_factor=3))
        last, saved, running = time.monotonic(), elapsed, torch.tensor([3.0, 0.0])
        for image, codes, member in loader:
            lr = (
                args.lr
                * min(1.0, (step + 1) / args.warmup)
                * (0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, elapsed / total))) / 2)
            )
            for settings in optimizer.param_groups:
                settings["lr"] = lr * settings["scale"]
            image, codes, member = image.to(device), codes.to(device), member.to(device)
            target = member[:, codes.flatten().long()].view(-1, *codes.shape)
            ids, mask = tokenizer.batch(wordings(rng))
            context = torch.autocast(device.type, amp) if amp else contextlib.nullcontext()
            with context:
                queries = text(ids.to(device), mask.to(device), torch.zeros(len(ids), dtype=torch.long, device=device))
                outputs = vision(image[None, None].expand(1, 3, -1, -1, -1).contiguous(), queries, deep=True)
            ghost = 0.05 + 0.45 * min(1.0, elapsed / total)  # first learn to draw, then not to draw
            loss = mask_loss(outputs[0][0], target, absent_weight=ghost)
            with torch.no_grad():
                drawn = outputs[0][0].flatten(1) > 0
                wanted = target.flatten(1) > 0.5
                here = wanted.sum(1) > 50
                both = 2 * (drawn & wanted).sum(1)[here] / (drawn.sum(1) + wanted.sum(1))[here]
                report = torch.stack([loss.detach(), both.mean() if bool(here.any()) else running[1]])
            coarse = target[None]
            for level, logits in enumerate(outputs[1:]):
                coarse = F.avg_pool3d(coarse, 2)
                loss = loss + 0.4 / 2**level * mask_loss(logits[0], coarse[0], absent_weight=ghost)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            now = time.monotonic()
            elapsed, last, seconds = group.average(params, elapsed + now - last), now, now - last
            norm = nn.utils.clip_grad_norm_(params, 1.0)
            if torch.isfinite(norm):
                scaler.step(optimizer)
            scaler.update()
            if rank == 0:
                average.update()
            step += 1
            running = 0.98 * running + 0.02 * report.cpu()
            if step % 50 == 0 and rank == 0:
                log.writerow(
                    [
                        step,
                        f"{elapsed / 60:.2f}",
                        stage.spacing[0],
                        f"{lr:.6f}",
                        f"{running[0]:.4f}",
                        f"{running[1]:.4f}",
                        f"{seconds:.3f}",
                    ]
                )
                log_file.flush()
                print(f"step {step} min {elapsed / 60:.1f}/{total / 60:.0f} {stage.spacing[0]:g} mm lr {lr:.5f} "
                      f"loss {running[0]:.4f} dice {running[1]:.4f} {seconds:.2f} s/step", flush=True)  # fmt: skip
            if elapsed - saved > 60 * args.save_minutes:
                if rank == 0:
                    save(stage)
                saved = elapsed
            if elapsed >= done:
                break
        del loader
        if rank == 0:
            save(stage)
    if rank == 0:
        print(f"done: {step} steps, {elapsed / 60:.1f} min", flush=True)


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
