"""Images and arrays from disk: every unusable file is named with a reason, and nothing unusable is loaded."""

import contextlib
import os
import re
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from deepnet import io
from deepnet.io import DataError, UnreadableImage, images, load_image
from peak_memory import peak_memory

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


def test_an_image_that_needs_too_much_memory_is_refused_and_skipped(classes, monkeypatch):
    Image.new("1", (8192, 4097)).save(classes / "cat" / "wide.png")  # 4 KB
    Image.new("RGB", (8192, 4097)).save(classes / "cat" / "wide.jpg")  # decoded at an eighth
    data = io.load(classes, size=16)
    assert [(Path(skipped.path).name, skipped.reason) for skipped in data.skipped] == [
        ("wide.png", "too large: over 34 million pixels")
    ]

    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(images, "_to_rgb", no_memory)
    with pytest.raises(UnreadableImage, match="memory"):
        load_image(classes / "cat" / "0.png")


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
    assert io.load(tmp_path).skipped == (
        io.Skipped(str(tmp_path / "test" / "wolf"), "a folder without images"),
    )
    (tmp_path / "train" / "dog" / "3.png").rename(tmp_path / "test" / "wolf" / "3.png")
    with pytest.raises(DataError, match="wolf is a class without training images"):
        io.load(tmp_path)


@pytest.mark.parametrize(
    ("train", "held_out"),
    [
        ("Train", "TEST"),
        ("training_set", "test_set"),
        ("seg_train", "seg_test"),
        ("trainingset", "testset"),
        ("training", "val"),
        ("train", "Validation"),
        ("TRAIN-SET", "valid"),
    ],
)
def test_names_of_the_split(tmp_path, classes, train, held_out):
    for name in ("cat", "dog"):
        for part, numbers in ((train, range(4)), (held_out, [4])):
            (tmp_path / part / name).mkdir(parents=True)
            for i in numbers:
                (tmp_path / name / f"{i}.png").rename(tmp_path / part / name / f"{i}.png")
        (tmp_path / name).rmdir()
    (tmp_path / "__MACOSX").mkdir()
    data = io.load(tmp_path)
    assert (data.classes, len(data.train_y), data.test_y.tolist()) == (("cat", "dog"), 8, [0, 1])
    assert [Path(skipped.path).name for skipped in data.skipped] == ["__MACOSX"]


@pytest.mark.parametrize("split", [False, True])
def test_a_folder_that_holds_one_folder_stands_for_it(tmp_path, classes, split):
    """As archives are unpacked: data/data/cat, or seg_train/seg_train/cat."""
    expected = io.load(classes)
    for name in ("cat", "dog"):
        for part in ("seg_train/seg_train", "seg_test/seg_test") if split else ("",):
            shutil.copytree(tmp_path / name, tmp_path / "archive" / "data" / part / name)
        shutil.rmtree(tmp_path / name)
    (tmp_path / "__MACOSX" / "data").mkdir(parents=True)
    (tmp_path / "archive" / "notes.txt").write_text("beside")
    data = io.load(tmp_path)
    assert data.classes == expected.classes
    assert (len(data.train_y), len(data.test_y)) == ((10, 10) if split else (8, 2))
    assert {Path(skipped.path).name for skipped in data.skipped} == {"__MACOSX", "notes.txt"}


def test_only_held_out_data_is_an_error(tmp_path, classes):
    for name in ("cat", "dog"):
        shutil.copytree(tmp_path / name, tmp_path / "data" / "test" / name)
    with pytest.raises(DataError, match="data has test, but no folder train"):
        io.load(tmp_path / "data")


def test_a_split_that_is_not_clear_is_an_error_or_named(tmp_path, classes):
    for part in ("train", "test", "val"):
        shutil.copytree(tmp_path / "cat", tmp_path / part / "cat")
        shutil.copytree(tmp_path / "dog", tmp_path / part / "dog")
    data = io.load(tmp_path)
    assert len(data.train_y) == len(data.test_y) == 10
    assert [Path(skipped.path).name for skipped in data.skipped] == ["cat", "dog", "val"]
    (tmp_path / "val").rename(tmp_path / "Training")
    with pytest.raises(DataError, match=r"Training and .*train both"):
        io.load(tmp_path)
    for name in ("train", "Training"):
        shutil.rmtree(tmp_path / name)
    with pytest.raises(DataError, match="has test, but no folder train"):
        io.load(tmp_path)


