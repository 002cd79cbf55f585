# %% [markdown]
# ## 8 · Experiments
#
# Your classifier now learns scikit-learn's handwritten digits: 1,797 real pictures of 8 × 8 pixels in ten classes. They
# come with the package, and each run takes a second or so. The cells of this section are graded by a person: keep the
# plots in the notebook that you hand in, and answer in whole sentences.
#
# The data are split once, and standardised by what the training set says.

# %% tags=["script-only"]
import numpy as np
from linear_classifiers import (
    accuracy,
    fit_standardizer,
    init_params,
    minibatch_gd,
    softmax,
    standardize,
    svm_loss,
)

# isort: split

# %%
import matplotlib.pyplot as plt

from grader.data import digits

data = digits()
mean, std = fit_standardizer(data.X_train)
X_train, X_val, X_test = (standardize(X, mean, std) for X in (data.X_train, data.X_val, data.X_test))
Y_train, Y_val, y_val, y_test = data.Y_train, data.Y_val, data.y_val, data.y_test
print(f"{len(X_train)} training, {len(X_val)} validation and {len(X_test)} test samples of {X_train.shape[1]} features")

# %% [markdown]
# ### 8.1 · The four classic runs
#
# Train from the same start with $(\lambda, \eta)$ = (0, 0.1), (0, 0.001), (0.1, 0.001), (1, 0.001), batches of 20, 40
# epochs. Plot for each run the cost and the accuracy, on the training and on the validation set, over the epochs, and
# print the test accuracy. Keep the results in `runs`, a dict from `(lam, eta)` to `(W, b, history)`; the next cells use
# it. Then say in a comment, in about three sentences, what $\eta$ and $\lambda$ do, and what the curves show of it.

# %% points=7 task="classic_runs"
settings = [(0.0, 0.1), (0.0, 0.001), (0.1, 0.001), (1.0, 0.001)]
runs = {}
### BEGIN SOLUTION
for lam, eta in settings:
    rng = np.random.default_rng(1)
    W, b = init_params(X_train.shape[1], 10, rng)
    runs[lam, eta] = minibatch_gd(X_train, Y_train, W, b, lam, eta, 20, 40, rng, X_val, Y_val)

figure, axes = plt.subplots(2, 4, figsize=(14, 6), sharex=True, sharey="row", layout="constrained")
for column, (setting, (W, b, history)) in zip(axes.T, runs.items(), strict=True):
    for axis, measure in zip(column, ("cost", "accuracy"), strict=True):
        axis.plot(history[f"train_{measure}"], label="training")
        axis.plot(history[f"val_{measure}"], "--", label="validation")
        axis.set(xlabel="epoch", ylabel=measure)
        axis.label_outer()
    test = accuracy(softmax(X_test @ W + b), y_test)
    column[0].set_title("λ = {:g}, η = {:g}".format(*setting) + f"\ntest accuracy {test:.1%}")
    print("λ = {:<4g} η = {:<6g}".format(*setting), f"cost {history['train_cost'][-1]:.3f}, test accuracy {test:.1%}")
axes[0, 0].legend()

# η = 0.1 is at 93 % after one epoch and ends with a training cost half of the validation cost: it has had the time to
# fit the training set. η = 0.001 takes steps a hundred times smaller, and its cost is still falling after 40 epochs.
# λ = 0.1 holds the weights back: the cost, which includes the regulariser, flattens at a higher value, while accuracy
# is hardly touched. λ = 1 is too much: the cost stands still after ten epochs because the weights may not grow, so
# that every probability stays small and a few percent of accuracy are lost, although nothing is overfitted.
### END SOLUTION

# %% [markdown]
# ### 8.2 · What the classifier has learnt
#
# A column of `W` has as many entries as a picture has pixels. Show the ten columns as 8 × 8 pictures, for the first and
# for the last of the four runs, all with the same colour scale, symmetric about 0, within a run. Say in a comment what
# you see, and why the two runs look different.

