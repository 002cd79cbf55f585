# %% [markdown]
# # Assignment 5 · Recurrent networks that write text
#
# A network reads a text, one character after the other, and guesses each time which one comes next. What it has read it
# keeps in one vector. Trained for some seconds it spells; sampled from, it writes. You build it from the first formula
# to the text: the recurrent step and its gradient, backpropagation through time, clipping, AdaGrad, sampling with
# temperature and nucleus, and the two cells that made such networks useful, LSTM and GRU. All of it in NumPy, with no
# automatic differentiation.
#
# Every formula is derived in the handout, `README.md`. The rules that hold for all functions:
#
# - Rows are samples in the steps, `x (N, K)`, `h (N, m)`, and times in a sequence, `X (T, K)`.
# - A forward function returns a cache at the end; its backward function gets it. What is in a cache is your affair.
#   Backward may be called twice with one cache and gives the same result.
# - The dtype that comes in goes out, for float32 and for float64.
# - No function changes its arguments, and randomness comes only from the `rng` that is passed in.
#
# Replace each `raise NotImplementedError()` by your answer. The cell below a task runs its public checks.

# %%
import numpy as np

# %% [markdown]
# ## 1 · From text to arrays
#
# The vocabulary is what occurs: every distinct character of the text gets a number. A character then becomes a row of
# zeros with a single 1.


# %%
def build_vocab(text):
    """The distinct characters of a text, in any order, and both ways between them and their indices 0 … K - 1.

    Returns (chars, char_to_ind, ind_to_char): a list of K characters, a dict from character to index, and a dict from
    index to character (a list will do); chars[i], ind_to_char[i] are the same, and char_to_ind[chars[i]] is i.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def one_hot(indices, K):
    """Rows (T, K), float64, 1 at the index and 0 elsewhere. indices: a list or array (T,) of integers in 0 … K - 1."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def init_rnn(K, m, rng, sigma=0.01):
    """Parameters of a network with m hidden units for K characters.

    Returns a dict of float64 arrays: 'U' (K, m), 'W' (m, m), 'V' (m, K), drawn from N(0, sigma²) by `rng`, and the
    biases 'b' (m,), 'c' (K,), which are 0.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 2 · One step
#
# The new state mixes what comes in with what is remembered. One step is a layer like those of assignment 3, with two
# inputs: so its backward function has two gradients to hand on, one to what came in, and one **back in time**.


# %%
def rnn_step_forward(x, h_prev, params):
    """h = tanh(x U + h_prev W + b) for N sequences at once.

    x (N, K), h_prev (N, m), params with 'U', 'W', 'b' (and perhaps more). Returns (h (N, m), cache).
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def rnn_step_backward(dh, cache):
    """The gradient through `rnn_step_forward`. dh (N, m): with respect to h, from everything that h has influenced.

    Returns (dx (N, K), dh_prev (N, m), dU, dW, db), the last three with the shapes of U, W, b.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 3 · A whole sequence, and back through time
#
# The same step, with the same parameters, T times in a row; after each, the scores of the next character. Unrolled,
# this is a network of T layers which share their weights, and so the gradient of a weight is a sum over all of them.


# %%
def rnn_forward(X, Y, h0, params):
    """Read a sequence from state h0, and compare at each time what is predicted with what comes.

    X (T, K), Y (T, K): one-hot rows, Y[t] is what should follow X[t]; h0 (m,); params as of `init_rnn`.
    h_t = tanh(x_t U + h_{t-1} W + b), scores h_t V + c, p_t = softmax of them; finite for any finite scores.

    Returns (loss, h_T (m,), cache): the loss is the mean over the T times of -log of the right character's probability.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def rnn_backward(cache):
    """Backpropagation through time: the gradient of the loss that `rnn_forward` has returned with this cache.

    h0 counts as a constant. Returns a dict with the gradients of 'U', 'W', 'V', 'b', 'c', each with the shape of its
    parameter.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 4 · Clipping
#
# Through many steps gradients explode now and then, and one such step throws the weights far away. Two remedies
# (Pascanu, Mikolov and Bengio, 2013): cut each value, or shorten the whole gradient and keep its direction.


# %%
def clip_gradients(grads, limit=5.0):
    """Each value of each array cut to [-limit, limit]. Returns a new dict."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def clip_by_global_norm(grads, max_norm):
    """All arrays scaled by one factor, so that the norm of all their values together is max_norm, if it is larger.

    Returns (new dict, norm before the scaling); with a norm up to max_norm nothing changes.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 5 · Optimisers
#
# As in assignment 3, an optimiser takes one step for one array, and `state` is `None` at the first call. AdaGrad
# (Duchi, Hazan and Singer, 2011) divides by the root of all squared gradients so far: rare characters, whose weights
# seldom get a gradient, keep large steps.


# %%
def adagrad(w, dw, state, eta, eps=1e-8):
    """s = s + dw**2; w = w - eta * dw / (sqrt(s) + eps). s starts at 0. Returns (w, state)."""
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def adam(w, dw, state, eta, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam, the one from assignment 3: running means of dw and dw**2, corrected for their start at 0.

    w = w - eta * m_hat / (sqrt(v_hat) + eps). The first call has t = 1. Returns (w, state).
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 6 · Writing
#
# Draw the next character from the predicted distribution, feed it back in, and so on. Temperature makes the
# distribution sharper or flatter; the nucleus (Holtzman et al., 2020) cuts off the tail of improbable characters, one
# of which, drawn by bad luck, spoils all that follows.


# %%
def synthesize(params, h0, x0, n, rng, temperature=1.0, top_p=None):
    """Draw n characters, one after the other, from what the network predicts.

    h0 (m,): the state before x0 is read; x0: the index of the first character that is read. Each time: one step, scores
    h V + c divided by `temperature`, softmax; with `top_p` in (0, 1] only the nucleus is left, the smallest set of most
    probable characters whose probabilities sum to top_p or more, renormalised; then one index is drawn, and is the next
    that is read.

    Returns the n indices that were drawn, (n,) integers, without x0. Raises ValueError if temperature <= 0.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 7 · Training
