"""Source checks that ruff, mypy and clang-format do not have. `make lint` runs them.

Every offence is printed as ``path:line: message``; the exit status is 1 if there is one.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (".ci", "benchmarks", "cmake", "cpp", "docs", "examples", "python", "tests")
SUFFIXES = {".py", ".pyi", ".h", ".cpp"}

VAGUE = "utils?|helpers?|manager|common|misc"
COURSE_MODULES = re.compile("(dnn_app|init|reg|gc|opt)_utils")  # the names that learners import
DEFINITION = re.compile(r"^\s*(?:def|class|struct|enum(?: class)?|namespace)\s+(\w+)", re.M)
LOCAL_PATH = re.compile(r"(?<![\w.*{}$)])/(?:home|root|Users|work|mnt|opt|tmp)/\w+")
# -ffast-math makes the user's whole process flush to zero; -march=native and LTO break the dispatch on CPUs.
FORBIDDEN_FLAG = re.compile(
    r"-ffast-math|-Ofast|-funsafe-math|-m(?:arch|cpu|tune)=native|-flto|INTERPROCEDURAL"
)
BUILD_FILE = re.compile(r"CMakeLists\.txt|CMakePresets\.json|Makefile|pyproject\.toml|.*\.cmake(?:\.in)?")


def words(name):
    """Split a name in snake_case, CamelCase or both into words."""
    return [word.lower() for word in re.findall(r"[A-Za-z][a-z0-9]*", name)]


def is_vague(name):
    """Return True if a word of the name could be the name of anything."""
    return any(re.fullmatch(VAGUE, word) for word in words(COURSE_MODULES.sub("", name)))


def offences(path, text):
    """Yield (position in the text, message) for each offence of one file; `path` is relative to the root."""
    for part in path.parts:
        if is_vague(part.split(".")[0]):
            yield 0, f"{part} does not say what is inside"
    if path.suffix in SUFFIXES:
        for match in DEFINITION.finditer(text):
            if is_vague(match[1]):
                yield match.start(1), f"{match[1]} does not say what it does"
    describes_itself = path.suffix == ".cpp" and not (ROOT / path).with_suffix(".h").is_file()
    if (path.suffix == ".h" or describes_itself) and not text.startswith("//"):
        yield 0, "the file must open with a comment that says what it is"
    for match in LOCAL_PATH.finditer(text):
        yield match.start(), f"{match[0]} exists on one machine only"
    if BUILD_FILE.fullmatch(path.name):
        for match in FORBIDDEN_FLAG.finditer(re.sub(r"#[^\n]*", lambda comment: " " * len(comment[0]), text)):
            yield match.start(), f"{match[0]} must not be used"


def main():
    """Check the sources, the documents and the build files."""
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    found = 0
    for path in sorted(paths):
        if path.suffix in {*SUFFIXES, ".md"} or path.parent.name == ".ci" or BUILD_FILE.fullmatch(path.name):
            text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
            for position, message in offences(name, text):
                print(f"{name}:{text.count(chr(10), 0, position) + 1}: {message}")
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
