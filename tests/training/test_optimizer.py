"""The optimizer: torch's own steps, without its compiler."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy

import pytest
import torch
from torch import nn

from jarvis_stem.training import Recipe
from jarvis_stem.training.optimizer import optimizer_of

RECIPE = Recipe(epochs=1, learning_rate=1e-2, weight_decay=0.1)


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def after_steps(module: nn.Module, optimizer: torch.optim.Optimizer) -> torch.Tensor:
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=20)
    inputs = torch.linspace(-1, 1, 20).reshape(4, 5)
    for _ in range(20):
        optimizer.zero_grad()
        module(inputs).square().mean().backward()
        optimizer.step()
        schedule.step()
    return torch.cat([weights.detach().flatten() for weights in module.parameters()])


@pytest.mark.parametrize("fused", [True, False])
def test_steps_are_torchs(fused: bool) -> None:
    mine, theirs = model(), model()
    optimizer = optimizer_of(mine, RECIPE)
    weights, biases = optimizer.param_groups
    assert [len(group["params"]) for group in (weights, biases)] == [2, 2]
    assert [group["weight_decay"] for group in (weights, biases)] == [0.1, 0.0]
    groups = [
        {
            "params": [p for p in theirs.parameters() if (p.ndim > 1) == decays],
            "weight_decay": decay,
        }
        for decays, decay in ((True, 0.1), (False, 0.0))
    ]
    same = torch.optim.AdamW(groups, lr=1e-2, fused=fused, foreach=not fused)
    ours, expected = after_steps(mine, optimizer), after_steps(theirs, same)
    assert torch.allclose(ours, expected, rtol=1e-5, atol=1e-7)
    assert torch.equal(ours, expected) or not fused


def test_a_state_is_taken_up_again() -> None:
    once = model()
    after_steps(once, first := optimizer_of(once, RECIPE))
    again = model()
    again.load_state_dict(once.state_dict())
    second = optimizer_of(again, RECIPE)
    second.load_state_dict(deepcopy(first.state_dict()))
    assert torch.equal(after_steps(once, first), after_steps(again, second))


def test_nothing_that_compiles_is_imported() -> None:
    program = """
import sys
from copy import deepcopy
import torch
from torch import nn
from jarvis_stem.training import Recipe
from jarvis_stem.training.optimizer import optimizer_of
module = nn.Linear(2, 2)
optimizer = optimizer_of(module, Recipe(epochs=1))
module(torch.ones(1, 2)).sum().backward()
optimizer.step()
optimizer.zero_grad()
optimizer.load_state_dict(optimizer.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
