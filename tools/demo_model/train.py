"""Trains the demo model on one GPU until the clock says stop.
train.py --minutes 12 --out DIRECTORY [--processes 14] [--seed 1] [--tokens-per-step 65536] [--layers 8 …]
Writes checkpoint.pt every minute and at the end; prints one line a minute. The schedule follows the clock, so a run of
any length ends annealed: rates fall from 45 % of the time on, the experts are rounded to MXFP4 from 65 % on."""
import argparse
import dataclasses
import math
import os
import time

import torch

import model
from batches import Feeder
from documents import LEVELS, TASKS
from optimizer import Optimizer

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDING_FROM, COOLING_FROM = 0.65, 0.45
LEVEL_BY = [0.0, 0.06, 0.14, 0.22, 0.32, 0.42]  # share of the time by which a level is reached whatever the accuracy


def rate_scale(done, step):
    """Warm-up, a plateau, then a straight line down to 1 %."""
    return min(1.0, (step + 1) / 150) * min(1.0, max(0.01, (1 - done) / (1 - COOLING_FROM)))


class Trainer:
    def __init__(self, shape, device, seed, size):
        self.shape, self.device, self.size = shape, device, size
        self.parameters = {n: p.to(device).requires_grad_() for n, p in model.new_parameters(shape, seed).items()}
        self.optimizer = Optimizer(self.parameters)
        self.on_gpu = device == "cuda"
        self.dtype = torch.bfloat16 if self.on_gpu else torch.float32
        table = model.rope_table(shape, size)
        self.cos, self.sin = (t.to(device) for t in table)
        compiled = (lambda f: torch.compile(f, dynamic=False)) if self.on_gpu else (lambda f: f)
        self.block, self.head, self.copies = compiled(model.block), compiled(model.head_loss), compiled(model.working_copies)
        self.attend = model.attend_flex if self.on_gpu else model.attend_dense

    def loss(self, batch, rounding):
        tokens, targets, weights, starts = (torch.from_numpy(a.astype("int32")).to(self.device, non_blocking=True) for a in batch[:4])
        position = torch.arange(self.size, device=self.device) - starts
        cos, sin = self.cos[position], self.sin[position]
        masks = [model.first_visible(starts, window) for window in (self.shape.window, None)]
        if self.on_gpu:
            masks = [model.block_mask(first) for first in masks]
        x = self.parameters["token_embd"][tokens.long()]
        penalty = 0.0
        for layer, weights_here in enumerate(self.copies(self.shape, self.parameters, rounding, self.dtype)):
            x, balance = self.block(self.shape, self.attend, x, weights_here, cos, sin, masks[layer % 2])
            penalty = penalty + balance
        output = self.parameters["output"].to(self.dtype)
        loss, right = self.head(x, self.parameters["output_norm"], output, targets.long(), weights.float() / 100)
        return loss, penalty / self.shape.layers, right

    def save(self, path, **more):
        torch.save({"shape": dataclasses.asdict(self.shape), "parameters": {n: p.detach().cpu() for n, p in self.parameters.items()}, **more}, path + ".part")
        os.replace(path + ".part", path)


class Progress:
    """Share of documents whose own words were all predicted right, by task: an average over the recent past."""

    def __init__(self):
        self.right = {}

    def add(self, batch, right):
        _, _, weights, starts, tasks = batch
        wrong = (weights == 100) & ~right
        counted = {}
        failed = set(starts[wrong].tolist())
        firsts = sorted(set(starts.tolist()))
        for start in firsts[:-1]:  # the last document is cut off
            counted.setdefault(int(tasks[start]), []).append(start not in failed)
        for task, results in counted.items():
            name, share = TASKS[task], sum(results) / len(results)
            weight = min(0.5, len(results) / 60)
            self.right[name] = self.right.get(name, share) * (1 - weight) + share * weight

    def line(self):
        return " ".join(f"{name.replace(' ', '-')}={self.right[name]:.2f}" for name in TASKS if name in self.right)


def next_level(level, done, since, progress):
    finding = min(progress.right.get("find", 0), progress.right.get("find far", 1) if level > 3 else 1)
    if level + 1 < LEVELS and (finding > 0.85 and since > 120 or done >= LEVEL_BY[level + 1]):
        return level + 1
    return level


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokens-per-step", type=int, default=65536)
    for field in dataclasses.fields(model.Shape):
        parser.add_argument("--" + field.name.replace("_", "-"), type=field.type, default=field.default)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")
    os.makedirs(options.out, exist_ok=True)
    shape = model.Shape(**{f.name: getattr(options, f.name) for f in dataclasses.fields(model.Shape)})
    feeder = Feeder(os.path.join(HERE, "vocabulary.json"), options.seed, options.tokens_per_step, options.processes)
    trainer = Trainer(shape, "cuda" if torch.cuda.is_available() else "cpu", options.seed, options.tokens_per_step)
    print(f"{sum(p.numel() for p in trainer.parameters.values()) / 1e6:.1f} M parameters", flush=True)
    checkpoint, progress = os.path.join(options.out, "checkpoint.pt"), Progress()
    step = waited = changed_at = 0
    begin, report, started_level = time.time(), 20.0, 0
    rounding = torch.zeros((), device=trainer.device)
    while (elapsed := time.time() - begin) < options.minutes * 60:
        done = elapsed / (options.minutes * 60)
        asked = time.time()
        batch = feeder.next()
        waited += time.time() - asked
        rounding.fill_(min(1.0, max(0.0, (done - ROUNDING_FROM) / 0.05)))
        loss, penalty, right = trainer.loss(batch, rounding)
        (loss + 0.01 * penalty).backward()
        trainer.optimizer.step(rate_scale(done, step))
        step += 1
        if step == 3:  # the clock starts when everything is compiled
            print(f"compiled after {time.time() - begin:.0f} s", flush=True)
            begin = time.time()
        if step % 10 == 0:
            progress.add(batch, right.cpu().numpy())
            level = next_level(feeder.level.value, done, step - changed_at, progress)
            if level != feeder.level.value:
                feeder.level.value, changed_at = level, step
                print(f"  level {level} at step {step}", flush=True)
        if elapsed > report:
            report += 30 if options.minutes < 3 else 60
            print(f"{elapsed:4.0f}s step {step} {step * options.tokens_per_step / 1e6:.0f}M tokens, loss {loss.item():.4f}, balance {penalty.item():.3f}, "
                  f"waited {waited:.0f}s, level {feeder.level.value} | {progress.line()}", flush=True)
            if not math.isfinite(loss.item()):
                raise SystemExit("the loss is no number any more")
            trainer.save(checkpoint, step=step)
    feeder.stop()
    trainer.save(checkpoint, step=step, tokens=step * options.tokens_per_step)
    print(f"done: {step} steps, {step * options.tokens_per_step / 1e6:.0f}M tokens, {time.time() - begin:.0f} s | {progress.line()}", flush=True)


if __name__ == "__main__":
    main()
