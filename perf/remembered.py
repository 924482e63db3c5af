"""Descriptions of images that are measured once for several models."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from jarvis_stem.models.lattice import LatticeNet, Measured, describe


def remember(*sets: Tensor) -> None:
    """Have every LatticeNet take its descriptions of these images from one measurement of them.

    Args:
        sets: Images uint8[N, 256, 256]; their mirror images are measured too.
    """
    known: dict[bytes, Tensor] = {}
    for pictures in sets:
        for view in (pictures, pictures.flip(-2)):
            described = describe(view, spectrum=True, errors=True)
            known.update({_digest(i): d for i, d in zip(view, described, strict=True)})

    def recall(self: LatticeNet, pictures: Tensor) -> Tensor:
        wanted = {"spectrum": self.spectrum is not None, "errors": self.errors}
        if any(_digest(image) not in known for image in pictures):
            return describe(pictures, **wanted)
        return _only(torch.stack([known[_digest(image)] for image in pictures]), **wanted)

    LatticeNet.describe = recall  # type: ignore[method-assign]


def _only(described: Tensor, *, spectrum: bool, errors: bool) -> Tensor:
    """Of descriptions that have everything, what `describe` gives for these wishes."""
    measured = Measured(described)
    n_errors, n_spectrum = measured.errors.shape[1], measured.spectrum[0].numel()
    always, own, seen = described.tensor_split((-n_errors - n_spectrum, -n_spectrum), dim=1)
    parts = [always, *([own] if errors else []), *([seen] if spectrum else [])]
    return torch.cat(parts, dim=1)


def _digest(image: Tensor) -> bytes:
    return hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=16).digest()
