# %% [markdown]
# ## 8 · Experiments
#
# Your ConvNet now reads scikit-learn's handwritten digits (1,797 real pictures of 8 × 8 pixels). The cells of this
# section are graded by a person: keep the plots in the notebook that you hand in, and answer in whole sentences.
#
# The digits are split once; as images they have one channel.

# %% tags=["script-only"]
import numpy as np
from convnets import ConvNet, conv2d_forward, receptive_field, train

# isort: split

# %%
import time

import matplotlib.pyplot as plt

from grader.data import digits

data = digits()
X_train, X_val, X_test = (X.reshape(-1, *data.image_shape) for X in (data.X_train, data.X_val, data.X_test))
Y_train, Y_val, Y_test = data.Y_train, data.Y_val, data.Y_test
EPOCHS = 8


def share_right(net, X, Y):
    """The accuracy of a network."""
    return np.mean(net.forward(X).argmax(axis=1) == Y.argmax(axis=1))


def trained(n_filters, k, **options):
    """(network, history) of one run: rate 0.1, batches of 50, padding that keeps the size of the image."""
    rng = np.random.default_rng(1)
    net = ConvNet((1, 8, 8), n_filters, k, 10, rng, pad=k // 2, **options)
    return net, train(net, X_train, Y_train, 1e-4, lambda t: 0.1, 50, EPOCHS, rng, X_val=X_val, Y_val=Y_val)


# %% [markdown]
# ### 8.1 · How large, and how many?
#
# Train networks with 4, 16 and 64 filters of 3 × 3, 5 × 5 and 7 × 7 pixels: `trained(n_filters, k)`. Plot the test
# accuracy, and the time of the training, over the number of filters, with one curve for each size. Say in a comment, in
# about four sentences, what more filters and larger filters bring, and what they cost.

# %% points=34 task="size_and_number"
# YOUR CODE HERE
raise NotImplementedError()
