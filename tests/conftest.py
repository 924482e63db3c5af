"""What several test modules share: the folder of real data, a tiny benchmark to train on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from jarvis_stem.imaging import prototypes
from jarvis_stem.utils.files import write_bytes, zip_bytes

os.environ.setdefault("MPLBACKEND", "Agg")
# Processes that the tests start take Ctrl-C, also where the tests are a job in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
# A change is judged by the same examples each time, on however slow a machine; new ones are
# looked for at night.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", UNTIMED, max_examples=300, derandomize=True, database=None)
settings.register_profile("nightly", UNTIMED, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
REPOSITORY = Path(__file__).parent.parent
SHARED = REPOSITORY.parent / "shared"


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
    """The built-in benchmark cut to 130 training and 20 test ids, all classes in both."""
    root = tmp_path_factory.mktemp("benchmarks")
    cut = {}
    for (split, classes), per_class in zip(prototypes.benchmark().items(), (26, 4), strict=True):
        by_class = {c: [i for i in classes if classes[i] == c][:per_class] for c in range(5)}
        cut[split] = {i: c for c, ids in by_class.items() for i in ids}
    path = root / "AI" / "ImageClass" / "stem_2d_proto_bravais_class.json.zip"
    write_bytes(path, zip_bytes("stem_2d_proto_bravais_class.json", json.dumps(cut).encode()))
    return root
