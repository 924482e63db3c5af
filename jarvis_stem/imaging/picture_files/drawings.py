"""Images that Pillow reads: PNG, JPEG, BMP, GIF, and TIFFs in colour."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from jarvis_stem.imaging.picture_files.recording import Recording

# Pillow would open more, some by starting a program on the file, such as PostScript's. All that it
# has would be imported, too, were one of these not.
_READERS = (PngImageFile, JpegImageFile, BmpImageFile, GifImageFile, TiffImageFile)
_FORMATS = [reader.format for reader in _READERS]


def recording(path: Path, stack: ExitStack) -> Recording:
    """Colours become grey, transparency white; frames of another size are thumbnails."""
    image = stack.enter_context(Image.open(path, formats=_FORMATS))
    drawn = image.mode[0] not in "IF"
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        size = image.size
        image.seek(1)
        frames = frames if image.size == size else 1
        image.seek(0)

    def read(number: int) -> NDArray[Any]:
        if frames > 1:
            image.seek(number)
        return _grey(image)

    return Recording(path, (frames, image.height, image.width), read, drawn=drawn)


def _grey(image: Image.Image) -> NDArray[Any]:
    if image.mode[0] in "IF":  # 16 or 32 bits
        return np.asarray(image)
    if not image.has_transparency_data:
        return np.asarray(image.convert("L"))
    coloured = image if image.mode == "RGBA" else image.convert("RGBA")
    grey, opacity = coloured.convert("L"), coloured.getchannel("A")
    if opacity.getextrema() == (255, 255):  # nothing shines through
        return np.asarray(grey)
    return np.asarray(Image.composite(grey, Image.new("L", image.size, "white"), opacity))
