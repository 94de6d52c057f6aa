"""The text of the C header and source of a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any

import numpy as np

from deepnet._validation.arrays import counted
from deepnet.activations import Array

from ._c_int8 import HIGH, LOW, Int8Network
from ._c_model import CModel

# Each activation for one number; nan stays nan, and no step overflows where the result does not. The formulas
# are those of deepnet's kernels, with the functions of math.h. Written for float; _typed makes them double.
ACTIVATIONS = {
    "relu": "return z <= 0.0f ? 0.0f : z;",
    "leaky_relu": "return z <= 0.0f ? 0.01f * z : z;",
    "elu": "return z < 0.0f ? expm1f(z) : z;",
    "selu": "return z < 0.0f ? 1.7580993408473769f * expm1f(z) : 1.0507009873554805f * z;",
    "gelu": """\
float t = fabsf(z);
if (t > 40.0f) t = 40.0f; /* so that an infinite t times 0 is 0 */
return (z < 0.0f ? 0.0f : z) - 0.5f * t * erfcf(0.70710678118654752f * t);""",
    "silu": """\
float t = fabsf(z), e;
if (t > 800.0f) t = 800.0f; /* so that an infinite t times 0 is 0 */
e = expf(-t);
return (z < 0.0f ? -t * e : z) / (1.0f + e);""",
    "mish": """\
float t = fabsf(z), e;
if (t > 800.0f) t = 800.0f; /* so that an infinite t times 0 is 0 */
e = expf(-t);
if (z < 0.0f) return -t * e * ((e + 2.0f) / (e * (e + 2.0f) + 2.0f));
return z * ((1.0f + 2.0f * e) / (1.0f + 2.0f * e + 2.0f * e * e));""",
    "softplus": "return (z < 0.0f ? 0.0f : z) + log1pf(expf(-fabsf(z)));",
    "sigmoid": """\
const float e = expf(-fabsf(z)); /* cannot overflow */
return (z < 0.0f ? e : 1.0f) / (1.0f + e);""",
    "hard_swish": """\
if (z <= -3.0f) return 0.0f;
return z >= 3.0f ? z : z * (z + 3.0f) / 6.0f;""",
}
OF_MATH_H = {"identity": "{}", "tanh": "tanhf({})"}  # need no function of their own
SOFTMAX = """\
static void softmax(float *z, size_t units) {
  float highest = z[0], total = 0.0f;
  size_t i;
  for (i = 1; i < units; ++i) highest = z[i] > highest ? z[i] : highest;
  for (i = 0; i < units; ++i) {
    z[i] = expf(z[i] - highest);
    total += z[i];
  }
  for (i = 0; i < units; ++i) z[i] /= total;
}
"""
DOT = """\
/* The sum for one unit: its weights w times the outputs x of the layer before, and its bias. */
static float sum(const float *w, const float *x, size_t count, float bias) {
  size_t j;
  for (j = 0; j < count; ++j) bias += w[j] * x[j];
  return bias;
}
"""
INT8_DOT = """\
/* The sum for one unit: exact, since the weights were chosen so that no sum leaves int32. */
static float sum(const int8_t *w, const int8_t *x, size_t count, int32_t bias) {
  size_t j;
  for (j = 0; j < count; ++j) bias += (int32_t)w[j] * x[j];
  return (float)bias;
}

/* The nearest whole step; numbers beyond the range get its end. No sum follows the product, so that
 * all compilers round alike, whether they fuse the two or not. */
static int8_t steps(float x, float per_unit, int zero) {
  const float q = x * per_unit;
  if (!(q > (float)(LOW - zero))) return LOW;
  if (q >= (float)(HIGH - zero)) return HIGH;
  return (int8_t)(zero + (int)roundf(q));
}
""".replace("LOW", str(LOW)).replace("HIGH", str(HIGH))


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Inputs (examples, n_0), the outputs that they must give (examples, n_L), and how near."""

    inputs: Array
    outputs: Array
    tolerance: float


@dataclass(frozen=True, slots=True)
class Text:
    """The two files, and the bytes of constants and of the stack that they need."""

    header: str
    source: str
    constants: int
    stack: int