def test_a_split_without_classes_does_not_become_two_classes(tmp_path, classes):
    (tmp_path / "cat").rename(tmp_path / "train")
    (tmp_path / "dog").rename(tmp_path / "test")
    with pytest.raises(DataError, match="has no sub-folders"):
        io.load(tmp_path)
    (tmp_path / "test").rename(tmp_path / "plane")  # but a class may be called train
    assert io.load(tmp_path).classes == ("plane", "train")


def test_folders_without_images_are_named_and_are_not_classes(classes, photo):
    (classes / "__MACOSX" / "cat").mkdir(parents=True)
    (classes / "an empty one").mkdir()
    (classes / "cow").mkdir()
    (classes / "cow" / "cow.txt").write_text("moo")
    data = io.load(classes)
    assert data.classes == ("cat", "dog")
    assert sorted(data.train_y) == [0] * 4 + [1] * 4
    skipped = {Path(skipped.path).relative_to(classes).as_posix(): skipped.reason for skipped in data.skipped}
    assert sorted(skipped) == ["__MACOSX", "__MACOSX/cat", "an empty one", "cow", "cow/cow.txt"]
    assert skipped["cow"] == "a folder without usable images"


def test_links_that_lead_out_are_followed_on_request(classes, photo, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    photo.save(outside / "wolf.png")
    (classes / "wolf").symlink_to(outside)
    (classes / "cat" / "a.png").symlink_to(outside / "wolf.png")
    (classes / "cat" / "b.png").symlink_to(classes / "cat" / "0.png")
    data = io.load(classes)
    assert data.classes == ("cat", "dog")
    assert len(data.train_y) + len(data.test_y) == 11
    assert [Path(skipped.path).name for skipped in data.skipped] == ["wolf", "a.png"]
    data = io.load(classes, follow_links=True)
    assert data.classes == ("cat", "dog", "wolf")
    assert len(data.train_y) + len(data.test_y) == 13


def test_a_folder_that_cannot_be_listed_or_named_is_an_error(classes, monkeypatch):
    (classes / os.fsdecode(b"caf\xe9")).mkdir()
    (classes / os.fsdecode(b"caf\xe9") / "a.png").write_text("")
    with pytest.raises(DataError, match=r"caf\\xe9 is not valid UTF-8"):
        io.load(classes)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=rf"^{re.escape(str(classes))} cannot be read: Permission denied"):
        io.load(classes)


@pytest.mark.parametrize(
    ("size", "error", "words"),
    [
        (-4, ValueError, "-4"),
        (0, ValueError, "0"),
        (10**6, ValueError, "1000000.* 16384"),
        ("64", TypeError, "'64'"),
    ],
)
def test_a_size_that_makes_no_sense(classes, size, error, words):
    for call in (lambda: io.load(classes, size=size), lambda: load_image(classes / "cat" / "0.png", size)):
        with pytest.raises(error, match=f"^size is {words}"):
            call()


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
    with pytest.raises(DataError, match="no sub-folders with files"):
        io.load(tmp_path)
    (tmp_path / "cat" / "a.txt").write_text("miaow")
    with pytest.raises(DataError, match=r"no usable images in its sub-folders \('cat'\); give each class"):
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
    for i in range(5):
        photo.save(tmp_path / "dog" / f"{i}.png")
    with pytest.raises(DataError, match="choose a smaller size"):
        io.load(tmp_path, size=16_384)


