"""Image files as small RGB arrays; an unusable file is an UnreadableImage with a reason.

Files are not trusted: decompression bombs are refused, only plain raster formats are opened (some others
would start an interpreter), and every error of a decoder becomes a reason.
"""

import os
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepnet._extras import needs
from deepnet._files import open_regular
from deepnet._numbers import whole

if TYPE_CHECKING:
    from PIL import Image

# A phone's MPO file opens as JPEG.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MAX_SIZE = 16_384  # of the result: 0.8 GB

# An image of this many pixels, 8192 x 4096, takes 0.1 to 0.3 GB while it is decoded and made smaller.
MAX_PIXELS = 2**25


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
        Height and width of the result, from 1 to 16384 pixels.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)

    Raises
    ------
    UnreadableImage
        If the file is not an image, is damaged, or has more than 2**25 pixels: ``not an image of a known
        format``. A JPEG file, which is decoded at a fraction of its size, may have
        ``PIL.Image.MAX_IMAGE_PIXELS``.
    ValueError, TypeError
        If the size is unusable: ``size is -4, but must be 1 or more``.
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
    size = whole("size", size, 1, MAX_SIZE)
    with needs("data", "reading images"):
        from PIL import Image, ImageOps, UnidentifiedImageError
    try:
        with open_regular(path) as file, warnings.catch_warnings():
            if not os.fstat(file.fileno()).st_size:
                raise UnreadableImage("empty file")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("error", UserWarning)  # how Pillow reports damaged metadata
            with Image.open(file, formats=FORMATS) as image:
                image.draft(None, (2 * size, 2 * size))  # a large JPEG is decoded at a fraction of its size
                if image.width * image.height > MAX_PIXELS:
                    raise UnreadableImage(f"too large: over {MAX_PIXELS / 1e6:.0f} million pixels")
                ImageOps.exif_transpose(image, in_place=True)
                small = _to_rgb(image, size)
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise UnreadableImage("cannot be decoded: needs more memory than is free") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels"
        raise UnreadableImage(f"decompression bomb: over {limit}") from error
    except UnidentifiedImageError as error:
        raise UnreadableImage("not an image of a known format") from error
    except OSError as error:
        raise UnreadableImage(f"cannot be read: {error.strerror or error}") from error
    except Exception as error:  # decoders answer damaged bytes with errors of many types
        raise UnreadableImage(f"cannot be decoded: {error or type(error).__name__}") from error
    return np.asarray(small, dtype=np.uint8)


def _to_rgb(image: "Image.Image", size: int) -> "Image.Image":
    """Resize to a square and convert to RGB; what is transparent becomes white."""
    from PIL import Image

    if image.mode.startswith("I;16"):  # convert() would clip instead of scale
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in {"I", "F"}:
        raise UnreadableImage(f"mode {image.mode}: its range of values is unknown")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    small = (image if image.mode == mode else image.convert(mode)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    if mode == "RGB":
        return small
    return Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")
