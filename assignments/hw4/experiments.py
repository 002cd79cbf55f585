# %% [markdown]
# ## 8 · Experiments
#
# Your ConvNet now reads scikit-learn's handwritten digits (1,797 real pictures of 8 × 8 pixels). The cells of this
# section are graded by a person: keep the plots in the notebook that you hand in, and answer in whole sentences.
#
# The digits are split once, and centred by what the training set says; as images they have one channel.

# %% tags=["script-only"]
import numpy as np
from convnets import ConvNet, confusion_matrix, conv2d_forward, conv_output_size, receptive_field, train

# isort: split

# %%
import time

import matplotlib.pyplot as plt

from grader.data import digits

data = digits()
mean = data.X_train.mean(axis=0)
X_train, X_val, X_test = ((X - mean).reshape(-1, *data.image_shape) for X in (data.X_train, data.X_val, data.X_test))
Y_train, Y_val, Y_test = data.Y_train, data.Y_val, data.Y_test


def share_right(net, X, Y):
    """The accuracy of a network."""
    return np.mean(net.forward(X).argmax(axis=1) == Y.argmax(axis=1))


def trained(n_filters, k, lam=1e-4, n_epochs=6):
    """(network, history) of one run: batches of 50, rate 0.1, and padding that keeps the size of the image."""
    rng = np.random.default_rng(1)
    net = ConvNet(data.image_shape, n_filters, k, 10, rng, pad=k // 2)
    return net, train(net, X_train, Y_train, lam, lambda t: 0.1, 50, n_epochs, rng, X_val=X_val, Y_val=Y_val)


# %% [markdown]
# ### 8.1 · How large, and how many?
#
# Train networks with 2, 8 and 32 filters of 3 × 3, 5 × 5 and 7 × 7 pixels: `trained(n_filters, k)`. Plot the test
# accuracy and the time of the training over the number of filters, with one curve for each size. Say in a comment, in
# about four sentences, what more filters and larger filters bring, and what they cost.

# %% points=5 task="size_and_number"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 8.2 · What the filters look for
#
# Train a network with 12 filters of 5 × 5 pixels. Show its filters as pictures, all with the same scale of grey or
# colour, symmetric about 0, and below each its activation (convolution and ReLU, without the pool) on two digits of
# the test set. Show the confusion matrix of the test set, too. Say in a comment what kinds of filters you find, what
# three of them respond to, and which digits are taken for which.

# %% points=4 task="filters_and_activations"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 8.3 · Receptive field, FLOPs, parameters
#
# Work out, for the network of 8.2 and one image: the parameters of each layer and of the whole; the FLOPs of the
# convolution and of the affine layer in one forward pass (a multiplication with its addition counts as two; leave
# biases, ReLU and pool aside); and how many pixels one unit behind the pool sees along an axis. Print the numbers,
# check the number of parameters against `net.params`, and answer in a comment: which layer holds the parameters, and
# which does the work? What changes if the images have twice as many rows and columns? And what would two layers of
# 3 × 3 with 12 filters each, in the place of one of 5 × 5, do to these three numbers?

# %% points=4 task="what_it_costs"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 8.4 · Why wider helped
#
# In 8.1 more filters gave a better accuracy, and not only on the training set, although they are more parameters than
# there are training images. Explain it: what can 32 filters represent that 2 cannot, why does a wide network start
# better, and why did it not overfit here? What does each further filter bring, and when would you stop?

# %% [markdown] points=3 task="why_wider"
# YOUR ANSWER HERE

# %% tags=["script-only"]
plt.show()