# --- pieces -------------------------------------------------------------------------------------------------


def _typed(text: str, dtype: np.dtype[Any]) -> str:
    """Return the text for floats of this dtype."""
    if dtype == np.float32:
        return text
    text = re.sub(r"\bfloat\b", "double", text)
    text = re.sub(r"\b(expm1|exp|log1p|tanh|erfc|fabs|sqrt)f\(", r"\1(", text)
    return re.sub(r"\b(\d+\.\d*(?:e[-+]?\d+)?)f\b", r"\1", text)


def number(value: Any) -> str:
    """Return a float32 or float64 as C writes it, with as many digits as tell it from its neighbours."""
    digits, suffix = ("%.9g", "f") if value.dtype == np.float32 else ("%.17g", "")
    text = digits % value
    return f"{text}{'' if '.' in text or 'e' in text else '.0'}{suffix}"


def string(text: str) -> str:
    r"""Return a string literal of C: UTF-8, with everything but plain characters as octal escapes.

    >>> string('5 "µm"??/')
    '"5 \\"\\302\\265m\\"\\077\\077/"'
    """
    plain = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\077"}  # ?? starts a trigraph
    code = text.encode("utf-8", "surrogateescape")
    signs = (plain.get(c, chr(c) if 32 <= c < 127 else f"\\{c:03o}") for c in code)
    return f'"{"".join(signs)}"'


def _array(kind: str, name: str, values: Array) -> str:
    flat = values.reshape(-1)
    texts = [str(v) for v in flat.tolist()] if flat.dtype.kind == "i" else [number(v) for v in flat]
    width = 20 if flat.dtype.kind == "i" else 8
    lines = ",\n  ".join(", ".join(texts[i : i + width]) for i in range(0, len(texts), width))
    return f"static const {kind} {name}[{flat.size}] = {{\n  {lines}\n}};\n"


def _quoted(name: str) -> str:
    """Return a name as a comment of C can hold it."""
    return string(name).replace("*/", "*\\057").replace("/*", "/\\052")


def _block(sentences: Iterable[str]) -> str:
    lines = "\n".join(f" * {sentence}".rstrip() for sentence in sentences)
    return f"/*{lines[2:]}\n */\n"


# --- the two files ------------------------------------------------------------------------------------------


def written(
    name: str,
    header_name: str,
    version: str,
    model: CModel,
    dtype: np.dtype[Any],
    networks: list[Int8Network] | None,
    test: SelfTest,
) -> Text:
    """Return the C code of a model whose numbers have been rounded; `networks`: that of their int8 form."""
    kind = dtype.name.replace("32", "").replace("float64", "double")
    arrays, bodies, stack = _Arrays(kind), list[str](), _Stack(model, networks is not None, dtype.itemsize)
    prepared = _prepare(arrays, model, networks, stack)
    many = stack.is_sum
    for k, layers in enumerate(model.networks):
        prefix, target = (f"net{k + 1}_", "each") if many else ("", "output")
        if networks is None:
            body = _float_layers(arrays, prefix, layers, stack, target)
        else:
            body = _int8_layers(arrays, prefix, networks[k], stack, target)
        if model.is_exp:
            body += f"for (i = 0; i < {model.outputs}; ++i) {target}[i] = expf({target}[i]);\n"
        if model.combination is not None:
            body += model.combination.statements(arrays.add, number, k, model.outputs)
        elif many:
            sign = "=" if k == 0 else "+="
            body += f"for (i = 0; i < {model.outputs}; ++i) output[i] {sign} each[i];\n"
        bodies.append(body)
    if many and model.combination is None:
        count = number(np.float32(len(model.networks)))
        bodies.append(f"for (i = 0; i < {model.outputs}; ++i) output[i] /= {count};\n")
    facts = _facts(version, model, dtype, networks is not None, arrays.bytes, stack.bytes)
    declarations = f"{stack.declarations()}size_t i;\n"
    upper = name.upper()
    predict = (
        f"void {name}_predict(const float input[{upper}_INPUTS], float output[{upper}_OUTPUTS]) {{\n"
        + indent(_typed(declarations + prepared + "\n".join(bodies), dtype), "  ")
        + "}\n"
    )
    source = "\n".join(
        [
            _block([f"{name}: {facts[0]}", *facts[1:]]),
            f'#include "{header_name}"\n\n#include <math.h>\n#include <stddef.h>'
            + ("\n#include <stdint.h>\n" if networks is not None else "\n"),
            *arrays.texts,
            _typed(INT8_DOT if networks is not None else DOT, dtype),
            *_functions(model, dtype),
            _typed(predict, dtype),
            *([] if model.classes is None else [_typed(_choice(name, model), dtype)]),
            _typed(_selftest(name, model, test, kind), dtype),
        ]
    )
    header = _typed(_header(name, facts, model, stack.bytes), dtype)
    return Text(header, source, arrays.bytes, stack.bytes)


