"""Memory: training leaks none, and needs little besides the data, however large they are."""

import sys
import textwrap

import pytest

from memory import KILOBYTES, run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("net.fit(X, Y, epochs=1, batch_size=8)", marks=pytest.mark.slow),
        "net.train_on_batch(X, Y)",
        "net.predict(X)",
    ],
)
def test_calls_leave_no_memory_behind(call):
    """Ten thousand of them, of networks that come and go, after some that fill what is kept for the next."""
    grown = run(
        KILOBYTES
        + textwrap.dedent(
            f"""
        X, Y = np.ones((8, 20), np.float32), np.ones((1, 20))
        def some(count):
            for i in range(count):
                if i % 10 == 0:
                    net = deepnet.Network([8, 32, 1 + i % 7, 1], seed=0)
                {call}
            return kilobytes("RssAnon")
        before = some(1000)
        print(some(10000) - before)
        """
        )
    )
    assert int(grown) < 500


SPARSE = (
    KILOBYTES
    + """
path, megabytes = sys.argv[1], int(sys.argv[2])
m = megabytes * 2**20 // 64
with open(path, "wb") as file:
    file.truncate(64 * m)
X = np.memmap(path, np.uint8, mode="r", shape=(m, 64)).T
Y = np.broadcast_to(np.uint8(1), (1, m))
net = deepnet.Network([64, 32, 1], seed=0)
net.fit(X[:, :8192], Y[:, :8192], epochs=1, batch_size=4096)
limit = 1024 * kilobytes("VmData") + 64 * 2**20 + 4 * m  # the order of the examples is 4 bytes each
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
history = net.fit(X, Y, epochs=1, batch_size=4096, seed=0)
net.evaluate(X, Y)
net.predict(X[:, : m // 16])
print(history.loss[0])
"""
)


def test_data_on_a_disk_are_not_copied(tmp_path):
    """A copy of these 256 MB would be more than the process may have."""
    loss = run(SPARSE, tmp_path / "X", 256)
    assert 0 < float(loss) < 1


@pytest.mark.slow
def test_data_larger_than_memory_is_meant_for(tmp_path):
    loss = run(SPARSE, tmp_path / "X", 1024)
    assert 0 < float(loss) < 1
