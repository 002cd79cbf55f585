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
### BEGIN SOLUTION
n_s, eta_min, eta_max, n_batch, n_cycles = 250, 0.005, 1.0, 100, 3
n_steps, steps_per_epoch = 2 * n_s * n_cycles, -(-len(X_train) // n_batch)
rng = np.random.default_rng(1)
net = TwoLayerNet(64, 50, 10, rng)
schedule = lambda t: cyclical_lr(t, n_s, eta_min, eta_max)  # noqa: E731
history = train(net, X_train, Y_train, 0.001, schedule, n_batch, n_steps, rng, X_val, Y_val)

figure, axes = plt.subplots(1, 3, figsize=(14, 3.8), layout="constrained")
axes[0].plot([schedule(t) for t in range(n_steps)])
axes[0].set(xlabel="update", ylabel="step size η")
epochs = 1 + np.arange(len(history["train_cost"]))
for axis, measure in zip(axes[1:], ("cost", "accuracy"), strict=True):
    axis.plot(epochs, history[f"train_{measure}"], label="training")
    axis.plot(epochs, history[f"val_{measure}"], "--", label="validation")
    for cycle in range(1, n_cycles + 1):
        axis.axvline(2 * n_s * cycle / steps_per_epoch, color="0.7", linewidth=1)
    axis.set(xlabel="epoch", ylabel=measure)
axes[1].set_ylim(0, 0.8)
axes[2].set_ylim(0.85, 1.005)
axes[1].legend()
test = np.mean(net.forward(X_test).argmax(axis=1) == Y_test.argmax(axis=1))
print(f"test accuracy {test:.1%}, validation accuracy {history['val_accuracy'][-1]:.1%}")

# In the middle of a cycle the steps are large, and cost and accuracy jump from epoch to epoch, in the second cycle far
# up for an epoch or two: the parameters are thrown out of the valley they were in. Towards the end of a cycle the steps
# become small, the curves become smooth, and each cycle ends at a lower cost than the one before: small steps settle in
# a valley that the large ones have found. The third cycle adds less than the second; at the end nearly all training
# samples are right and 98 % of the validation set.
### END SOLUTION

# %% [markdown]
# ### 6.2 · Coarse to fine
#
# Search for λ twice with 50 hidden units and two cycles of n_s = 150: first among eight values between 1e-6 and 1e-1
# that are equally spaced on a logarithmic scale, then among eight values around the best one. Print both tables and
# plot the validation accuracy over λ. Train one more network with the λ you choose on training **and** validation data,
# and print its test accuracy. Say in a comment how much the choice of λ matters here, and how sure you are of it.

# %% points=5 task="coarse_to_fine"
### BEGIN SOLUTION
options = {"m": 50, "n_s": 150, "eta_min": 0.005, "eta_max": 1.0, "n_batch": 100, "n_steps": 600}
rng = np.random.default_rng(2)
best, coarse = lambda_search(X_train, Y_train, X_val, Y_val, list(np.logspace(-6, -1, 8)), rng, **options)
around = list(best * np.logspace(-0.6, 0.6, 8))
best, fine = lambda_search(X_train, Y_train, X_val, Y_val, around, rng, **options)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
for axis, name, table in zip(axes, ("coarse", "fine"), (coarse, fine), strict=True):
    print(name)
    for row in table:
        print(f"    λ = {row['lam']:.2e}   validation accuracy {row['val_accuracy']:.1%}")
    axis.semilogx([row["lam"] for row in table], [row["val_accuracy"] for row in table], "o-")
    axis.set(xlabel="λ", ylabel="validation accuracy", title=f"{name} search")

X_all, Y_all = np.vstack([X_train, X_val]), np.vstack([Y_train, Y_val])
net = TwoLayerNet(64, 50, 10, rng)
train(net, X_all, Y_all, best, lambda t: cyclical_lr(t, 150, 0.005, 1.0), 100, 600, rng)
test = np.mean(net.forward(X_test).argmax(axis=1) == Y_test.argmax(axis=1))
print(f"chosen λ = {best:.2e}, test accuracy {test:.1%}")

# A large λ costs accuracy: 0.02 a few percent, and with 0.1 the weights may hardly grow and most digits are lost. Below
# about 0.004 all values do equally well: they differ by a percent, and with 300 validation samples one sample is 0.3 %
# and the standard error of an accuracy of 97 % is one percent. So I am sure that λ should be smaller than 0.01, and not
# at all sure which of the small ones is best: the fine search chooses among differences that another seed would order
# differently, and so would be no reason to search finer still.
### END SOLUTION

# %% [markdown]
# ### 6.3 · Overfitting on purpose
#
# Train a network with 50 hidden units and λ = 0 on the first 100 training samples only, in one batch, until its
# training cost is below 0.01, and plot training and validation cost on a logarithmic scale. Say in a comment why this
# is a good first experiment with any new network, and what the validation cost tells.

# %% points=4 task="overfit_100_samples"
### BEGIN SOLUTION
rng = np.random.default_rng(3)
net = TwoLayerNet(64, 50, 10, rng)
history = train(net, X_train[:100], Y_train[:100], 0.0, lambda t: 0.5, 100, 500, rng, X_val, Y_val)
figure, axis = plt.subplots(figsize=(6, 3.5), layout="constrained")
axis.semilogy(history["train_cost"], label="100 training samples")
axis.semilogy(history["val_cost"], "--", label="validation")
axis.axhline(0.01, color="0.7", linewidth=1)
axis.set(xlabel="epoch of one batch", ylabel="cost")
axis.legend()
ends = ", ".join(f"{key} {values[-1]:.3g}" for key, values in history.items())
print(ends)

# A network with more parameters than samples can learn 100 samples by heart. If the training cost does not go to 0,
# there is a mistake in the gradient, in the batches or in the step size, and finding it takes seconds here and hours on
# the whole set. The validation cost falls at first and then stays where it is, far above: what is learnt by heart does
# not generalise, and more data or a regulariser is what helps, not more epochs.
### END SOLUTION

# %% [markdown]
# ### 6.4 · Reverse and forward mode
#
# A function has n inputs and m outputs, and evaluating it takes T operations. What does it cost to compute all its
# first derivatives in reverse mode (as your `backward` does), in forward mode (derivatives with respect to one input
# are carried along with the values), and by central differences? What does each have to remember? Which of them trains
# a network, and where would you take another?

# %% [markdown] points=4 task="reverse_against_forward"
# ### BEGIN SOLUTION
# *Reverse mode*: one sweep back through the graph costs a small multiple of T (two products for each matrix product of
# the forward pass) and gives the derivatives of **one** output with respect to **all** inputs. For m outputs it takes m
# sweeps: about m · T. It has to keep the values of all nodes until they are used on the way back, so its memory grows
# with the length of the computation.
#
# *Forward mode*: one sweep, side by side with the values, gives the derivatives of **all** outputs with respect to
# **one** input (or one direction). For all n inputs it takes n sweeps: about n · T. It needs no memory of the graph: a
# value and its derivative are forgotten together.
#
# *Central differences* cost 2n evaluations, 2n · T, without any memory, and give about ten digits at best.
#
# A network has one output, the loss, and n = 10⁴ to 10¹² inputs, its parameters. Reverse mode computes its gradient for
# the price of a few evaluations; forward mode would need n. Forward mode is the one to take for few inputs and many
# outputs (how a simulation changes with one parameter), or for the derivative along one direction, as in
# Hessian-vector products (forward over reverse). Differences are for checking.
# ### END SOLUTION

# %% [markdown]
# ### 6.5 · Why unbroadcast sums
#
# In `X @ W + b`, with `X @ W` of shape (N, K) and `b` of shape (K,), broadcasting uses `b` in every row. Derive from
# the chain rule what the gradient with respect to `b` is, given the gradient G (N, K) of the sum, and explain why it is
# a sum and not a mean. Where has the 1/N of the cost gone?

# %% [markdown] points=3 task="why_unbroadcast_sums"
# ### BEGIN SOLUTION
# Write broadcasting as the function it is: $B_{ik} = b_k$ for $i = 1 \dots N$, then $S = XW + B$. The loss depends on
# $b_k$ through all of $S_{1k}, \dots, S_{Nk}$, and the chain rule adds one term for each path:
#
# $$\frac{\partial L}{\partial b_k} = \sum_{i=1}^{N} \sum_{j} \frac{\partial L}{\partial S_{ij}}
# \frac{\partial S_{ij}}{\partial b_k} = \sum_i G_{ik},
# \qquad\text{because}\qquad \frac{\partial S_{ij}}{\partial b_k} = [j = k].$$
#
# So it is a sum: a small change of $b_k$ moves the scores of *all* samples, and the effects add up. Broadcasting is a
# linear map that copies, and its transpose, which reverse mode applies, adds what it had copied. A mean would be the
# gradient for another function, in which each row gets $b_k / N$.
#
# The mean of the cost is an operation of its own, further up in the graph: its pullback has already put 1/N into every
# entry of $G$. Whoever averages in `unbroadcast` divides by N twice.
# ### END SOLUTION

# %% tags=["script-only"]
plt.show()