class _Arrays:
    """Constants, and their size."""

    def __init__(self, kind: str) -> None:
        self._kind, self.texts, self.bytes = kind, list[str](), 0

    def add(self, name: str, values: Array, kind: str | None = None) -> str:
        """Add an array, and return its name."""
        self.texts.append(_array(kind or self._kind, name, values))
        size = {"int8_t": 1, "int32_t": 4, "float": 4, "double": 8}[kind or self._kind]
        self.bytes += values.size * size
        return name


class _Stack:
    """The buffers: layer l writes to number l % 2, unless it is the last; the scaled inputs are layer 0."""

    def __init__(self, model: CModel, is_int8: bool, itemsize: int) -> None:
        copies = is_int8 or model.scaling is not None or model.encoding is not None
        hidden = [dims[1:-1] for dims in model.dims]
        self.is_sum = many = len(model.networks) > 1 or model.combination is not None
        self._sizes = {
            "even": max((n for units in hidden for n in units[1::2]), default=0),
            "odd": max((n for units in hidden for n in units[::2]), default=0),
            "x": model.width if copies else 0,
        }
        self.inputs = "x" if copies else "input"
        if copies and not many and hidden[0][1::2]:  # the networks of several all need x
            self._sizes["even"] = max(self._sizes["even"], self._sizes.pop("x"))
            self.inputs = "even"
        self._kind = "int8_t" if is_int8 else "float"
        self._each = model.outputs if many else 0
        self.bytes = sum(self._sizes.values()) * (1 if is_int8 else itemsize) + self._each * itemsize

    @staticmethod
    def of_layer(number: int) -> str:
        """Return the buffer of a hidden layer, which is numbered from 1."""
        return "odd" if number % 2 else "even"

    def declarations(self) -> str:
        """Return the C declarations."""
        lines = [f"{self._kind} {name}[{size}];\n" for name, size in self._sizes.items() if size]
        return "".join(lines) + (f"float each[{self._each}];\n" if self._each else "")


def _prepare(arrays: _Arrays, model: CModel, networks: list[Int8Network] | None, stack: _Stack) -> str:
    """Return the statements that scale the inputs, and round them to int8."""
    if model.encoding is not None:
        form = "{}"
        if networks is not None:
            form = f"steps({{}}, {number(networks[0].steps.per_unit)}, {networks[0].steps.zero})"
        return model.encoding.statements(arrays.add, number, form)
    value, scaling = "input[i]", model.scaling
    if scaling is not None:
        if scaling.center is not None:
            value = f"({value} - {arrays.add('center', scaling.center)}[i])"
        if scaling.factor.ndim:
            value = f"{value} * {arrays.add('factor', scaling.factor)}[i]"
        elif scaling.factor != 1:
            value = f"{value} * {number(scaling.factor)}"
    if networks is None:
        if scaling is None:
            return ""
        return f"for (i = 0; i < {model.inputs}; ++i) {stack.inputs}[i] = {value};\n"
    steps = networks[0].steps
    return f"""\
int is_known = 1;
for (i = 0; i < {model.inputs}; ++i) {{
  const float value = {value};
  if (value != value) is_known = 0; /* nan, which has no step */
  {stack.inputs}[i] = steps(value, {number(steps.per_unit)}, {steps.zero});
}}
if (!is_known) {{
  for (i = 0; i < {model.outputs}; ++i) output[i] = NAN;
  return;
}}
"""


