# %% [markdown]
# ## 6 · Experiments
#
# Everything you have built now meets scikit-learn's handwritten digits: 1,797 real pictures of 8 × 8 pixels in ten
# classes. They come with the package, and each training takes a second or so. The cells of this section are graded by a
# person: keep the plots in the notebook that you hand in, and answer in whole sentences.

# %% tags=["script-only"]
import numpy as np
from backprop import (
    Tensor,
    TwoLayerNet,
    cyclical_lr,
    lambda_search,
    numeric_gradient,
    relative_error,
    train,
)

# isort: split

# %%
import matplotlib.pyplot as plt

from grader.data import digits

data = digits()
X_train, Y_train, X_val, Y_val = data.X_train, data.Y_train, data.X_val, data.Y_val
X_test, Y_test = data.X_test, data.Y_test
print(f"{len(X_train)} training, {len(X_val)} validation and {len(X_test)} test samples of {X_train.shape[1]} features")

# %% [markdown]
# Before anything is trained: three gradients of one small network, by hand, by your `Tensor` and by differences.
# Relative errors near 1e-8 and below mean agreement. (There is nothing to do in this cell.)

# %%
net, lam = TwoLayerNet(64, 5, 10, np.random.default_rng(0)), 0.01
X, Y = X_train[:30], Y_train[:30]
by_hand = net.gradients(X, Y, lam)

p = {name: Tensor(value) for name, value in net.params.items()}
scores = (X @ p["W1"] + p["b1"]).relu() @ p["W2"] + p["b2"]
loss = (scores.logsumexp(1) - (scores * Y).sum(axis=1)).mean()
(loss + lam * ((p["W1"] ** 2).sum() + (p["W2"] ** 2).sum())).backward()

for name, value in net.params.items():
    by_differences = numeric_gradient(lambda _: net.cost(X, Y, lam), value)
    print(
        f"{name}: hand and Tensor {relative_error(by_hand[name], p[name].grad):.1e},",
        f"hand and differences {relative_error(by_hand[name], by_differences, 1e-6):.1e}",
    )

# %% [markdown]
# ### 6.1 · Cycles
#
# Train a network with 50 hidden units, λ = 0.001 and batches of 100 for three cycles of the step size with n_s = 250
# steps, from η = 0.005 to 1. Plot the step size over the updates, and cost and accuracy on training and validation set
# over the epochs, beside each other, and mark where a cycle ends; print the test accuracy. Then say in a comment, in
# about three sentences, what the curves do within a cycle, and why.

# %% points=6 task="cycles"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 6.2 · Coarse to fine
#
# Search for λ twice with 50 hidden units and two cycles of n_s = 150: first among eight values between 1e-6 and 1e-1
# that are equally spaced on a logarithmic scale, then among eight values around the best one. Print both tables and
# plot the validation accuracy over λ. Train one more network with the λ you choose on training **and** validation data,
# and print its test accuracy. Say in a comment how much the choice of λ matters here, and how sure you are of it.

# %% points=5 task="coarse_to_fine"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 6.3 · Overfitting on purpose
#
# Train a network with 50 hidden units and λ = 0 on the first 100 training samples only, in one batch, until its
# training cost is below 0.01, and plot training and validation cost on a logarithmic scale. Say in a comment why this
# is a good first experiment with any new network, and what the validation cost tells.

# %% points=4 task="overfit_100_samples"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 6.4 · Reverse and forward mode
#
# A function has n inputs and m outputs, and evaluating it takes T operations. What does it cost to compute all its
# first derivatives in reverse mode (as your `backward` does), in forward mode (derivatives with respect to one input
# are carried along with the values), and by central differences? What does each have to remember? Which of them trains
# a network, and where would you take another?

# %% [markdown] points=4 task="reverse_against_forward"
# YOUR ANSWER HERE

# %% [markdown]
# ### 6.5 · Why unbroadcast sums
#
# In `X @ W + b`, with `X @ W` of shape (N, K) and `b` of shape (K,), broadcasting uses `b` in every row. Derive from
# the chain rule what the gradient with respect to `b` is, given the gradient G (N, K) of the sum, and explain why it is
# a sum and not a mean. Where has the 1/N of the cost gone?

# %% [markdown] points=3 task="why_unbroadcast_sums"
# YOUR ANSWER HERE

# %% tags=["script-only"]
plt.show()
