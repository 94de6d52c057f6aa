"""JAX: loss, gradients and update in one jitted function, which also loops over many steps.

Looping in the compiled program saves the cost of a call from Python, about 40 us per step. Whether examples
as rows or as columns are faster depends on the shape, so both are compiled and the faster variant is kept.
"""

import functools
import time

import jax
import jax.numpy as jnp
import numpy as np

from tasks import Job

NAME = "JAX"


def versions():
    return {"jax": jax.__version__}


def start(threads):
    """XLA's thread pool has as many threads as the process may use CPUs."""
    jax.config.update("jax_enable_x64", True)  # float32 stays float32
    jax.config.update("jax_platforms", "cpu")


def logits(parameters, X, columns):
    A = X
    for l, (W, b) in enumerate(parameters):
        Z = W @ A + b if columns else A @ W + b
        A = jax.nn.relu(Z) if l < len(parameters) - 1 else Z
    return A


def loss(parameters, X, Y, columns):
    Z = logits(parameters, X, columns)
    return jnp.mean(jnp.maximum(Z, 0) - Z * Y + jnp.log1p(jnp.exp(-jnp.abs(Z))))


def updated(parameters, X, Y, rate, columns):
    _, grads = jax.value_and_grad(loss)(parameters, X, Y, columns)
    return jax.tree.map(lambda p, g: p - rate * g, parameters, grads)


def arrays_of(parameters, columns):
    """[(W1, b1), ...], rows: W of shape (n_(l-1), n_l)."""
    pairs = [(parameters[f"W{l}"], parameters[f"b{l}"]) for l in range(1, len(parameters) // 2 + 1)]
    return [tuple(jnp.array(p if columns else p.T.copy()) for p in pair) for pair in pairs]


def result_of(state, columns):
    return lambda: {
        f"{letter}{l}": np.asarray(p if columns else p.T).copy()
        for l, pair in enumerate(state[0], 1)
        for letter, p in zip("Wb", pair, strict=True)
    }


def fastest(jobs):
    """The index of the fastest job: the better of two trials of about 50 ms, after all are compiled."""

    def seconds(job, n):
        begin = time.perf_counter()
        job.run(n)
        return time.perf_counter() - begin

    repeats = []
    for job in jobs:
        job.run(1)
        repeats.append(max(1, int(0.05 / seconds(job, 1))))
    best = [min(seconds(job, n) / n for _ in range(2)) for job, n in zip(jobs, repeats, strict=True)]
    return int(np.argmin(best))


def laid_out(task, columns):
    X, Y, parameters = task.data()
    X, Y = (jnp.array(a if columns else a.T.copy()) for a in (X, Y))
    return X, Y, [arrays_of(parameters, columns)]


def chosen(build):
    """The job in the faster layout, built again because the trials changed the parameters."""
    columns = bool(fastest([build(False), build(True)]))
    return build(columns)._replace(note=f"examples as {'columns' if columns else 'rows'}")


def steps(task):
    @functools.partial(jax.jit, static_argnums=4, donate_argnums=0)
    def train(parameters, X, Y, n, columns):
        return jax.lax.fori_loop(0, n, lambda _, p: updated(p, X, Y, task.learning_rate, columns), parameters)

    def build(columns):
        X, Y, state = laid_out(task, columns)

        def run(n):
            state[0] = jax.block_until_ready(train(state[0], X, Y, n, columns))

        return Job(run, result_of(state, columns))

    return chosen(build)


def recipes(task):
    """With optax, if installed. Random numbers come from "rbg", the fastest of JAX's generators."""
    try:
        import optax
    except ImportError:
        return None
    keep = 1 - task.dropout
    optimizer = (optax.adam if task.adam else optax.sgd)(task.learning_rate)

    def loss(parameters, X, Y, key):
        A, penalty = X, 0.0
        for l, (W, b) in enumerate(parameters):
            Z, penalty = A @ W + b, penalty + task.l2 / 2 * jnp.sum(W * W)
            if l == len(parameters) - 1:
                return optax.softmax_cross_entropy(Z, Y).mean() + penalty
            A = jax.nn.relu(Z)
            if task.dropout:
                kept = jax.random.bernoulli(jax.random.fold_in(key, l), keep, A.shape)
                A = jnp.where(kept, A / keep, 0)
        raise AssertionError

    @functools.partial(jax.jit, static_argnums=4, donate_argnums=(0, 1))
    def train(parameters, state, X, Y, n, key):
        def step(i, carry):
            parameters, state = carry
            grads = jax.grad(loss)(parameters, X, Y, jax.random.fold_in(key, i))
            updates, state = optimizer.update(grads, state, parameters)
            return optax.apply_updates(parameters, updates), state

        return jax.lax.fori_loop(0, n, step, (parameters, state))

    X, Y, state = laid_out(task, False)
    memory, key = [optimizer.init(state[0])], jax.random.key(0, impl="rbg")

    def run(n):
        state[0], memory[0] = jax.block_until_ready(train(state[0], memory[0], X, Y, n, key))

    return Job(run, result_of(state, False))


def calls(task):
    train = jax.jit(functools.partial(updated, rate=task.learning_rate, columns=False), donate_argnums=0)
    X, Y, state = laid_out(task, False)

    def run(n):
        for _ in range(n):
            state[0] = train(state[0], X, Y)
        jax.block_until_ready(state[0])

    return Job(run, result_of(state, False))


def predict(task):
    @functools.partial(jax.jit, static_argnums=2)
    def forward(parameters, X, columns):
        return jax.nn.sigmoid(logits(parameters, X, columns))

    def build(columns):
        X, _, state = laid_out(task, columns)
        last = []

        def run(n):
            for _ in range(n):
                last[:] = [forward(state[0], X, columns).block_until_ready()]

        return Job(run, lambda: np.asarray(last[0] if columns else last[0].T))

    return chosen(build)


def fit(task):
    X, Y = (jnp.array(table) for table in task.table())
    if X.dtype == jnp.uint8:
        X = X.astype(jnp.float32) / 255
    state = [arrays_of(task.parameters(), False)]
    rng = np.random.default_rng(5)

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(parameters, X, Y, order):
        def step(p, rows):
            return updated(p, X[rows], Y[rows], task.learning_rate, False), None

        return jax.lax.scan(step, parameters, order)[0]

    def run(n):
        for _ in range(n):
            order = rng.permutation(len(X)).astype(np.int32).reshape(task.batches, task.batch)
            state[0] = epoch(state[0], X, Y, order)
        jax.block_until_ready(state[0])

    return Job(run, result_of(state, False))
