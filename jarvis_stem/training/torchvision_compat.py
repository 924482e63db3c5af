"""Import torchvision beside a CPU-only torch.

PyPI's torchvision is built for CUDA; beside a CPU build of torch its compiled part does not load
and ``import torchvision`` stops at "operator torchvision::nms does not exist". Declaring the two
operators first lets models and transforms import; only the detection operators stay unavailable.
Import torchvision through this module::

    from jarvis_stem.training.torchvision_compat import torchvision
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# Torch forgets a library's operators when the library object is collected.
_libraries: list[torch.library.Library] = []


def import_torchvision() -> ModuleType:
    """Import torchvision, declaring its missing operators only where the plain import fails.

    Raises:
        ImportError: torchvision is not installed.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for module in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
        del sys.modules[module]  # half-imported by the failed attempt
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _libraries.append(library)
    return importlib.import_module("torchvision")


torchvision = import_torchvision()
