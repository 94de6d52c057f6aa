"""Mistakes in initial parameters, updates, predictions and training loops."""

from .mistake import Mistake

_W_DEEP = "np.random.randn(layer_dims[l], layer_dims[l - 1]) * 0.01"
_STEP_W = '= W - learning_rate * grads["dW" + str(l + 1)]'
_STEP_B = '= b - learning_rate * grads["db" + str(l + 1)]'


def _initial(function: str, weights: tuple[str, str], biases: tuple[str, str]) -> tuple[Mistake, ...]:
    """Return what can go wrong in an initialiser: `weights` and `biases` are text and shape in its source."""
    w, w_shape = weights
    b, b_shape = biases
    zeros = w.replace("np.random.randn(" + w_shape + ")", "np.zeros((" + w_shape + "))")
    turned = ", ".join(reversed(w_shape.split(", ")))
    return (
        Mistake(
            function,
            "zeros",
            ((w, zeros),),
            "W is zero. All units of a layer then stay equal forever, and the cost sticks at ln 2 = 0.693.",
            (
                "What do the units of one layer have in common at the start?",
                "Can equal units ever become different?",
                "The units need different starting points: chance breaks the symmetry.",
            ),
        ),
        Mistake(
            function,
            "rand in place of randn",
            (((w, w.replace("randn", "rand")),), (("np.random.randn(", "np.random.rand("),)),
            "The numbers are uniform from 0 to 1, all positive. The lecture draws from the normal distribution around 0.",
            (
                "Are there negative numbers in W?",
                "Which distribution does the lecture draw from?",
                "Two functions of NumPy differ in one letter.",
            ),
        ),
        Mistake(
            function,
            "not scaled",
            ((w, "np.random.randn(" + w_shape + ")"),),
            "W is N(0, 1) as drawn: the factor that makes it small is missing. Sigmoid then starts saturated.",
            (
                "How large are the entries of W?",
                "What follows the draw in the lecture's formula?",
                "A factor is missing.",
            ),
        ),
        Mistake(
            function,
            "W transposed",
            ((w, w.replace(w_shape, turned)),),
            "W has the shape (n[l-1], n[l]). The course's W has one row for each unit of its own layer.",
            (
                "What shape should W1 have?",
                "Which number comes first in the shape?",
                "Rows are the units of the layer, columns those of the layer before.",
            ),
        ),
        Mistake(
            function,
            "b of shape (n,)",
            ((b, b.replace("(" + b_shape + ")", b_shape.partition(",")[0])),),
            "b has one axis. W A + b then adds it along the examples, which fails or is silently wrong.",
            ("What shape should b have?", "How many axes does b have?", "A column has two axes."),
        ),
        Mistake(
            function,
            "b of ones",
            ((b, b.replace("zeros", "ones")),),
            "b starts at 1. In the lecture it starts at 0.",
            ("What does b start at?", "Which function of NumPy makes b?", "b needs no chance and no offset."),
        ),
        Mistake(
            function,
            "b drawn at random",
            ((b, "np.random.randn(" + b_shape + ") * 0.01"),),
            "b is drawn at random. In the lecture it starts at 0, and every draw after it differs from the course's.",
            ("What does b start at?", "Does b need to break a symmetry?", "Only W needs chance."),
        ),
        Mistake(
            function,
            "b of integers",
            ((b, b.replace("))", "), dtype=int)")),),
            "b holds integers: an update in place fails or drops the fraction.",
            (
                "What is the dtype of b?",
                "What happens to 0.3 in an array of integers?",
                "Parameters are floats.",
            ),
        ),
        Mistake(
            function,
            "other seed",
            (
                (("np.random.seed(1)", "np.random.seed(2)"),)
                if function == "initialize_parameters"
                else (("np.random.seed(3)", "np.random.seed(2)"),),
                (("np.random.seed(1)", "pass"),)
                if function == "initialize_parameters"
                else (("np.random.seed(3)", "pass"),),
            ),
            "The draws are good, but not the course's: its numbers come from np.random.seed with the notebook's seed.",
            (
                "Do your numbers agree with the notebook's?",
                "Which seed does the notebook set, and where?",
                "Nothing is wrong unless you compare with printed numbers.",
            ),
        ),
    )