def _applied(activation: str, z: str) -> str:
    return OF_MATH_H[activation].format(z) if activation in OF_MATH_H else f"{activation}({z})"


def _float_layers(arrays: _Arrays, prefix: str, layers: Sequence[Any], stack: _Stack, output: str) -> str:
    lines, before = list[str](), stack.inputs
    for l, layer in enumerate(layers, start=1):
        units, inputs = layer.W.shape
        W, b = arrays.add(f"{prefix}w{l}", layer.W), arrays.add(f"{prefix}b{l}", layer.b)
        target = output if l == len(layers) else stack.of_layer(l)
        z = f"sum({W} + i * {inputs}, {before}, {inputs}, {b}[i])"
        lines += _layer(units, target, layer.activation, "{}", z)
        before = target
    return "\n".join(lines) + "\n"


def _int8_layers(arrays: _Arrays, prefix: str, network: Int8Network, stack: _Stack, output: str) -> str:
    lines, before = list[str](), stack.inputs
    for l, layer in enumerate(network.layers, start=1):
        units, inputs = layer.W.shape
        W = arrays.add(f"{prefix}w{l}", layer.W, "int8_t")
        b = arrays.add(f"{prefix}b{l}", layer.bias, "int32_t")
        scale = arrays.add(f"{prefix}scale{l}", layer.scale)
        target, form = output, "{}"
        if layer.steps is not None:
            target = stack.of_layer(l)
            form = f"steps({{}}, {number(layer.steps.per_unit)}, {layer.steps.zero})"
        z = f"{scale}[i] * sum({W} + i * {inputs}, {before}, {inputs}, {b}[i])"
        lines += _layer(units, target, layer.activation, form, z)
        before = target
    return "\n".join(lines) + "\n"


def _layer(units: int, target: str, activation: str, form: str, z: str) -> list[str]:
    if activation == "softmax":
        loop = f"for (i = 0; i < {units}; ++i) {target}[i] = {z};"
        return [loop, f"softmax({target}, {units});"]
    return [f"for (i = 0; i < {units}; ++i) {target}[i] = {form.format(_applied(activation, z))};"]


def _functions(model: CModel, dtype: np.dtype[Any]) -> list[str]:
    used = {layer.activation for layers in model.networks for layer in layers}
    texts = [
        f"static float {name}(float z) {{\n{indent(body, '  ')}\n}}\n"
        for name, body in ACTIVATIONS.items()
        if name in used
    ]
    texts += [SOFTMAX] if "softmax" in used else []
    texts += [] if model.encoding is None else [model.encoding.functions(number)]
    texts += [] if model.combination is None else [model.combination.functions()]
    return [_typed(text, dtype) for text in texts]


def _choice(name: str, model: CModel) -> str:
    assert model.classes is not None
    upper = name.upper()
    names = ",\n  ".join(map(string, model.classes))
    if model.outputs == 1:
        body = "if (output[0] != output[0]) return -1;\nreturn output[0] > 0.5f;\n"
    else:
        body = f"""\
size_t i;
int best = 0;
for (i = 0; i < {model.outputs}; ++i) {{
  if (output[i] != output[i]) return -1;
  if (output[i] > output[best]) best = (int)i;
}}
return best;
"""
    return f"""\
const char *const {name}_class_names[{upper}_CLASSES] = {{
  {names}
}};

int {name}_class_of(const float output[{upper}_OUTPUTS]) {{
{indent(body, "  ")}}}

int {name}_predict_class(const float input[{upper}_INPUTS]) {{
  float output[{upper}_OUTPUTS];
  {name}_predict(input, output);
  return {name}_class_of(output);
}}
"""


