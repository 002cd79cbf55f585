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
### BEGIN SOLUTION
figure, axes = plt.subplots(2, 4, figsize=(14, 6), sharex=True, sharey="row", layout="constrained")
settings = [(dims, norm) for dims in (three, nine) for norm in (None, "batch")]
for column, (dims, norm) in zip(axes.T, settings, strict=True):
    rng = np.random.default_rng(1)
    net = KLayerNet(dims, rng, norm=norm)
    history = train(net, X_train, Y_train, 1e-4, lambda t: 0.05, 50, 20, rng, X_val=X_val, Y_val=Y_val)
    for axis, measure in zip(column, ("cost", "accuracy"), strict=True):
        axis.plot(history[f"train_{measure}"], label="training")
        axis.plot(history[f"val_{measure}"], "--", label="validation")
        axis.set(xlabel="epoch", ylabel=measure)
        axis.label_outer()
    test = share_right(net, X_test, Y_test)
    name = f"{len(dims) - 1} layers, {'batch norm' if norm else 'no norm'}"
    column[0].set_title(f"{name}\ntest accuracy {test:.1%}")
    print(f"{name:<21} training cost {history['train_cost'][-1]:.3f}, test accuracy {test:.1%}")
axes[0, 0].legend()

# Without normalisation nine layers are slow and unsteady: the cost falls little for five epochs, jumps up later,
# and is far behind when three layers are done. Nine matrices in a row, seven of them with 20 units or fewer, shrink
# and stretch the signal and its gradient on the way. Batch norm gives every layer inputs of one size, so the same
# nine layers learn steadily and end some 15 points better. For three layers it brings a faster start and a lower
# training cost, but hardly a better test accuracy. And nine narrow layers are not worth it here: even with batch
# norm three layers are ahead.
### END SOLUTION

# %% [markdown]
# ### 9.2 · How much does the start matter?
#
# Take `three` again, but draw its weights from $\mathcal N(0, \sigma^2)$ with the same $\sigma$ for all layers:
# 1e-1, 1e-3, 1e-4. Assign them by `net.params = {…}`. Train without and with batch normalisation at the rate 0.1, as in
# 9.1 otherwise, and plot the six training costs. Say in a comment what you see, and why.

# %% points=5 task="initial_sigma"
### BEGIN SOLUTION
figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True, layout="constrained")
for axis, norm in zip(axes, (None, "batch"), strict=True):
    for sigma in (1e-1, 1e-3, 1e-4):
        rng = np.random.default_rng(1)
        net = KLayerNet(three, rng, norm=norm)
        net.params = {
            name: sigma * rng.standard_normal(array.shape) if name.startswith("W") else array
            for name, array in net.params.items()
        }
        history = train(net, X_train, Y_train, 1e-4, lambda t: 0.1, 50, 20, rng)
        axis.plot(history["train_cost"], label=f"σ = {sigma:g}")
        test = share_right(net, X_test, Y_test)
        print(f"σ = {sigma:<6g} {'batch norm' if norm else 'no norm':<10}  test accuracy {test:.1%}")
    axis.set(title="batch norm" if norm else "no norm", xlabel="epoch", ylabel="training cost", ylim=(0, None))
    axis.set_xticks(range(0, 20, 5))
    axis.label_outer()
    axis.legend(loc="center right")

# Without batch norm only σ = 0.1 learns, which is near He's √(2/50) = 0.2. With σ = 1e-3 the cost stays at ln 10 =
# 2.30: each layer shrinks its input by about σ√(50/2), a factor of 200, and the gradient of a weight holds the
# product of the other two layers' factors, so it is smaller than a useful one by some 10⁴; with σ = 1e-4 by a
# hundred times more. With batch norm all three learn. The scale of W cancels in (x - mean) / std, so a layer's
# output does not depend on σ, and the gradient of a small W is even larger, by 1/σ. Only ε sets a limit: with σ =
# 1e-4 the variances, about 5e-8, are far below 1e-5, so that the first outputs are 14 times too small; that is why
# this curve starts a little later.
### END SOLUTION

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
### BEGIN SOLUTION
side = np.linspace(-1.2, 1.2, 240)
plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
figure, axes = plt.subplots(1, 4, figsize=(14, 3.9), sharex=True, sharey=True, layout="constrained")
deep = [2, 20, 20, 20, 3]
for axis, (dims, norm) in zip(axes, (([2, 3], None), ([2, 20, 3], None), (deep, None), (deep, "batch")), strict=True):
    rng = np.random.default_rng(1)
    net = KLayerNet(dims, rng, norm=norm)
    train(net, arms.X_train, arms.Y_train, 1e-5, lambda t: 0.01, 30, 60, rng, optimizer="adam")
    regions = net.forward(plane).argmax(axis=1).reshape(len(side), len(side))
    axis.contourf(side, side, regions, levels=[-0.5, 0.5, 1.5, 2.5], colors=["C0", "C1", "C2"], alpha=0.3)
    for c in range(3):
        axis.plot(*arms.X_train[arms.y_train == c].T, ".", color=f"C{c}", markersize=3)
    test = share_right(net, arms.X_test, arms.Y_test)
    layers = f"{len(dims) - 1} layer{'s' if len(dims) > 2 else ''}{', batch norm' if norm else ''}"
    axis.set(title=f"{layers}\ntest accuracy {test:.1%}", aspect="equal")

