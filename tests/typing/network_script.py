"""What people write with networks: never run, but checked by mypy --strict, as their own scripts may be."""

import copy

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet.callbacks import EarlyStopping, ReduceLROnPlateau

X: NDArray[np.uint8] = np.ones((3, 40), dtype=np.uint8)
Y: NDArray[np.bool_] = np.ones(40, dtype=bool)

net = deepnet.Network([X.shape[0], 5, 1], "tanh", initializer="he_normal", dtype=np.float64, seed=1)
net = deepnet.Network(np.array([3, 5, 1]), ["relu", "identity"])
net = deepnet.Network([3, deepnet.Dense(5, "tanh", dropout=0.5), deepnet.Dense(1, "sigmoid")])
net = deepnet.Network((3, 1), initializer=lambda rng, n, n_prev: rng.normal(size=(n, n_prev)))
net = deepnet.Network([3, 1], initializer=deepnet.initializers.orthogonal(gain=2))
net = deepnet.Network.from_parameters(deepnet.initialize_parameters_deep([3, 5, 1]), dtype="float32")
net = deepnet.Network.from_parameters(net.parameters, "relu", dropout=0.5, l2=1e-4, input_scale=0.5, seed=1)
net.input_scale = 1 / 255
net.parameters["W1"][...] = 0
net.parameters["W1"] = np.zeros((5, 3))
net.parameters = copy.deepcopy(net).parameters
net.parameters = copy.deepcopy(net.parameters)
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


def mean_error(AL: NDArray[np.float32], Y: NDArray[np.float32]) -> float:
    return float(np.mean(np.abs(AL - Y)))


def halve(net: deepnet.Network, history: deepnet.History) -> None:
    history.learning_rate = (history.learning_rate or 1.0) / 2


history = net.fit(
    X,
    Y,
    epochs=3,
    batch_size=8,
    validation_data=(X, Y, np.ones(40)),
    metrics=["accuracy", mean_error],
    callbacks=[
        halve,
        ReduceLROnPlateau("validation_loss", 0.5),
        EarlyStopping(monitor=lambda net, h: h.loss[-1]),
    ],
)
history = net.fit(X, Y, epochs=3, batch_size=8, validation_split=0.25, callbacks=[ReduceLROnPlateau()])
losses = history.metrics["accuracy"] + history.validation_metrics["accuracy"]
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
net.save("net.safetensors")
loaded: deepnet.Network = deepnet.load("net.safetensors", seed=1)
deepnet.to_onnx(net, "net.onnx")
read: deepnet.Network = deepnet.from_onnx("net.onnx")
converted: deepnet.Network = deepnet.from_torch({"weight": X}, activations="relu", output="identity")
deepnet.set_num_threads(2)
print(deepnet.get_num_threads())

# rates, and gradients of whatever has some
decay = deepnet.schedules.CosineDecay(0.1, length=100, warmup=5, per="epoch")
one: float = decay(3) + deepnet.schedules.StepDecay(0.1, 30)(2.5)
many: NDArray[np.float64] = decay(np.arange(10))
many = deepnet.schedules.rates(lambda step: 0.1 / (1 + step), 0, 10)
many = deepnet.schedules.rates(decay, 0, 10, steps_per_epoch=5, dtype=net.dtype)
check = deepnet.gradient_check(net, X, Y, sample=10, input_scale=1 / 255)
course = (deepnet.L_model_forward, deepnet.compute_cost, deepnet.L_model_backward)
check = deepnet.gradient_check(course, X / 255, Y, parameters=net.parameters)
check = deepnet.gradient_check(
    (lambda p: float(np.sum(p["w"])), lambda p: {"dw": np.ones_like(p["w"])}), parameters={"w": np.ones(3)}
)
print(check.passed, check.error, check.wrong, check.arrays["dW1"].ratio, check.worst[0].index)