def _selftest(name: str, model: CModel, test: SelfTest, kind: str) -> str:
    upper, count = name.upper(), len(test.inputs)
    tolerance = number(test.inputs.dtype.type(test.tolerance))
    return f"""\
#ifndef {upper}_NO_SELFTEST
{_array(kind, "test_inputs", test.inputs)}
{_array(kind, "test_outputs", test.outputs)}
int {name}_selftest(void) {{
  float output[{upper}_OUTPUTS];
  int example;
  size_t i;
  for (example = 0; example < {count}; ++example) {{
    {name}_predict(test_inputs + example * {model.inputs}, output);
    for (i = 0; i < {model.outputs}; ++i) {{
      const float difference = fabsf(output[i] - test_outputs[(size_t)example * {model.outputs} + i]);
      if (!(difference <= {tolerance})) return example + 1;
    }}
  }}
  return 0;
}}
#endif
"""


def _facts(
    version: str, model: CModel, dtype: np.dtype[Any], is_int8: bool, constants: int, stack: int
) -> list[str]:
    """Return the lines of the comment at the head of both files."""
    kinds = {dims: [*model.dims].count(dims) for dims in model.dims}
    many = {dims: f"{count} networks " if count > 1 else "" for dims, count in kinds.items()}
    what = ", ".join(f"{many[dims]}{'-'.join(map(str, dims))}" for dims in kinds)
    lines = [
        f"{model.title}, {what}, {'int8' if is_int8 else dtype}. Written by deepnet {version}; do not edit.",
        "",
    ]
    for dims in kinds:
        layers = model.networks[model.dims.index(dims)]
        lines += [
            f"layer {l}: {counted(dims[l - 1], 'input')}, {counted(dims[l], 'unit')}, {layer.activation}, "
            f"{layer.W.size + layer.b.size} parameters"
            for l, layer in enumerate(layers, start=1)
        ]
        lines.append("")
    if model.encoding is not None:
        lines += [*model.encoding.lines(_quoted), ""]
    lines += [
        f"Flash: {constants} bytes of constants, besides the code and the self-test.",
        f"RAM: {stack} bytes of the caller's stack; no static variables, so calls may run side by side.",
        "Do not compile it with -ffast-math, which assumes that no value is nan.",
    ]
    return lines


def _header(name: str, facts: list[str], model: CModel, stack: int) -> str:
    upper = name.upper()
    scaling = (
        "as they come; they are scaled here" if model.scaling is not None else "as the network takes them"
    )
    if model.encoding is not None:
        scaling = "as listed above; numbers as they come, which are scaled here"
    what = {"softmax": "the probability of each class", "sigmoid": "a probability"}.get(
        model.networks[0][-1].activation, "the prediction"
    )
    if model.classes is not None and model.outputs == 1:
        what = f"the probability of {name}_class_names[1]"
    classes = ""
    if model.classes is not None:
        classes = f"""
#define {upper}_CLASSES {len(model.classes)}

extern const char *const {name}_class_names[{upper}_CLASSES]; /* UTF-8 */

/* The number of the class that the outputs stand for; -1 if one of them is nan. */
int {name}_class_of(const float output[{upper}_OUTPUTS]);

/* The same from the inputs. */
int {name}_predict_class(const float input[{upper}_INPUTS]);
"""
    return f"""\
{_block([f"{name}: {facts[0]}", *facts[1:]])}
#ifndef {upper}_H
#define {upper}_H

#ifdef __cplusplus
extern "C" {{
#endif

#define {upper}_INPUTS {model.inputs}
#define {upper}_OUTPUTS {model.outputs}
#define {upper}_STACK_BYTES {stack} /* of the buffers in {name}_predict */

/* Compute the outputs from the inputs; the two arrays must not overlap.
 * Inputs: {scaling}.
 * Outputs: {what}. */
void {name}_predict(const float input[{upper}_INPUTS], float output[{upper}_OUTPUTS]);
{classes}
/* Return 0 if a few stored examples give the stored outputs, else the number of the first that does
 * not, from 1. Without it (-D{upper}_NO_SELFTEST), the examples take no flash. */
int {name}_selftest(void);

#ifdef __cplusplus
}}
#endif

#endif
"""
