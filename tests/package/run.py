"""Use the C++ library as other projects do: `make cpp-package` runs this.

It installs the library, moves what was installed, and builds and runs examples/cpp and the code of
docs/cpp.md, as a project outside of this one, through find_package, add_subdirectory, FetchContent and
pkg-config. Then it exchanges model files with Python. No compiler may warn.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "package"
OUTSIDE = BUILD / "outside"
STRICT = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
CXX = os.environ.get("CXX", "c++")


def run(*command, where=BUILD, **options):
    """Run a command; what it prints is shown if it fails."""
    result = subprocess.run(command, cwd=where, text=True, capture_output=True, **options)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}: status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def configure(source, build, *options, **more):
    """Configure a project with Ninja."""
    return run("cmake", "-S", source, "-B", build, "-G", "Ninja", *options, **more)


def code_of_guide():
    """Return a program of the C++ blocks of docs/cpp.md: their includes, and the rest as main."""
    blocks = re.findall(r"```cpp\n(.*?)```", (ROOT / "docs" / "cpp.md").read_text(), re.S)
    lines = "".join(blocks).splitlines()
    includes = [line for line in lines if line.startswith("#include")]
    body = [line for line in lines if not line.startswith("#include")]
    return "\n".join([*includes, "int main() {", *body, "return same.layers() == 2 ? 0 : 1;", "}", ""])


def outside_project():
    """Write the project: examples/cpp, with two more programs."""
    shutil.rmtree(OUTSIDE, ignore_errors=True)
    shutil.copytree(ROOT / "examples" / "cpp", OUTSIDE)
    (OUTSIDE / "guide.cpp").write_text(code_of_guide())
    shutil.copy(ROOT / "tests" / "package" / "exchange.cpp", OUTSIDE)
    with (OUTSIDE / "CMakeLists.txt").open("a") as file:
        for name in ("guide", "exchange"):
            file.write(f"add_executable({name} {name}.cpp)\n")
            file.write(f"target_link_libraries({name} PRIVATE deepnet::deepnet)\n")
        for name in ("iris", "guide", "exchange"):
            file.write(f"target_compile_options({name} PRIVATE {STRICT})\n")


def archive():
    """Pack the sources that the library is built from."""
    path = BUILD / "deepnet.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as file:
        for name in ("CMakeLists.txt", "pyproject.toml", "cmake", "cpp"):
            file.add(ROOT / name, f"deepnet/{name}")
    return path


def check(build):
    """Run the programs of a build of the project."""
    print(run(build / "iris", OUTSIDE / "iris.csv", where=build), end="")
    last = run(build / "guide", where=build).splitlines()[-1]
    assert last == "X has 200 rows, but the network has 2 inputs: examples are columns", last


def main():
    """Install, build in four ways, exchange files."""
    BUILD.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()

    def done(what):
        print(f"{what}: {time.monotonic() - begin:.0f} s from the start", flush=True)

    outside_project()
    installed, moved = BUILD / "installed", BUILD / "moved"
    for folder in (installed, moved):
        shutil.rmtree(folder, ignore_errors=True)
    library = (
        ROOT / "build" / "package-library"
    )  # as deep as other builds of the same code, so that ccache knows it
    run("cmake", "-S", ROOT, "-B", library, "-G", "Ninja", f"-DCMAKE_INSTALL_PREFIX={installed}")
    assert "CMAKE_BUILD_TYPE:STRING=Release" in (library / "CMakeCache.txt").read_text()
    printed = run("cmake", "--build", library)
    assert "warning" not in printed, printed
    run("cmake", "--install", library)
    installed.rename(moved)
    for path in moved.rglob("*"):
        if path.suffix in {".cmake", ".pc", ".h"}:
            assert str(ROOT) not in path.read_text(), f"{path} names a folder of this machine"
    done("installed")

    ways = {
        "package": [f"-DCMAKE_PREFIX_PATH={moved}"],
        "folder": [f"-DDEEPNET_SOURCE={ROOT}", "-DCMAKE_BUILD_TYPE=Release"],
        "fetch": [f"-DDEEPNET_SOURCE={archive()}", "-DCMAKE_BUILD_TYPE=Release"],
    }
    # The archive is unpacked and configured; what is built is the folder again, which ccache has compiled.
    configure(OUTSIDE, BUILD / "unpacked", "-DDEEPNET_FROM=fetch", *ways["fetch"])
    assert next((BUILD / "unpacked").rglob("isa_rows.h")).is_file()
    ways["fetch"].append(f"-DFETCHCONTENT_SOURCE_DIR_DEEPNET={ROOT}")
    for way, options in ways.items():
        build = ROOT / "build" / f"package-{way}"
        configure(OUTSIDE, build, f"-DDEEPNET_FROM={way}", *options)
        run("cmake", "--build", build)
        check(build)
        done(way)

    newer = (OUTSIDE / "CMakeLists.txt").read_text().replace("deepnet 0.1 REQUIRED", "deepnet 0.9")
    (BUILD / "newer").mkdir(exist_ok=True)
    (BUILD / "newer" / "CMakeLists.txt").write_text(
        newer.split("add_executable")[0] + "message(STATUS found=${deepnet_FOUND})\n"
    )
    assert "found=0" in configure(BUILD / "newer", BUILD / "newer" / "build", *ways["package"]), (
        "0.9 was found"
    )

    pc = next(moved.rglob("deepnet.pc")).parent
    flags = run(
        "pkg-config", "--cflags", "--libs", "deepnet", env=os.environ | {"PKG_CONFIG_PATH": str(pc)}
    ).split()
    sources = [OUTSIDE / "iris.cpp", "-o", BUILD / "iris"]
    run(CXX, "-O1", "-Wall", "-Wextra", "-Werror", *sources, *flags)
    print(run(BUILD / "iris", OUTSIDE / "iris.csv"), end="")
    done("pkg-config")

    program = ROOT / "build" / "package-package" / "exchange"
    print(run(sys.executable, ROOT / "tests" / "package" / "exchange.py", program, BUILD), end="")
    done("files")


if __name__ == "__main__":
    main()
