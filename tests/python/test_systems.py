"""What Windows lacks is used only where deepnet has made sure that it is there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import deepnet

PACKAGE = Path(deepnet.__file__).parent

# Modules, and names of others, that Windows lacks; those of deepnet's sources and of what may replace them.
MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
NAMES = {
    "os": "O_CLOEXEC O_NOFOLLOW O_NONBLOCK WEXITSTATUS WIFEXITED WIFSIGNALED WTERMSIG chown fchown fchmod"
    " fork forkpty getgid getpgid getuid killpg mkfifo nice openpty posix_spawn register_at_fork"
    " sched_getaffinity sched_setaffinity set_blocking setpgid setsid uname wait wait3 wait4",
    "select": "EPOLLIN epoll poll",
    "signal": "ITIMER_REAL SIGALRM SIGCHLD SIGHUP SIGKILL SIGUSR1 SIGUSR2 alarm pause pthread_sigmask"
    " setitimer sigwait",
    "socket": "AF_UNIX socketpair",
    "_signal": "SIGKILL setitimer",
}
NAMES = {module: set(names.split()) for module, names in NAMES.items()}

# Where they may be used, and why that is safe.
ALLOWED = {
    "_system.py": "below a comparison of sys.platform",
    "reference/training_hold.py": "asks hasattr",
    "diagnose/_isolation.py": "loaded by _server.py only",
    "diagnose/_server.py": "diagnose_files refuses to start it on Windows",
    "distributed/_watcher.py": "available() is False elsewhere than on Linux",
}


def lacking(text):
    """Yield what of a source Windows lacks."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in NAMES.get(node.value.id, ()):
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Import):
            yield from MODULES.intersection(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            yield from NAMES.get(node.module, set()) & names
            yield from MODULES & {node.module}


def test_what_windows_lacks_is_used_in_known_places():
    places = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in PACKAGE.rglob("*.py")}
    found = {place: set(lacking(text)) for place, text in places.items()}
    found = {place: names for place, names in found.items() if names}
    assert found.keys() == ALLOWED.keys(), {place: found[place] for place in found.keys() - ALLOWED.keys()}


@pytest.mark.parametrize(
    "text",
    ["import fcntl", "from resource import getrlimit", "os.fork()", "from os import fork", "signal.SIGKILL"],
)
def test_such_a_use_is_found(text):
    assert list(lacking(text))


# Names are removed after the import of what else uses them. The flags that only Windows has are of no effect.
AS_ON_WINDOWS = """
import os, random, secrets, signal, subprocess, sys, tempfile, threading
import numpy as np
for module in {modules}: sys.modules[module] = None
for module, names in {names}.items():
    for name in names:
        if hasattr(sys.modules.get(module), name): delattr(sys.modules[module], name)
os.O_BINARY = os.O_NOINHERIT = 0
sys.platform = "win32"
import deepnet
path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
net = deepnet.Network([2, 3, 1])
net.fit(np.ones((2, 4)), np.ones((1, 4)), epochs=2)
net.save(path)
net.save(path)
assert os.listdir(os.path.dirname(path)) == ["model.safetensors"]
assert (deepnet.load(path).predict(np.ones((2, 1))) == net.predict(np.ones((2, 1)))).all()
deepnet.use_backend("numpy")
deepnet.load(path).fit(np.ones((2, 4)), np.ones((1, 4)), epochs=2)
try:
    deepnet.diagnose.diagnose_file("mine.py")
except ChildProcessError as error:
    assert "Windows" in str(error)
else:
    sys.exit("a submission was run")
"""


def test_the_package_works_without_them():
    code = AS_ON_WINDOWS.format(modules=sorted(MODULES), names={m: sorted(NAMES[m]) for m in sorted(NAMES)})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
