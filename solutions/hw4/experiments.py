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
### BEGIN SOLUTION
counts, figure = [2, 8, 32], plt.figure(figsize=(9, 3.4), layout="constrained")
shares, seconds = figure.subplots(1, 2)
for k in (3, 5, 7):
    accuracies, times = [], []
    for n_filters in counts:
        start = time.perf_counter()
        net, history = trained(n_filters, k)
        times.append(time.perf_counter() - start)
        accuracies.append(share_right(net, X_test, Y_test))
        cost = history["train_cost"][-1]
        print(f"{n_filters:2} filters of {k} × {k}: training cost {cost:.3f}, test accuracy {accuracies[-1]:.1%}")
    shares.plot(counts, accuracies, "o-", label=f"{k} × {k}")
    seconds.plot(counts, times, "o-", label=f"{k} × {k}")
for axis, label in ((shares, "test accuracy"), (seconds, "seconds of training")):
    axis.set(xlabel="number of filters", ylabel=label, xscale="log")
    axis.set_xticks(counts, counts)
    axis.minorticks_off()
    axis.legend()
seconds.set_ylim(0, None)

# ANSWER1
### END SOLUTION

# %% [markdown]
# ### 8.2 · What the filters look for
#
# Train a network with 12 filters of 5 × 5 pixels. Show its filters as pictures, all with the same scale of grey or
# colour, symmetric about 0, and below each its activation (convolution and ReLU, without the pool) on two digits of the
# test set. Show the confusion matrix of the test set, too. Say in a comment what kinds of filters you find, what three
# of them respond to, and which digits are taken for which.

# %% points=4 task="filters_and_activations"
### BEGIN SOLUTION
net, _ = trained(12, 5, lam=3e-3, n_epochs=20)
W1, b1 = net.params["W1"], net.params["b1"]
shown = [int(np.flatnonzero(data.y_test == c)[0]) for c in (0, 4)]
activations = np.maximum(conv2d_forward(X_test[shown], W1, b1, pad=2)[0], 0)
figure, axes = plt.subplots(3, 13, figsize=(14, 3.7), layout="constrained")
largest = np.abs(W1).max()
for f in range(12):
    axes[0, f + 1].imshow(W1[f, 0], cmap="RdBu_r", vmin=-largest, vmax=largest)
    axes[0, f + 1].set_title(f"filter {f}", fontsize=9)
    for row, activation in zip(axes[1:], activations, strict=True):
        row[f + 1].imshow(activation[f], cmap="gray", vmin=0, vmax=activations.max())
for row, i in zip(axes[1:], shown, strict=True):
    row[0].imshow(data.X_test[i].reshape(8, 8), cmap="gray")
    row[0].set_title("digit", fontsize=9)
for axis in axes.flat:
    axis.axis("off")

table = confusion_matrix(data.y_test, net.forward(X_test).argmax(axis=1), 10)
figure, axis = plt.subplots(figsize=(3.6, 3.6), layout="constrained")
axis.imshow(table, cmap="Blues")
for i, j in np.argwhere(table):
    axis.text(j, i, table[i, j], ha="center", va="center", color="white" if i == j else "black")
axis.set(xlabel="predicted", ylabel="true", xticks=range(10), yticks=range(10))

# ANSWER2
### END SOLUTION

# %% [markdown]
# ### 8.3 · Receptive field, FLOPs, parameters
#
# Work out, for the network of 8.2 and one image: the parameters of each layer and of the whole; the multiplications of
# the convolution and of the affine layer in one forward pass (a multiplication with its addition are two FLOPs; leave
# biases, ReLU and pool aside); and how many pixels one unit behind the pool sees along an axis. Print the numbers, check
# the number of parameters against `net.params`, and answer in a comment: which layer holds the parameters, and which
# does the work? What changes if the images have twice as many rows and columns? And what would two layers of 3 × 3 with
# 12 filters each, in the place of one of 5 × 5, do to these three numbers?

# %% points=4 task="what_it_costs"
### BEGIN SOLUTION
C, F, k, K, pool = 1, 12, 5, 10, 2


def costs(side):
    """Print parameters and FLOPs of the network for images of side × side pixels; the number of parameters."""
    out = conv_output_size(side, k, stride=1, pad=k // 2)
    pooled = out // pool
    conv, affine = F * C * k * k + F, F * pooled**2 * K + K
    print(f"{side} × {side} pixels: {conv} + {affine} = {conv + affine} parameters,", end=" ")
    print(f"{2 * F * out**2 * C * k * k:,} FLOPs in the convolution, {2 * F * pooled**2 * K:,} in the affine layer")
    return conv + affine


assert costs(8) == sum(array.size for array in net.params.values())
costs(16)
print("one unit sees", receptive_field([(k, 1), (pool, pool)]), "pixels along an axis")
print("with two layers of 3 × 3:", receptive_field([(3, 1), (3, 1), (pool, pool)]), "pixels")
print("their parameters:", F * C * 9 + F + F * F * 9 + F, "and FLOPs:", f"{2 * 64 * F * (C * 9 + F * 9):,}")

# ANSWER3
### END SOLUTION

# %% [markdown]
# ### 8.4 · Why wider helped
#
# In 8.1 more filters gave a better accuracy, and not only on the training set, although they are more parameters than
# there are training images. Explain it: what can 32 filters represent that 2 cannot, why does a wide network start
# better, and why did it not overfit here? What does each further filter bring, and when would you stop?

# %% [markdown] points=21 task="why_wider"
# ### BEGIN SOLUTION
# ANSWER4
# ### END SOLUTION

# %% tags=["script-only"]
plt.show()
