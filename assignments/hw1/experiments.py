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
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 8.2 · What the classifier has learnt
#
# A column of `W` has as many entries as a picture has pixels. Show the ten columns as 8 × 8 pictures, for the first and
# for the last of the four runs, all with the same colour scale, symmetric about 0, within a run. Say in a comment what
# you see, and why the two runs look different.

# %% points=3 task="templates"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 8.3 · How sure is it?
#
# For the runs $(\lambda, \eta)$ = (0, 0.1) and (1, 0.001), plot histograms of the probability that the classifier
# gives to the **right** class on the validation set: one histogram for the samples that it classifies correctly, one
# for those that it does not. Say in a comment what the two runs tell.

# %% points=3 task="histograms"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 8.4 · The first loss
#
# Before the first update the cross-entropy is close to $\ln 10 \approx 2.303$, on any data set with ten classes, if
# $\sigma$ is small. Why is the loss of an untrained classifier $\ln K$? And what would you suspect if your first loss
# were 7?

# %% [markdown] points=3 task="why_ln_k"
# YOUR ANSWER HERE

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
# YOUR ANSWER HERE

# %% [markdown]
# ### 8.6 · Cross-entropy against hinge
#
# A linear classifier has been trained on a set, once with the cross-entropy and once with the hinge ($\lambda$ small,
# but not 0). Now one more sample is added that both classify correctly, far from the boundary. What happens to the
# loss, to the gradient and to the boundary of each, if training goes on? What if the new sample is far away on the
# *wrong* side?

# %% [markdown] points=3 task="cross_entropy_against_hinge"
# YOUR ANSWER HERE

# %% [markdown]
# ### 8.7 · K binary cross-entropies
#
# Derive the gradient of `multi_bce` with respect to a logit $s_{ik}$, starting from
# $\ell = -t \ln \sigma(s) - (1 - t) \ln (1 - \sigma(s))$. Compare with the softmax: which entries of the gradient does
# a single logit influence in the one case and in the other, and when would you choose which?

# %% [markdown] points=3 task="gradient_of_k_bce"
# YOUR ANSWER HERE

# %% tags=["script-only"]
plt.show()
