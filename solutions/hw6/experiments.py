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
### BEGIN SOLUTION
figure, axis = plt.subplots(figsize=(8, 3.8), layout="constrained")
axis.plot(losses, linewidth=0.8, color="C0", alpha=0.6, label="training, each update")
axis.plot(*zip(*validation, strict=True), "o-", color="C1", markersize=4, label="validation")
axis.axhline(np.log(V), color="black", linestyle="--", linewidth=1, label="ln V")
axis.set(xlabel="update", ylabel="loss, nats a token", xlim=(0, len(losses)), ylim=(2.5, 6.8))
axis.legend()
final, late = validation[-1][1], np.mean(losses[-50:])
print(f"first loss {losses[0]:.2f}, last 50 updates {late:.2f}, validation {final:.2f}: perplexity {np.exp(final):.1f}")
print(f"{final / bytes_per_token:.3f} nats or {final / bytes_per_token / np.log(2):.3f} bits a byte")

# The first loss is ln V = 6.24: scores are near 0, so that all 512 tokens are equally probable. Within 30 updates it
# falls to 5.4, where it stays for a moment: by then the model knows how frequent each token is. Then it learns what
# follows what. At the end it is 2.6 on what it is trained on and 3.2 on the validation text. 600 updates of 16 · 64
# tokens are eleven passes over the training text, so the model has begun to know it by heart; the validation loss
# still falls, but slowly. A perplexity of 25 means: as hard as a fair choice among 25 tokens, in the place of 512.
#
# The loss cannot be compared with assignment 5 as it is, since a token has 2.24 bytes and is one prediction for all of
# them. A byte costs 1.44 nats here, 2.08 bits; a character there 1.95 nats, 2.8 bits, and nearly all characters of this
# text are one byte. In that unit the two may be compared, and this is much better, though not only because of
# attention: this model has read the text eleven times, that one twice. And it is measured on text that it has not read.
### END SOLUTION

# %% [markdown]
# ### 10.2 · Generated text
#
# Let the model write 120 tokens after `END`: greedily (temperature 0), at the temperatures 0.5, 1 and 1.5, and at
# temperature 1 with `top_p` 0.9. Then let it go on from a beginning of your own. Measure for each, over 1,000 tokens
# (several texts), which share of the words occurs in the training text. Say in a comment what each setting does to the
# text, what the model has learnt that the network of assignment 5 had not, and what it has not learnt.

# %% points=3 task="generated_text"
### BEGIN SOLUTION
known = set(text[:cut].replace(END, " ").split())


def write(beginning, n, seed, **options):
    """What the model writes after a text."""
    prompt, generator = torch.tensor(tokenizer.encode(beginning)), torch.Generator().manual_seed(seed)
    return tokenizer.decode(generate(model, prompt, n, generator=generator, **options))


for options in ({"temperature": 0}, {"temperature": 0.5}, {}, {"temperature": 1.5}, {"top_p": 0.9}):
    texts = [write(END, 200, seed, **options) for seed in range(1 if options.get("temperature") == 0 else 5)]
    words = " ".join(texts).replace(END, " ").split()
    name = ", ".join(f"{name} {value}" for name, value in options.items()) or "temperature 1"
    share = np.mean([word in known for word in words])
    print(f"--- {name}: {share:.0%} of {len(words)} words are known, {len(set(words))} are different")
    print(texts[0][:320].replace(END, "\n"), "\n")
print("--- with a beginning\nThe statement", write(END + "The statement", 60, 1, temperature=0.5).replace(END, "\n"))

# Temperature 0 ends in a circle: after a while the most probable token leads to where it has been before. At 0.5 three
# words in four are known, and pieces of a sentence hang together. Temperature 1 is richer, with 62 % of known words,
# and at 1.5 it is half of them. top_p = 0.9 is a little better than temperature 1. The network of assignment 5 wrote
# 25 to 37 % of known words at temperature 1. This one has frequent words and endings as single tokens, so that it
# cannot misspell them, and it looks back: quotation marks that were opened are mostly closed, a name in them is
# spelled like code, sentences end with a full stop and two blanks. What it has not learnt is to put rare words together
# ("insteaged", "keywordore"), and sense: a sentence loses its thread after some five words.
### END SOLUTION

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
### BEGIN SOLUTION


def weights_of(attention, x):
    """(B, h, T, T): the weights of the heads of a `MultiHeadAttention` that reads x (B, T, d_model)."""
    length = x.shape[1]
    q, k = (rope(attention._heads(x @ W), torch.arange(length)) for W in (attention.Wq, attention.Wk))
    return sdpa(q, k, torch.eye(length).expand(*q.shape[:2], -1, -1), causal_mask(length))


