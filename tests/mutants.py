"""Mutants of the checks of arguments: small changes of their code, each of which a test should notice.

    python tests/mutants.py                 # all of python/deepnet/_validation: an hour or two
    python tests/mutants.py labels weights  # two of its modules
    python tests/mutants.py --again         # those that survived, with more tests that reach them
    python tests/mutants.py --show          # what survived, as diffs

mutmut (pip install coverage mutmut) makes the mutants: it changes operators, numbers, names, arguments and
texts. The tests run here, from one process that has collected them: for each mutant, a fork runs those that
reach the changed line, and ends with the first that fails. Tests marked slow are left out. Results are kept
in build/mutants/results.json, and a run goes on where the last one ended.
"""

import argparse
import ast
import difflib
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "mutants"
SOURCES, RESULTS = FOLDER / "src", FOLDER / "results.json"
CHANGED = Path("deepnet", "_validation")
ACTIVE = "MUTANT_UNDER_TEST"  # the variable in which mutmut's sources look
PATIENCE = 2  # seconds of tests that a mutant has to survive; with --again thirty times as many
LIMIT = 60  # seconds that a mutant may take beyond them: a loop without end is noticed, too

# Tests of the checks, and some more that reach them; those of other files would take ten times as long.
TESTS = [
    "test_arguments.py",
    "test_bad_input.py",
    "test_custom_activations.py",
    "test_custom_parts.py",
    "test_example_weights.py",
    "test_fit_errors.py",
    "test_frames.py",
    "test_labels.py",
    "test_learning_errors.py",
    "test_metrics.py",
    "test_model_options.py",
    "test_network.py",
    "test_network_parameters.py",
    "test_not_finite.py",
    "test_out.py",
    "test_own_loss.py",
    "test_representations.py",
    "test_settings.py",
    "test_sparse_examples.py",
    "test_validation.py",
    "test_activations.py",
    "course/test_costs.py",
    "course/test_layouts.py",
    "course/test_models.py",
    "course/test_softmax.py",
    "course/test_step_by_step.py",
]


def generate():
    """Write the package with all mutants in it: each function calls the one that the variable names."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    shutil.rmtree(SOURCES, ignore_errors=True)
    shutil.copytree(ROOT / "python" / "deepnet", SOURCES / "deepnet", ignore=shutil.ignore_patterns("*.pyc"))
    core = Path(importlib.util.find_spec("deepnet._core").origin)
    shutil.copy(core, SOURCES / "deepnet" / core.name)
    for path in sorted((SOURCES / CHANGED).glob("*.py")):
        path.write_text(mutate_file_contents(str(path), path.read_text("utf-8")).code, "utf-8")


def path_of(module):
    path = SOURCES / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def mutants():
    """Return the full names of all mutants."""
    found = []
    for path in sorted((SOURCES / CHANGED).glob("*.py")):
        module = ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
        names = re.findall(r"^def (x_\w+?__mutmut_\d+)\(", path.read_text("utf-8"), re.M)
        found += [f"{module}.{name}" for name in names]
    return found


@cache
def functions(module):
    """Return the functions of a module with mutants by name: the number of the first line, and the source."""
    pieces = re.split(r"^(?=\S)", path_of(module).read_text("utf-8"), flags=re.M)
    found, name, line = {}, None, 1
    for piece in pieces:  # the head of a function may end at a bracket in the first column
        if header := re.match(r"def (\w+)\(", piece):
            name = header[1]
            found[name] = line, piece
        elif name and piece.startswith(")"):
            found[name] = found[name][0], found[name][1] + piece
        else:
            name = None
        line += piece.count("\n")
    return found


def parts_of(name):
    """Return the source of the function that a mutant replaces, and the mutant's."""
    module, _, function = name.rpartition(".")
    before = function.partition("__mutmut_")[0] + "__mutmut_orig"
    return [functions(module)[one][1].replace(one, "f") for one in (before, function)]


def changed_line(name):
    """Return the module of a mutant, and the number of the first line that it changes."""
    module, _, function = name.rpartition(".")
    first, _ = functions(module)[function.partition("__mutmut_")[0] + "__mutmut_orig"]
    before, after = (source.splitlines() for source in parts_of(name))
    same = next((i for i, lines in enumerate(zip(before, after, strict=False)) if lines[0] != lines[1]), 0)
    return module, first + same


class _WithoutTexts(ast.NodeTransformer):
    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node


def is_text(name):
    """Return whether the mutant differs in the words of a text alone, such as those of a message."""
    before, after = (ast.dump(_WithoutTexts().visit(ast.parse(source))) for source in parts_of(name))
    return before == after


