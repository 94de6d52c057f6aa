"""The command in this process, and small data for it."""

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from deepnet.cli.app import app


def command(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def write_table(path, rows=90, separator=",", header=True, seed=0):
    """A table with numbers, categories and missing cells, names, and two targets: a class and a number."""
    rng = np.random.default_rng(seed)
    size, colour = rng.normal(size=rows), rng.choice(["red", "blue", "green"], rows)
    lines = [separator.join(["size", "colour", "name", "buys", "price"])] if header else []
    for i in range(rows):
        shown = "?" if i % 10 == 3 else f"{size[i]:.3f}"
        buys = "yes" if (size[i] > 0) != (colour[i] == "red") else "no"
        price = 10 * size[i] + (5 if colour[i] == "red" else 0)
        lines.append(separator.join([shown, colour[i], f"n{i}", buys, f"{price:.2f}"]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_photos(folder, per_class=8, size=12):
    """Bright and dark pictures, each class in a sub-folder."""
    rng = np.random.default_rng(0)
    for name, low in (("bright", 150), ("dark", 0)):
        (folder / name).mkdir(parents=True)
        for i in range(per_class):
            pixels = rng.integers(low, low + 100, (size, size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder
