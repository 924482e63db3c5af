"""Stored weights: what is kept of a model, and what is refused before and after it is parsed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from helpers import python
from safetensors.torch import save as encode
from torch import nn

from jarvis_stem.formats import weights_file
from jarvis_stem.training import stored_weights
from jarvis_stem.utils.errors import StemError


def build(width: int = 4) -> nn.Sequential:
    torch.manual_seed(width)
    model = nn.Sequential(
        nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.LazyLinear(5)
    )
    model(torch.rand(3, 1, 8, 8))  # running statistics that are not those of a fresh model
    return model


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def state_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_a_model_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.safetensors"
    model, other = build(), build()
    recorded = stored_weights.save(path, model, temperature=1 / 3)
    assert recorded == {"sha256": digest(path), "bytes": path.stat().st_size}
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.zero_()
    assert stored_weights.load(path, other, sha256=recorded["sha256"]) == 1 / 3
    for name, tensor in model.state_dict().items():
        got = other.state_dict()[name]
        assert got.dtype == tensor.dtype
        exact = tensor.half().float() if tensor.ndim > 1 else tensor
        assert torch.equal(got, exact), name
    assert other.state_dict()["1.num_batches_tracked"] == 1


def test_what_half_precision_cannot_hold_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1e5, 0.1], [0.2, 0.3]]))
    before = state_of(model)
    sha256 = stored_weights.save(path, model, temperature=1)["sha256"]
    stored_weights.load(path, model, sha256=sha256)
    assert torch.equal(model.weight, before["weight"])


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    stored_weights.save(first, build(), temperature=2.5)
    model = build()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    stored_weights.save(second, model, temperature=2.5)
    assert first.read_bytes() == second.read_bytes()


def test_weights_that_are_shared_are_saved(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    path = tmp_path / "x"
    sha256 = stored_weights.save(path, model, temperature=1)["sha256"]
    assert stored_weights.load(path, model, sha256=sha256) == 1


def test_too_many_weights_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    stored_weights.save(path, nn.Linear(1000, 3999, bias=False), temperature=1)  # two bytes each
    before = path.read_bytes()
    with pytest.raises(StemError, match=r"x\.safetensors: 80\d{5} bytes .* more than the 8000000"):
        stored_weights.save(path, nn.Linear(1000, 4001, bias=False), temperature=1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def refused(path: Path, content: bytes, expected: str, model: nn.Module | None = None) -> None:
    """Load a file under its own checksum; the model must stay as it is."""
    path.write_bytes(content)
    model = model or build()
    before = state_of(model)
    with pytest.raises(StemError, match=expected) as error:
        stored_weights.load(path, model, sha256=digest(path))
    assert str(error.value).startswith(f"{path}: ")
    assert all(torch.equal(tensor, before[name]) for name, tensor in state_of(model).items())


def test_another_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    recorded = stored_weights.save(path, build(), temperature=1)["sha256"]
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    for content in (bytes(changed), b"junk", b""):
        path.write_bytes(content)
        with pytest.raises(StemError, match=f"expected SHA-256 {recorded}, got {digest(path)}"):
            stored_weights.load(path, build(), sha256=recorded)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(StemError, match="x: no such file; expected the one that was recorded"):
        weights_file.read(tmp_path / "x", sha256="0" * 64)
    with pytest.raises(StemError, match="not a regular file"):
        weights_file.read(tmp_path, sha256="0" * 64)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(StemError, match="1099511627776 bytes are more than the 8000000"):
        weights_file.read(path, sha256="0" * 64)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    stored_weights.save(path, build(), temperature=1)
    whole = path.read_bytes()
    for content in (
        b"",
        b"junk",
        whole[:-1],
        whole[:100],
        whole + b"x",
        b"\xff" * 8 + whole[8:],
        whole.replace(b"F16", b"X16", 1),
        whole.replace(b'"shape":[', b'"shape":[9', 1),
    ):
        refused(path, content, "not a file of safetensors")


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    stored_weights.save(path, build(), temperature=1)
    content = path.read_bytes()
    wider, longer = build(5), nn.Sequential(*build(), nn.Linear(5, 5))
    refused(path, content, r"'0.bias': expected \(5,\), got \(4,\)", wider)
    refused(path, content, r"'4.bias': expected \(5,\), got none", longer)
    refused(path, content, r"'1.bias': expected none, got \(4,\)", build()[:1])


@pytest.mark.parametrize("text", [None, "", "warm", "nan", "inf", "0", "-1", "5e-324", "1e39"])
def test_a_temperature_must_be_there(text: str | None, tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    metadata = {"temperature": text} if text is not None else None
    content = encode(dict(model.state_dict()), metadata)
    refused(tmp_path / "x", content, "expected a positive temperature", model)


def test_checking_needs_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"not even weights")
    done = python(
        "-c",
        "import sys; from pathlib import Path\n"
        "from jarvis_stem.formats import weights_file\n"
        "from jarvis_stem.scoring import checklist, leaderboard\n"
        f"assert weights_file.read(Path(sys.argv[1]), sha256='{digest(path)}')\n"
        "assert not {'torch', 'safetensors'} & sys.modules.keys()",
        path,
    )
    assert done.returncode == 0, done.stderr
