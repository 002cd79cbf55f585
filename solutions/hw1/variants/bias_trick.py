"""The bias is one more row of W, with a column of ones in X; everything else follows from that."""

import pickle

import numpy as np


def load_cifar_batch(path):
    with open(path, "rb") as file:
        batch = {key.decode(): value for key, value in pickle.load(file, encoding="bytes").items()}
    y = np.array(batch["labels"])
    return batch["data"].astype("float64") / 255, np.identity(10)[y], y


def fit_standardizer(X):
    return X.mean(0), X.std(0) + 1e-8


def standardize(X, mean, std):
    return (X - mean[None, :]) / std[None, :]


def init_params(D, K, rng, sigma=0.01):
    return (rng.standard_normal((K, D)) * sigma).T, np.zeros(K)


def augment(X):
    return np.hstack([X, np.ones((X.shape[0], 1), dtype=X.dtype)])


def stack(W, b):
    return np.vstack([W, b])


def scores(X, W, b):
    return augment(X) @ stack(W, b)


def softmax(S):
    top = S.max(axis=1)
    log_sum = top + np.log(np.exp(S - top[:, None]).sum(axis=1))
    return np.exp(S - log_sum[:, None])


def cross_entropy(P, Y):
    return -np.log(np.clip(P, 1e-12, None))[Y == 1].mean()


def cost(X, Y, W, b, lam):
    return cross_entropy(softmax(scores(X, W, b)), Y) + lam * np.linalg.norm(W) ** 2


def accuracy(P, y):
    return np.array(np.mean(np.equal(np.argmax(P, axis=1), y)))


def gradients(X, Y, P, W, lam):
    A = augment(X).T @ (P - Y) / X.shape[0]
    A[:-1] += 2 * lam * W
    return A[:-1], A[-1]


def minibatch_gd(X, Y, W, b, lam, eta, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    A = stack(W, b)
    history = {"train_cost": [], "train_accuracy": []}
    if X_val is not None:
        history |= {"val_cost": [], "val_accuracy": []}
    joined = np.hstack([augment(X), Y])
    D = X.shape[1]
    for _ in range(n_epochs):
        rows = joined[rng.choice(len(joined), size=len(joined), replace=False)]
        for start in range(0, len(rows), n_batch):
            x, t = rows[start : start + n_batch, : D + 1], rows[start : start + n_batch, D + 1 :]
            G = x.T @ (softmax(x @ A) - t) / len(x)
            G[:-1] += 2 * lam * A[:-1]
            A = A - eta * G
        history["train_cost"].append(cost(X, Y, A[:-1], A[-1], lam))
        history["train_accuracy"].append(accuracy(augment(X) @ A, Y.argmax(1)))
        if X_val is not None:
            history["val_cost"].append(cost(X_val, Y_val, A[:-1], A[-1], lam))
            history["val_accuracy"].append(accuracy(augment(X_val) @ A, Y_val.argmax(1)))
    return A[:-1], A[-1], history


def svm_loss_naive(W, b, X, y, lam, delta=1.0):
    A, X1 = stack(W, b), augment(X)
    G, total = np.zeros_like(A), 0.0
    for x, right in zip(X1, y, strict=True):
        for j in set(range(A.shape[1])) - {int(right)}:
            margin = x @ (A[:, j] - A[:, right]) + delta
            if margin > 0:
                total += margin
                G[:, j] += x
                G[:, right] -= x
    G /= len(X)
    return total / len(X) + lam * np.sum(W * W), G[:-1] + 2 * lam * W, G[-1]


def svm_loss(W, b, X, y, lam, delta=1.0):
    A, X1 = stack(W, b), augment(X)
    S = X1 @ A
    T = S + delta
    T[np.arange(len(y)), y] -= delta
    margins = np.maximum(0, T - S[np.arange(len(y)), y][:, None])
    V = np.where(margins > 0, np.ones_like(S), np.zeros_like(S))
    V[np.arange(len(y)), y] -= V.sum(axis=1)
    G = X1.T @ V / len(X)
    return margins.sum() / len(X) + lam * np.sum(W * W), G[:-1] + 2 * lam * W, G[-1]


def binary_svm_loss(w, b, X, y, lam):
    a, X1 = np.append(w, np.asarray(b, dtype=w.dtype)), augment(X)
    signed = X1 * y.astype(X.dtype)[:, None]
    margins = 1 - signed @ a
    g = -signed[margins > 0].sum(axis=0) / len(X)
    return np.mean(np.clip(margins, 0, None)) + lam * np.sum(w * w), g[:-1] + 2 * lam * w, g[-1]


def multi_bce(S, Y):
    signed = np.where(Y > 0, S, -S)
    loss = np.mean(np.logaddexp(np.zeros_like(S), -signed))
    wrong = np.exp(-np.logaddexp(np.zeros_like(S), signed))
    return loss, np.where(Y > 0, -wrong, wrong) / S.size


def flip_images(X, image_shape, mask):
    return np.array(
        [np.flip(x.reshape(image_shape), axis=2).ravel() if m else x for x, m in zip(X, mask, strict=True)],
        dtype=X.dtype,
    )


def step_decay(eta0, factor, every, epoch):
    return np.float64(eta0) * factor ** (epoch // every)
