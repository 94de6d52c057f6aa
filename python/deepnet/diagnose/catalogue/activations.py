"""Mistakes in sigmoid, relu, softmax and their way back."""

from .mistake import Mistake

MISTAKES = (
    Mistake(
        "sigmoid",
        "e^Z in place of e^-Z",
        (("np.exp(-Z)", "np.exp(Z)"),),
        "The exponent has the wrong sign: the curve falls from 1 to 0, so that every prediction is reversed.",
        (
            "Try sigmoid at a large positive number: what should it be near?",
            "What sign does Z have in the exponent of the lecture's formula?",
            "A must rise with Z: look at the sign inside the exponential.",
        ),
    ),
    Mistake(
        "sigmoid",
        "parentheses of 1 + e^-Z missing",
        (("1 / (1 + np.exp(-Z))", "1 / 1 + np.exp(-Z)"),),
        "1 / 1 + e^-Z is computed, which is 1 + e^-Z: division comes before addition. The result is above 1.",
        (
            "Which numbers can sigmoid return at all?",
            "In which order does Python evaluate a division and a sum?",
            "The whole sum belongs below the fraction bar: look at the parentheses.",
        ),
    ),
    Mistake(
        "sigmoid",
        "tanh in place of sigmoid",
        (("1 / (1 + np.exp(-Z))", "np.tanh(Z)"),),
        "This is tanh, which runs from -1 to 1. A probability runs from 0 to 1.",
        (
            "What is sigmoid of 0?",
            "What range does a probability have?",
            "Another S-shaped curve is computed: compare the two formulas.",
        ),
    ),
    Mistake(
        "sigmoid",
        "cache holds A",
        (("cache = Z", "cache = A"),),
        "The cache holds A, but sigmoid_backward computes s from Z. Alone both functions look right; together they"
        " take sigmoid of sigmoid.",
        (
            "What does sigmoid_backward expect to find in the cache?",
            "Is it Z or A that is stored?",
            "The way back starts from the number that went into the activation.",
        ),
    ),
    Mistake(
        "relu",
        "absolute value",
        (("np.maximum(0, Z)", "np.abs(Z)"),),
        "Negative Z become positive: this is |Z|. relu gives 0 for them.",
        (
            "What is relu of -2?",
            "What does the function do with negative numbers?",
            "Negative entries should vanish; here they change sign.",
        ),
    ),
    Mistake(
        "relu",
        "minimum in place of maximum",
        (("np.maximum(0, Z)", "np.minimum(0, Z)"),),
        "The negative entries pass and the positive ones become 0: the wrong half is kept.",
        (
            "What is relu of 3?",
            "Which of 0 and Z should win?",
            "The larger of the two is wanted, not the smaller.",
        ),
    ),
    Mistake(
        "relu",
        "one maximum of all",
        (("np.maximum(0, Z)", "np.max(Z)"),),
        "The largest number of the whole matrix is returned. relu works on each entry by itself.",
        (
            "What shape does the result have?",
            "Which NumPy function compares entry by entry?",
            "A function that reduces an array to one number is used where one for pairs is needed.",
        ),
    ),
    Mistake(
        "relu",
        "leaky relu",
        (
            (("np.maximum(0, Z)", "np.maximum(0.01 * Z, Z)"),),
            (("np.maximum(0, Z)", "np.maximum(0.1 * Z, Z)"),),
        ),
        "Negative Z leave a small multiple of themselves: this is the leaky relu. The course's relu gives exactly 0.",
        (
            "What is relu of -2, exactly?",
            "What remains of negative numbers?",
            "The other branch of the maximum is a constant in the course's relu.",
        ),
    ),
    Mistake(
        "relu",
        "cache holds A",
        (("cache = Z", "cache = A"),),
        "The cache holds A where the course stores Z. relu_backward cannot tell, but whatever else reads Z is wrong.",
        (
            "What does the course store for the way back?",
            "Is it Z or A that is stored?",
            "The way back starts from the number that went into the activation.",
        ),
    ),
    Mistake(
        "relu",
        "writes into Z",
        (("A = np.maximum(0, Z)", "Z[Z < 0] = 0\n    A = Z"),),
        "The function sets entries of Z itself to 0. This overwrites the caller's Z, and with it the cache.",
        (
            "Is Z the same after the call as before?",
            "Do A and Z share their memory?",
            "Assigning to entries of an argument changes the caller's array: work on something new.",
        ),
    ),
    Mistake(
        "softmax",
        "without the shift by the maximum",
        (("Z - np.max(Z, axis=0, keepdims=True)", "Z"),),
        "e^Z overflows from Z = 710, and inf / inf is nan. The formula is right, but not for large Z.",
        (
            "What is e^1000 on a computer?",
            "Does softmax change if a constant is taken from each column of Z?",
            "Make the largest entry of each column 0 before the exponential.",
        ),
    ),
    Mistake(
        "softmax",
        "normalised over the whole matrix",
        (("np.sum(T, axis=0, keepdims=True)", "np.sum(T)"),),
        "All entries together add up to 1. Each example, each column, is a distribution by itself.",
        (
            "What should each column add up to?",
            "Over which axis is the sum taken?",
            "The sum below the fraction bar runs over the units of one example only.",
        ),
    ),
    Mistake(
        "softmax",
        "normalised over the examples",
        (("np.sum(T, axis=0, keepdims=True)", "np.sum(T, axis=1, keepdims=True)"),),
        "Each row adds up to 1. Each example, each column, is a distribution by itself.",
        (
            "What should each column add up to?",
            "Over which axis is the sum taken?",
            "The examples are the columns: the sum runs over the units.",
        ),
    ),
    Mistake(
        "relu_backward",
        "mask inverted",
        ((("Z <= 0", "Z > 0"),), (("Z <= 0", "Z >= 0"),)),
        "The gradient passes where Z is negative and stops where it is positive: the mask is inverted.",
        (
            "For which Z does relu let a gradient pass?",
            "Which entries of dZ are 0, and what is Z there?",
            "The comparison points the wrong way.",
        ),
    ),
    Mistake(
        "relu_backward",
        "no mask",
        (("dZ[Z <= 0] = 0", "pass"),),
        "dA is returned as it is. Where Z is negative, relu is flat, so no gradient passes.",
        (
            "What is the slope of relu at Z = -2?",
            "Is Z used at all?",
            "Entries of dZ have to vanish, depending on the sign of Z.",
        ),
    ),
    Mistake(
        "relu_backward",
        "mask taken from dA",
        (("dZ[Z <= 0] = 0", "dZ[dA <= 0] = 0"),),
        "The entries are chosen by the sign of dA. It is Z that says where relu is flat.",
        (
            "Which array decides where the gradient passes?",
            "Which array is compared with 0?",
            "The cache is there for a reason.",
        ),
    ),
    Mistake(
        "relu_backward",
        "returns the mask times Z",
        (("dZ = np.array(dA, copy=True)", "dZ = np.array(Z, copy=True)"),),
        "The result is relu(Z): dA plays no part. The chain rule multiplies dA by the slope.",
        (
            "Does the result change if dA is doubled?",
            "Which array is filtered by the mask?",
            "What arrives from the layer above is filtered, not Z.",
        ),
    ),
    Mistake(
        "relu_backward",
        "returns the mask alone",
        (("dZ[Z <= 0] = 0", "dZ = (Z > 0).astype(float)"),),
        "The slope of relu is returned, 0 or 1. The chain rule multiplies it by dA.",
        (
            "Does the result change if dA is doubled?",
            "Where is the chain rule?",
            "The slope is right: one factor is missing.",
        ),
    ),
    Mistake(
        "relu_backward",
        "dA times relu(Z)",
        (("dZ[Z <= 0] = 0", "dZ = dA * np.maximum(0, Z)"),),
        "dA is multiplied by relu(Z), the function itself. The chain rule takes its derivative, which is 0 or 1.",
        (
            "By what is dA multiplied where Z is positive?",
            "What is the derivative of relu at Z = 3?",
            "The factor is the slope, not the value.",
        ),
    ),
    Mistake(
        "relu_backward",
        "gradient 1 at Z = 0",
        (("Z <= 0", "Z < 0"),),
        "Where Z is exactly 0 the gradient passes; the course defines it as 0 there. This shows with exact zeros only.",
        (
            "What happens where Z is exactly 0?",
            "Is 0 inside or outside your comparison?",
            "The border case belongs to the entries that vanish.",
        ),
    ),
    Mistake(
        "relu_backward",
        "writes into dA",
        (("np.array(dA, copy=True)", "dA"),),
        "The values are right, but they are written into the caller's dA, which is one of the stored gradients.",
        (
            "Is dA the same after the call as before?",
            "Do dZ and dA share their memory?",
            "A second name for an array is not a copy.",
        ),
    ),
    Mistake(
        "sigmoid_backward",
        "without dA",
        (("dA * s * (1 - s)", "s * (1 - s)"),),
        "The slope of sigmoid is returned. The chain rule multiplies it by dA.",
        (
            "Does the result change if dA is doubled?",
            "Where is the chain rule?",
            "The slope is right: one factor is missing.",
        ),
    ),
    Mistake(
        "sigmoid_backward",
        "without 1 - s",
        (("dA * s * (1 - s)", "dA * s"),),
        "dA is multiplied by s alone. The derivative of sigmoid has a second factor, which is small where s is near 1.",
        (
            "What is the derivative of sigmoid at 0?",
            "How many factors does it have?",
            "The factor that makes the slope vanish near s = 1 is missing.",
        ),
    ),
    Mistake(
        "sigmoid_backward",
        "without s",
        (("dA * s * (1 - s)", "dA * (1 - s)"),),
        "dA is multiplied by 1 - s alone. The derivative of sigmoid has a second factor, which is small where s is near 0.",
        (
            "What is the derivative of sigmoid at 0?",
            "How many factors does it have?",
            "The factor that makes the slope vanish near s = 0 is missing.",
        ),
    ),
    Mistake(
        "sigmoid_backward",
        "Z taken for s",
        (("s = 1 / (1 + np.exp(-Z))", "s = Z"),),
        "The formula uses Z where s belongs. The cache holds Z, so sigmoid must still be applied.",
        (
            "What is in the cache, Z or A?",
            "Which numbers can s be at all?",
            "One step is missing between the cache and the slope.",
        ),
    ),
    Mistake(
        "sigmoid_backward",
        "1 - s^2, the derivative of tanh",
        (("dA * s * (1 - s)", "dA * (1 - s**2)"),),
        "This is the derivative of tanh. That of sigmoid is different.",
        (
            "To which activation does your derivative belong?",
            "What is the derivative of sigmoid at 0?",
            "The two formulas are easily confused: look up the one of sigmoid.",
        ),
    ),
    Mistake(
        "sigmoid_backward",
        "s squared",
        (("dA * s * (1 - s)", "dA * s * s"),),
        "s is multiplied by itself. The derivative of sigmoid is s times the rest up to 1.",
        (
            "What is the derivative where s is near 1?",
            "Are both factors of the slope the same?",
            "One of the two factors should fall as the other rises.",
        ),
    ),
)
