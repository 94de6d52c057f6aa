"""What people write with networks: never run, but checked by mypy --strict, as their own scripts may be."""

import copy

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet.callbacks import EarlyStopping

X: NDArray[np.uint8] = np.ones((3, 40), dtype=np.uint8)
Y: NDArray[np.bool_] = np.ones(40, dtype=bool)

net = deepnet.Network([X.shape[0], 5, 1], "tanh", initializer="he_normal", dtype=np.float64, seed=1)
net = deepnet.Network(np.array([3, 5, 1]), ["relu", "identity"])
net = deepnet.Network((3, 1), initializer=lambda rng, n, n_prev: rng.normal(size=(n, n_prev)))
net = deepnet.Network.from_parameters(deepnet.initialize_parameters_deep([3, 5, 1]), dtype="float32")
net.parameters["W1"][...] = 0
net.parameters = copy.deepcopy(net).parameters
net.optimizer = deepnet.SGD(0.1)
net = deepnet.Network([3, deepnet.Dense(5, "relu", dropout=0.1, l2=1e-4), deepnet.Dense(1, "sigmoid")])
net = deepnet.Network([3, 5, 1], dropout=0.5, input_dropout=0.1, l2=1e-4, l1=1e-5)
net.optimizer = deepnet.AdamW(lambda step: 0.1 / (1 + step), clip_norm=1.0)


def look(net: deepnet.Network, history: deepnet.History) -> bool:
    return history.loss[-1] < 0.1 and net.layer_dims[0] == 3


history: deepnet.History = net.fit(
    X,
    Y,
    epochs=3,
    batch_size=np.int64(8),
    optimizer=deepnet.SGD(0.1),
    validation_data=(X, Y),
    callbacks=[look, EarlyStopping(patience=3)],
    progress=lambda done, total: print(done / total),
    input_scale=1 / 255,
)
losses: list[float] = history.loss
net.fit(X, Y, epochs=1, batch_size=8, optimizer="adam", sample_weight=np.ones(40), class_weight="balanced")
net.evaluate(X, Y, loss=deepnet.losses.binary_cross_entropy(label_smoothing=0.1), class_weight={0: 2.0})
own_loss = deepnet.losses.Loss(
    "l4", "(A - Y)^4", lambda A, Y, _: (A - Y) ** 4, lambda A, Y, _: 4 * (A - Y) ** 3
)
net.train_on_batch(X, Y, optimizer=deepnet.Nesterov(0.1, 0.8, weight_decay=0.01), loss=own_loss)
loss: float = net.train_on_batch(X, Y) + net.evaluate(X, Y, loss="mean_squared_error")
value, grads = net.loss_and_grads(X, Y, threads=2)
AL: NDArray[np.float32] = net.predict(X, out=np.empty((1, 40), np.float32))
print(losses, loss, value, grads["dW1"], AL)
deepnet.set_num_threads(2)
print(deepnet.get_num_threads())