def draw_maps(weights, labels, size, title):
    """A picture for each head: weights (n_layers, h, T, T)."""
    n_layers, n_heads, length, _ = weights.shape
    style = {"fontsize": 48 * size / length}
    figure, axes = plt.subplots(
        n_layers, n_heads, figsize=(size * n_heads, size * n_layers), sharex=True, sharey=True, layout="constrained"
    )
    for layer, row in enumerate(axes):
        for head, axis in enumerate(row):
            image = axis.imshow(weights[layer, head].numpy(), cmap="Blues", vmin=0, vmax=1)
            axis.set_title(f"block {layer + 1}, head {head + 1}", fontsize=10)
            axis.set_xticks(range(length), labels, rotation=90, **style)
            axis.set_yticks(range(length), labels, **style)
            axis.tick_params(length=2)
            axis.label_outer()
    figure.suptitle(title)
    figure.supxlabel("key: what is looked at", fontsize=10)
    figure.supylabel("query: who looks", fontsize=10)
    figure.colorbar(image, ax=axes, shrink=0.6, label="weight")


with torch.no_grad():
    x, found, positions = model.E[torch.tensor([sentence])], [], torch.arange(len(sentence))
    for block in model.blocks:
        found.append(weights_of(block.attention, layer_norm(x, block.g1, block.b1))[0])
        x = block(x, causal_mask(len(sentence)), positions)
    labels = [tokenizer.decode([number]).replace(" ", "␣") for number in sentence]
    draw_maps(torch.stack(found), labels, 3.4, "the prose model")
    ids, _ = copies(1, torch.Generator().manual_seed(2), 16, 16)
    for name, copier in copiers.items():
        copier(ids[:, :-1])
        found = [weights_of(*each)[0] for each in zip(copier.attentions, copier.read, strict=True)]
        for layer, heads in enumerate(found):
            back = [[heads[h].diagonal(-n)[-8:].mean().item() for n in range(24)] for h in range(2)]
            most = ", ".join(f"{max(each):.2f} at distance {int(np.argmax(each))}" for each in back)
            print(f"{name:<9} block {layer + 1}: the heads look back with a weight of {most}")
        draw_maps(torch.stack(found), ids[0, :-1].tolist(), 4, f"copier, {name}")
        shares = []
        for period in (8, 12, 16, 20, 24):
            many, known = copies(100, torch.Generator().manual_seed(3), period, period, 48)
            right = copier(many[:, :-1]).argmax(-1) == many[:, 1:]
            shares.append(f"{right[known].float().mean():.0%} of period {period}")
        print(f"{name:<9} {', '.join(shares)}")

# In the prose model the heads of the first block mostly look at their own token, with a glance at a few before it.
# Those of the second block look one to three places back, at the pieces of the word that is being written; its fourth
# head has vertical stripes: for several rows it looks at one token of the word or sign before, whatever the distance.
# Words are cut into small pieces here, so the nearest tokens matter most.
#
# The copier that has seen strings of 16 only copies by place: block 1 hands on each token as it is, and both heads of
# block 2 look exactly 15 places back, at the token that followed last time. Rotary positions make such a head: its
# scores depend on the distance. With other periods it gets 1 or 2 %, chance among 64 tokens. That it is right on
# strings of 8 is no exception: they repeat after 16, too.
#
# The other one cannot know the distance, and copies by content: in block 1 one head looks at the token before, so that
# each place knows what it came after. In block 2 a query can then ask for the place that came after "what I am now",
# and finds what followed it. Each block alone could not do that: these are induction heads. The token 11 stands twice
# in the string, and where it is read the weight is divided between the two places. It is right on all the periods of
# its training, and on half of the tokens of period 20; at 24 the distances are so much longer than those it was trained
# on that it mostly fails: its heads match content, but only within the distances they have met.
### END SOLUTION

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
### BEGIN SOLUTION
choices = {
    "complete": {},
    "no positions": {"positions": False},
    "post-norm": {"norm": "post"},
    "no residual": {"residual": False},
    "no mask": {"causal": False},
}
figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
for name, left_out in choices.items():
    torch.manual_seed(1)
    ablated = Assembled(V, 48, 4, 4, **left_out)
    curve, _ = fit(ablated, lambda *given: prose_loss(*given, B=8), 300, 1e-2)
    style = "--" if name == "no residual" else "-"  # it lies on another one
    axis.plot(np.arange(19, 300), np.convolve(curve, np.ones(20) / 20, "valid"), style, label=name)
    print(f"{name:<13} training {np.mean(curve[-20:]):.2f}, validation {validation_loss(ablated):.2f}")
ids = torch.tensor(tokenizer.encode(END + "The statement"))
with torch.no_grad():
    for _ in range(30):
        ids = torch.cat([ids, ablated(ids[None])[0, -1:].argmax(-1)])
