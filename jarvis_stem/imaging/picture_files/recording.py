"""What a picture's file holds: frames of one size, to be read one by one."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from jarvis_stem.imaging.picture_files.units import Scale
from jarvis_stem.utils.errors import StemError

Pixels = NDArray[Any]
_Read = TypeVar("_Read")
LUMINANCE = np.array([0.299, 0.587, 0.114])  # of red, green and blue, as Pillow has it
_IN_PLACE = 0.9  # of the best fit of two frames, the least one in place where nothing moves
_SURE = 3  # standard deviations that a best fit is above the others
PIXEL_LIMIT = 2**26  # 8192 x 8192: each is several times in memory, in double precision
NUMBERS = "buif"  # kinds of types: real ones


@dataclass(frozen=True)
class Recording:
    """A picture, or several of the same place.

    Attributes:
        path: The file, or what a signal is called.
        shape: Frames, height and width in pixels.
        read: Gives a frame by its number from 0, as the file has it: real[H, W].
        scale: Size of a pixel.
        name: Of the detector, where the file has several images.
        drawn: Whether it may be a figure, with a white margin.
        dark_is_high: Whether high numbers are dark.
        ends_early: Whether the file ends before the last of the frames that it announces; the
            shape counts those that are whole.
    """

    path: Path | str
    shape: tuple[int, int, int]
    read: Callable[[int], Pixels]
    scale: Scale = field(default_factory=Scale)
    name: str = ""
    drawn: bool = False
    dark_is_high: bool = False
    ends_early: bool = False

    @property
    def end(self) -> str:
        """The message for the first frame that a file which ends early has not."""
        return unreadable(self.path, f"the file ends before frame {self.shape[0] + 1} does")

    def frame(self, number: int) -> Pixels:
        """A frame's pixels, bright where much was counted.

        Args:
            number: Of the frame, from 0.

        Returns:
            real[H, W].

        Raises:
            StemError: It cannot be read.
        """
        pixels = attempt(self.path, lambda: _loaded(self.read(number)))
        if not self.dark_is_high:
            return pixels
        return -pixels.astype(np.float64) if pixels.dtype.kind in "if" else ~pixels

    def mean(self) -> NDArray[np.float64]:
        """The mean of all frames, float64[H, W]; see `frame`."""
        total = np.zeros(self.shape[1:])
        for number in range(self.shape[0]):
            total += self.frame(number)
        return total / self.shape[0]

    def drifts(self) -> bool:
        """Whether the frames show shifted places, so that their mean is blurred.

        The middle and the last frame are correlated with the first: where nothing moves, they fit
        nowhere better than in place.
        """
        first = fft.rfft2(_centred(self.frame(0)))
        for number in {self.shape[0] // 2, self.shape[0] - 1} - {0}:
            product = first * np.conj(fft.rfft2(_centred(self.frame(number))))
            fit = fft.irfft2(product, self.shape[1:])
            if fit.max() > _SURE * fit.std() and fit[0, 0] < _IN_PLACE * fit.max():
                return True
        return False


def _loaded(pixels: Any) -> Pixels:
    """Numbers that may be Dask's, which then are computed in this thread.

    One frame gains nothing from several; to ask Dask for its usual way would import distributed.
    """
    if hasattr(pixels, "compute"):
        from dask.local import get_sync

        pixels = pixels.compute(scheduler=get_sync)
    return np.asarray(pixels)


def _centred(pixels: Pixels) -> NDArray[np.float32]:
    return (pixels - np.mean(pixels, dtype=np.float64)).astype(np.float32)


def of_array(path: Path | str, array: Any, **attributes: Any) -> Recording:
    """The recording that an array is: frames before rows and columns, or colours behind.

    Args:
        path: The file, or what a signal is called.
        array: Real numbers, loaded or not: [H, W], [N, H, W], or [H, W, 3 or 4] in 8 bits.
        attributes: Of the recording.

    Raises:
        StemError: An array of another form.
    """
    sizes = [n for n in array.shape if n > 1]
    coloured = array.dtype == np.uint8 and len(sizes) == 3 and sizes[2] in (3, 4)
    if array.dtype.kind not in NUMBERS or not 2 <= len(sizes) <= 3:
        raise StemError(not_one(path, f"{array.dtype}{list(array.shape)}"))
    if coloured:
        height, width, colours = sizes
        stack = array.reshape(1, height, width, colours)
        return Recording(
            path, (1, height, width), lambda n: stack[n][..., :3] @ LUMINANCE, **attributes
        )
    frames, height, width = (1, *sizes)[-3:]
    stack = array.reshape(frames, height, width)
    return Recording(path, (frames, height, width), lambda n: stack[n], **attributes)


def of_raw(
    path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int, **attributes: Any
) -> Recording:
    """The recording of numbers that lie in a file one after the other, as far as it goes.

    Args:
        path: The file.
        dtype: Of a number.
        shape: What the file announces, [H, W] or [N, H, W].
        offset: Bytes before the first number.
        attributes: Of the recording.

    Raises:
        StemError: Numbers of another form.
        ValueError: There is not one whole frame.
    """
    frames, height, width = (1, *shape)[-3:]
    held = max(path.stat().st_size - offset, 0) // (dtype.itemsize * height * width)
    if held == 0:
        raise ValueError("the file ends before its first frame does")
    whole = (min(held, frames), height, width)
    array = np.memmap(path, dtype, "r", offset, whole)
    if whole[0] < frames:
        attributes["ends_early"] = True
    return of_array(path, array if frames > 1 else array[0], **attributes)


def not_one(path: Path | str, found: str) -> str:
    """The message for a file in which there is not one picture."""
    return f"{path}: expected a picture, or frames of one, got {found}; save one picture alone"


def unreadable(path: Path | str, reason: str) -> str:
    """The message for a file that is damaged, or of another kind than its name says."""
    return f"{path}: not a readable image ({reason}); save or copy it again"


def check_size(recording: Recording) -> None:
    """Refuse a picture that is larger than is read, before any of it is."""
    _, height, width = recording.shape
    if height * width > PIXEL_LIMIT:
        raise StemError(
            f"{recording.path}: {width}x{height} px are more than the {PIXEL_LIMIT} that are read; "
            "cut out a part, or bin it"
        )


def reason_of(error: Exception) -> str:
    """What an error says is wrong, on one line and without the file's name."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return " ".join((strerror or str(error) or type(error).__name__).split())


def attempt(path: Path | str, read: Callable[[], _Read]) -> _Read:
    """Read by a library, which raises whatever damaged bytes lead it to, in silence.

    Raises:
        StemError: It failed.
    """
    with _silence():
        try:
            return read()
        except (StemError, ModuleNotFoundError):  # a package that reads it is missing
            raise
        except Exception as error:
            reason = reason_of(error)
        gc.collect()  # closes, still in silence, files that were left open
    raise StemError(unreadable(path, reason))


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what libraries think odd in a file from the terminal."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd tags of a file say nothing of its pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        logging.disable(disabled)
