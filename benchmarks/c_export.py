"""A digits network on a Cortex-M as C code, in float32 and int8: flash, RAM, instructions and accuracy.

    python benchmarks/c_export.py [--write docs/c_export.md]

Needs gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-user. The network is trained here, its code compiled
for each processor, and every held-out image classified by that code under qemu. ``--write`` puts the table
into that file.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import deepnet
from deepnet.activations import Array
from deepnet.io import load_digits

BEGIN = "<!-- The table is written by: python benchmarks/c_export.py --write docs/c_export.md -->\n"
END = "\n<!-- end of the table -->"
HEAD = (
    "| numbers | processor | flash | RAM | stack | instructions | accuracy | as the network |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)
CPUS = {
    "Cortex-M0, no FPU": ["-mcpu=cortex-m0"],
    "Cortex-M4F": ["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
}
# Reads images and writes classes by Linux's calls, for qemu-user; all else is as on the bare processor.
MAIN = """\
#include "digits.h"
static long call(long number, long file, void *buffer, unsigned long size) {
  register long r7 __asm__("r7") = number, r0 __asm__("r0") = file;
  register void *r1 __asm__("r1") = buffer;
  register unsigned long r2 __asm__("r2") = size;
  __asm__ volatile("svc 0" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r7) : "memory");
  return r0;
}
static float image[DIGITS_INPUTS];
void _start(void);
void _start(void) {
  while (call(3, 0, image, sizeof image) == (long)sizeof image) {
    int digit = digits_predict_class(image);
    call(4, 1, &digit, sizeof digit);
  }
  call(1, 0, 0, 0);
}
"""


def program(folder: Path, target: list[str]) -> tuple[Path, int, int, int]:
    """Compile the code for a processor; return the program, its flash and RAM, and a prediction's stack."""
    (folder / "main.c").write_text(MAIN)
    flags = ["-Os", "-mthumb", *target, "-ffunction-sections", "-fdata-sections", "-Wall", "-Werror"]
    for name in ("digits", "main"):
        command = [
            "arm-none-eabi-gcc",
            "-std=gnu99",
            *flags,
            "-fstack-usage",
            "-c",
            str(folder / f"{name}.c"),
        ]
        subprocess.run([*command, "-o", str(folder / f"{name}.o")], check=True)
    objects = [str(folder / "digits.o"), str(folder / "main.o")]
    link = ["--specs=nano.specs", "-nostartfiles", "-Wl,--gc-sections", "-lm", "-lc", "-lnosys"]
    path = folder / "digits.elf"
    command = ["arm-none-eabi-gcc", *flags, *objects, *link, "-o", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    done = subprocess.run(["arm-none-eabi-size", str(path)], check=True, capture_output=True, text=True)
    text, data, bss = map(int, done.stdout.splitlines()[1].split()[:3])
    frames = re.findall(r":digits_predict(?:_class)?\t(\d+)\t", (folder / "digits.su").read_text())
    return path, text + data, data + bss, sum(map(int, frames))


def classified(program: Path, images: Array, *options: str) -> Array:
    """Return the classes that the program finds for the images, one per row."""
    command = ["qemu-arm", *options, str(program)]
    done = subprocess.run(command, input=images.tobytes(), check=True, capture_output=True)
    return np.frombuffer(done.stdout, np.int32)


def instructions(program: Path, images: Array) -> int:
    """Return the instructions for one image more: qemu writes a line for each."""
    log, counts = program.with_suffix(".log"), []
    for count in (1, 2):
        classified(program, images[:count], "-singlestep", "-d", "exec,nochain", "-D", str(log))
        counts.append(sum(line.startswith("Trace") for line in log.open()))
    return counts[1] - counts[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", type=Path, help="write the table into this file")
    options = parser.parse_args()
    missing = [name for name in ("arm-none-eabi-gcc", "qemu-arm") if shutil.which(name) is None]
    if missing:
        needed = "install gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-user"
        print(f"{' and '.join(missing)} missing: {needed}")
        sys.exit(options.write is not None)

    digits = load_digits(seed=1)
    train, test = (x.reshape(len(x), -1).T.astype(np.float32) for x in (digits.train_x, digits.test_x))
    net = deepnet.Network([64, 32, 10], output="softmax", input_scale=1 / 16, seed=1)
    net.fit(train, digits.train_y, epochs=40, batch_size=32, optimizer=deepnet.Adam(0.005), seed=1)
    expected = net.predict(test).argmax(axis=0)
    accuracy = np.mean(expected == digits.test_y)
    print(f"{net}: accuracy {accuracy:.4f} of {len(expected)} held-out images")

    rows = [f"| the network in Python | | | | | | {accuracy:.2%} | |\n"]
    for dtype in ("float32", "int8"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            deepnet.to_c(net, folder / "digits.c", dtype=dtype, calibration=train)
            for cpu, target in CPUS.items():
                path, flash, ram, stack = program(folder, target)
                images = np.ascontiguousarray(test.T)
                found = classified(path, images)
                right, same = np.mean(found == digits.test_y), np.mean(found == expected)
                sizes = " | ".join(f"{size:,}" for size in (flash, ram, stack, instructions(path, images)))
                rows.append(f"| {dtype} | {cpu} | {sizes} | {right:.2%} | {same:.2%} |\n")
    table = HEAD + "".join(rows)
    print(table)
    if options.write:
        text = options.write.read_text()
        before, _, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not end:
            sys.exit(f"{options.write} has no line {BEGIN.strip()!r}, or no {END.strip()!r} after it")
        options.write.write_text(before + BEGIN + table + END + after)


if __name__ == "__main__":
    main()
