"""A training run's record beside its predictions: what it was run with, what it took and gave."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jarvis_stem.formats.schema import Amount, Count, OneLine, control_characters, schema_problems
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.files import read_json_object

_SIZE_LIMIT = 4 * 2**20  # bytes


class _Schema(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class RecordedRecipe(_Schema):
    """How long it was trained; other settings are kept as they are."""

    epochs: Count


class Costs(_Schema):
    """What a run took."""

    wall_seconds: Amount
    cpu_seconds: Amount
    peak_memory_mb: Amount
    parameters: Count


class RunResult(_Schema):
    """What a run scored on the test split."""

    accuracy: Amount
    n: Count


class Stored(_Schema):
    """The file of the trained model, or of its weights."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Count


class RunRecord(_Schema):
    """A run.json; keys beyond these are kept and not judged."""

    command: OneLine
    seed: Count
    packages: dict[OneLine, OneLine]
    git_commit: OneLine | None
    hardware: OneLine
    recipe: RecordedRecipe
    costs: Costs
    result: RunResult
    history: list[dict[OneLine, float]]
    model: Stored | None = None
    weights: Stored | None = None

    @property
    def stored(self) -> Stored | None:
        """The trained model: its graph, or else its weights."""
        return self.model or self.weights


def read_run_record(path: Path) -> tuple[RunRecord | None, list[str]]:
    """Read a run's record.

    Args:
        path: The file; it need not be there.

    Returns:
        The record, None where there is none or it has problems, and the problems.
    """
    if not path.exists():
        return None, []
    try:
        data = read_json_object(path, limit=_SIZE_LIMIT)
        problems = list(control_characters(data).values())
        if not problems:
            return RunRecord.model_validate(data), []
    except StemError as error:
        problems = [str(error).removeprefix(f"{path}: ")]
    except ValidationError as error:
        problems = schema_problems(error)
    return None, [f"{path.name}: {problem}" for problem in problems]
