"""One image file to one small RGB array; a file that is odd in any way is an UnreadableImage with a reason.

The files are not trusted: decompression bombs are refused, only plain raster formats are opened (some
others would start an interpreter), and whatever a decoder raises on broken bytes becomes a reason.
"""

import os
import stat
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepnet._extras import needs

if TYPE_CHECKING:
    from PIL import Image

# A phone's MPO file opens as JPEG.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


class UnreadableImage(ValueError):
    """A file that is not a usable image; the message is the reason."""


def load_image(path: str | os.PathLike[str], size: int = 64) -> NDArray[np.uint8]:
    """Read an image file as an upright RGB image of shape (size, size, 3).

    The picture is stretched to the square, as the course's images are. Transparent parts become white.

    Parameters
    ----------
    path : str or path
        A BMP, GIF, JPEG, PNG, PPM, TIFF or WebP file; of an animation, the first frame.
    size : int
        Height and width of the result, in pixels.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)

    Raises
    ------
    UnreadableImage
        If the file is not an image, is broken, or has more than ``PIL.Image.MAX_IMAGE_PIXELS`` pixels, for
        example ``not an image of a known format``.
    ImportError
        If Pillow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (90, 70), (255, 0, 0)).save(f"{folder}/red.png")
    ...     pixels = load_image(f"{folder}/red.png", size=32)
    >>> pixels.shape, pixels[0, 0].tolist()
    ((32, 32, 3), [255, 0, 0])
    """
    with needs("data", "reading images"):
        from PIL import Image, ImageOps, UnidentifiedImageError
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise UnreadableImage("not a regular file")
        if status.st_size == 0:
            raise UnreadableImage("empty file")
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("error", UserWarning)  # Pillow's word for metadata it can't make sense of
            with Image.open(path, formats=FORMATS) as image:
                image.draft(None, (2 * size, 2 * size))  # a large JPEG is decoded at a fraction of its size
                upright = ImageOps.exif_transpose(image)
                small = _to_rgb(upright).resize((size, size), Image.Resampling.BICUBIC)
    except (UnreadableImage, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels"
        raise UnreadableImage(f"decompression bomb: over {limit}") from error
    except UnidentifiedImageError as error:
        raise UnreadableImage("not an image of a known format") from error
    except OSError as error:
        raise UnreadableImage(f"cannot be read: {error.strerror or error}") from error
    except Exception as error:  # decoders fail on broken bytes in as many ways as there are formats
        raise UnreadableImage(f"cannot be decoded: {error or type(error).__name__}") from error
    return np.asarray(small, dtype=np.uint8)


def _to_rgb(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    if image.mode.startswith("I;16"):  # convert() would clip instead of scale
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        raise UnreadableImage(f"mode {image.mode}: what is white is not known")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
