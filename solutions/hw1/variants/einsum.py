"""Index notation throughout; whole sets shuffled once an epoch; masks and index arrays in place of reshapes."""

import pickle
from pathlib import Path

import numpy as np


def load_cifar_batch(path):
    batch = pickle.loads(Path(path).read_bytes(), encoding="bytes")
    y = np.asarray(batch[b"labels"])
    Y = (y[:, None] == np.arange(10)[None, :]).astype(float)
    return np.asarray(batch[b"data"], dtype=float) / 255.0, Y, y


def fit_standardizer(X):
    mean = np.einsum("nd->d", X) / X.shape[0]
    centred = X - mean
    std = np.sqrt(np.einsum("nd,nd->d", centred, centred) / X.shape[0])
    return mean, np.where(std == 0, np.ones_like(std), std)


def standardize(X, mean, std):
    return np.einsum("nd,d->nd", X - mean, 1 / std)


def init_params(D, K, rng, sigma=0.01):
    return rng.normal(loc=0, scale=sigma, size=(D, K)), np.zeros((K,))


def softmax(S):
    E = np.exp(S - np.amax(S, axis=-1)[:, np.newaxis])
    return np.einsum("nk,n->nk", E, 1 / np.einsum("nk->n", E))


def cross_entropy(P, Y):
    return -np.mean(np.log(np.einsum("nk,nk->n", P, Y)))


def cost(X, Y, W, b, lam):
    S = np.einsum("nd,dk->nk", X, W) + b
    return cross_entropy(softmax(S), Y) + lam * np.einsum("dk,dk->", W, W)


def accuracy(P, y):
    return np.count_nonzero(np.argmax(P, axis=1) == y) / P.shape[0]


def gradients(X, Y, P, W, lam):
    G = P - Y
    dW = np.einsum("nd,nk->dk", X, G) / X.shape[0]
    return dW + 2 * lam * W, np.einsum("nk->k", G) / X.shape[0]


def minibatch_gd(X, Y, W, b, lam, eta, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    names = ["train_cost", "train_accuracy"] + (["val_cost", "val_accuracy"] if X_val is not None else [])
    history = {name: [] for name in names}
    W, b, X_now, Y_now = W.copy(), b.copy(), X.copy(), Y.copy()
    for _ in range(n_epochs):
        order = np.argsort(rng.random(X.shape[0]))
        X_now, Y_now = X_now[order], Y_now[order]
        n_batches = -(-X.shape[0] // n_batch)
        for j in range(n_batches):
            x, t = X_now[j * n_batch : (j + 1) * n_batch], Y_now[j * n_batch : (j + 1) * n_batch]
            dW, db = gradients(x, t, softmax(x @ W + b), W, lam)
            W -= eta * dW
            b -= eta * db
        history["train_cost"].append(cost(X, Y, W, b, lam))
        history["train_accuracy"].append(accuracy(X @ W + b, np.argmax(Y, 1)))
        if X_val is not None:
            history["val_cost"].append(cost(X_val, Y_val, W, b, lam))
            history["val_accuracy"].append(accuracy(X_val @ W + b, np.argmax(Y_val, 1)))
    return W, b, history


def _hinge(W, b, X, y, lam, delta):
    S = np.einsum("nd,dk->nk", X, W) + b
    onehot = (y[:, None] == np.arange(W.shape[1])).astype(X.dtype)
    right = np.einsum("nk,nk->n", S, onehot)
    margins = (S - right[:, None] + delta) * (1 - onehot)
    violated = (margins > 0).astype(X.dtype)
    G = violated - onehot * np.einsum("nk->n", violated)[:, None]
    loss = np.einsum("nk,nk->", violated, margins) / len(X) + lam * np.einsum("dk,dk->", W, W)
    return loss, np.einsum("nd,nk->dk", X, G) / len(X) + 2 * lam * W, np.einsum("nk->k", G) / len(X)


def svm_loss_naive(W, b, X, y, lam, delta=1.0):
    return _hinge(W, b, X, y, lam, delta)


def svm_loss(W, b, X, y, lam, delta=1.0):
    return _hinge(W, b, X, y, lam, delta)


def binary_svm_loss(w, b, X, y, lam):
    t = y.astype(w.dtype)
    margins = 1 - t * (np.einsum("nd,d->n", X, w) + b)
    inside = (margins > 0).astype(w.dtype)
    loss = np.einsum("n,n->", inside, margins) / len(X) + lam * np.einsum("d,d->", w, w)
    return loss, -np.einsum("n,n,nd->d", inside, t, X) / len(X) + 2 * lam * w, -np.einsum("n,n->", inside, t) / len(X)


def multi_bce(S, Y):
    loss = np.mean(np.logaddexp(0, S) - S * Y)
    return loss, (0.5 * (1 + np.tanh(0.5 * S)) - Y) / (S.shape[0] * S.shape[1])


def flip_images(X, image_shape, mask):
    index = np.arange(X.shape[1]).reshape(image_shape)[:, :, ::-1].ravel()
    out = X.copy()
    out[mask] = X[mask][:, index]
    return out


def step_decay(eta0, factor, every, epoch):
    return eta0 * np.power(factor, np.floor(epoch / every))
