"""AtomVision's recipe as it stands, to compare with: python perf/atomvision.py --help.

Source: ``atomvision/scripts/train_classifier_cnn.py`` of AtomVision, with torchvision's
DenseNet-161: an ImageFolder of 640x480 JPEGs that is decoded in every pass, the shorter edge to 255
pixels and the centre 224x224 of it, float32, batches of 16, NLLLoss on the raw logits, Adam at
1e-3; after every epoch the whole of train and of test is evaluated, each in a pass of its own.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from jarvis_stem import cli
from jarvis_stem.training.torchvision_compat import torchvision
from jarvis_stem.utils.errors import StemError

BATCH = 16
EPOCHS = 50
_FIGURE = (480, 640)  # pixels, rows and columns
_AXES = (20, 442, 109, 532)  # first row, end, first column, end of the image in its figure


class AtomVision:
    """The recipe's model, optimiser and loader."""

    def __init__(self, folder: Path, device: torch.device, batch: int = BATCH) -> None:
        """Start it.

        Args:
            folder: Images as `write_images` writes them.
            device: Where to compute.
            batch: Images a step.
        """
        from torchvision import datasets, transforms

        steps = [transforms.ToTensor(), transforms.Resize(255), transforms.CenterCrop(224)]
        transform = transforms.Compose([*steps, transforms.Normalize((0.5,), (0.5,))])
        dataset = datasets.ImageFolder(str(folder), transform=transform)
        self.device, self.batch = device, batch
        self.loader = torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=True)
        self.model = torchvision.models.densenet161(num_classes=5).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.criterion = nn.NLLLoss()

    def train(self, batches: int) -> float:
        """Take so many steps and return images a second, decoding included."""
        self.model.train()
        start = time.perf_counter()
        for images, classes in self._batches(batches):
            loss = self.criterion(self.model(images), classes)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()
        return batches * self.batch / (time.perf_counter() - start)

    def evaluate(self, batches: int) -> float:
        """Evaluate so many batches and return images a second, decoding included."""
        self.model.eval()
        start = time.perf_counter()
        with torch.no_grad():
            for images, classes in self._batches(batches):
                self.criterion(self.model(images), classes).item()
        return batches * self.batch / (time.perf_counter() - start)

    def _batches(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        passes = itertools.chain.from_iterable(itertools.repeat(self.loader))
        for images, classes in itertools.islice(passes, count):
            yield images.to(self.device), classes.to(self.device)


def hours(train: float, evaluate: float, n_train: int, n_test: int) -> float:
    """Hours of all epochs.

    Args:
        train: Images a second in training.
        evaluate: And in evaluation.
        n_train: Training images.
        n_test: Test images.
    """
    return EPOCHS * (n_train / train + (n_train + n_test) / evaluate) / 3600


def write_images(folder: Path, pixels: NDArray[np.uint8], classes: Sequence[object]) -> None:
    """Write images as published, in white figures of 640x480: <class>/<number>.jpg.

    Args:
        folder: Where to.
        pixels: uint8[N, 256, 256].
        classes: Of the N images.
    """
    top, bottom, left, right = _AXES
    for number, (image, of_class) in enumerate(zip(pixels, classes, strict=True)):
        figure = np.full(_FIGURE, 255, np.uint8)
        size = (right - left, bottom - top)
        figure[top:bottom, left:right] = np.asarray(Image.fromarray(image).resize(size))
        path = folder / str(of_class) / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(figure).convert("RGB").save(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the recipe alone, on noise."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=8, metavar="N", help="default: %(default)s")
    options = parser.parse_args(arguments)
    if options.batches < 1:
        raise StemError(f"--batches: expected at least 1, got {options.batches}")
    with tempfile.TemporaryDirectory(prefix="perf-atomvision-") as folder:
        pixels = np.random.default_rng(0).integers(0, 256, (32, 256, 256), np.uint8)
        write_images(Path(folder), pixels, [n % 5 for n in range(32)])
        recipe = AtomVision(Path(folder), torch.device("cpu"))
        print(f"training    {recipe.train(options.batches):.2f} images/s")
        print(f"evaluation  {recipe.evaluate(options.batches):.2f} images/s")
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
