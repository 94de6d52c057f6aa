"""Runs a learner's code to get its functions: in the child process, and nowhere else.

A statement is kept if it defines something: imports, functions, classes, and assignments and calls that use
nothing but imported packages. Loops, and whatever calls the learner's own functions or needs data, train or
test: they run only if everything is to run.
"""

from __future__ import annotations

import ast
import builtins
import importlib.machinery
import importlib.util
import linecache
import re
import sys
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._reading import SUFFIXES, Source, SourceError, read
from ._sources import functions_of

MOST_NOTES = 20  # of one submission

# Modules that come with the course's notebooks. Where one is missing, ours has the same functions.
_COURSE_MODULES = {
    r"dnn_utils(_v\w+)?|dnn_app_utils(_v\w+)?": "dnn_app_utils",
    r"init_utils(_v\w+)?": "init_utils",
    r"reg_utils(_v\w+)?": "reg_utils",
    r"gc_utils(_v\w+)?": "gc_utils",
    r"opt_utils(_v\w+)?": "opt_utils",
}
_TEST_MODULES = r"test_?[cC]ases?\w*|public_tests?\w*|test_utils\w*|lr_utils|planar_utils\w*|autotests?"
_INTERACTIVE = {"print", "input", "open", "exec", "eval", "exit", "quit", "breakpoint", "help", "display"}


@dataclass
class Loaded:
    """The names that a submission defines, and what was skipped or failed, each as one line."""

    namespace: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)  # as tracebacks name them
    unreadable: dict[str, str] = field(default_factory=dict)  # functions with a syntax error

    def note(self, text: str) -> None:
        """Add a line, once."""
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(" ".join(text.split())[:300])


@dataclass
class Run:
    """How to run the code.

    Attributes
    ----------
    run_all : bool
        Run all statements.
    without : collection of int
        Numbers of statements to leave out, since they do not end or end the process.
    begin : callable
        Called with the number and the place of each statement before it runs.
    """

    run_all: bool = False
    without: Collection[int] = ()
    begin: Callable[[int, str], object] = lambda number, place: None


def load(target: str, folder: str, run: Run) -> Loaded:
    """Run the code of a file or notebook, or of a module given by its dotted name.

    Parameters
    ----------
    target : str
    folder : str
        Where a module is looked for first.
    run : Run

    Raises
    ------
    SourceError
        If there is no code to run.
    """
    sys.meta_path.append(_StandIns())
    if is_file(target):
        path = Path(folder, target).resolve()
        sys.path.insert(0, str(path.parent))
        return _run(read(path), _module(_free_name(path.stem), path, ""), run)
    sys.path.insert(0, folder)
    return _load_module(target, run)


def is_of_the_course(module: str) -> bool:
    """Return whether a module of this name comes with the course's notebooks: no learner wrote it."""
    return any(re.fullmatch(pattern, module) for pattern in (*_COURSE_MODULES, _TEST_MODULES))


def is_file(target: str) -> bool:
    """Return whether a name is that of a file; otherwise it is that of a module."""
    return Path(target).suffix in SUFFIXES or not all(part.isidentifier() for part in target.split("."))


def named(loaded: Loaded, name: str) -> Any:
    """Return what has a name, which may be dotted, or None."""
    value: Any = types.SimpleNamespace(**loaded.namespace)
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def functions_in(
    loaded: Loaded, course: Sequence[str], names: Mapping[str, str]
) -> dict[str, Callable[..., Any]]:
    """Return the learner's functions under the course's names; those that deepnet defines are not theirs.

    `names` maps the course's names to the learner's, which may be dotted: ``Network.forward``.
    """
    view = dict(loaded.namespace) | {theirs: named(loaded, theirs) for theirs in names.values()}
    found = functions_of(view, course, names)
    return {
        name: function
        for name, function in found.items()
        if name in names or not str(getattr(function, "__module__", "")).startswith("deepnet.")
    }


def _load_module(name: str, run: Run) -> Loaded:
    try:
        spec = importlib.util.find_spec(name)  # imports the packages that it is in
    except Exception as error:
        raise SourceError(f"{name} cannot be imported: {described(error)}") from error
    if spec is None:
        raise SourceError(f"{name} is neither a file nor a module that can be imported from here")
    if not spec.origin or not spec.origin.endswith(".py"):
        raise SourceError(f"{name} is a module without Python source")
    path = Path(spec.origin)
    is_package = spec.submodule_search_locations is not None
    module = _module(name, path, name if is_package else name.rpartition(".")[0])
    if is_package:
        module.__path__ = list(spec.submodule_search_locations or ())
    return _run(read(path), module, run)


def _free_name(stem: str) -> str:
    """Return a name for the module: not that of one that the learner may want to import."""
    taken = stem in sys.modules or stem in sys.stdlib_module_names
    return stem if stem.isidentifier() and not taken else "submission"