#
# The text is read in windows of L characters. The state is carried from one window to the next, the gradient is not:
# truncated backpropagation through time.


# %%
def train(text, params, seq_length, n_updates, eta, rng, log_every):
    """Train a network on a text, one update for each window, by AdaGrad with the step size eta.

    text: at least seq_length + 1 characters, as many different ones as params has; the vocabulary is
    `build_vocab(text)`. Windows start at 0, L, 2L, … (L = seq_length) while start + L + 1 <= len(text), then again at
    0: a new epoch. X is text[start : start + L], Y is shifted by one, text[start + 1 : start + L + 1]. The state is
    zero at the start of each epoch, and carried from window to window inside it. Each value of the gradients is clipped
    to [-5, 5]. AdaGrad's states are kept throughout.

    Returns (new params, history): a dict with 'loss', one entry for each update, from before its step; 'smooth_loss',
    which starts at the first loss and then is 0.999 * smooth_loss + 0.001 * loss; 'samples', a list of (update, text of
    200 characters that the network wrote) at the updates 0, log_every, 2 * log_every, … The given params stay.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %% [markdown]
# ## 8 · LSTM and GRU
#
# The gradient of the simple network passes through W and tanh at every step, and fades. Hochreiter and Schmidhuber
# (1997) gave it a second state, the cell, which is only scaled and added to: gates decide what is kept, what is written
# and what is shown. The GRU (Cho et al., 2014) does with two gates and one state.


# %%
def lstm_step_forward(x, h_prev, c_prev, params):
    """One step of an LSTM for N sequences at once.

    x (N, K), h_prev, c_prev (N, m); params: 'U' (K, 4m), 'W' (m, 4m), 'b' (4m,), whose columns are those of the gates
    i, f, o, g, in this order, m each. Of a = x U + h_prev W + b, the parts i, f, o go through a sigmoid and g through
    tanh; c = f * c_prev + i * g and h = o * tanh(c). Finite for any finite a.

    Returns (h (N, m), c (N, m), cache).
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def lstm_step_backward(dh, dc, cache):
    """The gradient through `lstm_step_forward`. dh (N, m) with respect to h, dc (N, m) with respect to c as it was
    handed to the next step: what c does through this step's own h is not in it.

    Returns (dx, dh_prev, dc_prev, dU, dW, db), with the shapes of x, h_prev, c_prev, U, W, b.
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def gru_step_forward(x, h_prev, params):
    """One step of a GRU for N sequences at once.

    x (N, K), h_prev (N, m); params: 'U' (K, 3m), 'W' (m, 3m), 'b' (3m,), whose columns are those of r, z, n, in this
    order, m each. r = sigmoid(x U_r + h_prev W_r + b_r), z likewise, n = tanh(x U_n + b_n + r * (h_prev W_n)), and
    h = (1 - z) * n + z * h_prev. Finite for any finite numbers.

    Returns (h (N, m), cache).
    """
    # YOUR CODE HERE
    raise NotImplementedError()


# %%
def gru_step_backward(dh, cache):
    """The gradient through `gru_step_forward`. dh (N, m). Returns (dx, dh_prev, dU, dW, db)."""
    # YOUR CODE HERE
    raise NotImplementedError()