# One layer can only cut the plane into three convex regions with straight borders, so half of each arm is lost. One
# hidden layer is enough to follow the arms. The borders consist of straight pieces: a ReLU network is linear wherever
# the set of active units stays the same. In evaluation batch norm is one more linear map, so the same holds with it.
# The errors that are left lie in the middle, where the three arms meet and the noise mixes them; no depth helps there.
### END SOLUTION

# %% [markdown]
# ### 9.4 · Biases before batch normalisation
#
# The layers here are affine → batch norm → ReLU. Show with the formula that the bias of such an affine layer changes
# neither the output in training nor the cost. What is its gradient then, what becomes of the bias in training, and
# which parameter does its work? Does it still have no effect in mode "eval", if somebody changes it after training?

# %% [markdown] points=3 task="redundant_biases"
# ### BEGIN SOLUTION
# Let $a_i = x_i W + b$. The batch's mean is $\mu = \frac1N \sum_i (x_i W + b) = \bar x W + b$, so in the centred
# $a_i - \mu = (x_i - \bar x) W$ the bias has cancelled. The variance is that of $a_i - \mu$, without $b$ as well. So
# $\hat a$ and all that follows do not depend on $b$.
#
# Its gradient is 0: $\partial J/\partial b = \sum_i \partial J / \partial a_i$, and the backward pass of batch norm
# gives gradients that sum to 0 over the batch, for the same reason. Biases are not regularised here, so $b$ stays what
# it was, up to rounding errors. β does its work: it shifts the output after the normalisation. So the bias costs memory
# and time only, and most libraries leave it out before a normalisation.
#
# In mode "eval" the mean that is subtracted is a stored number, which contains the old $b$. Whoever changes $b$ then
# does shift the output, by $\gamma\,\Delta b / \sqrt{v + \epsilon}$.
# ### END SOLUTION

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
# ### BEGIN SOLUTION
# The mean of one number is the number itself and its variance is 0, so $\hat x = 0 / \sqrt{\epsilon} = 0$ and out is β,
# whatever the sample says. Hence dx = 0 and dγ = $\sum$ dout · $\hat x$ = 0, and only dβ = dout is not 0.
#
# Behind the first batch norm nothing depends on the sample any more: the network sees constants, learns β and the last
# layer's bias, and ends at the frequencies of the classes. The running mean still becomes the mean of the features, but
# the running variance tends to 0 (each update multiplies it by 0.9). In evaluation the differences between samples
# are divided by about $\sqrt\epsilon$, which makes them 300 times larger: the network, trained on constants, now gets
# huge inputs such as it has never seen, and gives confident nonsense.
#
# With two samples $\hat x$ is +1 and −1 (up to ε): for each feature only the sign of the difference is left, and dx is
# almost 0. It learns something, but poorly, and differently from evaluation. Batch norm needs batches whose mean and
# variance say something about the data: some ten samples or more.
# ### END SOLUTION

# %% [markdown]
# ### 9.6 · Batch, layer or group?
#
# Train `three` with plain SGD at the rate 0.02 on the first 600 digits, 5 epochs, with batches of 1, 2, 4 and 8, each
# with batch norm and with layer norm; plot the test accuracy over the batch size. Group normalisation (Wu and He, 2018)
# divides the features of each sample into G groups and normalises each group by its own mean and variance. Answer in a
# comment: which entries of an $N \times D$ array share a mean in each of the three, what does the plot show, which G
# make group norm a layer norm, or useless, and when would you choose which?

# %% points=3 task="batch_layer_group"
### BEGIN SOLUTION
sizes, figure = [1, 2, 4, 8], plt.figure(figsize=(5.5, 3.6), layout="constrained")
for norm in ("batch", "layer"):
    shares = []
    for size in sizes:
        rng = np.random.default_rng(1)
        net = KLayerNet(three, rng, norm=norm)
        train(net, X_train[:600], Y_train[:600], 1e-4, lambda t: 0.02, size, 5, rng)
        shares.append(share_right(net, X_test, Y_test))
    plt.plot(sizes, shares, "o-", label=f"{norm} norm")
    print(f"{norm} norm:", ", ".join(f"{share:.1%} with {size}" for size, share in zip(sizes, shares, strict=True)))
plt.xscale("log", base=2)
plt.xticks(sizes, sizes)
plt.xlabel("samples in a batch")
plt.ylabel("test accuracy")
plt.ylim(0, 1)
plt.legend()

# Batch norm: the N entries of a column share a mean. Layer norm: the D entries of a row. Group norm: the D/G entries of
# one group in a row; with G = 1 that is layer norm, and with G = D every entry is alone, so everything becomes β.
# In the plot batch norm fails with one sample, is poor with two, and comes close with four and eight, whose statistics
# are less noisy. Layer norm does not look at the batch and is as good with one sample as with four (with eight, five
# epochs have fewer updates).
# So: batch norm where batches are large (its noise even regularises), above all in ConvNets; layer norm where batches
# are small, lengths vary, or samples come one by one (RNNs, transformers); group norm in ConvNets with few images a
# batch, where channels are of different kinds and one mean over all of them would be too coarse.
### END SOLUTION

# %% tags=["script-only"]
plt.show()
