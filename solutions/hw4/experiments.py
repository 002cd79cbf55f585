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
### BEGIN SOLUTION
counts, figure = [4, 16, 64], plt.figure(figsize=(9, 3.6), layout="constrained")
shares, seconds = figure.subplots(1, 2)
for k in (3, 5, 7):
    accuracies, times = [], []
    for n_filters in counts:
        start = time.perf_counter()
        net, history = trained(n_filters, k)
        times.append(time.perf_counter() - start)
        accuracies.append(share_right(net, X_test, Y_test))
        print(
            f"{n_filters:2} filters of {k} × {k}: training cost {history['train_cost'][-1]:.3f}, "
            f"test accuracy {accuracies[-1]:.1%}"
        )
    shares.plot(counts, accuracies, "o-", label=f"{k} × {k}")
    seconds.plot(counts, times, "o-", label=f"{k} × {k}")
for axis, label in ((shares, "test accuracy"), (seconds, "seconds of training")):
    axis.set(xlabel="number of filters", ylabel=label, xscale="log")
    axis.set_xticks(counts, counts)
    axis.minorticks_off()
shares.legend()
seconds.set_ylim(0, None)
### END SOLUTION