def _module(name: str, path: Path, package: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__file__ = str(path)
    module.__package__ = package
    sys.modules[name] = module  # dataclasses and pickle look there
    return module


# --- running ------------------------------------------------------------------------------------------------


def _run(source: Source, module: types.ModuleType, run: Run) -> Loaded:
    loaded = Loaded(vars(module), unreadable=dict(source.unreadable))
    for problem in source.problems:
        loaded.note(f"left out, since it cannot be read: {problem}")
    loaded.namespace.update(get_ipython=_Nothing(), display=_Nothing())
    own = {name for piece in source.pieces for name in _defined(piece.tree.body)}
    number, skipped = 0, 0
    for piece in source.pieces:
        file = module.__file__ or ""
        if piece.place:
            file = f"{Path(file).name}, {piece.place}"
            linecache.cache[file] = (len(piece.text), None, piece.text.splitlines(keepends=True), file)
        loaded.files.add(file)
        ast.increment_lineno(piece.tree, piece.offset)
        for statement in piece.tree.body:
            number += 1
            place = ", ".join([piece.place] * bool(piece.place) + [f"line {statement.lineno}"])
            if number in run.without:
                continue
            if not run.run_all and not _is_definition(statement, loaded.namespace, own):
                skipped += 1
                continue
            run.begin(number, place)
            try:
                try:
                    exec(
                        compile(ast.Module([statement], []), file, "exec", dont_inherit=True),
                        loaded.namespace,
                    )
                finally:
                    sys.settrace(None)  # or what the code set would see, and may stop, what follows
            except BaseException as error:
                loaded.note(f"{place} failed and was skipped: {described(error)}")
                if run.run_all and piece.place:
                    break  # the rest of a cell, as in a notebook
    if skipped:
        loaded.note(
            f"{skipped} statement{'s' * (skipped > 1)} that define{'s' * (skipped == 1)} nothing "
            f"{'were' if skipped > 1 else 'was'} not run (--run-all runs everything)"
        )
    return loaded


def described(error: BaseException) -> str:
    """Return an error on one line."""
    try:
        text = str(error).strip()
    except Exception:  # the learner's own kind of exception
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _defined(statements: Sequence[ast.stmt]) -> set[str]:
    """Return the functions and classes that statements define."""
    found = set[str]()
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(statement.name)
        for part in ("body", "orelse", "finalbody", "handlers"):
            nested = getattr(statement, part, None)
            if isinstance(nested, list) and not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                found |= _defined(nested)
    return found


def _is_definition(statement: ast.stmt, names: Mapping[str, Any], own: set[str]) -> bool:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Pass():
            return True
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.Expr():
            return _uses_packages_only(statement, names, own)
        case ast.If(test=test, body=body, orelse=orelse):
            return _uses_packages_only(test, names, own) and _all_define([*body, *orelse], names, own)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=last):
            caught = [inner for handler in handlers for inner in handler.body]
            return _all_define([*body, *orelse, *last], names, own) and _all_define(
                [inner for inner in caught if not isinstance(inner, (ast.Raise, ast.Expr))], names, own
            )
        case ast.With(items=items, body=body):
            return all(_uses_packages_only(item.context_expr, names, own) for item in items) and _all_define(
                body, names, own
            )
        case _:
            return False


def _all_define(statements: Sequence[ast.stmt], names: Mapping[str, Any], own: set[str]) -> bool:
    return all(_is_definition(statement, names, own) for statement in statements)


def _uses_packages_only(tree: ast.AST, names: Mapping[str, Any], own: set[str]) -> bool:
    """Return whether all names are there, and calls go to packages: what runs when the tree is evaluated."""
    waiting, bound = [tree], set[str]()
    nodes = list[ast.AST]()
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        if not isinstance(node, ast.Lambda):  # its body does not run now
            waiting += ast.iter_child_nodes(node)
    for node in nodes:
        if isinstance(node, ast.Name) and node.id not in bound:
            if not (node.id in names or hasattr(builtins, node.id)):
                return False
        elif isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom)) or (
            isinstance(node, ast.Call) and not _calls_a_package(node.func, names, own)
        ):
            return False
    return True


def _calls_a_package(function: ast.expr, names: Mapping[str, Any], own: set[str]) -> bool:
    is_method = isinstance(function, ast.Attribute)
    while isinstance(function, (ast.Attribute, ast.Subscript, ast.Call)):
        function = function.func if isinstance(function, ast.Call) else function.value
    if not isinstance(function, ast.Name):
        return isinstance(function, ast.Constant)
    name = function.id
    if name in own or name in _INTERACTIVE:
        return False
    if name in names:
        value = names[name]
        return isinstance(value, (types.ModuleType, type)) or (not is_method and callable(value))
    return hasattr(builtins, name)


# --- stand-ins ----------------------------------------------------------------------------------------------


class _Nothing:
    """Takes the place of what only notebooks and graders have: any call does nothing."""

    def __call__(self, *arguments: Any, **options: Any) -> None:
        return None

    def __getattr__(self, name: str) -> _Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


class _StandIns:
    """Finds the course's own modules where they are missing: the last of the finders."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return how to import a module of the course, or None."""
        if not is_of_the_course(name):
            return None
        return importlib.machinery.ModuleSpec(name, self)  # type: ignore[arg-type] # as much of a loader as is called

    def create_module(self, spec: Any) -> Any:
        """Let Python create it."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Fill the module: the course's functions, or nothing that does harm."""
        for pattern, ours in _COURSE_MODULES.items():
            if re.fullmatch(pattern, module.__name__):
                from importlib import import_module

                full = vars(import_module(f"deepnet.course.{ours}"))
                vars(module).update({name: full[name] for name in full if not name.startswith("_")})
                return
        nothing = _Nothing()
        module.__getattr__ = lambda name: _missing(name) if name.startswith("__") else nothing  # type: ignore[method-assign]  # PEP 562


def _missing(name: str) -> Any:
    raise AttributeError(name)
