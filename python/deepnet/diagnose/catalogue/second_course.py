"""Mistakes in the functions of the second course."""

from .mistake import Mistake

_MASKS = (("np.int64(A2 > 0)", "1"), ("np.int64(A1 > 0)", "1"))
_ADAM = "update_parameters_with_adam"
_MOMENTUM = "update_parameters_with_momentum"
_DROPOUT = "forward_propagation_with_dropout"
_DROPOUT_BACK = "backward_propagation_with_dropout"
_REGULARIZED = "backward_propagation_with_regularization"
_COST = "compute_cost_with_regularization"
_BATCHES = "random_mini_batches"
_DIRECTION = (
    "In which direction does the cost fall?",
    "Which sign precedes the learning rate?",
    "Descent goes against the gradient.",
)

MISTAKES = (
    Mistake(
        "sigmoid",
        "e^x in place of e^-x",
        (("np.exp(-x)", "np.exp(x)"),),
        "The exponent has the wrong sign: the curve falls from 1 to 0, so that every prediction is reversed.",
        (
            "Try sigmoid at a large positive number: what should it be near?",
            "What sign does x have in the exponent of the lecture's formula?",
            "The curve must rise with x: look at the sign inside the exponential.",
        ),
    ),
    Mistake(
        "relu",
        "minimum in place of maximum",
        (("np.maximum(0, x)", "np.minimum(0, x)"),),
        "The negative entries pass and the positive ones become 0: the wrong half is kept.",
        ("What is relu of 3?", "Which of 0 and x should win?", "The larger of the two is wanted."),
    ),
    Mistake(
        "initialize_parameters_zeros",
        "W transposed",
        (("layers_dims[l], layers_dims[l - 1]", "layers_dims[l - 1], layers_dims[l]"),),
        "W has the shape (n[l-1], n[l]). The course's W has one row for each unit of its own layer.",
        (
            "What shape should W1 have?",
            "Which number comes first in the shape?",
            "Rows are the units of the layer, columns those of the layer before.",
        ),
    ),
    Mistake(
        "initialize_parameters_zeros",
        "ones in place of zeros",
        (
            (
                "np.zeros((layers_dims[l], layers_dims[l - 1]))",
                "np.ones((layers_dims[l], layers_dims[l - 1]))",
            ),
        ),
        "W starts at 1. This function shows what happens if all parameters start at 0.",
        (
            "What does the name of the function say?",
            "Which function of NumPy makes W?",
            "W and b start alike here.",
        ),
    ),
    Mistake(
        "initialize_parameters_random",
        "not scaled",
        ((" * 10", ""),),
        "W is N(0, 1) as drawn. This function shows what happens with weights that are far too large: it multiplies by 10.",
        ("How large are the entries of W?", "What follows the draw in the notebook?", "A factor is missing."),
    ),
    Mistake(
        "initialize_parameters_random",
        "rand in place of randn",
        (("randn", "rand"),),
        "The numbers are uniform from 0 to 10, all positive. The lecture draws from the normal distribution around 0.",
        (
            "Are there negative numbers in W?",
            "Which distribution does the lecture draw from?",
            "Two functions of NumPy differ in one letter.",
        ),
    ),
    Mistake(
        "initialize_parameters_he",
        "without the root",
        (("np.sqrt(2 / layers_dims[l - 1])", "(2 / layers_dims[l - 1])"),),
        "W is multiplied by 2 / n[l-1]. It is the variance that has this size, so W is multiplied by its root.",
        (
            "What is the standard deviation of W?",
            "What is done with 2 / n?",
            "A variance is the square of the spread.",
        ),
    ),
    Mistake(
        "initialize_parameters_he",
        "1 in place of 2",
        (("2 / layers_dims", "1 / layers_dims"),),
        "W is scaled by the root of 1 / n[l-1], which suits tanh. Relu drops half of the signal: He's rule makes up for that.",
        (
            "For which activation is He's rule?",
            "Which number stands above n?",
            "Relu lets half of the signal pass.",
        ),
    ),
    Mistake(
        "initialize_parameters_he",
        "size of the layer itself",
        (("2 / layers_dims[l - 1]", "2 / layers_dims[l]"),),
        "W is scaled by n[l], the units of the layer itself. It is the number of its inputs that counts.",
        (
            "Over how many terms does a unit sum?",
            "Which layer's size is below the root?",
            "The size of the layer before belongs there.",
        ),
    ),
    Mistake(
        "initialize_parameters_he",
        "divided by the root",
        (("W * np.sqrt(2 /", "W / np.sqrt(2 /"),),
        "W is divided by the root: layers with more inputs get larger weights. They need smaller ones.",
        ("How does the spread of W change with n?", "What is done with the root?", "The draw is multiplied."),
    ),
    Mistake(
        "forward_propagation",
        "relu at the output",
        (("a3 = sigmoid(z3)", "a3 = relu(z3)"),),
        "The output layer applies relu: a3 is not a probability.",
        (
            "Which numbers can a3 be?",
            "Which activation does the last layer use?",
            "Only the hidden layers use relu.",
        ),
    ),
    Mistake(
        "forward_propagation",
        "sigmoid in the hidden layers",
        (("relu(z", "sigmoid(z"),),
        "The hidden layers apply sigmoid. In this network they use relu.",
        (
            "Which activation do the hidden layers use?",
            "Which function is called in layers 1 and 2?",
            "Only the output layer uses sigmoid.",
        ),
    ),
    Mistake(
        "forward_propagation",
        "Z passed on in place of A",
        (("np.dot(W2, a1)", "np.dot(W2, z1)"), ("np.dot(W3, a2)", "np.dot(W3, z2)")),
        "Layers 2 and 3 get the Z of the layer before: relu is computed, but not used.",
        (
            "What does layer 2 get?",
            "Which variable enters the next product?",
            "The activation is what is passed on.",
        ),
    ),
    Mistake(
        "forward_propagation",
        "b forgotten",
        ((" + b1\n", "\n"), (" + b2\n", "\n"), (" + b3\n", "\n")),
        "Z is W A: b is never added. As b starts at 0, this shows in training only.",
        (
            "Try the function with W = 0.",
            "Which parameters play no part?",
            "One term of each sum is missing.",
        ),
    ),
    Mistake(
        "compute_loss",
        "without 1/m",
        (("1 / m * ", ""),),
        "The loss is the sum over the examples. Here it is their mean.",
        (
            "Does the loss grow if every example appears twice?",
            "What stands before the sum?",
            "A mean is wanted.",
        ),
    ),
    Mistake(
        "compute_loss",
        "negative",
        (("1 / m * ", "-1 / m * "),),
        "The loss is negative: a minus too many or too few, and training would make it larger.",
        (
            "Can a loss be negative?",
            "How many signs are there?",
            "The logarithm of a probability is negative already.",
        ),
    ),
    Mistake(
        "compute_cost",
        "only the Y term",
        ((" + np.multiply(-np.log(1 - a3), 1 - Y)", ""),),
        "Only the examples with Y = 1 count. Those with Y = 0 have a term of their own.",
        (
            "What is the cost where all Y are 0?",
            "How many terms does the formula have?",
            "The term of the other class is missing.",
        ),
    ),
    Mistake(
        "compute_cost",
        "log10",
        (("np.log(", "np.log10("),),
        "The logarithm to base 10 is taken: the cost is 0.434 times the right one. The lecture's log is the natural one.",
        (
            "What is the cost where all a3 are 0.5?",
            "What is the base of the logarithm?",
            "ln 2 = 0.693 is expected there.",
        ),
    ),
    Mistake(
        "backward_propagation",
        "dZ3 with the sign reversed",
        (("A3 - Y", "Y - A3"),),
        "dZ3 has the wrong sign, and with it every gradient: the update climbs.",
        (
            "What sign does dZ3 have where the prediction is too large?",
            "Which of the two is subtracted?",
            "A prediction that is too large must come down.",
        ),
    ),
    Mistake(
        "backward_propagation",
        "without 1/m",
        ((("1 / m * ", ""),), (("1 / m * (a3 - Y)", "a3 - Y"),)),
        "dW and db are sums over the examples. The cost is a mean, so its gradients are, too.",
        (
            "Compare dW and db with the lecture's formulas, factor by factor.",
            "By how much do they grow if every example appears twice?",
            "The cost is a mean over m examples: which factor does that leave?",
        ),
    ),
    Mistake(
        "backward_propagation",
        "dW2 twice as large",
        (
            (("dW2 = 1 / m * np.dot(dZ2, A1.T)", "dW2 = 1 / m * np.dot(dZ2, A1.T) * 2"),),
            (("dW2 = np.dot(dz2, a1.T)", "dW2 = np.dot(dz2, a1.T) * 2"),),
        ),
        "dW2 has a factor 2 that belongs nowhere; it is one of the two errors planted in the notebook on gradient checking.",
        (
            "Compare dW2 with dW3 and dW1.",
            "Which factors does the lecture's formula have?",
            "One number too many.",
        ),
    ),
    Mistake(
        "backward_propagation",
        "4/m in db1",
        ((("db1 = 1 / m", "db1 = 4 / m"),),),
        "db1 is four times too large; it is one of the two errors planted in the notebook on gradient checking.",
        (
            "Compare db1 with db2 and db3.",
            "Which factors does the lecture's formula have?",
            "Look at the number above m.",
        ),
    ),
    Mistake(
        "backward_propagation",
        "no mask",
        ((_MASKS), (("np.int64(a2 > 0)", "1"), ("np.int64(a1 > 0)", "1"))),
        "The gradients pass relu as they are. Where A is 0, relu is flat, so no gradient passes.",
        (
            "What is the slope of relu where A is 0?",
            "Do A1 and A2 decide anything?",
            "Some entries of dZ must be 0.",
        ),
    ),
    Mistake(
        "backward_propagation",
        "masks of the layers exchanged",
        (
            (
                ("np.int64(A2 > 0)", "np.int64(A0 > 0)"),
                ("np.int64(A1 > 0)", "np.int64(A2 > 0)"),
                ("np.int64(A0 > 0)", "np.int64(A1 > 0)"),
            ),
        ),
        "dZ2 is masked by A1 and dZ1 by A2. The mask of a layer is that of its own activations.",
        (
            "What shape does each mask have?",
            "Which A belongs to dZ2?",
            "The numbers in both names should agree.",
        ),
    ),
    Mistake(
        "backward_propagation",
        "db summed over the units",
        ((("axis=1", "axis=0"),),),
        "The sums run over the units, so that db has one entry per example. It should have one per unit.",
        (
            "How many numbers should db have?",
            "Over which axis is the sum taken?",
            "Units are rows: the examples, along the other axis, are summed.",
        ),
    ),
    Mistake(
        "backward_propagation",
        "db without keepdims",
        ((("axis=1, keepdims=True", "axis=1"),),),
        "db has shape (n,) where b has (n, 1). The update then broadcasts: b silently becomes (n, n).",
        (
            "What shapes do b and db have?",
            "What does a sum over one axis do to the number of axes?",
            "np.sum drops the axis unless it is told to keep it.",
        ),
    ),
    Mistake(
        "update_parameters",
        "added in place of subtracted",
        (("W - learning_rate", "W + learning_rate"), ("b - learning_rate", "b + learning_rate")),
        "The gradients are added: the cost climbs.",
        _DIRECTION,
    ),
    Mistake(
        "update_parameters",
        "last layer not updated",
        (("for l in range(L)", "for l in range(L - 1)"),),
        "The loop ends one layer early: the last layer keeps its parameters.",
        ("Which parameters change?", "What is the last l of the loop?", "The end of range is not included."),
    ),
    Mistake(
        "predict",
        "below 0.5",
        (("a3 > 0.5", "a3 < 0.5"),),
        "1 is predicted where the probability is below 0.5: every prediction is reversed.",
        ("What is predicted for a3 = 0.9?", "Which way does the comparison point?", "A large a3 means 1."),
    ),
    Mistake(
        _COST,
        "penalty forgotten",
        (("cross_entropy_cost + L2_regularization_cost", "cross_entropy_cost"),),
        "The penalty is computed, but not added to the cost.",
        ("Does the cost depend on lambda?", "Which two terms make the cost?", "One of them is not used."),
    ),
    Mistake(
        _COST,
        "without 1/2",
        (("lambd / (2 * m)", "lambd / m"),),
        "The penalty is twice as large: lambda is divided by m, not by 2 m.",
        (
            "By how much is the penalty too large?",
            "What is lambda divided by in the lecture?",
            "The 2 cancels when the square is differentiated.",
        ),
    ),
    Mistake(
        _COST,
        "without 1/m",
        (("lambd / (2 * m)", "lambd / 2"),),
        "The penalty is not divided by the number of examples.",
        (
            "Does the penalty depend on m?",
            "What is lambda divided by in the lecture?",
            "Cost and penalty have the same 1/m.",
        ),
    ),
    Mistake(
        _COST,
        "lambda / 2 * m",
        (("lambd / (2 * m)", "lambd / 2 * m"),),
        "Without parentheses lambda / 2 * m multiplies by m.",
        (
            "How does the penalty change with m?",
            "In which order does Python divide and multiply?",
            "Both numbers belong below the fraction bar.",
        ),
    ),
    Mistake(
        _COST,
        "sum of W, not of its squares",
        (("np.square(W", "(W"),),
        "The entries themselves are added: large weights of both signs cancel.",
        ("Can the penalty be negative?", "What is added up?", "The name L2 says which power."),
    ),
    Mistake(
        _COST,
        "a layer is missing",
        (((" + np.sum(np.square(W3))", ""),), (("np.sum(np.square(W1)) + ", ""),)),
        "The weights of one layer are left out of the penalty.",
        ("How many layers does the network have?", "Which W are squared?", "All of them count."),
    ),
    Mistake(
        _REGULARIZED,
        "penalty forgotten",
        (((" + lambd / m * W3", ""), (" + lambd / m * W2", ""), (" + lambd / m * W1", "")),),
        "dW has no term of the penalty: lambda plays no part in the gradients.",
        (
            "Do the gradients depend on lambda?",
            "What is the derivative of the penalty?",
            "Each dW has a second term.",
        ),
    ),
    Mistake(
        _REGULARIZED,
        "penalty without 1/m",
        (("lambd / m * W", "lambd * W"),),
        "The term of the penalty is not divided by the number of examples.",
        (
            "How does the second term change with m?",
            "Compare it with the cost.",
            "Both terms have the same 1/m.",
        ),
    ),
    Mistake(
        _REGULARIZED,
        "penalty with 1/2",
        (("lambd / m * W", "lambd / (2 * m) * W"),),
        "The term of the penalty is half as large: differentiating the square cancels the 2 of the cost.",
        (
            "What is the derivative of w^2 / 2?",
            "What is lambda divided by?",
            "One factor of the cost is not in its derivative.",
        ),
    ),
    Mistake(
        _REGULARIZED,
        "penalty subtracted",
        (("+ lambd", "- lambd"),),
        "The term of the penalty is subtracted: the weights grow instead of decaying.",
        ("Do large weights shrink?", "What is the sign of the second term?", "Cost and penalty are added."),
    ),
    Mistake(
        _REGULARIZED,
        "penalty of another layer",
        (
            ("lambd / m * W3", "lambd / m * W0"),
            ("lambd / m * W2", "lambd / m * W3"),
            ("lambd / m * W0", "lambd / m * W2"),
        ),
        "The terms of the penalty are those of another layer's W.",
        ("Which W is in dW3?", "Which shapes are added?", "The numbers in both names should agree."),
    ),
    Mistake(
        _DROPOUT,
        "not divided by keep_prob",
        (("    A1 = A1 / keep_prob\n", ""), ("    A2 = A2 / keep_prob\n", "")),
        "The activations that are kept are not scaled up: without the division they are too small on average.",
        (
            "What is the mean of A before and after dropout?",
            "What makes up for the units that are dropped?",
            "Inverted dropout has one more step.",
        ),
    ),
    Mistake(
        _DROPOUT,
        "multiplied by keep_prob",
        (("A1 / keep_prob", "A1 * keep_prob"), ("A2 / keep_prob", "A2 * keep_prob")),
        "The activations that are kept are made smaller. They have to make up for those that are dropped.",
        (
            "What is the mean of A before and after dropout?",
            "Which way does the scaling go?",
            "Fewer units, larger values.",
        ),
    ),
    Mistake(
        _DROPOUT,
        "mask inverted",
        (("D1 < keep_prob", "D1 > keep_prob"), ("D2 < keep_prob", "D2 > keep_prob")),
        "The units that should be kept are dropped: the share kept is 1 - keep_prob.",
        (
            "Which share of D is 1?",
            "Which way does the comparison point?",
            "keep_prob is the share that stays.",
        ),
    ),
    Mistake(
        _DROPOUT,
        "mask not applied",
        (("    A1 = A1 * D1\n", ""), ("    A2 = A2 * D2\n", "")),
        "The masks are drawn, but the activations are not multiplied by them: nothing is dropped.",
        (
            "Are there more zeros in A than before?",
            "What are D1 and D2 used for?",
            "One product per layer is missing.",
        ),
    ),
    Mistake(
        _DROPOUT,
        "normal draws for the mask",
        (("np.random.rand(", "np.random.randn("),),
        "The masks are drawn from the normal distribution. A share of keep_prob lies below keep_prob for uniform draws only.",
        (
            "Which share of D is 1?",
            "From which distribution are the draws?",
            "Two functions of NumPy differ in one letter.",
        ),
    ),
    Mistake(
        _DROPOUT,
        "masks not in the cache",
        (("Z1, D1, A1", "Z1, A1"), ("Z2, D2, A2", "Z2, A2")),
        "The cache has twelve entries: the masks are lost, but the way back needs the same ones.",
        ("What does the way back need?", "How many entries does the cache have?", "Two arrays are missing."),
    ),
    Mistake(
        _DROPOUT_BACK,
        "mask not applied",
        (("    dA2 = dA2 * D2\n", ""), ("    dA1 = dA1 * D1\n", "")),
        "The gradients pass units that were dropped on the way forward.",
        (
            "Do D1 and D2 play a part?",
            "What does a dropped unit contribute to the cost?",
            "The same masks apply in both directions.",
        ),
    ),
    Mistake(
        _DROPOUT_BACK,
        "not divided by keep_prob",
        (("    dA2 = dA2 / keep_prob\n", ""), ("    dA1 = dA1 / keep_prob\n", "")),
        "The gradients are not scaled as the activations were on the way forward.",
        (
            "By what were the activations divided?",
            "Does keep_prob play a part?",
            "A constant factor passes to the gradient.",
        ),
    ),
    Mistake(
        _DROPOUT_BACK,
        "masks exchanged",
        (("dA2 * D2", "dA2 * D0"), ("dA1 * D1", "dA1 * D2"), ("dA2 * D0", "dA2 * D1")),
        "dA2 is masked by D1 and dA1 by D2. Each layer has its own mask.",
        (
            "What shape does each mask have?",
            "Which D belongs to dA2?",
            "The numbers in both names should agree.",
        ),
    ),
    Mistake(
        "update_parameters_with_gd",
        "added in place of subtracted",
        (("W - learning_rate", "W + learning_rate"), ("b - learning_rate", "b + learning_rate")),
        "The gradients are added: the cost climbs.",
        _DIRECTION,
    ),
    Mistake(
        "update_parameters_with_gd",
        "b forgotten",
        (('b - learning_rate * grads["db" + str(l + 1)]', "b"),),
        "Only W is updated: b keeps its first value.",
        (
            "Which parameters change?",
            "How many arrays does a layer have?",
            "Each layer has two arrays to update.",
        ),
    ),
    Mistake(
        _BATCHES,
        "Y not shuffled",
        (("Y[:, permutation]", "Y"),),
        "X is shuffled, but Y is not: the labels belong to other examples.",
        ("Does each example keep its label?", "Which arrays are shuffled?", "Both need the same order."),
    ),
    Mistake(
        _BATCHES,
        "two permutations",
        (("Y[:, permutation]", "Y[:, list(np.random.permutation(m))]"),),
        "X and Y are shuffled by two different permutations: the labels belong to other examples.",
        (
            "Does each example keep its label?",
            "How often is a permutation drawn?",
            "Both need the same order.",
        ),
    ),
    Mistake(
        _BATCHES,
        "not shuffled",
        (("list(np.random.permutation(m))", "list(range(m))"),),
        "The examples keep their order. Batches should be a random choice in each epoch.",
        ("In which order are the examples?", "Where does chance come in?", "A permutation is drawn first."),
    ),
    Mistake(
        _BATCHES,
        "last batch left out",
        (("if m % mini_batch_size != 0:", "if False:"),),
        "The examples that do not fill a batch are lost.",
        (
            "How many examples are there in all batches?",
            "What if m is not a multiple of the size?",
            "The rest is a smaller batch.",
        ),
    ),
    Mistake(
        _BATCHES,
        "last batch always there",
        (("if m % mini_batch_size != 0:", "if True:"),),
        "If m is a multiple of the size, an empty batch is added.",
        (
            "What is the size of the last batch?",
            "What if m is a multiple of the size?",
            "There is not always a rest.",
        ),
    ),
    Mistake(
        _BATCHES,
        "columns of the last batch wrong",
        (
            (("complete * mini_batch_size :]", "-mini_batch_size:]"),),
            (("complete * mini_batch_size :]", ": m - mini_batch_size * complete]"),),
        ),
        "The last batch repeats examples of other batches, and others are missing or counted twice.",
        (
            "Is every example in exactly one batch?",
            "Where does the last batch start?",
            "It begins where the complete batches end.",
        ),
    ),
    Mistake(
        "initialize_velocity",
        "db in the shape of W",
        (('parameters["b" + str(l + 1)]', 'parameters["W" + str(l + 1)]'),),
        "The velocity of b has the shape of W.",
        (
            "What shape does each entry have?",
            "From which parameter is the shape taken?",
            "One letter in a key differs.",
        ),
    ),
    Mistake(
        "initialize_velocity",
        "starts as the parameters",
        (
            (
                (('np.zeros(parameters["W" + str(l + 1)].shape)'), 'parameters["W" + str(l + 1)]'),
                ('np.zeros(parameters["b" + str(l + 1)].shape)', 'parameters["b" + str(l + 1)]'),
            ),
        ),
        "The velocity starts as the parameters themselves. It starts at 0.",
        (
            "What is the velocity before the first step?",
            "What is stored under dW1?",
            "Only the shape is taken from the parameters.",
        ),
    ),
    Mistake(
        _MOMENTUM,
        "without 1 - beta",
        (("(1 - beta) * ", ""),),
        "The gradient is added with its full weight: the velocity grows up to 1 / (1 - beta) times too large.",
        (
            "What do the two weights of the average add up to?",
            "What is the factor of the gradient?",
            "An average has weights that add up to 1.",
        ),
    ),
    Mistake(
        _MOMENTUM,
        "beta and 1 - beta exchanged",
        (("beta * v[", "(1 - beta_) * v["), ("(1 - beta) *", "beta *"), ("(1 - beta_)", "(1 - beta)")),
        "The weights are exchanged: the old average counts little and the new gradient much.",
        (
            "What is the weight of the old average with beta = 0.9?",
            "Which of the two is large?",
            "Momentum remembers.",
        ),
    ),
    Mistake(
        _MOMENTUM,
        "gradient used in place of the velocity",
        (
            ('learning_rate * v["dW"', 'learning_rate * grads["dW"'),
            ('learning_rate * v["db"', 'learning_rate * grads["db"'),
        ),
        "The parameters move along the gradient: the velocity is computed, but not used.",
        (
            "Does the step depend on v?",
            "What is the learning rate multiplied by?",
            "The average is what is followed.",
        ),
    ),
    Mistake(
        _MOMENTUM,
        "added in place of subtracted",
        (("- learning_rate", "+ learning_rate"),),
        "The velocity is added: the cost climbs.",
        _DIRECTION,
    ),
    Mistake(
        "initialize_adam",
        "s starts at 1",
        (
            ('s["dW" + str(l + 1)] = np.zeros', 's["dW" + str(l + 1)] = np.ones'),
            ('s["db" + str(l + 1)] = np.zeros', 's["db" + str(l + 1)] = np.ones'),
        ),
        "The average of the squares starts at 1. Like v it starts at 0.",
        ("What are both averages before the first step?", "How is s made?", "v and s start alike."),
    ),
    Mistake(
        _ADAM,
        "no bias correction",
        ((" / (1 - beta1**t)", ""), (" / (1 - beta2**t)", "")),
        "The averages are used as they are. As they start at 0, they are too small in the first steps.",
        (
            "What is v after the first step?",
            "What do the corrected averages differ by?",
            "They are divided by something that goes to 1.",
        ),
    ),
    Mistake(
        _ADAM,
        "correction without the power t",
        (("beta1**t", "beta1"), ("beta2**t", "beta2")),
        "The correction is the same in every step. It should fade with t.",
        ("Does the correction depend on t?", "What is it for large t?", "beta has an exponent."),
    ),
    Mistake(
        _ADAM,
        "without the root",
        (('np.sqrt(s_corrected["d" + p])', 's_corrected["d" + p]'),),
        "The step is divided by the average square itself. Its root has the size of a gradient.",
        (
            "How large is the step if all gradients are doubled?",
            "What is done with s?",
            "A root is missing.",
        ),
    ),
    Mistake(
        _ADAM,
        "gradient not squared in s",
        ((" ** 2", ""),),
        "s averages the gradients, not their squares: it may be negative, and its root nan.",
        ("Can s be negative?", "What does s average?", "A power is missing."),
    ),
    Mistake(
        _ADAM,
        "beta1 used for s",
        (("= beta2 *", "= beta1 *"), ("(1 - beta2)", "(1 - beta1)"), ("beta2**t", "beta1**t")),
        "s is averaged with beta1. It has a weight of its own, beta2.",
        ("Does the step depend on beta2?", "Which beta belongs to s?", "Two averages, two weights."),
    ),
    Mistake(
        _ADAM,
        "uncorrected averages used",
        (
            (
                'v_corrected["d" + p] / (np.sqrt(s_corrected["d" + p]) + epsilon)',
                'v["d" + p] / (np.sqrt(s["d" + p]) + epsilon)',
            ),
        ),
        "The corrected averages are computed, but the step uses the others.",
        (
            "Does the step use the corrected averages?",
            "Which variables are in the quotient?",
            "What was computed last is what counts.",
        ),
    ),
    Mistake(
        _ADAM,
        "added in place of subtracted",
        (("parameters[p] - learning_rate", "parameters[p] + learning_rate"),),
        "The step is added: the cost climbs.",
        _DIRECTION,
    ),
    Mistake(
        _ADAM,
        "epsilon forgotten",
        ((" + epsilon)", ")"),),
        "epsilon plays no part: a gradient of 0 gives 0/0.",
        (
            "What if a gradient is 0?",
            "Which argument is not used?",
            "Something small keeps the quotient finite.",
        ),
    ),
    Mistake(
        "update_lr",
        "the same in every epoch",
        (("(1 + decay_rate * epoch_num)", "(1 + decay_rate)"),),
        "The rate is the same in every epoch: epoch_num plays no part.",
        ("Does the rate depend on the epoch?", "Which argument is not used?", "A factor is missing."),
    ),
    Mistake(
        "schedule_lr_decay",
        "without floor",
        (("np.floor(epoch_num / time_interval)", "(epoch_num / time_interval)"),),
        "The rate falls in every epoch. It should stay the same within an interval.",
        (
            "Is the rate of epochs 0 and 99 the same, with an interval of 100?",
            "What happens to the fraction?",
            "Only whole intervals count.",
        ),
    ),
    Mistake(
        "backward_propagation",
        "A of the layer itself in dW",
        (
            (("np.dot(dZ2, A1.T)", "np.dot(dZ2, A2.T)"), ("np.dot(dZ3, A2.T)", "np.dot(dZ3, A3.T)")),
            (("np.dot(dz2, a1.T)", "np.dot(dz2, a2.T)"), ("np.dot(dz3, a2.T)", "np.dot(dz3, a3.T)")),
        ),
        "dW uses the activations of the layer itself. The gradient of W[l] needs what went into the layer, A[l-1].",
        (
            "What shape should dW2 have?",
            "Which activations does W2 multiply on the way forward?",
            "It is the input of the layer, not its output.",
        ),
    ),
    Mistake(
        _REGULARIZED,
        "penalty built from dW",
        tuple(
            (
                ("1 / m * np.dot(dZ3, A2.T) + lambd / m * W3", f"{factor} * (1 / m * np.dot(dZ3, A2.T))"),
                ("1 / m * np.dot(dZ2, A1.T) + lambd / m * W2", f"{factor} * (1 / m * np.dot(dZ2, A1.T))"),
                ("1 / m * np.dot(dZ1, X.T) + lambd / m * W1", f"{factor} * (1 / m * np.dot(dZ1, X.T))"),
            )
            for factor in ("(1 + lambd / m)", "(lambd / m)")
        ),
        "The term of the penalty is a multiple of dW. It is a multiple of W: large weights are drawn towards 0.",
        (
            "Do large weights shrink where the gradient is 0?",
            "Which array is multiplied by lambda?",
            "The derivative of w^2 contains w.",
        ),
    ),
)
