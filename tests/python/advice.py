"""Follow the advice in error messages: find the code in a message, run it, and call again."""

import ast
import copy
import dataclasses
import re
import traceback
from pathlib import Path

import numpy as np

import deepnet

MODULES = {"np": np, "deepnet": deepnet, "dataclasses": dataclasses, "copy": copy}
BEFORE = re.compile(r"(?:[:;,?]|\b(?:by|in|use|or|as|is|pass|and|with|object)) $")


def _code_in(text):
    """Yield each longest piece of code in the text: an expression, an assignment, or keyword=value."""
    end = 0
    for start in (match.start() for match in re.finditer(r"(?<= )[A-Za-z]", text)):
        if start < end or not BEFORE.search(text[:start]):  # within the piece before, or within a sentence
            continue
        rest = text[start:]
        for stop in [len(rest), *(m.start() for m in reversed(list(re.finditer(r"[\s,;:.?]", rest))))]:
            code = rest[:stop].rstrip(".,;:?")
            if _is_code(code):
                end = start + stop
                yield code
                break


def _is_code(code):
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return False
    if len(tree.body) != 1:
        return False
    statement = tree.body[0]
    if isinstance(statement, ast.Assign):
        return True
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if isinstance(value, ast.Compare):
        return isinstance(value.ops[0], ast.Eq)
    return isinstance(value, (ast.Call, ast.Subscript, ast.BinOp, ast.Attribute)) and any(
        isinstance(node, ast.Name) for node in ast.walk(value)
    )


def advice_in(message):
    return list(_code_in(message))


def follow(call, names, most=5, seen=None):
    """Execute `call` with `names`; where it fails, follow the first piece of advice and execute it again.

    Advice that is an expression replaces the variable that it mentions; ``name=value`` replaces the variable
    of that name, or becomes one of `options`. Returns the advice that was followed; `seen` gets the places in
    deepnet that raised, as (file, line).
    """
    followed = []
    for _ in range(most):
        message = _error_of(call, names, set() if seen is None else seen)
        if message is None:
            return followed
        code = next((code for code in advice_in(message) if _apply(code, names)), None)
        assert code, f"no advice that can be followed in: {message}"
        followed.append(code)
    raise AssertionError(f"still wrong after {followed}")


def _error_of(call, names, seen):
    try:
        exec(call, MODULES | names)
    except (TypeError, ValueError, AttributeError) as error:
        frames = traceback.extract_tb(error.__traceback__)
        seen |= {(Path(frame.filename), frame.lineno) for frame in frames[-1:]}
        return str(error)
    return None


def _apply(code, names):
    """Follow one piece of advice; False if it is about none of these names."""
    statement = ast.parse(code).body[0]
    if isinstance(statement, ast.Assign):
        target = ast.unparse(statement.targets[0])
        value = eval(ast.unparse(statement.value), MODULES | names)
        if not target.isidentifier():
            exec(code, MODULES | names)
        elif target in names:
            names[target] = value
        else:
            names["options"] = names.get("options", {}) | {target: value}
        return True
    used = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id in names]
    if not used:
        return False
    names[used[0]] = eval(code, MODULES | names)
    return True