def test_paths_that_are_no_data(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        io.load(tmp_path / "nothing")
    with pytest.raises(DataError, match="File name too long"):
        io.load(tmp_path / ("n" * 300))
    with pytest.raises(DataError, match="null"):
        io.load("a\0b")
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
        ({"train_x": None}, "train_x.*classes, test_x, test_y, train_y"),
        ({"test_y": None}, "test_x and test_y"),
        ({"train_x": np.zeros((6, 12), int)}, "train_x is of int64"),
        ({"train_x": np.full((6, 12), np.nan), "test_x": None, "test_y": None}, "train_x has nan"),
        ({"train_x": np.zeros(6, np.uint8)}, r"train_x has shape \(6,\)"),
        ({"train_x": np.zeros((6, 0), np.uint8)}, "train_x has shape"),
        ({"train_y": np.zeros(5, int)}, r"train_y .*\(5,\).*train_x.* 6 rows"),
        ({"train_y": np.zeros((2, 3), int)}, "train_y has shape"),
        ({"train_y": np.array([0, 1, 0, 1, 0, -1])}, "train_y .* -1, .* 2"),
        ({"train_y": np.array([0, 1, 0, 1, 0, 0.5])}, "train_y has fractions"),
        ({"train_y": np.array([0, 1, 0, 1, 0, 1e300])}, "train_y has .*64 bits"),
        ({"train_y": np.array([0, 1, 0, 1, 0, np.inf])}, "train_y has .*inf"),
        ({"train_y": np.array([0, 1, 0, 1, 0, np.nan])}, "train_y has .*nan"),
        ({"train_y": np.array([0, 1, 0, 1, 0, 1j])}, "train_y is of complex128"),
        ({"train_y": np.array(list("ababab"))}, "train_y has the label 'a', which classes lacks"),
        ({"train_y": np.array([0, 1, 0, 1, 0, 7])}, "train_y has the label 7, .* 2, numbered from 0"),
        ({"train_y": np.array([0, 1, 0, 1, 0, 2**63], np.uint64)}, "train_y .*9223372036854775808.* 2,"),
        ({"test_y": np.array([0, 2**63], np.uint64)}, "test_y has the label 9223372036854775808"),
        ({"test_y": np.array([0, np.inf])}, "test_y has .*inf"),
        ({"test_y": np.array([0, 3])}, "test_y has the label 3, .* 2"),
        ({"test_y": np.array([0, 3]), "classes": None}, "test_y has the label '3', which train_y lacks"),
        ({"classes": np.array([["a", "b"]])}, r"classes .*\(1, 2\)"),
        ({"classes": np.zeros(10**7, "V0")}, "classes has a header"),
        ({"classes": np.zeros(10**6, "S1")}, "classes .*1000000.* 100000 names"),
        ({"classes": np.zeros(2, "S9000")}, "classes .*S9000.* 4096 bytes"),
        ({"train_x": np.zeros((3, 6)), "test_x": None, "test_y": None}, r"train_x .*\(3, 6\).*train_x\.T"),
        ({"X_train": GOOD["train_x"]}, "both 'train_x.npy' and 'X_train.npy'"),
        ({"train_y": np.zeros(6, int)}, "only one class, 'non-cat'"),
        ({"test_x": np.zeros((2, 5), np.uint8)}, "rows of test_x"),
        ({"train_x": np.array([{}] * 6)}, "train_x .*pickle"),
    ],
)
def test_a_bad_npz_names_the_array_at_fault(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        io.load(saved(tmp_path, **changes))


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        ([1, 2, 3, 1, 2, 3], ("1", "2", "3"), [0, 1, 2, 0, 1, 2]),  # no phantom class 0
        ([-1, 1, 1, -1, 1, 1], ("-1", "1"), [0, 1, 1, 0, 1, 1]),
        ([0.0, 10.0, 2.0, 0.0, 2.0, 2.0], ("0", "2", "10"), [0, 2, 1, 0, 1, 1]),
        ([True, False, True, True, True, True], ("0", "1"), [1, 0, 1, 1, 1, 1]),
        (["b", "a", "b", "a", "b", "b"], ("a", "b"), [1, 0, 1, 0, 1, 1]),
        ([b"b", b"\xff", b"b", b"b", b"b", b"b"], ("b", "\\xff"), [0, 1, 0, 0, 0, 0]),
        ([5, 10**9, 5, 5, 5, 5], ("5", "1000000000"), [0, 1, 0, 0, 0, 0]),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_the_distinct_labels_are_the_classes(tmp_path, labels, classes, numbers, order):
    y = np.array(labels)
    test = {"test_x": GOOD["train_x"][:2], "test_y": y[:2][::order]}
    data = io.load(saved(tmp_path, train_y=y, classes=None, **test))
    assert data.classes == classes
    assert data.train_y.tolist() == numbers
    assert data.test_y.tolist() == numbers[:2][::order]


def test_text_labels_are_looked_up_in_the_classes(tmp_path):
    data = io.load(saved(tmp_path, train_y=np.array(["cat", "non-cat"] * 3), test_y=np.array(["cat"] * 2)))
    assert data.classes == ("non-cat", "cat")
    assert data.train_y.tolist() == [1, 0] * 3


@pytest.mark.parametrize(
    "names", [("x_train", "y_train", "x_test", "y_test"), ("Train_X", "train_Y", "X_test", "test_y")]
)
def test_other_names_of_the_arrays(tmp_path, names):
    arrays = dict(
        zip(names, [GOOD[name] for name in ("train_x", "train_y", "test_x", "test_y")], strict=True)
    )
    np.savez(tmp_path / "data.npz", notes=np.zeros(3), **arrays)
    data = io.load(tmp_path / "data.npz")
    np.testing.assert_array_equal(data.train_x, GOOD["train_x"])
    np.testing.assert_array_equal(data.test_y, GOOD["test_y"])
    assert data.skipped == (io.Skipped("notes", "not an array that is read"),)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", ">f8", "longdouble", "u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_numpy_reads_them(tmp_path, dtype, order):
    x = np.random.default_rng(0).integers(0, 200, (6, 3, 4)).astype(dtype, order=order)
    path = saved(tmp_path, train_x=x, test_x=None, test_y=None)
    data = io.load(path)
    with np.load(path) as expected:
        both = np.concatenate([data.train_x, data.test_x])
        assert data.train_x.dtype == expected["train_x"].dtype
        assert sorted(both.ravel()) == sorted(expected["train_x"].ravel())
        for row, label in zip(data.train_x, data.train_y, strict=True):
            at = [i for i, given in enumerate(expected["train_x"]) if (given == row).all()]
            assert expected["train_y"].ravel()[at] == label


def test_files_that_are_not_npz_are_refused(tmp_path):
    path = tmp_path / "broken.npz"
    for content in (b"", b"not a zip", saved(tmp_path).read_bytes()[:300]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            io.load(path)


def test_an_npz_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("deepnet.io.dataset.MAX_BYTES", 1000)
    with pytest.raises(DataError, match="use fewer rows"):
        io.load(saved(tmp_path, train_x=np.zeros((6, 1000), np.uint8), test_x=None, test_y=None))


def rewritten(path, name="train_x.npy", content=None, **info):
    """Write the archive again, with one member's content or description changed."""
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, old in members.items():
            entry = zipfile.ZipInfo(key)
            entry.compress_type = zipfile.ZIP_DEFLATED
            if key == name:
                entry.compress_type = info.get("compress_type", entry.compress_type)
            archive.writestr(entry, content if key == name and content is not None else old)
    return path


def npy(descr="'|u1'", shape="(6, 2, 2, 3)", rest="'fortran_order': False, ", data=bytes(72)):
    header = f"{{'descr': {descr}, {rest}'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize(
    "content",
    [
        b"just bytes",
        b"",
        npy()[:20],
        npy(data=bytes(71)),
        npy(data=bytes(73)),
        npy(descr="'|u0'"),
        npy(descr="'<f3'", data=bytes(216)),
        npy(descr="'|V1'"),
        npy(descr="[('a', '|u1')]"),
        npy(descr="'\\d'"),
        npy(shape="(6, 12" + ",)" * 3000),
        npy(shape="(-6, -12)"),
        npy(shape="(6, 12L)", data=bytes(72)),  # as Python 2 wrote it: read
        npy(shape=f"({10**30}, 0)", data=b""),
        npy(shape="6"),
        npy(rest=""),
        b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31),
        b"\x93NUMPY\x09\x00" + struct.pack("<H", 10) + bytes(10),
    ],
)
def test_a_damaged_member_is_named(tmp_path, content):
    path = rewritten(saved(tmp_path, test_x=None, test_y=None), content=content)
    if b"12L" in content:
        assert io.load(path).n_features == 12
        return
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: train_x ") as caught:
        io.load(path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_numpy_does_not_write_is_refused(tmp_path, method):
    path = rewritten(saved(tmp_path), compress_type=method)
    with pytest.raises(DataError, match=f"train_x .* {method},"):
        io.load(path)


def test_an_encrypted_member_is_named(tmp_path):
    path = saved(tmp_path)
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: train_x is encrypted"):
        io.load(path)


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path):
    np.savez(tmp_path / "data.npz", **GOOD)  # stored, not compressed
    content = bytearray((tmp_path / "data.npz").read_bytes())
    content[content.index(GOOD["train_x"].tobytes()) + 71] ^= 1  # the last pixel
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"train_x .*CRC"):
        io.load(tmp_path / "data.npz")


def test_a_claimed_size_is_checked_before_anything_is_allocated(tmp_path):
    path = saved(tmp_path, test_x=None, test_y=None)
    big = npy(shape="(6, 500000000)", data=b"")
    for content in (big, npy(descr="'<U1000'", shape="(100000,)", data=b"")):
        rewritten(path, content=content)
        with peak_memory() as peak, pytest.raises(DataError, match="train_x"):
            io.load(path)
        assert peak.bytes < 2**20
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(20_000):
            archive.writestr(f"{i}" * 20, b"")
    with pytest.raises(DataError, match="list of members"):
        io.load(path)


def test_only_a_regular_file_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(DataError, match=r"pipe\.npz: .*regular"):
        io.load(tmp_path / "pipe.npz")


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
