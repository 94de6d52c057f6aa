"""Images and arrays from disk: every odd file is named with a reason, and nothing odd gets through."""

import contextlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from deepnet import io
from deepnet.io import DataError, UnreadableImage, load_image

Image = pytest.importorskip("PIL.Image", reason="needs pillow (extra data)")


@pytest.fixture
def photo() -> "Image.Image":
    """A smooth picture, red towards the right and green towards the bottom."""
    ramp = np.linspace(0, 255, 100).astype(np.uint8)
    return Image.fromarray(np.stack([*np.meshgrid(ramp, ramp), np.full((100, 100), 60, np.uint8)], axis=-1))


@pytest.fixture
def classes(tmp_path, photo):
    """A folder with five cats and five dogs."""
    for name in ("dog", "cat"):
        (tmp_path / name).mkdir()
        for i in range(5):
            photo.save(tmp_path / name / f"{i}.png")
    return tmp_path


def bomb_png(side: int) -> bytes:
    """A PNG of a few bytes whose header claims side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


# --- one image ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "modes"),
    {
        "bmp": "RGB L 1 P RGBA",
        "gif": "RGB L 1 P LA RGBA",
        "jpg": "RGB L 1 CMYK YCbCr",
        "png": "RGB L 1 P LA RGBA",
        "ppm": "RGB L 1 RGBA",
        "tif": "RGB L 1 P LA RGBA CMYK YCbCr PA",
        "webp": "RGB L P RGBA CMYK",
    }.items(),
)
def test_any_mode_and_format_becomes_rgb(tmp_path, photo, suffix, modes):
    path = tmp_path / f"image.{suffix}"
    for mode in modes.split():
        image = photo.convert("P").convert("PA") if mode == "PA" else photo.convert(mode)
        image.save(path)
        pixels = load_image(path)
        assert pixels.shape == (64, 64, 3)
        assert pixels.dtype == np.uint8
        assert np.all(pixels[-8:, -8:].mean((0, 1))[:2] > pixels[:8, :8].mean((0, 1))[:2] + 50), mode


def test_colours_survive(tmp_path, photo):
    photo.save(tmp_path / "image.png")
    pixels = load_image(tmp_path / "image.png", size=100)
    np.testing.assert_array_equal(pixels, np.asarray(photo))


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path):
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(load_image(tmp_path / "deep.png")[..., 0], ramp >> 8)


def test_transparent_parts_are_white(tmp_path):
    Image.new("RGBA", (8, 8), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    assert load_image(tmp_path / "clear.png").min() == 255
    palette = Image.fromarray(np.tile(np.arange(8, dtype=np.uint8), (8, 1))).convert("P")
    palette.save(tmp_path / "palette.png", transparency=bytes(8))  # all eight grey levels are clear
    assert load_image(tmp_path / "palette.png").min() == 255


def test_exif_orientation_is_honoured(tmp_path, photo):
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me a quarter to the right"
    photo.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    expected = np.asarray(photo.rotate(-90).resize((64, 64), Image.Resampling.BICUBIC)).astype(int)
    difference = load_image(tmp_path / "turned.jpg").astype(int) - expected
    assert np.abs(difference).mean() < 5  # what JPEG loses; unturned it is about 85


def test_a_large_jpeg_is_decoded_small_but_looks_the_same(tmp_path, photo):
    large = photo.resize((2000, 2000), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.jpg", quality=95)
    expected = np.asarray(large.resize((64, 64), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(load_image(tmp_path / "large.jpg").astype(int) - expected).mean() < 2


def odd_files(folder: Path, photo) -> dict[str, str]:
    """Write one of each odd file; name -> what its reason must say."""
    photo.save(folder / "whole.jpg")
    photo.save(folder / "whole.png")
    jpeg, png = (folder / "whole.jpg").read_bytes(), (folder / "whole.png").read_bytes()
    (folder / "whole.jpg").unlink()
    (folder / "whole.png").unlink()
    (folder / "truncated.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "truncated.png").write_bytes(png[: len(png) // 2])
    (folder / "garbled.png").write_bytes(png[:60] + bytes(100) + png[160:])
    (folder / "zero.png").write_bytes(b"")
    (folder / "text.jpg").write_text("I am not a picture.")
    (folder / "bomb.png").write_bytes(bomb_png(100_000))
    (folder / "warned.png").write_bytes(bomb_png(10_000))  # Pillow itself only warns of this one
    Image.fromarray(np.zeros((8, 8), np.float32)).save(folder / "float.tif")
    (folder / "vector.eps").write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    )
    (folder / "broken-link.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "pipe.png")
    return {
        "truncated.jpg": "cannot be",
        "truncated.png": "cannot be",
        "garbled.png": "cannot be",
        "zero.png": "empty file",
        "text.jpg": "not an image",
        "bomb.png": "bomb: over 89 million pixels",
        "warned.png": "bomb: over 89 million pixels",
        "float.tif": "mode F",
        "vector.eps": "not an image",
        "broken-link.png": "No such file",
        "pipe.png": "not a regular file",
    }


def test_each_odd_file_is_refused_with_a_reason(tmp_path, photo):
    for name, reason in odd_files(tmp_path, photo).items():
        with pytest.raises(UnreadableImage, match=reason):
            load_image(tmp_path / name)


def test_no_damage_to_a_file_escapes_as_another_error(tmp_path, photo):
    random = np.random.default_rng(0)
    for suffix in ("png", "jpg", "gif", "tif", "bmp", "webp", "ppm"):
        path = tmp_path / f"image.{suffix}"
        photo.save(path)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(40):
            damaged = whole[: random.integers(1, len(whole) + 1)].copy()
            at = random.integers(0, min(len(damaged), 200), size=3)
            damaged[at] = random.integers(0, 256, size=3)
            path.write_bytes(damaged.tobytes())
            with contextlib.suppress(UnreadableImage):
                assert load_image(path).shape == (64, 64, 3)


# --- folders -----------------------------------------------------------------------------------------------


def test_sub_folders_are_the_classes(classes):
    data = io.load(classes, size=16)
    assert data.classes == ("cat", "dog")
    assert data.train_x.shape == (8, 16, 16, 3)
    assert sorted(data.train_y) == [0] * 4 + [1] * 4
    assert sorted(data.test_y) == [0, 1]
    assert data.skipped == ()
    assert data.n_features == 768


def test_odd_files_in_a_folder_are_skipped_and_named(classes, photo):
    expected = odd_files(classes / "cat", photo)
    (classes / "cat" / "sub").mkdir()
    (classes / "notes.txt").write_text("loose")
    (classes / "cat" / ".hidden").write_text("quiet")
    (classes / ".git").mkdir()
    data = io.load(classes)
    assert len(data.train_y) + len(data.test_y) == 10
    assert {Path(skipped.path).name for skipped in data.skipped} == {*expected, "sub", "notes.txt"}
    assert all(skipped.reason for skipped in data.skipped)


def test_train_and_test_folders_are_the_split(tmp_path, classes):
    (tmp_path / "train").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / name).rename(tmp_path / "train" / name)
    assert len(io.load(tmp_path).test_y) == 2  # no test folder yet: held out
    (tmp_path / "test" / "dog").mkdir(parents=True)
    (tmp_path / "train" / "dog" / "4.png").rename(tmp_path / "test" / "dog" / "4.png")
    data = io.load(tmp_path)
    assert len(data.train_y) == 9
    assert data.test_y.tolist() == [1]
    (tmp_path / "test" / "wolf").mkdir()
    with pytest.raises(DataError, match="wolf is a class without training images"):
        io.load(tmp_path)


def test_the_hold_out_follows_the_seed():
    labels = np.repeat([0, 1, 2], [50, 30, 1])
    train, test = io.hold_out(labels, seed=1)
    assert sorted([*train, *test]) == list(range(81))
    assert np.bincount(labels[test], minlength=3).tolist() == [10, 6, 0]
    np.testing.assert_array_equal(test, io.hold_out(labels, seed=1)[1])
    assert not np.array_equal(test, io.hold_out(labels, seed=2)[1])


def test_folders_without_two_classes_are_errors(tmp_path, photo):
    with pytest.raises(DataError, match="no sub-folders"):
        io.load(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="no examples"):
        io.load(tmp_path)
    photo.save(tmp_path / "cat" / "a.png")
    with pytest.raises(DataError, match="only one class, 'cat'"):
        io.load(tmp_path)
    (tmp_path / "dog").mkdir()
    with pytest.raises(DataError, match="only one class, 'cat'"):
        io.load(tmp_path)
    photo.save(tmp_path / "dog" / "a.png")
    with pytest.raises(DataError, match="one image per class"):
        io.load(tmp_path)
    with pytest.raises(DataError, match="choose a smaller size"):
        io.load(tmp_path, size=40_000)


def test_paths_that_are_no_data(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        io.load(tmp_path / "nothing")
    (tmp_path / "table.csv").write_text("1,2")
    with pytest.raises(DataError, match="neither a folder of images nor"):
        io.load(tmp_path / "table.csv")


# --- .npz --------------------------------------------------------------------------------------------------

GOOD = {
    "train_x": np.arange(6 * 12, dtype=np.uint8).reshape(6, 2, 2, 3),
    "train_y": np.array([[0, 1, 0, 1, 0, 1]]),
    "test_x": np.zeros((2, 2, 2, 3), np.uint8),
    "test_y": np.array([1, 0]),
    "classes": np.array([b"non-cat", b"cat"]),
}


def saved(tmp_path, **changes):
    arrays = {name: array for name, array in (GOOD | changes).items() if array is not None}
    np.savez_compressed(tmp_path / "data.npz", **arrays)
    return tmp_path / "data.npz"


def test_npz(tmp_path):
    data = io.load(saved(tmp_path))
    assert data.classes == ("non-cat", "cat")
    assert data.train_y.tolist() == [0, 1, 0, 1, 0, 1]
    assert data.scale == 255
    held = io.load(saved(tmp_path, test_x=None, test_y=None, classes=None))
    assert held.classes == ("0", "1")
    assert len(held.test_y) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_x": None}, "lacks train_x; it has classes"),
        ({"test_y": None}, "lacks one of test_x and test_y"),
        ({"train_x": np.zeros((6, 12), int)}, "train_x is of int64"),
        ({"train_x": np.full((6, 12), np.nan)}, "nan or infinite"),
        ({"train_x": np.zeros(6, np.uint8)}, r"train_x has shape \(6,\)"),
        ({"train_x": np.zeros((6, 0), np.uint8)}, "train_x has shape"),
        ({"train_y": np.zeros(5, int)}, r"train_y has shape \(5,\); train_x has 6 rows"),
        ({"train_y": np.zeros((2, 3), int)}, "train_y has shape"),
        ({"train_y": np.array([0, 1, 0, 1, 0, -1])}, "labels 0, 1, 2"),
        ({"train_y": np.array([0, 1, 0, 1, 0, 0.5])}, "labels 0, 1, 2"),
        ({"train_y": np.array(list("ababab"))}, "labels 0, 1, 2"),
        ({"train_y": np.array([0, 1, 0, 1, 0, 7])}, "label 7, but there are 2 classes"),
        (
            {"train_y": np.array([0, 1, 0, 1, 0, 6]), "classes": None},
            "label 6, but 6 rows: without an array cl",
        ),
        ({"train_y": np.array([0, 1, 0, 1, 0, 10**9]), "classes": None}, "label 1000000000, but 6 rows"),
        ({"train_y": np.array([0, 1, 0, 1, 0, 1e300]), "classes": None}, "label 1000.*, but 6 rows"),
        ({"train_y": np.array([0, 1, 0, 1, 0, np.inf])}, "train_y should hold the labels 0, 1, 2"),
        ({"train_y": np.array([0, 1, 0, 1, 0, np.nan])}, "train_y should hold the labels 0, 1, 2"),
        (
            {"train_y": np.array([0, 1, 0, 1, 0, 2**63], np.uint64)},
            "label 9223372036854775808, but there are 2",
        ),
        ({"test_y": np.array([0, 2**63], np.uint64)}, "test_y has the label 9223372036854775808"),
        ({"test_y": np.array([0, np.inf])}, "test_y should hold the labels"),
        ({"test_y": np.array([0, 3])}, "label 3, but there are 2"),
        ({"train_y": np.zeros(6, int)}, "only one class, 'non-cat'"),
        ({"test_x": np.zeros((2, 5), np.uint8)}, "rows of test_x"),
        ({"train_x": np.array([{}] * 6)}, "cannot be read as an .npz file.*pickle"),
    ],
)
def test_a_bad_npz_names_the_array_at_fault(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        io.load(saved(tmp_path, **changes))


def test_files_that_are_no_npz(tmp_path):
    path = tmp_path / "broken.npz"
    for content in (b"", b"not a zip", saved(tmp_path).read_bytes()[:300]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            io.load(path)


def test_an_npz_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("deepnet.io.dataset.MAX_BYTES", 1000)
    with pytest.raises(DataError, match="use fewer rows"):
        io.load(saved(tmp_path, train_x=np.zeros((6, 1000), np.uint8)))


# --- columns and targets -----------------------------------------------------------------------------------


def test_columns_are_the_courses_X():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
    for dtype in (np.float32, np.float64):
        X = io.as_columns(images, 255, dtype)
        assert X.dtype == dtype
        np.testing.assert_array_equal(X, (images.reshape(5, -1).T / dtype(255)).astype(dtype))


def test_targets():
    assert io.as_targets(np.array([1, 0]), 2, np.float32).tolist() == [[1, 0]]
    assert io.as_targets(np.array([2, 0]), 3).tolist() == [[0, 1], [0, 0], [1, 0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: io.as_columns(np.ones((2, 3)), 0), ValueError, "scale is 0, but must be more than 0"),
        (lambda: io.as_columns(np.ones((2, 3)), "1"), TypeError, "scale is '1', but must be a number"),
        (
            lambda: io.as_targets([0, 3], 3),
            ValueError,
            "labels has 3, but n_classes is 3: must be from 0 to 2",
        ),
        (
            lambda: io.as_targets([0, -1], 2),
            ValueError,
            "labels has -1, but n_classes is 2: must be from 0 to 1",
        ),
        (lambda: io.as_targets([0], 1), ValueError, "n_classes is 1, but must be 2 or more"),
        (lambda: io.hold_out([0, 1], fraction=20), ValueError, "fraction is 20, but must be from 0 to 1"),
        (lambda: io.hold_out([0, 1], seed=None), TypeError, "seed is None, but must be a whole number"),
        (lambda: io.hold_out([]), ValueError, "labels is empty, but must have examples to hold out"),
    ],
)
def test_settings_of_data_that_make_no_sense(call, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        call()


def test_digits():
    pytest.importorskip("sklearn", reason="needs scikit-learn (extra data)")
    data = io.load_digits(seed=1)
    assert data.train_x.shape[1:] == (8, 8)
    assert len(data.train_x) + len(data.test_x) == 1797
    assert len(data.classes) == 10


# --- the real data -----------------------------------------------------------------------------------------

DATA = Path(os.environ.get("DEEPNET_DATA") or Path(__file__).parents[3] / "shared" / "data")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows", "classes"),
    [("catvnoncat.npz", (209, 50), ("non-cat", "cat")), ("catsdogs/train", (1600, 400), ("cat", "dog"))],
)
def test_real_data(name, rows, classes):
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not in the data folder (DEEPNET_DATA, else ../shared/data)")
    data = io.load(DATA / name)
    assert (len(data.train_y), len(data.test_y)) == rows
    assert data.classes == classes
    assert data.train_x.shape[1:] == (64, 64, 3)
    assert data.skipped == ()
