"""Descriptions of images that are measured once for several models."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from jarvis_stem.training.description import describe, only
from jarvis_stem.training.lattice_net import LatticeNet


def remember(*sets: Tensor) -> None:
    """Have every LatticeNet take its descriptions of these images from one measurement of them.

    Args:
        sets: Images uint8[N, 256, 256].
    """
    known: dict[bytes, Tensor] = {}
    for pictures in sets:
        described = describe(pictures, spectrum=True, errors=True)
        known.update({_digest(i): d for i, d in zip(pictures, described, strict=True)})

    def recall(self: LatticeNet, pictures: Tensor) -> Tensor:
        wanted = {"spectrum": self.spectrum is not None, "errors": self.errors}
        if any(_digest(image) not in known for image in pictures):
            return describe(pictures, **wanted)
        return only(torch.stack([known[_digest(image)] for image in pictures]), **wanted)

    LatticeNet.describe = recall  # type: ignore[method-assign, assignment]


def _digest(image: Tensor) -> bytes:
    return hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=16).digest()
