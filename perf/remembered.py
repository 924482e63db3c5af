"""Descriptions of images that are measured once for several models."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from jarvis_stem.models.lattice import LatticeNet, describe


def remember(*sets: Tensor) -> None:
    """Have every LatticeNet take its descriptions of these images from one measurement of them.

    Args:
        sets: Images uint8[N, 256, 256]; their mirror images are measured too.
    """
    known: dict[bytes, Tensor] = {}
    for pictures in sets:
        for view in (pictures, pictures.flip(-2)):
            described = describe(view, spectrum=True)
            known.update({_digest(i): d for i, d in zip(view, described, strict=True)})
    without = describe(sets[0][:1], spectrum=False).shape[1]

    def recall(self: LatticeNet, pictures: Tensor) -> Tensor:
        if any(_digest(image) not in known for image in pictures):
            return describe(pictures, spectrum=self.spectrum is not None)
        found = torch.stack([known[_digest(image)] for image in pictures])
        return found if self.spectrum is not None else found[:, :without]

    LatticeNet.describe = recall  # type: ignore[method-assign]


def _digest(image: Tensor) -> bytes:
    return hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=16).digest()
