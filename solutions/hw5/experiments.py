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
### BEGIN SOLUTION
figure, axis = plt.subplots(figsize=(8, 3.8), layout="constrained")
axis.plot(history["loss"], linewidth=0.3, color="C0", alpha=0.5, label="loss of each update")
axis.plot(history["smooth_loss"], color="C1", label="smooth loss")
axis.axhline(np.log(K), color="black", linestyle="--", linewidth=1, label="ln K")
for update in range(0, 10_000, (len(text) - 1) // seq_length):
    axis.axvline(update, color="grey", linewidth=0.6, label="an epoch begins" if update == 0 else None)
axis.set(xlabel="update", ylabel="loss", xlim=(0, 10_000), ylim=(0, 5))
axis.legend(loc="lower left", ncols=2)
first, last, end = history["loss"][0], history["smooth_loss"][-1], np.mean(history["loss"][-1000:])
print(f"first loss {first:.3f}, last smooth loss {last:.3f}, mean of the last 1,000 losses {end:.3f}")

# The first loss is ln K = 4.6: with weights near 0 all K characters have the same probability 1/K. It falls steeply
# while the network learns how frequent each character is, then slowly, while it learns what follows what. The smooth
# loss comes behind the mean of the last 1,000 losses, because each loss fades out of it with a time of 1,000 updates,
# so it still remembers higher ones; after 4,000 updates the difference is small. A loss of 2 is a geometric
# mean probability of exp(-2) = 0.135 for the right character: as hard as a fair choice among exp(2) = 7.4 characters,
# in the place of K.
### END SOLUTION

# %% [markdown]
# ### 9.2 · What it learns first
#
# Print the samples of that run, each with its update and the smooth loss there. Say in a comment what the network has
# learnt by when.

# %% points=3 task="samples"
### BEGIN SOLUTION
for update, written in history["samples"]:
    print(f"--- update {update:,}, smooth loss {history['smooth_loss'][update]:.2f}\n{written}\n")

# At the start the characters are uniform noise: every sign is as frequent as any letter. After 2,000 updates letters
# and blanks have about the right frequencies, words have plausible lengths, vowels and consonants alternate, and a
# first short word is there, "the". Later there are more of them, "it", "an", "of", "that", then endings such as "ed"
# and "tion", and capitals after a full stop. Frequencies come first, then spelling, then words; grammar and sense do
# not come with 64 units, and brackets and quotation marks that are opened are seldom closed.
### END SOLUTION

# %% [markdown]
# ### 9.3 · Temperature and nucleus
#
# Let the trained network read the first 1,000 characters of `text` (`rnn_forward` gives the state) and go on with 300
# of its own, at the temperatures 0.2, 0.5, 1 and 1.5, and at temperature 1 with `top_p` of 0.5 and 0.9. Measure for
# each, over 3,000 characters, which share of the written words occurs in `text`, and how many different ones there are.
# Say in a comment what the two do, and which one you would use.

# %% points=5 task="temperature_and_nucleus"
words = set(text.split())
### BEGIN SOLUTION
_, state, _ = rnn_forward(one_hot(numbers[:1000], K), one_hot(numbers[1:1001], K), np.zeros(m), params)
choices = [{"temperature": t} for t in (0.2, 0.5, 1.0, 1.5)] + [{"top_p": p} for p in (0.5, 0.9)]
for options in choices:
    indices = synthesize(params, state, int(numbers[1000]), 3000, np.random.default_rng(2), **options)
    written = "".join(ind_to_char[i] for i in indices)
    found = written.split()
    known = np.mean([word in words for word in found])
    (name, value), *_ = options.items()
    print(f"--- {name} {value}: {known:.0%} of {len(found)} words are in the text, {len(set(found))} are different")
    print(f"{written[:300]}\n")

# A low temperature sharpens the distribution: at 0.2 most words are right, but there are only some 50 different ones,
# and the text goes round in circles. At 1 the network says what it believes, with all its small mistakes: each
# character in the long tail has little probability, but together they come often, and one of them spoils the word, so
# only about a third are right. At 1.5 hardly any words are left. The nucleus cuts off just that tail, and does it where
# the network is sure as well as where it is not: where one letter must follow, that one is left, where a new word
# begins, many are. top_p = 0.9 is a little better than temperature 1 and as rich; top_p = 0.5 lies between the
# temperatures 0.2 and 0.5 in both respects. For text I would take top_p = 0.5 or temperature 0.5: two words in three,
# or three in four, are right, and there are more than a hundred of them.
### END SOLUTION

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
### BEGIN SOLUTION


def fading(weights, lstm=False):
    """The mean norm of the gradient 0, 1, …, T steps back, relative to the first one."""
    size = weights["W"].shape[0]
    h, c, caches = np.zeros((N, size)), np.zeros((N, size)), []
    for x in X:
        if lstm:
            h, c, cache = lstm_step_forward(x, h, c, weights)
        else:
            h, cache = rnn_step_forward(x, h, weights)
        caches.append(cache)
    dh, dc = np.random.default_rng(4).standard_normal((N, size)), np.zeros((N, size))
    norms = [np.linalg.norm(np.hstack([dh, dc]), axis=1).mean()]
    for cache in reversed(caches):
        if lstm:
            _, dh, dc, *_ = lstm_step_backward(dh, dc, cache)
        else:
            _, dh, *_ = rnn_step_backward(dh, cache)
        norms.append(np.linalg.norm(np.hstack([dh, dc]), axis=1).mean())
    return np.array(norms) / norms[0]


rng = np.random.default_rng(5)
orthogonal, _ = np.linalg.qr(rng.standard_normal((m, m)))
curves = {"RNN, trained": fading(params)}
for size in (0.5, 1.0):
    curves[f"RNN, {size:g} × orthogonal"] = fading({"U": np.zeros((K, m)), "W": size * orthogonal, "b": np.zeros(m)})
for bias in (0, 2, 4):
    gates = {name: 0.01 * rng.standard_normal((rows, 4 * m)) for name, rows in (("U", K), ("W", m))}
    gates["b"] = np.repeat([0.0, bias, 0.0, 0.0], m)
    curves[f"LSTM, bias of f = {bias}"] = fading(gates, lstm=True)
figure, axis = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
for (name, curve), style in zip(curves.items(), ["-", "--", "--", ":", ":", ":"], strict=True):
    axis.semilogy(curve, style, label=name)
    print(f"{name:<21} {curve[10]:.1e} of the gradient is left after 10 steps, {curve[40]:.1e} after 40")
axis.set(xlabel="steps back in time", ylabel="norm of the gradient, relative", ylim=(1e-13, 10))
axis.legend(loc="lower left")

# In the simple network each step back multiplies by W and by the slopes 1 - h², all of them 1 or less. With 0.5 times
# an orthogonal W and h = 0 that is exactly a factor of 2 a step, 10⁻¹² after 40 steps: vanished. With a factor of 1 it
# would keep its norm for ever, but with U = 0 such a network reads nothing. The trained one has large weights, a W with
# an eigenvalue of nearly 4, and its gradient fades all the same: its units are driven far from 0, where 1 - h² is
# small. After ten steps some per cent are left, after thirty about a ten-thousandth: what was read then hardly teaches
# anything. At the far end the line turns up: the first states come from h = 0 and are not saturated yet, so that there
# the large W does make the gradient grow.
#
# In the LSTM the cell hands its gradient on by a mere factor f. With a bias of 0, f is 1/2, and untrained it fades as
# fast as the network with 0.5 W. With 2, f is 0.88, which leaves 0.88⁴⁰ = 0.6 %, and with 4 it is 0.98, which leaves a
# half (times the factor of about 1/2 of the very first step, from h through o to the cell). That is why the bias of f
# is often set above 0 at the start: the network first remembers, and then learns what to forget.
### END SOLUTION

# %% [markdown]
# ### 9.5 · Cutting gradients
#
# `train` carries h from window to window, but the gradient ends at the start of each window. What does that save, and
# what can the network still use of the text before the window, what can it not learn? And `train` clips each value to
# ±5: give the gradient (30, 4) after `clip_gradients` and after `clip_by_global_norm` with 5, and say which of the two
# keeps the direction. Why does it matter little here which one is used?

# %% [markdown] points=3 task="cutting_gradients"
# ### BEGIN SOLUTION
# Backpropagation through the whole text would have to keep the states of all its 135,000 characters for a single
# update. With windows of 25 an update keeps 25 of them and there are thousands of updates an epoch. The state still
# brings in what was read before the window, and the network can use it as far as it is of use anyway. But it is never
# told to keep something for longer than 25 characters: no gradient comes back to the step at which it would have had
# to be stored. (In the simple network hardly any would be left after 25 steps, see 9.4.)
#
# Clipping the values gives (5, 4), by the norm $5 / \sqrt{30^2 + 4^2} \cdot (30, 4) = (4.96, 0.66)$. Only the second
# keeps the direction. Here it matters little: the losses are means over 25 characters, so that entries beyond 5 are
# rare, and AdaGrad divides each entry by its own past sizes and changes the direction anyway. What counts is that one
# extreme gradient cannot ruin the weights, nor AdaGrad's sums, which it would keep large, and the steps small, for
# ever.
# ### END SOLUTION

# %% tags=["script-only"]
plt.show()
