"""Train TinyVGG on scikit-learn's digits and save the weights: well under a minute on one core.

    python inputs/models/train_tinyvgg.py                          writes tinyvgg_digits.safetensors beside this file
    python inputs/models/train_tinyvgg.py --checkpoints FOLDER     and ten checkpoints of the way there, in half precision

Four fifths train, one fifth is held out and never seen (see digits.py). Digits are shifted by up to two pixels while
training, so that the network learns strokes and not places.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import digits
import tinyvgg
import torch
from safetensors.torch import save
from torch import Tensor, nn

SEED = 20
EPOCHS = 20
BATCH = 64
LEARNING_RATE = 4e-3
SHIFT = 2
SAVED = (0, 2, 5, 11, 22, 44, 88, 176, 308, 440)
"""The steps whose weights are kept on request: close at first, where most changes, and the last."""
REQUIRED = 0.97
"""Held-out accuracy below which no weights are saved."""


def as_input(pictures: Tensor) -> Tensor:
    """Return uint8 (n, h, w) as the normalised float32 (n, 1, h, w) that the network reads."""
    return (pictures[:, None].float() / 255 - tinyvgg.MEAN[0]) / tinyvgg.STD[0]


def shifted(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Move each picture (n, 1, h, w) by up to SHIFT pixels both ways; what comes in from outside is background."""
    height, width = batch.shape[-2:]
    padded = nn.functional.pad(batch, (SHIFT,) * 4, value=float(batch.min()))
    corners = torch.randint(0, 2 * SHIFT + 1, (len(batch), 2), generator=generator).tolist()
    return torch.stack([p[:, y : y + height, x : x + width] for p, (y, x) in zip(padded, corners, strict=True)])


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of (n, 1, h, w) that the model names right."""
    with torch.inference_mode():
        return float((model(x).argmax(dim=1) == y).float().mean())


def train(x: Tensor, y: Tensor, seed: int, saved: Callable[[int, nn.Module], None] | None = None) -> nn.Module:
    """Train from a seed: AdamW under one cosine, cross-entropy. `saved` is shown the model after each step of SAVED."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = tinyvgg.build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    batches = len(x) // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * batches)
    step = 0
    if saved is not None:
        saved(0, model)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x), generator=generator)
        for chosen in order[: batches * BATCH].split(BATCH):
            loss = nn.functional.cross_entropy(model(shifted(x[chosen], generator)), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            if saved is not None and step in SAVED:
                saved(step, model)
    return model.eval()


def saver(folder: Path) -> Callable[[int, nn.Module], None]:
    """Writes a model's weights into `folder` as step-000.safetensors, in half precision."""
    folder.mkdir(parents=True, exist_ok=True)

    def write(step: int, model: nn.Module) -> None:
        tensors = {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}
        (folder / f"step-{step:03}.safetensors").write_bytes(save(tensors))

    return write


def main() -> None:
    """Train, say how good it is, and save what is good enough."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("tinyvgg_digits.safetensors"))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--checkpoints", type=Path, help="a folder for ten checkpoints of the training")
    options = parser.parse_args()
    # The batches are too small to be worth sharing among cores, and the sums then come out alike on any number of them.
    torch.set_num_threads(1)

    pictures, labels, held_out = (torch.from_numpy(array) for array in digits.load())
    x = as_input(pictures)
    saved = None if options.checkpoints is None else saver(options.checkpoints)
    model = train(x[~held_out], labels[~held_out], options.seed, saved)
    reached = accuracy(model, x[held_out], labels[held_out])
    fitted = accuracy(model, x[~held_out], labels[~held_out])
    print(f"accuracy {reached:.2%} on the {int(held_out.sum())} digits held out, {fitted:.2%} on the others")
    if reached < REQUIRED:
        raise SystemExit(f"expected at least {REQUIRED:.0%} on the held-out fifth: nothing was saved")
    facts = {"accuracy": f"{reached:.6f}", "held_out": "every fifth digit, from the first", "seed": str(options.seed)}
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    options.out.write_bytes(save(tensors, {**facts, "torch": torch.__version__, "labels": "".join(tinyvgg.LABELS)}))


if __name__ == "__main__":
    main()
