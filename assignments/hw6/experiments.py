# %% [markdown]
# ## 10 · Experiments
#
# Your model now learns English prose: the paragraphs of Python's own documentation, which every Python has with it, in
# `pydoc_data.topics`. All runs together take one to two minutes. The cells of this section are graded by a person: keep
# the plots and the texts in the notebook that you hand in, and answer in whole sentences.
#
# The vocabulary is learnt from the part that the model is trained on, nine tenths of the text. Paragraphs are divided
# by a special token, so that the model can begin one, and say that one is over. `read_text("a/path.txt")` in the place
# of `prose()` takes any other text, in any script.

# %% tags=["script-only"]
import torch
from torch.nn import Module, ModuleList, Parameter
from transformer import (
    GPT,
    BPETokenizer,
    MultiHeadAttention,
    adamw,
    causal_mask,
    clip_grad_norm,
    cosine_schedule,
    count_parameters,
    forward_flops,
    gelu,
    generate,
    language_model_loss,
    layer_norm,
    rope,
    sdpa,
    train_bpe,
)

# isort: split

# %%
import math
import time

import matplotlib.pyplot as plt
import numpy as np
from torch.nn import ParameterList

from grader.data import prose

torch.set_num_threads(1)  # tensors as small as these gain nothing from more
END = "<|end|>"
text = prose().replace("\n", END)
cut = len(text) * 9 // 10
vocab, merges = train_bpe(text[:cut], 512, [END])
tokenizer = BPETokenizer(vocab, merges, [END])
train_ids, val_ids = torch.tensor(tokenizer.encode(text[:cut])), torch.tensor(tokenizer.encode(text[cut:]))
V, T = len(vocab), 64
bytes_per_token = len(text[cut:].encode()) / len(val_ids)
print(f"{len(text):,} characters, {len(train_ids):,} tokens to train on, {len(val_ids):,} to validate")
print(f"a token has {bytes_per_token:.2f} bytes; ln V = {np.log(V):.3f}; the longest are")
print(*sorted(vocab.values(), key=len)[-8:])

# %% [markdown]
# ### 10.1 · Loss curves
#
# `fit` is the loop of training, made of your functions. The cell below trains a GPT with two blocks of four heads and
# 64 features for 600 updates of 16 windows of 64 tokens each. Plot the loss of every update, and the validation loss,
# with a line at $\ln V$. Print the last validation loss in nats a token, as perplexity, and in bits a **byte**. Say in
# a comment where the curve begins and why, how far training and validation loss are apart at the end, and why, and how
# the model compares with the network of assignment 5, whose loss was 1.95 nats a character: can the two be compared?


# %%
def prose_loss(model, generator, B=16):
    """The loss on B windows from anywhere in the training text."""
    starts = torch.randint(len(train_ids) - T, (B, 1), generator=generator)
    return language_model_loss(model, train_ids[starts + torch.arange(T + 1)])


def validation_loss(model):
    """The mean loss over the validation text, in windows of T."""
    n = (len(val_ids) - 1) // T
    with torch.no_grad():
        return language_model_loss(model, val_ids[torch.arange(n)[:, None] * T + torch.arange(T + 1)]).item()


