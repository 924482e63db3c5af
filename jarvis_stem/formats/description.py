"""What a network can read of an image: the parts of its description, by name and shape.

`imaging.description` computes them. Stored networks name the parts that they read and the version;
what changes a part's numbers, beyond rounding, is another version.
"""

from __future__ import annotations

VERSION = 2
SHAPES: dict[str, tuple[int, ...]] = {
    "image": (1, 256, 256),
    "lattice": (423,),
    "errors": (27,),
    "harmonics": (48,),
    "cell": (1, 16, 16),
    "spectrum": (95, 48),
}
"""Of each part, float32, for one image."""