# %% points=3 task="templates"
### BEGIN SOLUTION
figure, axes = plt.subplots(2, 10, figsize=(14, 3.4), layout="constrained")
for row, setting in zip(axes, (settings[0], settings[-1]), strict=True):
    W = runs[setting][0]
    for k, axis in enumerate(row):
        axis.imshow(W[:, k].reshape(8, 8), cmap="RdBu_r", vmin=-np.abs(W).max(), vmax=np.abs(W).max())
        axis.set(xticks=[], yticks=[], title=str(k))
    row[0].set_ylabel("λ = {:g}\nη = {:g}".format(*setting))

# Each picture is a template: where it is red, ink speaks for the class, where it is blue, against it. The 0 has a blue
# middle, which no other digit leaves empty. With λ = 1 large areas share a colour: a blurred digit against all others.
# Without a regulariser and with large steps single pixels get large weights, because they tell training samples apart.
### END SOLUTION

# %% [markdown]
# ### 8.3 · How sure is it?
#
# For the runs $(\lambda, \eta)$ = (0, 0.1) and (1, 0.001), plot histograms of the probability that the classifier
# gives to the **right** class on the validation set: one histogram for the samples that it classifies correctly, one
# for those that it does not. Say in a comment what the two runs tell.

# %% points=3 task="histograms"
### BEGIN SOLUTION
figure, axes = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
for axis, setting in zip(axes, (settings[0], settings[-1]), strict=True):
    W, b, _ = runs[setting]
    P = softmax(X_val @ W + b)
    right = P[np.arange(len(y_val)), y_val]
    correct = P.argmax(axis=1) == y_val
    axis.hist([right[correct], right[~correct]], bins=np.linspace(0, 1, 21), stacked=True, label=["correct", "wrong"])
    axis.set(title="λ = {:g}, η = {:g}".format(*setting), xlabel="probability of the right class", ylabel="samples")
    axis.legend()

# With λ = 0 most probabilities are close to 1, and of the few errors some are confident ones, near 0. With λ = 1 the
# weights are so small that the right class rarely gets more than 0.3. It is still the largest of ten for most samples:
# they are classified correctly, but not surely. The accuracy does not show that difference, the cost does.
### END SOLUTION

# %% [markdown]
# ### 8.4 · The first loss
#
# Before the first update the cross-entropy is close to $\ln 10 \approx 2.303$, on any data set with ten classes, if
# $\sigma$ is small. Why is the loss of an untrained classifier $\ln K$? And what would you suspect if your first loss
# were 7?

# %% [markdown] points=3 task="why_ln_k"
# ### BEGIN SOLUTION
# With small weights and zero biases all scores are close to 0, so softmax gives each of the $K$ classes the same
# probability, $1/K$. The right class has it too, whichever it is, and each sample's loss is $-\ln(1/K) = \ln K$.
#
# A first loss of 7 says that the classifier is not undecided but confidently wrong: the right class has a probability
# of $e^{-7} \approx 0.001$ on (geometric) average. The scores are too large: an initialisation that is too wide, inputs
# that are not standardised, or a cost that was not divided by $N$, or contains a large regulariser.
# ### END SOLUTION

# %% [markdown]
# ### 8.5 · Checking the hinge's gradient
#
# The cell below moves one weight and compares the hinge's analytic gradient with central differences,
# $(L(w + h) - L(w - h)) / 2h$. At most places they agree to ten digits; at one place they do not.

# %%
X_one, y_one = np.array([[1.0]]), np.array([0])


def hinge(w):
    """Loss and gradient of one sample with two classes, as a function of the second class's one weight."""
    loss, dW, _ = svm_loss(np.array([[0.0, w]]), np.zeros(2), X_one, y_one, 0.0)
    return loss, dW[0, 1]


h = 1e-5
for w in (-1.5, -1.0, -1.0 + 2e-6, -0.5):
    numeric = (hinge(w + h)[0] - hinge(w - h)[0]) / (2 * h)
    print(f"w = {w:<9.6g}  analytic {hinge(w)[1]:.6f}  numerical {numeric:.6f}")