def fit(model, loss_of, n_updates, eta, measure=None):
    """Train a model in place; (losses of all updates, [(update, measure(model)), …])."""
    generator = torch.Generator().manual_seed(1)
    parameters, losses, measured = list(model.parameters()), [], []
    states = [None] * len(parameters)
    for t in range(n_updates):
        loss = loss_of(model, generator)
        grads, _ = clip_grad_norm(torch.autograd.grad(loss, parameters), 1.0)
        step = cosine_schedule(t, n_updates // 10, n_updates, eta, eta / 10)
        for i, (w, dw) in enumerate(zip(parameters, grads, strict=True)):
            decay = 0.1 if w.dim() > 1 else 0.0  # of matrices; a norm's scale belongs near 1, not 0
            w.data, states[i] = adamw(w.data, dw, states[i], step, beta2=0.95, weight_decay=decay)
        losses.append(loss.item())
        if measure is not None and (t % 50 == 49 or t == 0):
            measured.append((t + 1, measure(model)))
    return losses, measured


# %%
torch.manual_seed(1)
model = GPT(V, 64, 4, 2, 256)
start = time.perf_counter()
losses, validation = fit(model, prose_loss, 600, 1e-2, validation_loss)
seconds = time.perf_counter() - start
# Three seeds end at 3.23, 3.23 and 3.29; other initial weights, and the text of another Python, move it a little more.
# Outside of this band something is wrong.
assert abs(validation[-1][1] - 3.3) < 0.5


# %% points=4 task="loss_curves"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 10.2 · Generated text
#
# Let the model write 120 tokens after `END`: greedily (temperature 0), at the temperatures 0.5, 1 and 1.5, and at
# temperature 1 with `top_p` 0.9. Then let it go on from a beginning of your own. Measure for each, over 1,000 tokens
# (several texts), which share of the words occurs in the training text. Say in a comment what each setting does to the
# text, what the model has learnt that the network of assignment 5 had not, and what it has not learnt.

# %% points=3 task="generated_text"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 10.3 · Attention maps
#
# What does each head look at? Work out the weights of each head of each block for a text, from what your modules hold:
# `sdpa` with the identity matrix in the place of v returns the weights themselves. Show them as pictures, queries as
# rows, keys as columns:
#
# - of the model of 10.1, on the sentence below, with the tokens at the axes;
# - of two models with two heads in each of two blocks that have learnt to **copy**. Their sequences are a random
#   string, again and again, and they are asked for what can be known. For one the string has always 16 tokens, for the
#   other 8 to 16. Both are trained below. Show their maps on one sequence of period 16.
#
# `Assembled` is a GPT made of your pieces, from which something can be left out (10.4); the copiers are complete ones.
#
# Print how often each copier is right, on strings of 8, 12, 16, 20 and 24 tokens, in sequences of 48. Say in a comment
# what kinds of heads you find in the prose model; how the two blocks of a copier work together (what does the first one
# look at, and what can the second one then ask for?); and which of the two copies by place, which by content.


# %%
class Assembled(Module):
    """A GPT whose norms have no scale and shift of their own; one norm more stands behind the embedding.

    `read` holds what each attention has read in the last pass, (B, T, d_model) each.
    """

    def __init__(self, V, d_model, n_heads, n_layers, *, positions=True, norm="pre", residual=True, causal=True):
        super().__init__()
        self.positions, self.norm, self.residual, self.causal, self.max_T = positions, norm, residual, causal, 256
        self.E = Parameter(0.02 * torch.randn(V, d_model))
        self.attentions = ModuleList(MultiHeadAttention(d_model, n_heads) for _ in range(n_layers))
        shapes = (d_model, 4 * d_model), (4 * d_model, d_model)
        self.W_in, self.W_out = (
            ParameterList(torch.randn(shape) / shape[0] ** 0.5 for _ in range(n_layers)) for shape in shapes
        )

    def forward(self, ids):
        length = ids.shape[1]
        mask = causal_mask(length) if self.causal else None
        positions = torch.arange(length) if self.positions else None
        x, self.read = self.normed(self.E[ids]), []
        for attention, W_in, W_out in zip(self.attentions, self.W_in, self.W_out, strict=True):
            x = self.around(x, lambda z, attention=attention: self.attend(attention, z, mask, positions))
            x = self.around(x, lambda z, W_in=W_in, W_out=W_out: gelu(z @ W_in) @ W_out)
        return self.normed(x) @ self.E.T

    def attend(self, attention, x, mask, positions):
        self.read.append(x)
        return attention(x, mask, positions)

    def around(self, x, f):
        """One half of a block: f with its norm and what goes past it."""
        inside = f(self.normed(x) if self.norm == "pre" else x)
        total = x + inside if self.residual else inside
        return total if self.norm == "pre" else self.normed(total)

    def normed(self, x):
        return layer_norm(x, torch.ones(x.shape[-1]), torch.zeros(x.shape[-1]))


# %%
sentence = tokenizer.encode(text[cut:].split(END)[1])[:24]


def copies(B, generator, shortest, longest, length=32):
    """(ids (B, length + 1), known (B, length)): strings of 64 tokens, repeated; True where the next one is known."""
    periods = torch.randint(shortest, longest + 1, (B, 1), generator=generator)
    strings = torch.randint(64, (B, longest), generator=generator)
    return strings.gather(1, torch.arange(length + 1) % periods), torch.arange(1, length + 1) >= periods


def copy_loss(shortest):
    """A loss for `fit`, on what can be known of strings of `shortest` to 16 tokens."""

    def loss(model, generator):
        ids, known = copies(16, generator, shortest, 16)
        log_p = torch.log_softmax(model(ids[:, :-1]), dim=-1)
        return -log_p.gather(-1, ids[:, 1:, None])[..., 0][known].mean()

    return loss


copiers = {}
for name, shortest, n_updates in (("always 16", 16, 200), ("8 to 16", 8, 600)):
    torch.manual_seed(1)
    copiers[name] = Assembled(64, 64, 2, 2)
    copy_losses, _ = fit(copiers[name], copy_loss(shortest), n_updates, 5e-3)
    print(f"{name:<9} loss {copy_losses[0]:.2f} at first, {np.mean(copy_losses[-20:]):.3f} at last")

# %% points=4 task="attention_maps"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 10.4 · Ablations
#
# Train `Assembled(V, 48, 4, 4)` for 300 updates of 8 windows at the rate 0.01, each time from
# `torch.manual_seed(1)`: as it is; without positions; with post-norm, $x \leftarrow \mathrm{norm}(x + f(x))$;
# without residuals, $x \leftarrow f(\mathrm{norm}(x))$; and without the causal mask. Plot the training losses (a mean
# over 20 updates) in one picture, print the validation losses, and for the one without a mask also a text that it
# writes. Say in a comment for each what its part was for, why the model without positions is not lost (what does the
# mask tell it?), and what the loss of the one without a mask is worth.


# %% points=5 task="ablations"
# YOUR CODE HERE
raise NotImplementedError()

# %% [markdown]
# ### 10.5 · What it costs
#
# Print a table for the model of 10.1 (16 windows of 64 tokens) and for GPT-2 small (vocabulary 50,257, 768 features,
# 12 blocks of 12 heads, d_ff 3,072; one sequence of 1,024 tokens): parameters, and how many of them are embedding;
# FLOPs of a forward pass, the share of attention ($q k^\top$ and $P v$), FLOPs a token over 2 N; memory for training at
# 16 bytes a parameter, and for the weights P of all heads in float32. Check your count against `model.parameters()`.
# Then measure: the FLOPs a second of your training in 10.1 (three forward passes an update; `seconds` has its time),
# against those of a product of two 512 × 512 matrices; and the time for writing 192 tokens with and without a cache.
# Say in a comment why training stays below the matrix product, why the cache gains less here than in the calculation of
# the handout, and how long this machine would need for one pass over 10 billion tokens with GPT-2 small.

# %% points=3 task="what_it_costs"
# YOUR CODE HERE
raise NotImplementedError()

# %% tags=["script-only"]
plt.show()
