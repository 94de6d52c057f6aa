"""C code that is compiled and run, and how far rounding may move what it computes."""

import re
import shutil
import subprocess

import numpy as np
import pytest

import deepnet

GCC = shutil.which("gcc")
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wpedantic", "-Wdouble-promotion"]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
SLOPE_GRID = np.linspace(-30, 30, 60_001).reshape(1, -1)


needs_gcc = pytest.mark.skipif(GCC is None, reason="gcc is not installed")


class Program:
    """The compiled code of some exports: each is run on examples from a pipe, then its self-test."""

    def __init__(self, reports, flags=(), compiler=GCC, main="main.c"):
        folder = reports[0].source.parent
        self._kinds = {r.name: np.float64 if r.dtype == "float64" else np.float32 for r in reports}
        self._path, self._names = folder / "program", [r.name for r in reports]
        texts = {r.name: r.header.read_text() for r in reports}
        self._outputs = {name: int(re.search(r"_OUTPUTS (\d+)", text)[1]) for name, text in texts.items()}
        self.choosing = {name for name, text in texts.items() if "_predict_class" in text}
        cases = "".join(f"    case {i}: return run_{name}();\n" for i, name in enumerate(self._names))
        (folder / main).write_text(
            "#include <stdio.h>\n#include <stdlib.h>\n"
            + "".join(f'#include "{r.header.name}"\n' for r in reports)
            + "".join(map(self._run_of, self._names))
            + "int main(int count, char **arguments) {\n  switch (count == 2 ? atoi(arguments[1]) : -1) {\n"
            + f"{cases}  }}\n  return 99;\n}}\n"
        )
        sources = [str(r.source) for r in reports]
        command = [compiler, *WARNINGS, *flags, *sources, str(folder / main), "-lm", "-o", str(self._path)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def _run_of(self, name):
        kind = "double" if self._kinds[name] is np.float64 else "float"
        upper, choose = name.upper(), ""
        if name in self.choosing:
            choose = f"    {{ int c = {name}_predict_class(in); fwrite(&c, sizeof c, 1, stdout); }}\n"
        return (
            f"static int run_{name}(void) {{\n  {kind} in[{upper}_INPUTS], out[{upper}_OUTPUTS];\n"
            f"  while (fread(in, sizeof in, 1, stdin) == 1) {{\n    {name}_predict(in, out);\n"
            f"    fwrite(out, sizeof out, 1, stdout);\n{choose}  }}\n  return {name}_selftest();\n}}\n"
        )

    def __call__(self, name, X, selftest=0):
        """Return the outputs (n_L, m) of one export for X (n_0, m), and the classes or None."""
        kind = self._kinds[name]
        examples = np.ascontiguousarray(X.T, kind)
        command = [str(self._path), str(self._names.index(name))]
        done = subprocess.run(command, input=examples.tobytes(), capture_output=True)
        assert done.returncode == selftest, (done.returncode, done.stderr.decode())
        fields = [("A", kind, (self._outputs[name],))]
        fields += [("c", np.int32)] if name in self.choosing else []
        records = np.frombuffer(done.stdout, np.dtype(fields))
        assert len(records) == len(examples)
        return records["A"].T, records["c"] if name in self.choosing else None


def slope(name):
    """Return the largest slope of an activation; of softmax, a change of all inputs by 1 changes A by 1/2."""
    if name == "softmax":
        return 0.5
    entry = deepnet.ACTIVATIONS[name]
    return 1.001 * np.abs(entry.backward(np.ones_like(SLOPE_GRID), SLOPE_GRID)).max()


def rounding_bound(net, X, dtype, E=None):
    """Return how far rounding can move each output (Higham 2002, 3.5), whatever the order of the sums.

    16 u for the functions of math.h or of the engine, and u |Z| times the slope where they round their
    argument. `E` is the error of X times the scale of the inputs.
    """
    u = np.finfo(dtype).eps / 2
    A = X.astype(np.float64) * net.input_scale
    E = 3 * u * np.abs(A) if E is None else E
    layers = zip(list(net.parameters.values())[::2], list(net.parameters.values())[1::2], strict=True)
    for (W, b), g in zip(layers, net.activations, strict=True):
        W, b, n = W.astype(np.float64), b.astype(np.float64), W.shape[1] + 2
        Z = W @ A + b
        E = np.abs(W) @ E + n * u / (1 - n * u) * (np.abs(W) @ np.abs(A) + np.abs(b))
        A = deepnet.ACTIVATIONS[g].forward(Z)
        E = slope(g) * E + 16 * u * np.abs(A) + 4 * u * slope(g) * np.abs(Z)
        E += len(A) * u * A if g == "softmax" else 0
    return E