class Trials:
    """A plugin of pytest that runs the collected tests once, and then for each mutant those that reach it."""

    def __init__(self, wanted, results, patience, seconds):
        self.wanted, self.results, self.patience = wanted, results, patience
        self.end = time.monotonic() + seconds
        self.failed = False

    def pytest_runtest_logreport(self, report):
        self.failed |= report.failed

    def pytest_runtestloop(self, session):
        reaching, seconds = self.reach(session.items)
        killers = {}
        for name in self.wanted:
            if time.monotonic() > self.end:
                break
            module, line = changed_line(name)
            # Of a statement of several lines, coverage names the first.
            statement = max((known for known in reaching[module] if known <= line), default=0)
            reached_by = sorted(reaching[module].get(statement, ()), key=seconds.__getitem__)
            first = killers.setdefault((module, statement), [])
            tests, total = [*first, *(test for test in reached_by if test not in first)], 0.0
            for number, test in enumerate(tests):
                total += seconds[test]
                if total > self.patience:
                    tests = tests[: number + 1]
                    break
            outcome, killer = self.tried(name, tests)
            if killer is not None and killer not in first:
                first.insert(0, killer)
            self.results[name] = {"outcome": outcome, "tests": len(tests), "of": len(reached_by)}
            if len(self.results) % 20 == 0:
                RESULTS.write_text(json.dumps(self.results, indent=0), "utf-8")
        RESULTS.write_text(json.dumps(self.results, indent=0), "utf-8")
        return True

    def reach(self, items):
        """Run each test without a mutant; return those that reach each statement, and their times."""
        os.environ[ACTIVE] = ""
        measured = coverage.Coverage(
            data_file=None, include=[str(SOURCES / CHANGED / "*")], config_file=False
        )
        seconds = {}
        measured.start()
        for number, (item, following) in enumerate(zip(items, [*items[1:], None], strict=True)):
            measured.switch_context(str(number))
            self.failed, started = False, time.perf_counter()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                print("left out, fails without a mutant:", item.nodeid)
            else:
                seconds[item] = time.perf_counter() - started
        measured.stop()
        print(f"{len(items)} tests in {sum(seconds.values()):.0f} s", flush=True)
        reaching = {}
        for module in {name.rpartition(".")[0] for name in mutants()}:
            path = str(path_of(module))
            contexts = measured.get_data().contexts_by_lineno(path)
            statements = measured.analysis2(path)[1]
            tests = {line: {items[int(n)] for n in contexts.get(line, ()) if n} for line in statements}
            reaching[module] = {line: found & seconds.keys() for line, found in tests.items()}
        return reaching, seconds

    def tried(self, name, tests):
        """Run the tests with a mutant in a fork. Return the outcome and the test that failed."""
        if not tests:
            return "not reached", None
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LIMIT + int(10 * self.patience))
            os.environ[ACTIVE] = name
            for number, (item, following) in enumerate(zip(tests, [*tests[1:], None], strict=True)):
                self.failed = False
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.failed:
                    os.write(writer, str(number).encode())
                    os._exit(1)
            os._exit(0)
        os.close(writer)
        _, status = os.waitpid(child, 0)
        number = os.read(reader, 20)
        os.close(reader)
        if status == 0:
            return "survived", None
        return ("killed", tests[int(number)]) if number else ("crashed or endless", None)


def report(results):
    """Print the counts of each module."""
    modules = {}
    for name, result in results.items():
        outcome = result["outcome"]
        if outcome in ("survived", "not reached"):
            outcome += " (a text)" if is_text(name) else ""
        modules.setdefault(name.split(".x_")[0], Counter())[outcome] += 1
    for module, counts in [*modules.items(), ("all", sum(modules.values(), Counter()))]:
        print(
            f"{module:<30} {counts.total():5}", *(f"{n} {what}" for what, n in counts.most_common()), sep="  "
        )


def show(results):
    for name, result in results.items():
        if result["outcome"] not in ("killed", "crashed or endless"):
            before, after = (source.splitlines() for source in parts_of(name))
            lines = [
                line
                for line in difflib.unified_diff(before, after, n=0, lineterm="")
                if line[:2] not in ("--", "++", "@@")
            ]
            kind = ", a text" if is_text(name) else ""
            print(
                f"{name}: {result['outcome']} {result['tests']} of {result['of']} tests{kind}",
                *lines,
                sep="\n",
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="of python/deepnet/_validation; all by default")
    parser.add_argument(
        "--again", action="store_true", help="those that survived, against all tests that reach them"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget earlier results, and read the sources again"
    )
    parser.add_argument(
        "--seconds", type=float, default=4 * 3600, help="begin with no mutant after this time"
    )
    parser.add_argument("--show", action="store_true", help="run nothing, and print what survived")
    arguments = parser.parse_args()
    if arguments.fresh or not SOURCES.exists():
        RESULTS.unlink(missing_ok=True)
        generate()
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    if arguments.show:
        show(results)
        return
    wanted = []
    for name in mutants():
        module = name.split(".x_")[0].removeprefix("deepnet._validation").lstrip(".") or "__init__"
        again = arguments.again and results.get(name, {}).get("outcome") == "survived"
        if (not arguments.modules or module in arguments.modules) and (again or name not in results):
            wanted.append(name)
    # In an order by chance, so that the first ones stand for all; changed texts last.
    wanted.sort(key=lambda name: (is_text(name), random.Random(name).random()))
    sys.meta_path[:] = [finder for finder in sys.meta_path if "ScikitBuild" not in type(finder).__name__]
    sys.path.insert(0, str(SOURCES))
    files = [str(ROOT / "tests" / "python" / name) for name in TESTS]
    options = ["-m", "not slow", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
    trials = Trials(wanted, results, PATIENCE * (30 if arguments.again else 1), arguments.seconds)
    status = pytest.main([*options, "--rootdir", str(ROOT), *files], plugins=[trials])
    report(results)
    sys.exit(status)


if __name__ == "__main__":
    main()
