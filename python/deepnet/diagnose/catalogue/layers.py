"""Mistakes in one layer, forward and back."""

from .mistake import Mistake

MISTAKES = (
    Mistake(
        "linear_forward",
        "b forgotten",
        (("np.dot(W, A) + b", "np.dot(W, A)"),),
        "Z is W A: b is never added. As b starts at 0, this shows in training only.",
        (
            "Try the function with W = 0.",
            "Which argument plays no part in Z?",
            "One term of the sum is missing.",
        ),
    ),
    Mistake(
        "linear_forward",
        "b subtracted",
        (("np.dot(W, A) + b", "np.dot(W, A) - b"),),
        "b is subtracted. Its gradient then has the wrong sign.",
        ("Try the function with W = 0.", "What does b do to Z?", "Look at the sign in front of b."),
    ),
    Mistake(
        "linear_forward",
        "* in place of a matrix product",
        (("np.dot(W, A)", "W * A"),),
        "W * A multiplies entry by entry, which fails or, for some shapes, silently broadcasts. The lecture's W A is"
        " a matrix product.",
        (
            "What shape should Z have?",
            "Which product is meant by W A?",
            "NumPy has an operator and a function for the product of matrices; * is neither.",
        ),
    ),
    Mistake(
        "linear_forward",
        "operands swapped",
        (("np.dot(W, A) + b", "np.dot(A.T, W.T) + b.T"),),
        "A^T W^T is computed, which is the transpose of Z: examples are then rows.",
        (
            "What shape should Z have?",
            "Which of the two matrices comes first?",
            "The units of the layer are the rows of Z, the examples its columns.",
        ),
    ),
    Mistake(
        "linear_forward",
        "W transposed",
        (("np.dot(W, A)", "np.dot(W.T, A)"),),
        "W^T A is computed. It fails for most shapes and is silently wrong where W is square.",
        (
            "What is the shape of W: (n[l], n[l-1]) or the reverse?",
            "Does the formula have a transpose in it?",
            "In the course W already has the right shape for the product.",
        ),
    ),
    Mistake(
        "linear_forward",
        "cache holds Z in place of A",
        (("cache = (A, W, b)", "cache = (Z, W, b)"),),
        "The cache's first entry is Z. linear_backward needs the A that went into the layer.",
        (
            "Which arrays does linear_backward need?",
            "What is the first entry of the cache?",
            "The cache stores what went in, not what came out.",
        ),
    ),
    Mistake(
        "linear_activation_forward",
        "Z returned in place of A",
        (
            (
                "    cache = (linear_cache, activation_cache)",
                "    A = Z\n    cache = (linear_cache, activation_cache)",
            ),
        ),
        "The layer returns Z: the activation is computed, but not used.",
        (
            "Can the result of a relu layer be negative?",
            "Which variable is returned?",
            "The result of the activation is what the next layer gets.",
        ),
    ),
    Mistake(
        "linear_activation_forward",
        "activations swapped",
        (
            ('activation == "sigmoid"', 'activation == "sig"'),
            ('activation == "relu"', 'activation == "sigmoid"'),
            ('activation == "sig"', 'activation == "relu"'),
        ),
        'The layer applies relu for "sigmoid" and sigmoid for "relu".',
        (
            "What does a sigmoid layer return for a large Z?",
            "Which function is called in which branch?",
            "The two branches are exchanged.",
        ),
    ),
    Mistake(
        "linear_activation_forward",
        "always sigmoid",
        (("relu(Z)", "sigmoid(Z)"),),
        "Sigmoid is applied whatever the argument activation says.",
        (
            "Can a relu layer return 0.5 for Z = 0?",
            "Does the result depend on activation?",
            "One of the two branches calls the other one's function.",
        ),
    ),
    Mistake(
        "linear_activation_forward",
        "always relu",
        (("sigmoid(Z)", "relu(Z)"),),
        "Relu is applied whatever the argument activation says.",
        (
            "Can a sigmoid layer return 3?",
            "Does the result depend on activation?",
            "One of the two branches calls the other one's function.",
        ),
    ),
    Mistake(
        "linear_activation_forward",
        "cache holds A in place of Z",
        (("(linear_cache, activation_cache)", "(linear_cache, A)"),),
        "The cache holds A where Z belongs. Each function is right by itself, but the way back takes the slope at the"
        " wrong place, and a whole run may end in nan.",
        (
            "Which two things does the cache of a layer hold?",
            "Is it Z or A that is stored?",
            "The activation's own cache belongs there.",
        ),
    ),
    Mistake(
        "linear_activation_forward",
        "cache in reverse order",
        (("(linear_cache, activation_cache)", "(activation_cache, linear_cache)"),),
        "The two halves of the cache are exchanged: linear_activation_backward unpacks them in the other order.",
        (
            "In which order does the way back unpack the cache?",
            "Which half comes first?",
            "The linear part comes first, then the activation's.",
        ),
    ),
    Mistake(
        "linear_backward",
        "dW without 1/m",
        (("np.dot(dZ, A_prev.T) / m", "np.dot(dZ, A_prev.T)"),),
        "dW is a sum over the examples. The cost is a mean, so its gradient is one, too.",
        (
            "Compare dW with the lecture's formula, factor by factor.",
            "By how much does dW grow if every example appears twice?",
            "The cost is a mean over m examples: which factor does that leave in dW?",
        ),
    ),
    Mistake(
        "linear_backward",
        "db without 1/m",
        (("np.sum(dZ, axis=1, keepdims=True) / m", "np.sum(dZ, axis=1, keepdims=True)"),),
        "db is a sum over the examples. The cost is a mean, so its gradient is one, too.",
        (
            "Compare db with the lecture's formula, factor by factor.",
            "By how much does db grow if every example appears twice?",
            "The cost is a mean over m examples: which factor does that leave in db?",
        ),
    ),
    Mistake(
        "linear_backward",
        "dW and db without 1/m",
        (("/ m", ""),),
        "dW and db are sums over the examples. The cost is a mean, so its gradients are, too: the learning rate is in"
        " effect m times too large.",
        (
            "Compare dW and db with the lecture's formulas, factor by factor.",
            "By how much do they grow if every example appears twice?",
            "The cost is a mean over m examples: which factor does that leave in both?",
        ),
    ),
    Mistake(
        "linear_backward",
        "1/m in dA_prev, too",
        (("np.dot(W.T, dZ)", "np.dot(W.T, dZ) / m"),),
        "dA_prev is divided by m as well. The factor is then applied once per layer: the last layer is right, and every"
        " one before it is smaller by another 1/m.",
        (
            "Which of the three results have 1/m in the lecture?",
            "Compare the gradients of the last layer with those of the one before.",
            "The mean over the examples is taken once for each layer, in dW and db only.",
        ),
    ),
    Mistake(
        "linear_backward",
        "1/m in dZ, too",
        (("    m = A_prev.shape[1]", "    m = A_prev.shape[1]\n    dZ = dZ / m"),),
        "dZ itself is divided by m, so that dW and db contain 1/m twice and dA_prev once.",
        (
            "Which of the three results have 1/m in the lecture?",
            "How often is something divided by m?",
            "The mean over the examples is taken once for each layer, in dW and db only.",
        ),
    ),
    Mistake(
        "linear_backward",
        "divided by the number of units",
        (
            (("A_prev.shape[1]", "A_prev.shape[0]"),),
            (("A_prev.shape[1]", "dZ.shape[0]"),),
        ),
        "m is taken from the rows of an array, which are units. The examples are its columns.",
        ("What is m?", "Which axis counts the examples?", "Rows are units, columns are examples."),
    ),
    Mistake(
        "linear_backward",
        "db without keepdims",
        (("axis=1, keepdims=True", "axis=1"),),
        "db has shape (n,) where b has (n, 1). The update then broadcasts: b silently becomes (n, n).",
        (
            "What shapes do b and db have?",
            "What does a sum over one axis do to the number of axes?",
            "np.sum drops the axis unless it is told to keep it.",
        ),
    ),
    Mistake(
        "linear_backward",
        "db summed over the units",
        (("axis=1, keepdims", "axis=0, keepdims"),),
        "The sum runs over the units, so that db has one entry per example. It should have one per unit.",
        (
            "How many numbers should db have?",
            "Over which axis is the sum taken?",
            "Units are rows: the examples, along the other axis, are summed.",
        ),
    ),
    Mistake(
        "linear_backward",
        "db is one number for all units",
        (
            (("np.sum(dZ, axis=1, keepdims=True) / m", "np.sum(dZ) / m"),),
            (("np.sum(dZ, axis=1, keepdims=True) / m", "np.squeeze(np.sum(dZ)) / m"),),
            (("np.sum(dZ, axis=1, keepdims=True) / m", "np.array([[np.sum(dZ)]]) / m"),),
            (("np.sum(dZ, axis=1, keepdims=True) / m", "np.mean(dZ)"),),
        ),
        "db is a single number, the sum or mean of all of dZ. Each unit has its own b; this is right for one unit only.",
        (
            "How many numbers should db have?",
            "Does each unit get its own?",
            "The sum runs over the examples only: an axis is missing.",
        ),
    ),
    Mistake(
        "linear_backward",
        "* in place of a matrix product",
        (
            (("np.dot(dZ, A_prev.T)", "dZ * A_prev"),),
            (("np.dot(dZ, A_prev.T)", "dZ * A_prev.T"),),
            (("np.dot(W.T, dZ)", "W.T * dZ"),),
        ),
        "* multiplies entry by entry, which fails or, for some shapes, silently broadcasts. The lecture's products are"
        " of matrices.",
        (
            "What shapes should the results have?",
            "Which product is meant in the lecture?",
            "NumPy has an operator and a function for the product of matrices; * is neither.",
        ),
    ),
    Mistake(
        "linear_backward",
        "A_prev not transposed",
        (("A_prev.T", "A_prev"),),
        "dZ A_prev is computed. The shapes fit only where there are as many units before as examples, and then dW is"
        " silently wrong.",
        (
            "What shape should dW have?",
            "What happens to the examples in the product?",
            "The product sums over the examples: look at the orientation of the second matrix.",
        ),
    ),
    Mistake(
        "linear_backward",
        "dW transposed",
        (("np.dot(dZ, A_prev.T) / m", "np.dot(A_prev, dZ.T) / m"),),
        "dW is the transpose of what it should be, with the shape (n[l-1], n[l]). On square layers this is silent.",
        (
            "What shapes do W and dW have?",
            "Which of the two matrices comes first?",
            "The rows of dW belong to the units of this layer.",
        ),
    ),
    Mistake(
        "linear_backward",
        "W in place of its transpose",
        (("np.dot(W.T, dZ)", "np.dot(W, dZ)"),),
        "W dZ is computed. It fails for most shapes and is silently wrong where W is square.",
        (
            "What shape should dA_prev have?",
            "Which way does W lead, and which way do the gradients go?",
            "The way back uses W the other way round.",
        ),
    ),
    Mistake(
        "linear_backward",
        "dZ taken for A_prev",
        (("np.dot(dZ, A_prev.T) / m", "np.dot(dZ, dZ.T) / m"),),
        "dW is computed from dZ alone: A_prev plays no part.",
        (
            "Does dW change with A_prev?",
            "Which two arrays does dW need?",
            "What went into the layer belongs in the product.",
        ),
    ),
    Mistake(
        "linear_backward",
        "sign of dW reversed",
        (("np.dot(dZ, A_prev.T) / m", "-np.dot(dZ, A_prev.T) / m"),),
        "dW has the wrong sign: the update climbs.",
        (
            "In which direction does the update go?",
            "Where does a minus come from?",
            "The sign is already in dZ.",
        ),
    ),
    Mistake(
        "linear_backward",
        "results in another order",
        (("return dA_prev, dW, db", "return dW, db, dA_prev"),),
        "The three results come back in another order than dA_prev, dW, db.",
        (
            "What shapes do the three results have?",
            "In which order does the caller unpack them?",
            "Look at the last line only.",
        ),
    ),
    Mistake(
        "linear_activation_backward",
        "activations swapped",
        (("relu_backward", "swap"), ("sigmoid_backward", "relu_backward"), ("swap", "sigmoid_backward")),
        'The layer applies the derivative of relu for "sigmoid" and that of sigmoid for "relu".',
        (
            "Which function is called in which branch?",
            "What is dZ of a relu layer where Z is negative?",
            "The two branches are exchanged.",
        ),
    ),
    Mistake(
        "linear_activation_backward",
        "always sigmoid",
        (("relu_backward", "sigmoid_backward"),),
        "The derivative of sigmoid is applied whatever the argument activation says.",
        (
            "Does the result depend on activation?",
            "Which function is called in which branch?",
            "One of the two branches calls the other one's function.",
        ),
    ),
    Mistake(
        "linear_activation_backward",
        "always relu",
        (("sigmoid_backward", "relu_backward"),),
        "The derivative of relu is applied whatever the argument activation says.",
        (
            "Does the result depend on activation?",
            "Which function is called in which branch?",
            "One of the two branches calls the other one's function.",
        ),
    ),
    Mistake(
        "linear_activation_backward",
        "derivative of the activation forgotten",
        (("linear_backward(dZ, linear_cache)", "linear_backward(dA, linear_cache)"),),
        "dA goes into linear_backward: the activation's derivative is never applied.",
        (
            "What are the two steps of this function?",
            "Which array does the second step get?",
            "The result of the first step is not used.",
        ),
    ),
    Mistake(
        "linear_activation_backward",
        "dA_prev is dZ",
        (("return dA_prev, dW, db", "return dZ, dW, db"),),
        "The first result is dZ of this layer. The layer before needs the gradient of its own activations.",
        (
            "What shape should dA_prev have?",
            "Which variable is returned first?",
            "The gradient has still to pass W.",
        ),
    ),
)
