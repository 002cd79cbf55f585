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

# More filters help at every size: 75, 89, 95 % with 3 × 3, and 83, 92, 99 % with 5 × 5, where each step has four times
# as many filters as the one before, and brings less. Larger filters help most where there are few (75 to 86 % with
# two filters); from 5 × 5 to 7 × 7 the larger networks gain nothing, since on 8 × 8 pixels a filter of 7 × 7 sees
# almost the whole digit and hardly has a place to slide to. The time grows with the number of filters, though less
# than in proportion. The size costs little: 7 × 7 has five times the multiplications of 3 × 3, but ReLU, pool and the
# copies that NumPy makes on the way cost the same.
### END SOLUTION

# %% [markdown]
# ### 8.2 · What the filters look for
#
# Train a network with 12 filters of 5 × 5 pixels. Show its filters as pictures, all with the same scale of grey or
# colour, symmetric about 0, and below each its activation (convolution and ReLU, without the pool) on two digits of
# the test set. Show the confusion matrix of the test set, too. Say in a comment what kinds of filters you find, what
# three of them respond to, and which digits are taken for which.

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

# Few of them look like the clean edges of textbooks: 1,197 small pictures leave much of the random start in place. But
# the large weights have an order. Filter 6 is light on the left and dark on the right: a vertical edge, the right side
# of a stroke. Filter 2 is dark in the middle, with light above and below: it responds to holes, such as the inside of
# the 0 and the gaps above and below the bar of the 4. Filter 7 is light from the lower left to the upper right, with a
# strong "nothing here" below: it responds to the slanted strokes of the 4. Filters 0, 5 and 10 hardly respond to
# these two digits at all. Nine of 300 digits are wrong, and four of them are ones that were taken for 8 or 9: a thick
# 1 fills the middle columns as these do. No other pair occurs more than once.
### END SOLUTION

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

# The affine layer holds the parameters, 1,930 of 2,242; the convolution does the work, 38,400 of 42,240 FLOPs: its
# few weights are used at 64 places. With twice the rows and columns the convolution keeps its parameters, because
# they do not know the size of the image, and both layers do four times the work; the affine layer has four times the
# weights, which is why large networks average over the whole image before their last layer. A unit still sees 6
# pixels. Two layers of 3 × 3 see as far, 6 pixels, with a ReLU more. But here they are dearer: 1,428 parameters for
# 312, and 179,712 FLOPs for 38,400, since the second layer sees 12 channels where 5 × 5 sees the one of the image.
# The well-known saving, 2 · 9 C² weights for 25 C², holds where as many channels go in as come out.
### END SOLUTION

# %% [markdown]
# ### 8.4 · Why wider helped
#
# In 8.1 more filters gave a better accuracy, and not only on the training set, although they are more parameters than
# there are training images. Explain it: what can 32 filters represent that 2 cannot, why does a wide network start
# better, and why did it not overfit here? What does each further filter bring, and when would you stop?

# %% [markdown] points=3 task="why_wider"
# ### BEGIN SOLUTION
# With two filters everything that the affine layer learns about a digit is two pictures of 4 × 4 numbers: two kinds of
# strokes, and where they are. What two digits have in common there, no later weight can tell apart. With 32 filters
# edges of all directions, corners, holes and ends of strokes have a picture each, 512 numbers in all.
#
# A wide network starts better because random filters are a code already: among 32 some happen to be useful, and the
# affine layer picks those. After one epoch of 5 × 5 filters the training cost is 0.84 with 32 of them and 2.20 with
# two. If I keep the filters as they were drawn and train the affine layer only, the test accuracy is 56 % with two
# filters and 97 % with 32. So learning the filters matters most where there are few of them.
#
# It did not overfit: 97 % on the training set, 99 % on the test set. 5,962 parameters are more than 1,197 images, but
# the 832 of the convolution are shared by 64 places of every image, and the pool forgets where exactly a stroke was.
# Six epochs of gradient descent from small weights, and λ, leave no room to learn single images by heart.
#
# Each further filter brings less: from 2 to 8 some ten points, from 8 to 32, four times the price, six. What is left
# are a few digits that are hard for people, too. I would stop where the validation accuracy does not grow any more
# for a doubling of the time, and rather add a second stage, whose units see more of the image.
# ### END SOLUTION

# %% tags=["script-only"]
plt.show()
