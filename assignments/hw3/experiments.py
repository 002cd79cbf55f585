# %% [markdown]
# ## 9 · Experiments
#
# Your networks now learn scikit-learn's handwritten digits (1,797 real pictures of 8 × 8 pixels) and three spirals in
# the plane. Each run takes less than a second. The cells of this section are graded by a person: keep the plots in the
# notebook that you hand in, and answer in whole sentences.
#
# The digits are split once, and centred by what the training set says.

# %% tags=["script-only"]
import numpy as np
from deep_nets import KLayerNet, batchnorm_backward, batchnorm_forward, train

# isort: split

# %%
import matplotlib.pyplot as plt

from grader.data import digits, spirals

data = digits()
mean = data.X_train.mean(axis=0)
X_train, X_val, X_test = (X - mean for X in (data.X_train, data.X_val, data.X_test))
Y_train, Y_val, Y_test = data.Y_train, data.Y_val, data.Y_test
three, nine = [64, 50, 50, 10], [64, 50, 30, 20, 20, 10, 10, 10, 10, 10]  # sizes of the layers


def share_right(net, X, Y):
    """The accuracy of a network in evaluation."""
    return np.mean(net.forward(X).argmax(axis=1) == Y.argmax(axis=1))


# %% [markdown]
# ### 9.1 · Three layers, nine layers
#
# Train `three` and `nine`, each without and with batch normalisation: He's initialisation, plain SGD with the constant
# rate 0.05, batches of 50, 20 epochs, $\lambda$ = 1e-4. Plot cost and accuracy on training and validation set over the
# epochs, and print the test accuracies. Say in a comment, in about three sentences, what depth costs, what batch
# normalisation gives, and whether nine layers are worth it here.

# %% points=5 task="depth"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 9.2 · How much does the start matter?
#
# Take `three` again, but draw its weights from $\mathcal N(0, \sigma^2)$ with the same $\sigma$ for all layers:
# 1e-1, 1e-3, 1e-4. Assign them by `net.params = {…}`. Train without and with batch normalisation at the rate 0.1, as in
# 9.1 otherwise, and plot the six training costs. Say in a comment what you see, and why.

# %% points=5 task="initial_sigma"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 9.3 · Decision regions on the spirals
#
# `spirals()` has three arms. Train four networks on them: one layer; two layers with 20 hidden units; four layers with
# 20 units each, without and with batch normalisation. Use Adam with the rate 0.01, batches of 30, 60 epochs, and
# $\lambda$ = 1e-5. Show for each the regions of the plane that go to the three classes, with the training points on top
# and the test accuracy in the title. Say in a comment what one layer cannot do, and what shape the regions of ReLU
# networks have.

# %% points=4 task="decision_regions"
arms = spirals(3, 100)
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 9.4 · Biases before batch normalisation
#
# The layers here are affine → batch norm → ReLU. Show with the formula that the bias of such an affine layer changes
# neither the output in training nor the cost. What is its gradient then, what becomes of the bias in training, and
# which parameter does its work? Does it still have no effect in mode "eval", if somebody changes it after training?

# %% [markdown] points=3 task="redundant_biases"
# YOUR ANSWER HERE

# %% [markdown]
# ### 9.5 · A batch of one sample
#
# The cell below sends one sample through batch normalisation in training.

# %%
one, gamma, beta = np.array([[3.0, -1.0, 40.0]]), np.ones(3), np.array([0.5, 0.0, -1.0])
out, cache = batchnorm_forward(one, gamma, beta, {}, "train")
dx, dgamma, dbeta = batchnorm_backward(np.array([[1.0, 2.0, 3.0]]), cache)
print("out   ", out, "\ndx    ", dx, "\ndgamma", dgamma, "\ndbeta ", dbeta)

# %% [markdown]
# Explain the four lines. What can a network with batch norm learn from batches of one sample, and what do its running
# statistics become? What would evaluation, which uses those, make of it? What happens with batches of two?

# %% [markdown] points=3 task="batch_of_one"
# YOUR ANSWER HERE

# %% [markdown]
# ### 9.6 · Batch, layer or group?
#
# Train `three` with plain SGD at the rate 0.02 on the first 600 digits, 5 epochs, with batches of 1, 2, 4 and 8, each
# with batch norm and with layer norm; plot the test accuracy over the batch size. Group normalisation (Wu and He, 2018)
# divides the features of each sample into G groups and normalises each group by its own mean and variance. Answer in a
# comment: which entries of an $N \times D$ array share a mean in each of the three, what does the plot show, which G
# make group norm a layer norm, or useless, and when would you choose which?

# %% points=3 task="batch_layer_group"
# YOUR CODE HERE
raise NotImplementedError()

# %% tags=["script-only"]
plt.show()