MISTAKES = (
    *_initial(
        "initialize_parameters",
        ("np.random.randn(n_h, n_x) * 0.01", "n_h, n_x"),
        ("np.zeros((n_h, 1))", "n_h, 1"),
    ),
    *_initial(
        "initialize_parameters_deep",
        (_W_DEEP, "layer_dims[l], layer_dims[l - 1]"),
        ("np.zeros((layer_dims[l], 1))", "layer_dims[l], 1"),
    ),
    Mistake(
        "initialize_parameters_deep",
        "last layer missing",
        (("range(1, L)", "range(1, L - 1)"),),
        "The last layer has no parameters: the loop ends one layer early.",
        ("Which keys come back?", "What is the last l of the loop?", "The end of range is not included."),
    ),
    Mistake(
        "initialize_parameters_deep",
        "divided by n, not by its root",
        ((_W_DEEP, "np.random.randn(layer_dims[l], layer_dims[l - 1]) / layer_dims[l - 1]"),),
        "W is divided by n[l-1]. The lecture divides by its square root, which keeps the size of the activations.",
        ("How large are the entries of W?", "By what is the draw divided?", "A root is missing."),
    ),
    Mistake(
        "initialize_parameters_deep",
        "root of the layer's own size",
        ((_W_DEEP, "np.random.randn(layer_dims[l], layer_dims[l - 1]) / np.sqrt(layer_dims[l])"),),
        "W is divided by the root of n[l], the units of the layer itself. It is the number of its inputs that counts.",
        (
            "Over how many terms does a unit sum?",
            "Which layer's size is below the root?",
            "The size of the layer before belongs there.",
        ),
    ),
    Mistake(
        "update_parameters",
        "added in place of subtracted",
        (
            ((_STEP_W, _STEP_W.replace("-", "+")), (_STEP_B, _STEP_B.replace("-", "+"))),
            ((_STEP_W, _STEP_W.replace("-", "+")),),
            ((_STEP_B, _STEP_B.replace("-", "+")),),
        ),
        "The gradients are added: the cost climbs.",
        (
            "In which direction does the cost fall?",
            "Which sign precedes the learning rate?",
            "Descent goes against the gradient.",
        ),
    ),
    Mistake(
        "update_parameters",
        "last layer not updated",
        (("for l in range(L)", "for l in range(L - 1)"),),
        "The loop ends one layer early: the last layer keeps its parameters.",
        ("Which parameters change?", "What is the last l of the loop?", "The end of range is not included."),
    ),
    Mistake(
        "update_parameters",
        "first layer not updated",
        (("for l in range(L)", "for l in range(1, L)"),),
        "The loop starts one layer late: layer 1 keeps its parameters.",
        (
            "Which parameters change?",
            "What is the first l of the loop?",
            "Compare the start of range with the keys.",
        ),
    ),
    Mistake(
        "update_parameters",
        "b forgotten",
        ((_STEP_B, "= b"),),
        "Only W is updated: b keeps its first value.",
        (
            "Which parameters change?",
            "How many arrays does a layer have?",
            "Each layer has two arrays to update.",
        ),
    ),
    Mistake(
        "update_parameters",
        "W forgotten",
        ((_STEP_W, "= W"),),
        "Only b is updated: W keeps its first value.",
        (
            "Which parameters change?",
            "How many arrays does a layer have?",
            "Each layer has two arrays to update.",
        ),
    ),
    Mistake(
        "update_parameters",
        "learning rate forgotten",
        (("learning_rate * ", ""),),
        "The whole gradient is subtracted: the learning rate plays no part.",
        (
            "Does the result depend on the learning rate?",
            "What is the gradient multiplied by?",
            "A factor is missing.",
        ),
    ),
    Mistake(
        "update_parameters",
        "divided by the learning rate",
        (("learning_rate * grads", "1 / learning_rate * grads"),),
        "The gradient is divided by the learning rate: a smaller rate gives larger steps.",
        ("Are steps smaller with a smaller rate?", "What is done with the learning rate?", "It is a factor."),
    ),
    Mistake(
        "update_parameters",
        "db used for W",
        (('grads["dW" + str(l + 1)]', 'grads["db" + str(l + 1)]'),),
        "W is updated with db. The shapes broadcast, so that there is no error.",
        ("Which gradient belongs to W?", "Which keys are read?", "One letter in a key differs."),
    ),
    Mistake(
        "update_parameters",
        "result not assigned",
        (
            (
                ('parameters["W" + str(l + 1)] = W - ', "W = W - "),
                ('parameters["b" + str(l + 1)] = b - ', "b = b - "),
            ),
        ),
        "The new values are computed but not stored in the dict, and the parameters come back as they were: the cost is"
        " constant.",
        ("Which parameters change?", "Where do the new values go?", "A local name does not change the dict."),
    ),
    Mistake(
        "update_parameters",
        "parameters replaced by the step",
        ((_STEP_W, _STEP_W.replace("W - ", "-", 1)), (_STEP_B, _STEP_B.replace("b - ", "-", 1))),
        "The parameters become the step itself: what they were before is lost.",
        (
            "What if all gradients are 0?",
            "What is the step added to?",
            "The old value is missing on the right side.",
        ),
    ),
    Mistake(
        "update_parameters",
        "only one layer stored",
        (
            ("parameters = params.copy()", "parameters = {}\n    params = params.copy()"),
            ("len(parameters)", "len(params)"),
            (
                'W, b = parameters["W" + str(l + 1)], parameters["b" + str(l + 1)]',
                'W, b = params["W" + str(l + 1)], params["b" + str(l + 1)]\n        parameters = {}',
            ),
        ),
        "Only the last layer comes back: the dict starts anew in each pass of the loop.",
        (
            "Which keys come back?",
            "Where is the dict made?",
            "Look at what happens at the start of each pass.",
        ),
    ),
    Mistake(
        "update_parameters",
        "the copy shares its arrays",
        (('parameters["W" + str(l + 1)] = W - ', "W -= "), ('parameters["b" + str(l + 1)] = b - ', "b -= ")),
        "The copy of the dict has the same arrays, and these are changed in place: the old parameters change, too.",
        (
            "Are the old parameters the same after the call?",
            "What does copying a dict copy?",
            "The arrays need copies as well, or new arrays are stored.",
        ),
    ),
    Mistake(
        "predict",
        "below 0.5",
        (("AL > 0.5", "AL < 0.5"),),
        "1 is predicted where the probability is below 0.5: every prediction is reversed.",
        ("What is predicted for AL = 0.9?", "Which way does the comparison point?", "A large AL means 1."),
    ),
    Mistake(
        "predict",
        "probabilities returned",
        (("    p[AL > 0.5] = 1", "    p = AL"),),
        "The probabilities come back. predict returns 0 or 1.",
        (
            "Which numbers does p contain?",
            "What turns a probability into a decision?",
            "A threshold is missing.",
        ),
    ),
    Mistake(
        "predict",
        "1 at exactly 0.5",
        (("AL > 0.5", "AL >= 0.5"),),
        "1 is predicted where AL is exactly 0.5; the course says 0 there.",
        (
            "What is predicted for AL = 0.5?",
            "Is 0.5 inside or outside the comparison?",
            "The border belongs to 0.",
        ),
    ),
    Mistake(
        "predict",
        "threshold 0",
        (("AL > 0.5", "AL > 0"),),
        "The threshold is 0: every probability is above it, and 1 is always predicted.",
        (
            "Which predictions are 0?",
            "What is AL compared with?",
            "The threshold lies in the middle of 0 and 1.",
        ),
    ),
    Mistake(
        "two_layer_model",
        "update ignored",
        (("parameters = update_parameters(", "update_parameters("),),
        "The result of update_parameters is ignored: the cost stays constant.",
        (
            "Does the cost change from one iteration to the next?",
            "What happens to the updated parameters?",
            "The function returns new parameters; the next iteration has to use them.",
        ),
    ),
    Mistake(
        "two_layer_model",
        "hidden layer sigmoid",
        (
            ('parameters["b1"], "relu")', 'parameters["b1"], "sigmoid")'),
            ('cache1, "relu")', 'cache1, "sigmoid")'),
        ),
        "The hidden layer is sigmoid, forward and back. In this model it is relu.",
        (
            "Which activation does layer 1 use?",
            "Which names are passed?",
            "Only the output layer uses sigmoid.",
        ),
    ),
    Mistake(
        "two_layer_model",
        "way back of the hidden layer sigmoid",
        (('cache1, "relu")', 'cache1, "sigmoid")'),),
        "Layer 1 goes back through sigmoid. On the way forward it is relu.",
        (
            "Which activation does layer 1 use?",
            "Is it the same in both directions?",
            "Forward and backward have to agree.",
        ),
    ),
    Mistake(
        "two_layer_model",
        "gradients of the layers exchanged",
        (
            (
                '{"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}',
                '{"dW1": dW2, "db1": db2, "dW2": dW1, "db2": db1}',
            ),
        ),
        "The gradients are stored under the other layer's keys.",
        (
            "Which gradient belongs to which layer?",
            "Which keys are filled with what?",
            "Numbers in keys and names should agree.",
        ),
    ),
    Mistake(
        "two_layer_model",
        "sign of dA2 reversed",
        (("dA2 = -(", "dA2 = ("),),
        "dA2 has the wrong sign, and with it every gradient: the cost climbs.",
        (
            "Does the cost fall?",
            "What stands before the parentheses of the formula?",
            "A larger A2 is better where Y is 1: the cost must fall.",
        ),
    ),
    Mistake(
        "L_layer_model",
        "update ignored",
        (("parameters = update_parameters(", "update_parameters("),),
        "The result of update_parameters is ignored: the cost stays constant.",
        (
            "Does the cost change from one iteration to the next?",
            "What happens to the updated parameters?",
            "The function returns new parameters; the next iteration has to use them.",
        ),
    ),
    Mistake(
        "L_layer_model",
        "parameters drawn in every iteration",
        (
            (
                "    for i in range(num_iterations):\n",
                "    for i in range(num_iterations):\n        parameters = initialize_parameters_deep_of_the_application(layers_dims)\n",
            ),
        ),
        "The parameters are drawn again in every iteration: all that was learned is lost.",
        (
            "Does the cost fall beyond the second iteration?",
            "How often are the parameters drawn?",
            "Look at which lines are inside the loop.",
        ),
    ),
    Mistake(
        "L_layer_model",
        "cost after the update",
        (
            ("        cost = compute_cost(AL, Y)\n", ""),
            (
                "        if i % 100",
                "        cost = compute_cost(L_model_forward(X, parameters)[0], Y)\n        if i % 100",
            ),
        ),
        "The cost is computed after the update. The course records that of the parameters before it.",
        (
            "What should the first recorded cost be?",
            "When is the cost computed?",
            "Forward, cost, backward, update: in this order.",
        ),
    ),
    Mistake(
        "L_layer_model",
        "small weights in a deep network",
        (
            (
                "initialize_parameters_deep_of_the_application(layers_dims)",
                "initialize_parameters_deep(layers_dims)",
            ),
        ),
        "A network of many layers starts from W * 0.01: the signal shrinks in each layer, and the cost sticks at"
        " ln 2 = 0.693 for long.",
        (
            "How large is AL - 0.5 at the start?",
            "How are the weights scaled at the start?",
            "The application's initialiser scales by the number of inputs of a unit.",
        ),
        "W[l] = N(0, 1) / sqrt(n[l-1])",
    ),
)
