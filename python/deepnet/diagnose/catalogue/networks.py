"""Mistakes in the whole network: forward, cost and back."""

from .mistake import Mistake

_DAL = "dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))"

MISTAKES = (
    Mistake(
        "L_model_forward",
        "every layer gets X",
        (("A_prev = A\n", "A_prev = X\n"),),
        "Every hidden layer is fed X. Layer l takes the activations of layer l - 1.",
        (
            "What does layer 2 get?",
            "Which variable changes from layer to layer?",
            "The result of a layer has to become the input of the next.",
        ),
    ),
    Mistake(
        "L_model_forward",
        "output layer gets X",
        (("linear_activation_forward(A, param", "linear_activation_forward(X, param"),),
        "The output layer is fed X. It takes the activations of layer L - 1.",
        (
            "What does the last layer get?",
            "Are the hidden layers used at all?",
            "The last layer stands on the one before.",
        ),
    ),
    Mistake(
        "L_model_forward",
        "output layer gets A_prev",
        (("linear_activation_forward(A, param", "linear_activation_forward(A_prev if L > 1 else A, param"),),
        "The output layer is fed what went into the last hidden layer, not what came out of it.",
        (
            "What does the last layer get?",
            "What do A and A_prev hold after the loop?",
            "After the loop the newest activations are under the other name.",
        ),
    ),
    Mistake(
        "L_model_forward",
        "relu at the output",
        (('"sigmoid"', '"relu"'),),
        "The output layer applies relu: AL is not a probability.",
        (
            "Which numbers can AL be?",
            "Which activation does the last layer use?",
            "Only the hidden layers use relu.",
        ),
    ),
    Mistake(
        "L_model_forward",
        "sigmoid in the hidden layers",
        (('"relu"', '"sigmoid"'),),
        "The hidden layers apply sigmoid. In this network they use relu.",
        (
            "Which activation do the hidden layers use?",
            "Which name is passed in the loop?",
            "Only the output layer uses sigmoid.",
        ),
    ),
    Mistake(
        "L_model_forward",
        "L is len(parameters)",
        (("len(parameters) // 2", "len(parameters)"),),
        "L is taken as the number of entries of parameters. Each layer has two, W and b.",
        (
            "How many layers does a dict with W1, b1, W2, b2 have?",
            "What does len of the dict count?",
            "Each layer has two entries.",
        ),
    ),
    Mistake(
        "L_model_forward",
        "a hidden layer is left out",
        (("range(1, L)", "range(1, L - 1)"),),
        "The loop ends one layer early: the last hidden layer is never computed.",
        (
            "How many caches come back?",
            "What is the last l of the loop?",
            "The end of range is not included.",
        ),
    ),
    Mistake(
        "L_model_forward",
        "a cache is missing",
        (("\n    caches.append(cache)\n    return", "\n    return"),),
        "The cache of the output layer is not stored: there are L - 1 of them.",
        (
            "How many caches come back?",
            "What happens after the last layer?",
            "Each of the L layers leaves a cache.",
        ),
    ),
    Mistake(
        "L_model_forward",
        "only the last cache is kept",
        (("        caches.append(cache)", "        caches = [cache]"),),
        "Each hidden layer replaces the list of caches, so that only the last two caches are left.",
        (
            "How many caches come back?",
            "What happens to the list in each pass of the loop?",
            "A list grows by appending; here it starts anew.",
        ),
    ),
    Mistake(
        "L_model_forward",
        "output layer outside, W1 used",
        (
            (
                'A, parameters["W" + str(L)], parameters["b" + str(L)]',
                'A, parameters["W" + str(1)], parameters["b" + str(1)]',
            ),
        ),
        "The output layer uses the parameters of layer 1.",
        (
            "Which parameters does the last layer use?",
            "What is the number of the last layer?",
            "The last layer has the number L.",
        ),
    ),
    Mistake(
        "compute_cost",
        "negative",
        (("-(1 / m)", "(1 / m)"),),
        "The cost is negative: the minus in front of the sum is missing, and training would make it larger.",
        (
            "Can a cost be negative?",
            "What is the sign of the logarithm of a probability?",
            "The formula starts with a sign.",
        ),
    ),
    Mistake(
        "compute_cost",
        "without 1/m",
        ((("-(1 / m) * ", "-"),), (("(1 / m) * ", ""),)),
        "The cost is the sum over the examples. The lecture's J is their mean.",
        (
            "Does the cost grow if every example appears twice?",
            "Compare with the lecture's formula: what stands before the sum?",
            "A mean is wanted.",
        ),
    ),
    Mistake(
        "compute_cost",
        "only the Y term",
        (("Y * np.log(AL) + (1 - Y) * np.log(1 - AL)", "Y * np.log(AL)"),),
        "Only the examples with Y = 1 count. Those with Y = 0 have a term of their own.",
        (
            "What is the cost where all Y are 0?",
            "How many terms does the formula have?",
            "The term of the other class is missing.",
        ),
    ),
    Mistake(
        "compute_cost",
        "only the 1 - Y term",
        (("Y * np.log(AL) + (1 - Y) * np.log(1 - AL)", "(1 - Y) * np.log(1 - AL)"),),
        "Only the examples with Y = 0 count. Those with Y = 1 have a term of their own.",
        (
            "What is the cost where all Y are 1?",
            "How many terms does the formula have?",
            "The term of the other class is missing.",
        ),
    ),
    Mistake(
        "compute_cost",
        "minus between the two terms",
        (("np.log(AL) + (1", "np.log(AL) - (1"),),
        "The second term is subtracted: right predictions of 0 raise the cost.",
        (
            "What does a right prediction of 0 do to the cost?",
            "What are the signs of the two terms?",
            "Both terms have the same sign.",
        ),
    ),
    Mistake(
        "compute_cost",
        "log10",
        (("np.log(", "np.log10("),),
        "The logarithm to base 10 is taken: the cost is 0.434 times the right one. The lecture's log is the natural one.",
        (
            "What is the cost where all AL are 0.5?",
            "What is the base of the logarithm?",
            "ln 2 = 0.693 is expected there.",
        ),
    ),
    Mistake(
        "compute_cost",
        "one cost for each example",
        (
            (
                (
                    "np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))",
                    "(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))",
                ),
            ),
            (
                (
                    "-(1 / m) * np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))",
                    "-(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))",
                ),
            ),
        ),
        "A vector with one number for each example comes back. The cost is one number.",
        (
            "What shape should the cost have?",
            "Where is the sum over the examples?",
            "The terms are right, but they are not added up.",
        ),
    ),
    Mistake(
        "compute_cost",
        "outer product, summed",
        (
            (
                "np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))",
                "np.sum(np.dot(Y.T, np.log(AL)) + np.dot((1 - Y).T, np.log(1 - AL)))",
            ),
        ),
        "Y^T log(AL) is an (m, m) matrix: every label meets every prediction. Only the pairs of the same example count.",
        (
            "What is the shape of the product of Y and log(AL)?",
            "Which pairs of labels and predictions are added?",
            "The transpose is at the wrong factor, or an entry-wise product is meant.",
        ),
    ),
    Mistake(
        "compute_cost",
        "squared error",
        (
            (
                "-(1 / m) * np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))",
                "(1 / m) * np.sum((AL - Y) ** 2)",
            ),
        ),
        "This is the mean squared error. The lecture's cost of a probability is the cross-entropy.",
        (
            "Which cost does the lecture use for probabilities?",
            "Where are the logarithms?",
            "The formula for regression is used for classification.",
        ),
    ),
    Mistake(
        "compute_cost",
        "AL and Y exchanged",
        (
            (
                "Y * np.log(AL) + (1 - Y) * np.log(1 - AL)",
                "AL * np.log(Y + 1e-15) + (1 - AL) * np.log(1 - Y + 1e-15)",
            ),
        ),
        "The logarithm is taken of the labels. They are 0 and 1; it is the prediction whose logarithm counts.",
        (
            "Of which array is the logarithm taken?",
            "What is log(0)?",
            "The roles of labels and predictions are exchanged.",
        ),
    ),
    Mistake(
        "compute_cost",
        "an epsilon in the logarithm",
        tuple(
            (("np.log(AL)", f"np.log(AL + {eps})"), ("np.log(1 - AL)", f"np.log(1 - AL + {eps})"))
            for eps in ("1e-2", "1e-3", "1e-4", "1e-5", "1e-6", "1e-7", "1e-8", "1e-9", "1e-10")
        ),
        "A small number is added inside the logarithm, so that every cost is a little off. It avoids log(0), but"
        " limiting AL to a range does so without changing the others.",
        (
            "Is the cost exact to all digits?",
            "What is added to AL?",
            "Only the entries that are exactly 0 or 1 need help.",
        ),
    ),
    Mistake(
        "compute_cost",
        "Y not put into the shape of AL",
        (
            (("    Y = Y.reshape(AL.shape)\n", ""),),
            (("    Y = Y.reshape(AL.shape)\n    m = Y.shape[1]\n", "    m = AL.shape[1]\n"),),
        ),
        "With Y of shape (m, 1) the products silently become (m, m), and the cost is far too large. Nothing is wrong with"
        " Y of shape (1, m).",
        (
            "What if Y is a column?",
            "What is the shape of the product of a row and a column in NumPy?",
            "Bring both arrays to one shape first.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "sign of dAL reversed",
        ((_DAL, _DAL.replace("-(np", "(np")),),
        "dAL has the wrong sign, and with it every gradient: the update climbs.",
        (
            "What sign does dAL have where Y is 1?",
            "What stands before the parentheses of the formula?",
            "A larger AL is better where Y is 1: the cost must fall.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "parentheses of dAL lost",
        ((_DAL, "dAL = -np.divide(Y, AL) - np.divide(1 - Y, 1 - AL)"),),
        "The minus applies to the first term only: the examples with Y = 0 get the wrong sign.",
        (
            "What sign does dAL have where Y is 0?",
            "To which terms does the minus apply?",
            "The minus stands before the parentheses.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "1/m in dAL",
        ((_DAL, _DAL + " / AL.shape[1]"),),
        "dAL is divided by m, and dW and db are again: all gradients are smaller by 1/m.",
        (
            "Which derivatives have 1/m in the lecture?",
            "How often is something divided by m?",
            "The mean over the examples is taken in dW and db.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "AL and Y exchanged in dAL",
        ((_DAL, "dAL = -(np.divide(AL, Y + 1e-8) - np.divide(1 - AL, 1 - Y + 1e-8))"),),
        "AL is divided by Y, which is 0 or 1. It is the other way round.",
        (
            "Which array stands below the fraction bar?",
            "What is the derivative of log(AL)?",
            "Labels are above the bar.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "dAL is AL - Y",
        ((_DAL, "dAL = AL - Y"),),
        "AL - Y is dZ of the output layer. It is used as dAL, so that sigmoid's derivative is applied a second time.",
        (
            "Is AL - Y a gradient by A or by Z?",
            "How often is sigmoid's derivative applied?",
            "The shortcut AL - Y already contains the derivative of sigmoid.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "dAL taken for dZ[L]",
        (
            (
                'linear_activation_backward(dAL, current_cache, "sigmoid")',
                "linear_backward(dAL, current_cache[0])",
            ),
        ),
        "dAL goes into the linear part as if it were dZ[L]: sigmoid's derivative is forgotten.",
        (
            "What lies between dAL and dZ[L]?",
            "Which function is called for the last layer?",
            "The gradient has to pass the activation first.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "dZ[L] is AL - Y, whatever the caches",
        (
            (
                'linear_activation_backward(dAL, current_cache, "sigmoid")',
                "linear_backward(AL - Y, current_cache[0])",
            ),
        ),
        "The output layer uses the shortcut AL - Y. That is right where AL is the result of the caches, but the course's"
        " own test passes an AL that is not.",
        (
            "What if AL does not belong to the caches?",
            "Which two steps are taken at once?",
            "The course takes dAL first and then passes it through the activation.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "an epsilon in dAL",
        tuple(
            (
                ("np.divide(Y, AL)", f"np.divide(Y, AL + {eps})"),
                ("np.divide(1 - Y, 1 - AL)", f"np.divide(1 - Y, 1 - AL + {eps})"),
            )
            for eps in ("1e-2", "1e-3", "1e-4", "1e-5", "1e-6", "1e-7", "1e-8", "1e-9", "1e-10")
        ),
        "A small number is added below the fraction bar, so that every gradient is a little off. It avoids 0/0, but"
        " limiting AL to a range does so without changing the others.",
        (
            "Are the gradients exact to all digits?",
            "What is added to AL?",
            "Only the entries that are exactly 0 or 1 need help.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "hidden layers get dAL",
        (('dA = grads["dA" + str(l + 1)]', "dA = dAL"),),
        "Every hidden layer gets dAL. Layer l takes the dA that layer l + 1 returned.",
        (
            "What does layer L - 1 get?",
            "Which gradient changes from layer to layer?",
            "Each layer hands its first result to the layer before.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "hidden layers get AL",
        (('dA = grads["dA" + str(l + 1)]', "dA = AL"),),
        "Every hidden layer gets AL, an activation. Layer l takes the gradient that layer l + 1 returned.",
        (
            "What does layer L - 1 get?",
            "Is it an activation or a gradient?",
            "Each layer hands its first result to the layer before.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "hidden layers get the dA of layer L",
        (('dA = grads["dA" + str(l + 1)]', 'dA = grads["dA" + str(L - 1)]'),),
        "Every hidden layer gets the gradient that the output layer returned. It is right for layer L - 1 only.",
        (
            "What does layer L - 2 get?",
            "Does the index change in the loop?",
            "The key has to move with the loop.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "sub-indexed cache",
        (("current_cache = caches[l]", "current_cache = caches[l][0]"),),
        'The loop passes the first half of a layer\'s cache only: "too many values to unpack" is the usual message.',
        (
            "What is in one entry of caches?",
            "What does linear_activation_backward unpack?",
            "The whole entry is passed on.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "cache of the wrong layer",
        (("current_cache = caches[l]", "current_cache = caches[L - 1]"),),
        "The hidden layers use the cache of the output layer.",
        (
            "Which cache does layer 1 use?",
            "Does the index change in the loop?",
            "caches[0] belongs to layer 1.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "layer 1 is missing",
        (
            (("reversed(range(L - 1))", "reversed(range(1, L - 1))"),),
            (("reversed(range(L - 1))", "range(L - 2, 0, -1)"),),
        ),
        "The loop ends before layer 1: dW1 and db1 are missing, and layer 1 never learns.",
        (
            "Which keys come back?",
            "What is the last l of the loop?",
            "The end of range is not included, and caches start at 0.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "layers in the wrong order",
        (("reversed(range(L - 1))", "range(L - 1)"),),
        "The loop runs from layer 1 upwards. The gradient of a layer needs that of the layer above.",
        (
            "In which order are the layers visited?",
            "Which dA does the first pass of the loop need?",
            "Backwards means from the last layer to the first.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "output layer handled twice",
        (("reversed(range(L - 1))", "reversed(range(L))"),),
        "The loop starts at the output layer, which has been handled before: it looks for a gradient that no layer has"
        " stored.",
        (
            "How often is the last layer handled?",
            "What is the first l of the loop?",
            "The loop is for the hidden layers only.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "relu at the output",
        (('"sigmoid"', '"relu"'),),
        "The output layer goes back through relu. On the way forward it is sigmoid.",
        (
            "Which activation does the last layer use?",
            "Is it the same in both directions?",
            "Forward and backward have to agree.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "sigmoid in the hidden layers",
        (('"relu"', '"sigmoid"'),),
        "The hidden layers go back through sigmoid. On the way forward they are relu.",
        (
            "Which activation do the hidden layers use?",
            "Is it the same in both directions?",
            "Forward and backward have to agree.",
        ),
    ),
    Mistake(
        "L_model_backward",
        "only one hidden layer is stored",
        (
            (
                '        grads["dW" + str(l + 1)] = dW\n        grads["db" + str(l + 1)] = db',
                '    if L > 1:\n        grads["dW" + str(l + 1)] = dW\n        grads["db" + str(l + 1)] = db',
            ),
        ),
        "Only the last pass of the loop is stored: the lines that store the gradients are outside the loop.",
        ("Which keys come back?", "Which lines belong to the body of the loop?", "Look at the indentation."),
    ),
    Mistake(
        "L_model_backward",
        "a tuple as key",
        (('grads["db" + str(l + 1)] = db', 'grads["db", str(l + 1)] = db'),),
        'A comma in the key makes it a tuple, ("db", "1"): db1 is missing, and the update raises a KeyError.',
        ("Which keys come back?", "What does a comma between brackets make?", "A key is one string."),
    ),
    Mistake(
        "L_model_backward",
        "keys one too high",
        (
            (
                '        grads["dW" + str(l + 1)] = dW\n        grads["db" + str(l + 1)] = db',
                '        grads["dW" + str(l + 2)] = dW\n        grads["db" + str(l + 2)] = db',
            ),
        ),
        "The hidden layers' gradients are stored under the number of the layer above, and replace those.",
        ("Which keys come back?", "What is the layer of caches[0]?", "Count from l = 0: which layer is it?"),
    ),
    Mistake(
        "L_model_backward",
        "older keys of dA",
        (
            ('grads["dA" + str(L - 1)] = dA_prev', 'grads["dA" + str(L)] = dA_prev'),
            ('dA = grads["dA" + str(l + 1)]', 'dA = grads["dA" + str(l + 2)]'),
            ('grads["dA" + str(l)] = dA_prev', 'grads["dA" + str(l + 1)] = dA_prev'),
        ),
        "The values are right. dA of layer l is stored under l + 1, as the course did before 2018; since then its key is"
        " that of the layer.",
        (
            "Which layer's activations does dA1 belong to?",
            "Which keys does the current course use?",
            "Today's keys go from dA0 to dA of L - 1.",
        ),
    ),
)