# %% [markdown]
# Where does the numerical gradient of the hinge fail, and why? Which of the two numbers is wrong there? How would you
# check the gradient of your SVM all the same?

# %% [markdown] points=3 task="hinge_numerical_gradient"
# ### BEGIN SOLUTION
# At a kink, where a margin $S_{ij} - S_{iy_i} + \Delta$ is 0, and within $h$ of it; here at $w = -1$. The two points
# $w \pm h$ lie on different sides: on one the slope is 0, on the other 1, and the central difference is a mixture of
# the two, ½ exactly at the kink.
#
# Neither is a mistake in the code. At the kink the loss has no derivative; every number from 0 to 1 is a subgradient,
# the analytic 0 as well as the ½. *Near* the kink there is a derivative, the analytic one, and the numerical value is
# wrong, because a central difference assumes that the function is smooth over the whole interval $2h$.
#
# So one compares at points whose margins are all further from 0 than a step of $h$ can move them, uses a smaller $h$,
# or leaves out the entries for which a margin changes its sign between $w - h$ and $w + h$.
# ### END SOLUTION

# %% [markdown]
# ### 8.6 · Cross-entropy against hinge
#
# A linear classifier has been trained on a set, once with the cross-entropy and once with the hinge ($\lambda$ small,
# but not 0). Now one more sample is added that both classify correctly, far from the boundary. What happens to the
# loss, to the gradient and to the boundary of each, if training goes on? What if the new sample is far away on the
# *wrong* side?

# %% [markdown] points=3 task="cross_entropy_against_hinge"
# ### BEGIN SOLUTION
# *Hinge.* The sample's margins are all below 0: its terms, and their gradients, are exactly 0. The sums of loss and
# gradient do not change (the means are multiplied by $N/(N+1)$, which shifts the balance against $\lambda$ by as much).
# The boundary stays where it was: it depends on the support vectors only, those within the margin.
#
# *Cross-entropy.* The right class has a probability close to, but never equal to 1. The sample's gradient $p - y$ is
# small but not 0, so the boundary moves a little, in the direction that makes it surer still: the cross-entropy is
# never content, and without $\lambda$ the weights would grow without bound on separable data. But $p - y$ falls
# exponentially with the score difference, faster than $x$ grows, so the further away the sample, the less it matters.
#
# *On the wrong side* both feel it about equally: the hinge grows linearly with the distance, the cross-entropy as
# $-\ln p_y \approx$ the score difference, linearly as well. Both gradients are then about $x$ itself, and one such
# outlier can turn the boundary.
# ### END SOLUTION

# %% [markdown]
# ### 8.7 · K binary cross-entropies
#
# Derive the gradient of `multi_bce` with respect to a logit $s_{ik}$, starting from
# $\ell = -t \ln \sigma(s) - (1 - t) \ln (1 - \sigma(s))$. Compare with the softmax: which entries of the gradient does
# a single logit influence in the one case and in the other, and when would you choose which?

# %% [markdown] points=3 task="gradient_of_k_bce"
# ### BEGIN SOLUTION
# With $\sigma' = \sigma (1 - \sigma)$,
#
# $$\frac{\partial \ell}{\partial s}
# = -\frac{t}{\sigma}\,\sigma(1 - \sigma) + \frac{1 - t}{1 - \sigma}\,\sigma(1 - \sigma)
# = -t(1 - \sigma) + (1 - t)\sigma = \sigma(s) - t ,$$
#
# and the mean over all $NK$ entries gives $\partial L / \partial s_{ik} = (\sigma(s_{ik}) - t_{ik}) / (NK)$.
#
# It looks like the softmax's $(p_{ik} - y_{ik}) / N$, but $\sigma(s_{ik})$ depends on its own logit alone: the $K$
# questions are independent, the matrix of second derivatives is diagonal, and probabilities need not sum to 1. In the
# softmax each $p_{ik}$ depends on all logits of the row, which compete for a total of 1, so one logit influences every
# entry of its row. Softmax is right if exactly one class applies; sigmoids are right if any number may, none included.
# ### END SOLUTION

# %% tags=["script-only"]
plt.show()
