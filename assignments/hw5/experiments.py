# %% [markdown]
# ## 9 · Experiments
#
# Your network now learns English prose: the paragraphs of Python's own documentation, which every Python has with it,
# in `pydoc_data.topics`. The long run takes about a quarter of a minute. The cells of this section are graded by a
# person: keep the plots and the samples in the notebook that you hand in, and answer in whole sentences.
#
# `read_text("a/path.txt")` in the place of `prose()` takes any other text, in any script; `encode(text, char_to_ind)`
# turns text into indices, and says which character it does not know.

# %% tags=["script-only"]
import numpy as np
from rnn import (
    build_vocab,
    init_rnn,
    lstm_step_backward,
    lstm_step_forward,
    one_hot,
    rnn_forward,
    rnn_step_backward,
    rnn_step_forward,
    synthesize,
    train,
)

# isort: split

# %%
import matplotlib.pyplot as plt

from grader.data import encode, prose

text = prose()
chars, char_to_ind, ind_to_char = build_vocab(text)
numbers = encode(text, char_to_ind)
K, m, seq_length = len(chars), 64, 25
print(f"{len(text):,} characters, {K} different ones, ln K = {np.log(K):.3f}\n\n{text[:300]}")

# %% [markdown]
# ### 9.1 · The smooth loss
#
# The cell below trains a network with m hidden units on the text: 10,000 updates of 25 characters. Plot the loss of
# every update and the smooth loss, with a line at $\ln K$. Say in a comment where the curve begins and why, how the
# smooth loss differs from the mean of the last 1,000 losses and why, and what a loss of 2 means for the choice of the
# next character.

# %%
rng = np.random.default_rng(1)
params, history = train(text, init_rnn(K, m, rng), seq_length, 10_000, 0.1, rng, 2_000)
# With other seeds correct networks end between 1.8 and 2.1 (mean 1.95, standard deviation 0.11): outside of this band,
# which they miss less than once in 10⁶, something is wrong.
assert abs(history["smooth_loss"][-1] - 1.97) < 0.6

# %% points=5 task="smooth_loss"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 9.2 · What it learns first
#
# Print the samples of that run, each with its update and the smooth loss there. Say in a comment what the network has
# learnt by when.

# %% points=3 task="samples"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 9.3 · Temperature and nucleus
#
# Let the trained network read the first 1,000 characters of `text` (`rnn_forward` gives the state) and go on with 300
# of its own, at the temperatures 0.2, 0.5, 1 and 1.5, and at temperature 1 with `top_p` of 0.5 and 0.9. Measure for
# each, over 3,000 characters, which share of the written words occurs in `text`, and how many different ones there are.
# Say in a comment what the two do, and which one you would use.

# %% points=5 task="temperature_and_nucleus"
words = set(text.split())
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 9.4 · How far back does the gradient reach?
#
# Let N = 50 sequences of T = 40 characters, taken from `text`, run through a cell by its step function, in one batch.
# Start with a random dh at the last step and go back with the step's backward function: the mean norm of dh_prev (for
# an LSTM of dh_prev and dc_prev together) over the distance, relative to that of dh, shows what is left of the
# gradient. Do this for the network as you have trained it; for simple networks whose W is an orthogonal matrix times
# 0.5 and times 1, with U and b 0 so that only W acts; and for LSTMs with weights from N(0, 0.01²) and the bias of f at
# 0, 2 and 4. One plot, with a logarithmic scale. Say in a comment what decides the slope of each line, and what the
# bias of f does.

# %% points=5 task="gradient_over_distance"
N, T = 50, 40
starts = np.random.default_rng(3).integers(0, len(text) - T, N)
X = np.stack([one_hot(numbers[starts + t], K) for t in range(T)])  # (T, N, K)
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 9.5 · Cutting gradients
#
# `train` carries h from window to window, but the gradient ends at the start of each window. What does that save, and
# what can the network still use of the text before the window, what can it not learn? And `train` clips each value to
# ±5: give the gradient (30, 4) after `clip_gradients` and after `clip_by_global_norm` with 5, and say which of the two
# keeps the direction. Why does it matter little here which one is used?

# %% [markdown] points=3 task="cutting_gradients"
# YOUR ANSWER HERE

# %% tags=["script-only"]
plt.show()
