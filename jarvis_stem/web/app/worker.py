"""A process that reads and answers files: a damaged one ends that, not the page.

Readers are libraries in C and C++, and what takes them too long can be stopped in a process of its
own alone.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from jarvis_stem.prediction.outcome import Outcome
from jarvis_stem.utils.errors import StemError
from jarvis_stem.utils.extras import explained

if TYPE_CHECKING:
    from jarvis_stem.imaging.picture import Frame, Picture
    from jarvis_stem.prediction.answer import Answer

_LONGEST = 120.0  # seconds for one file or plot
_Result = TypeVar("_Result")


class Answerer(Protocol):
    """What answers for pictures; see `prediction.predictor.Predictor.answer`."""

    def answer(self, shown: Sequence[Picture], distortion: float) -> list[Answer]:
        """An answer for each picture."""
        ...


@dataclass(frozen=True)
class Settings:
    """How files are read and answered.

    Attributes:
        pixel_size: Å per pixel; None for what the files say.
        frame: Of a stack, see `imaging.picture.of_path`.
        distortion: See `prediction.predictor.Predictor.answer`, a share.
    """

    pixel_size: float | None = None
    frame: Frame | None = None
    distortion: float = 0.03


@dataclass(frozen=True)
class Source:
    """A file that was uploaded.

    Attributes:
        path: Where it is.
        name: What its sender calls it, which is what messages call it.
    """

    path: Path
    name: str


class Worker:
    """The process, started when it is first asked and anew where it has ended."""

    def __init__(self, load: Callable[[], Answerer], longest: float = _LONGEST) -> None:
        """Keep what the process needs.

        Args:
            load: Loads the model; called in the process, so that it must be picklable.
            longest: Seconds that a call may take.
        """
        self._load, self._longest = load, longest
        self._turn = asyncio.Lock()
        self._process: Any = None
        self._pipe: Connection | None = None

    async def answer(self, source: Source, settings: Settings) -> list[Outcome]:
        """Answers for the pictures of a file, without the pictures, or why there is none."""
        try:
            return await self._call(_answered, source, settings)
        except StemError as error:
            return [Outcome(source.name, error=str(error))]

    async def panels(
        self, source: Source, settings: Settings, answered: Outcome
    ) -> dict[str, bytes]:
        """PNGs of the parts of an answer's plot; see `overlay.panels`.

        Raises:
            StemError: It cannot be drawn.
        """
        return await self._call(_panels, source, settings, answered)

    async def plot(self, source: Source, settings: Settings, answered: Outcome) -> bytes:
        """The PNG of an answer's plot; see `overlay.figure`.

        Raises:
            StemError: It cannot be drawn.
        """
        return await self._call(_plot, source, settings, answered)

    async def _call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        async with self._turn:
            return await asyncio.to_thread(self._ask, function, arguments)

    def _ask(self, function: Callable[..., _Result], arguments: tuple[Any, ...]) -> _Result:
        pipe = self._started()
        pipe.send((function, arguments))
        ready = wait([pipe, self._process.sentinel], self._longest)
        try:
            if pipe in ready:
                done, value = pipe.recv()
                if done:
                    return value
                raise StemError(value)
        except (EOFError, OSError):
            pass  # it ended while it answered
        self.close()
        raise StemError(
            f"{arguments[0].name}: reading it has ended the process that reads; save it anew"
            if ready
            else f"{arguments[0].name}: expected to be read in {self._longest:g} s; take a smaller "
            "file"
        )

    def _started(self) -> Connection:
        if self._pipe is not None and self._process.is_alive():
            return self._pipe
        # As in __init__.py: of the folder that the page was started in nothing is imported.
        os.environ["PYTHONSAFEPATH"] = "1"
        context = multiprocessing.get_context("spawn")  # threads do not survive a fork
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, self._load), daemon=True)
        self._process.start()
        other.close()
        return self._pipe

    def close(self) -> None:
        """End the process; the next call starts another."""
        if self._pipe is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._pipe = None


_LOADED: list[Callable[[], Answerer]] = []  # in the process: what loads the model, once


def _serve(pipe: Connection, load: Callable[[], Answerer]) -> None:
    """Answer calls until the page has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the page, which ends this
    _LOADED.append(lru_cache(load))
    with suppress(EOFError, OSError):
        while True:
            function, arguments = pipe.recv()
            pipe.send(_result(function, arguments))


def _result(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    """Whether a call has succeeded, and what came of it or why it has not."""
    source = arguments[0]
    try:
        with explained(source.name):
            return True, function(*arguments)
    except Exception as error:
        # Whatever a file does to a library, the page goes on and says so.
        text = str(error)
        if not isinstance(error, StemError):
            text = f"{source.name}: {type(error).__name__}: {error}"
        return False, " ".join(text.replace(str(source.path), source.name).split())


@lru_cache(maxsize=2)
def _pictures(source: Source, settings: Settings) -> list[tuple[str, Picture]]:
    """The pictures of a file, named as its sender names it."""
    from jarvis_stem.imaging import picture

    read = picture.of_path(source.path, settings.pixel_size, settings.frame)
    return [(name.replace(str(source.path), source.name, 1), one) for name, one in read.items()]


def _answered(source: Source, settings: Settings) -> list[Outcome]:
    (load,) = _LOADED
    named = _pictures(source, settings)
    answers = load().answer([one for _, one in named], settings.distortion)
    return [Outcome(name, answer=answer) for (name, _), answer in zip(named, answers, strict=True)]


def _with_picture(source: Source, settings: Settings, answered: Outcome) -> Outcome:
    return replace(answered, picture=dict(_pictures(source, settings))[answered.name])


def _panels(source: Source, settings: Settings, answered: Outcome) -> dict[str, bytes]:
    from jarvis_stem.prediction import overlay

    one = _with_picture(source, settings, answered)
    assert one.picture and one.answer  # noqa: S101 - only answers are drawn
    drawn = overlay.panels(one.picture, one.answer)
    return {name: overlay.png(figure) for name, figure in drawn.items()}


def _plot(source: Source, settings: Settings, answered: Outcome) -> bytes:
    from jarvis_stem.prediction import overlay

    one = _with_picture(source, settings, answered)
    assert one.picture and one.answer  # noqa: S101 - only answers are drawn
    return overlay.png(overlay.figure(one.picture, one.answer, Path(one.name).name))
