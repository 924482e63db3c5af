"""What several test modules share: the folder of real data, a tiny benchmark to train on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import PROTO, REPOSITORY, SHARED, add_benchmark

from jarvis_stem.imaging import prototypes
from jarvis_stem.utils.array_cache import FOLDER_VARIABLE

os.environ.setdefault("MPLBACKEND", "Agg")
# Processes that the tests start take Ctrl-C, also where the tests are a job in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes unless -m names it; another -m does not bring it back."""
    if "nightly" in config.option.markexpr:
        return
    nightly = [item for item in items if item.get_closest_marker("nightly")]
    config.hook.pytest_deselected(items=nightly)
    items[:] = [item for item in items if item not in nightly]


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have all trainings of a worker share a cache that is not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the reference data in ../shared is not here")
    return SHARED


@pytest.fixture(scope="session")
def tiny_benchmarks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in benchmark cut to 150 training and 20 test ids, all classes in both."""
    root = tmp_path_factory.mktemp("benchmarks")
    cut: dict[str, dict[str, int]] = {}
    for (split, classes), per_class in zip(prototypes.benchmark().items(), (30, 4), strict=True):
        by_class = {c: [i for i in classes if classes[i] == c][:per_class] for c in range(5)}
        cut[split] = {i: c for c, ids in by_class.items() for i in ids}
    add_benchmark(root, PROTO, cut)
    return root
