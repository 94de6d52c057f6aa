"""Mutants of the lecture's functions: one operator, constant, index, axis, name or statement is changed."""

import ast
import copy

OPERATORS = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div, ast.Add], ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult], ast.Pow: [ast.Mult], ast.MatMult: [ast.Mult], ast.Mod: [ast.FloorDiv],
}  # fmt: skip
COMPARISONS = {
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.Lt], ast.GtE: [ast.Gt],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq],
}  # fmt: skip
NAMES = {
    "maximum": ["minimum"], "log": ["log10"], "exp": ["expm1"], "sum": ["mean"], "zeros": ["ones"],
    "randn": ["rand"], "rand": ["randn"], "sqrt": ["square"], "square": ["sqrt"], "dot": ["multiply"],
    "T": [None],
    "divide": ["multiply"], "multiply": ["add"], "floor": ["ceil"], "nansum": ["sum", "nanmean"],
    "relu": ["sigmoid"], "sigmoid": ["relu"], "relu_backward": ["sigmoid_backward"],
    "sigmoid_backward": ["relu_backward"],
}  # fmt: skip
WORDS = {"relu": "sigmoid", "sigmoid": "relu"}


def changes(node):
    """Yield functions that change a copy of the node in place, or return its replacement."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        for new in OPERATORS.get(type(node.op), []):
            yield lambda n, new=new: setattr(n, "op", new())
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Sub, ast.Div, ast.Pow, ast.MatMult)):
            yield lambda n: n.__dict__.update(left=n.right, right=n.left)
    elif isinstance(node, ast.Compare):
        for new in COMPARISONS.get(type(node.ops[0]), []):
            yield lambda n, new=new: setattr(n, "ops", [new()])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda n: n.operand
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield lambda n: setattr(n, "value", not n.value)
        elif isinstance(node.value, int):
            yield lambda n: setattr(n, "value", n.value + 1)
            if node.value > 0:
                yield lambda n: setattr(n, "value", n.value - 1)
        elif isinstance(node.value, float):
            yield lambda n: setattr(n, "value", n.value * 2)
        elif node.value in WORDS:
            yield lambda n: setattr(n, "value", WORDS[n.value])
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        for new in NAMES[node.attr]:
            if new is None:
                yield lambda n: n.value
            else:
                yield lambda n, new=new: setattr(n, "attr", new)
    elif isinstance(node, ast.Name) and node.id in NAMES and node.id != "T":
        for new in NAMES[node.id]:
            yield lambda n, new=new: setattr(n, "id", new)
    elif isinstance(node, ast.Call) and len(node.args) == 2 and not node.keywords:
        yield lambda n: n.args.reverse()


def mutants(text):
    """Yield (line, description, text) for each mutant of the text of one function."""
    tree = ast.parse(text)
    function = tree.body[0]
    nodes = [n for statement in function.body for n in ast.walk(statement)]
    for i, node in enumerate(nodes):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # the docstring
        for j, _ in enumerate(changes(node)):
            changed = copy.deepcopy(tree)
            target = [n for statement in changed.body[0].body for n in ast.walk(statement)][i]
            before = ast.unparse(target)
            new = list(changes(target))[j](target)
            if new is not None:
                changed = _Replace(target, new).visit(changed)
            after = ast.unparse(new if new is not None else target)
            mutated = ast.unparse(ast.fix_missing_locations(changed))
            if "docstring" not in before:
                yield node.lineno, f"{before} -> {after}", mutated


class _Replace(ast.NodeTransformer):
    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else self.generic_visit(node)
