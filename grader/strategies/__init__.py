"""What checks are tried on: Hypothesis strategies for the arrays of a deep-learning course.

Hypothesis draws what is worth shrinking (sizes, dtypes, constants) and one integer seed; the entries come from
`np.random.default_rng(seed)`. That is fast, gives well-scaled numbers, and a failing case shrinks to small shapes.
Axes of one case differ in length, so that no transposed or mixed-up axis goes unseen. A case prints as one line.
No strategy depends on what a submission returned.

    seeds, rngs, dtypes, sides, shapes, lams            numbers to build from
    arrays, matrices, labels, images → Images           plain inputs
    classification, hinge → Classification              a linear classifier and its data; `hinge` keeps off its kinks
    binary_hinge → BinaryClassification                 the same for labels −1 and +1
    operands, products → Operands                       two arrays that broadcast, or multiply as matrices
    reductions → Reduction                              an array and the axes to reduce it over
    two_layer → TwoLayer                                a network with one hidden layer and its data, off its kinks
    affine → Affine, features → Features                a layer with its upstream gradient
    networks → Network                                  k layers with their parameters and a batch
    descents → Descent                                  a quadratic for optimisers to go down
    convolutions, transposed_convolutions → Convolution in one or two dimensions, with the upstream gradient
    poolings → Pooling, patched                         images for windows to go over, and to be cut into patches
    conv_networks → ConvNetwork, residuals → Residual   a ConvNet and its data, a residual block
    steps → Step                                        one step of a recurrent cell with its upstream gradients
    readings → Reading                                  a recurrent network with characters to read
    lessons → Lesson                                    a recurrent network with a text to be trained on
    corpora → Corpus                                    a text for a tokenizer to learn from, and one to encode
    turns → Turn, gates → Gate                          vectors at positions, a gated layer and its weights
    schedules → Schedule, model_sizes → ModelSizes      of the step size, and of a transformer

Parameters that several of them share: `min_side` and `max_side` bound the length of every axis; `dtypes` is what to
choose from, float64 and float32 unless said otherwise.
"""

from grader.data import one_hot
from grader.strategies.basics import FLOATS, arrays, dtypes, labels, matrices, rngs, seeds, shapes, sides
from grader.strategies.convolution import (
    ConvNetwork,
    Convolution,
    Pooling,
    Residual,
    conv_networks,
    convolutions,
    patched,
    poolings,
    residuals,
    transposed_convolutions,
)
from grader.strategies.graphs import Operands, Reduction, operands, products, reductions
from grader.strategies.images import Images, images
from grader.strategies.layers import Affine, Descent, Features, Network, affine, descents, features, networks
from grader.strategies.linear import (
    BinaryClassification,
    Classification,
    binary_hinge,
    classification,
    hinge,
    lams,
)
from grader.strategies.nets import TwoLayer, two_layer
from grader.strategies.parts import (
    Gate,
    ModelSizes,
    Schedule,
    Turn,
    gates,
    model_sizes,
    schedules,
    turns,
)
from grader.strategies.sequences import Lesson, Reading, Step, lessons, readings, steps
from grader.strategies.tokens import Corpus, corpora

__all__ = [
    "FLOATS",
    "Affine",
    "BinaryClassification",
    "Classification",
    "ConvNetwork",
    "Convolution",
    "Corpus",
    "Descent",
    "Features",
    "Gate",
    "Images",
    "Lesson",
    "ModelSizes",
    "Network",
    "Operands",
    "Pooling",
    "Reading",
    "Reduction",
    "Residual",
    "Schedule",
    "Step",
    "Turn",
    "TwoLayer",
    "affine",
    "arrays",
    "binary_hinge",
    "classification",
    "conv_networks",
    "convolutions",
    "corpora",
    "descents",
    "dtypes",
    "features",
    "gates",
    "hinge",
    "images",
    "labels",
    "lams",
    "lessons",
    "matrices",
    "model_sizes",
    "networks",
    "one_hot",
    "operands",
    "patched",
    "poolings",
    "products",
    "readings",
    "reductions",
    "residuals",
    "rngs",
    "schedules",
    "seeds",
    "shapes",
    "sides",
    "steps",
    "transposed_convolutions",
    "turns",
    "two_layer",
]
