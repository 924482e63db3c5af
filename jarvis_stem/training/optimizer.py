"""AdamW as torch has it, without the import of torch's compiler."""

from __future__ import annotations

from collections.abc import Callable
from inspect import unwrap
from typing import Any

import torch
from torch import nn

from jarvis_stem.training.architecture import Recipe


class AdamW(torch.optim.AdamW):
    """torch's AdamW, of which these functions are wrapped only to say that they are not compiled.

    To say so imports torch's compiler, which takes a second, even where nothing is compiled.
    """

    add_param_group: Any = unwrap(torch.optim.AdamW.add_param_group)
    zero_grad: Any = unwrap(torch.optim.AdamW.zero_grad)
    state_dict: Any = unwrap(torch.optim.AdamW.state_dict)
    load_state_dict: Any = unwrap(torch.optim.AdamW.load_state_dict)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Update the weights by their gradients."""
        return _STEP(self, closure)


_STEP = unwrap(torch.optim.AdamW.step)


def optimizer_of(model: nn.Module, recipe: Recipe) -> AdamW:
    """The optimizer that trains a model, on the device where it is; biases and scales do not decay.

    Args:
        model: To be trained.
        recipe: How.
    """
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    # Fused, a step is one call; where it cannot be, it is at least one for all weights together.
    parameters = [*weights, *others]
    fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
    return AdamW(groups, lr=recipe.learning_rate, fused=fused, foreach=not fused)