print("without a mask it writes:", tokenizer.decode(ids))
axis.axhline(np.log(V), color="black", linestyle="--", linewidth=1, label="ln V")
axis.set(xlabel="update", ylabel="training loss, mean of 20", xlim=(0, 300), ylim=(0, 6.8))
axis.legend(loc="lower right", bbox_to_anchor=(1, 0.12), ncols=2)

# Complete, the four blocks get to 3.7 on the validation text. Without positions it is a little worse, 3.9, not lost:
# the causal mask breaks the symmetry. The first token sees only itself, the t-th a mean over t tokens, so how many
# there are can be read from such a mean, and the tokens themselves, content, can still be found.
#
# Post-norm does not leave 5.36, the loss of knowing how frequent each token is. The sum is rescaled at every half of a
# block, the gradient on its way back too, eight times, and the step size of 0.01 is too large for that, even with
# thirty updates of warm-up. Without residuals it is the same: eight matrices in a row stand between an embedding and
# the scores, and what a token was is mixed with others' in each attention before it can be of use. Pre-norm with a
# residual hands the embedding through untouched, and each half of a block only has to add to it.
#
# Without the mask the loss is the lowest of all, on the validation text too, and worth nothing: the model looks at the
# next token, which is the answer. When it writes there is no next token to look at, and what it writes is no text.
# A loss that is too good to be true asks for a check that scores do not depend on what comes later.
### END SOLUTION

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
### BEGIN SOLUTION
sizes = {"of 10.1": (16, T, V, 64, 2, 256), "GPT-2 small": (1, 1024, 50_257, 768, 12, 3072)}
for name, (B, length, *rest) in sizes.items():
    N, flops = count_parameters(*rest), forward_flops(B, length, *rest)
    vocabulary, d_model, n_layers, _ = rest
    n_heads, attention = (4 if d_model == 64 else 12), n_layers * 4 * B * length**2 * d_model
    print(f"{name}: {N:,} parameters, {vocabulary * d_model / N:.0%} of them embedding; {flops:.3g} FLOPs a pass,")
    print(
        f"    {attention / flops:.0%} of them in attention, {flops / (B * length) / (2 * N):.2f} · 2 N a token; memory:"
    )
    print(f"    {16 * N / 1e6:,.1f} MB for training, {4 * n_layers * n_heads * B * length**2 / 1e6:,.1f} MB for P")
assert count_parameters(V, 64, 2, 256) == sum(w.numel() for w in model.parameters())


def lasts(f):
    """The time of the fastest of five calls, in seconds."""
    fastest = math.inf
    for _ in range(5):
        start = time.perf_counter()
        f()
        fastest = min(fastest, time.perf_counter() - start)
    return fastest


A = torch.randn(512, 512)
rate = 2 * 512**3 / lasts(lambda: A @ A)
trained = 600 * 3 * forward_flops(*sizes["of 10.1"]) / seconds
print(f"{rate / 1e9:.0f} GFLOP/s in a matrix product, {trained / 1e9:.0f} in training ({trained / rate:.0%})")
prompt = torch.tensor(tokenizer.encode(END))
for use_cache in (True, False):
    with_it = lasts(lambda use_cache=use_cache: generate(model, prompt, 192, use_cache=use_cache))
    print(f"192 tokens {'with' if use_cache else 'without'} a cache: {1000 * with_it:.0f} ms")
years = 3 * forward_flops(*sizes["GPT-2 small"]) / 1024 * 10e9 / rate / (365 * 86_400)
print(f"one pass over 10 billion tokens with GPT-2 small: {years:.1f} years at the rate of the matrix product")

# The share of attention is about the same in both models, 11 and 13 %: it grows with T / d_model, and so do the other
# 2 N a token with d_model. P of all heads takes as much memory as the weights with all that Adam keeps in the small
# model, and a third of it in GPT-2 for a single sequence: that is what blockwise attention saves.
#
# Training reaches about a tenth of what the matrix product does, where nothing else runs. Its matrices have 64 columns,
# too few to keep the arithmetic busy, and between them stand norms, softmax, GELU, rotations and AdamW, which count no
# FLOPs but read and write all that there is; and each of these thousands of small operations costs its call from
# Python. For the same reason the cache makes writing only some two times as fast here, not hundreds of times: a pass
# costs mostly its calls, whether it reads one token or 192. In a large model the arithmetic dominates, and the gain
# comes near to what is calculated.
#
# 10 billion tokens are 6 N · 10¹⁰ and a little more, 8.5 · 10¹⁸ FLOPs: with 2 · 10¹¹ a second more than a year, and ten
# times that if training is as inefficient as here.
### END SOLUTION

# %% tags=["script-only"]
plt.show()
