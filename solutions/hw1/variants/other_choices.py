"""Right where the page leaves a choice: another shift in softmax, subgradient 1 at the kink, 0-d arrays as scalars."""

import pickle

import numpy as np


def load_cifar_batch(path):
    file = open(path, "rb")  # noqa: SIM115
    batch = pickle.load(file, encoding="latin1")
    file.close()
    y = np.array(batch["labels"], dtype=np.uint8)
    Y = np.zeros((len(y), 10))
    Y[range(len(y)), y] = 1
    return batch["data"] / 255, Y, y


def fit_standardizer(X):
    mean = X.sum(axis=0) / X.shape[0]
    return mean, np.sqrt(np.var(X, axis=0))


def standardize(X, mean, std):
    safe = np.where(std > 0, std, np.inf)
    return ((X - mean) / safe).astype(X.dtype)


def init_params(D, K, rng, sigma=0.01):
    columns = [sigma * rng.standard_normal(D) for _ in range(K)]
    return np.stack(columns, axis=1), 0.0 * np.arange(K)


def softmax(S):
    shift = S.max(axis=1, keepdims=True) + 2
    E = np.exp(S - shift)
    return E / np.sum(E, axis=1)[:, None]


def cross_entropy(P, Y):
    losses = np.zeros_like(P)
    losses[Y > 0] = -np.log(P[Y > 0])
    return np.array(losses.sum() / P.shape[0])


def cost(X, Y, W, b, lam):
    S = np.matmul(X, W) + b[None, :]
    m = np.max(S, axis=1)
    return np.mean(m + np.log(np.exp(S - m[:, None]).sum(axis=1)) - (S * Y).sum(axis=1)) + lam * np.vdot(W, W)


def accuracy(P, y):
    return 1 - np.mean(np.argsort(P, axis=1)[:, -1] != y)


def gradients(X, Y, P, W, lam):
    n = X.shape[0]
    ones = np.ones(n, dtype=X.dtype)
    G = (Y - P) / -n
    return np.dot(np.transpose(X), G) + lam * (W + W), ones @ G


def minibatch_gd(X, Y, W, b, lam, eta, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    W_now, b_now = 1 * W, 1 * b
    costs, accuracies, val_costs, val_accuracies = [], [], [], []
    steps = int(np.ceil(X.shape[0] / n_batch))
    for _ in range(n_epochs):
        where = rng.permutation(np.arange(X.shape[0]))
        for s in range(steps):
            rows = np.sort(where[s * n_batch : (s + 1) * n_batch])
            P = softmax(X[rows] @ W_now + b_now)
            dW, db = gradients(X[rows], Y[rows], P, W_now, lam)
            W_now, b_now = W_now - eta * dW, b_now - eta * db
        costs.append(float(cost(X, Y, W_now, b_now, lam)))
        accuracies.append(float(accuracy(softmax(X @ W_now + b_now), Y.argmax(axis=1))))
        if X_val is not None:
            val_costs.append(float(cost(X_val, Y_val, W_now, b_now, lam)))
            val_accuracies.append(float(accuracy(softmax(X_val @ W_now + b_now), Y_val.argmax(axis=1))))
    history = {"train_cost": costs, "train_accuracy": accuracies}
    if X_val is not None:
        history["val_cost"] = val_costs
        history["val_accuracy"] = val_accuracies
    return W_now, b_now, history


def svm_loss_naive(W, b, X, y, lam, delta=1.0):
    loss, dW, db = np.zeros((), X.dtype), 2 * lam * W, 0 * b
    for n in range(len(X)):
        s = X[n] @ W + b
        count = 0
        for k in range(len(b)):
            if k != y[n] and s[k] + delta >= s[y[n]]:
                count += 1
                loss = loss + (s[k] + delta - s[y[n]]) / len(X)
                dW[:, k] += X[n] / len(X)
                db[k] += 1 / len(X)
        dW[:, y[n]] -= count * X[n] / len(X)
        db[y[n]] -= count / len(X)
    return loss + lam * np.sum(W**2), dW, db


def svm_loss(W, b, X, y, lam, delta=1.0):
    n, k = X.shape[0], W.shape[1]
    S = X @ W + b
    margins = S - S[np.arange(n), y].reshape(n, 1) + delta
    total = np.sum(np.maximum(margins, 0)) - n * delta  # the right class adds delta once a row
    active = (margins >= 0).astype(X.dtype)
    onehot = np.eye(k, dtype=X.dtype)[y]
    active = active - onehot * active.sum(axis=1, keepdims=True)
    return total / n + lam * np.sum(W**2), np.dot(X.T, active) / n + 2 * lam * W, np.mean(active, axis=0)


def binary_svm_loss(w, b, X, y, lam):
    t = np.where(y > 0, 1, -1).astype(X.dtype)
    inside = (t * (X @ w + b) <= 1) * t
    loss = np.mean(np.maximum(0, 1 - t * (X @ w + b))) + lam * np.sum(np.abs(w) ** 2)
    return np.array(loss), -(inside @ X) / len(t) + 2 * lam * w, -np.mean(inside)


def multi_bce(S, Y):
    low, high = np.minimum(S, 0), np.maximum(S, 0)
    log_sum = np.log(np.exp(-high) + np.exp(low))
    softplus = high + log_sum
    return np.average(softplus - S * Y), (np.exp(S - softplus) - Y) / int(np.prod(S.shape))


def flip_images(X, image_shape, mask):
    images = np.moveaxis(X.reshape(-1, *image_shape), -1, 0)
    flipped = np.moveaxis(images[::-1], 0, -1).reshape(X.shape)
    chosen = mask[:, np.newaxis]
    return np.where(chosen, flipped, X)


def step_decay(eta0, factor, every, epoch):
    return eta0 if epoch < every else factor * step_decay(eta0, factor, every, epoch - every)
