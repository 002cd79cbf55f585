"""`np.add.at` for every sum by class, log-softmax for the cost, in-place steps on private copies."""

import pickle

import numpy as np


def load_cifar_batch(path):
    with open(path, "rb") as file:
        batch = pickle.load(file, encoding="latin-1")
    labels = np.array(batch["labels"], dtype=np.int32)
    onehot = np.zeros((labels.size, 10), dtype=np.float64)
    np.add.at(onehot, (np.arange(labels.size), labels), 1.0)
    return np.multiply(batch["data"], 1 / 255.0, dtype=np.float64), onehot, labels


def fit_standardizer(X):
    mean = np.mean(X, axis=0)
    std = np.sqrt(np.mean(np.square(X - mean), axis=0))
    std[std < 1e-12] = 1.0
    return mean, std


def standardize(X, mean, std):
    out = X - mean
    out /= std
    return out


def init_params(D, K, rng, sigma=0.01):
    flat = rng.standard_normal(D * K)
    flat *= sigma
    return flat.reshape(D, K), np.zeros(K, dtype=np.float64)


def log_softmax(S):
    shifted = S - np.max(S, axis=1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))


def softmax(S):
    return np.exp(log_softmax(S))


def cross_entropy(P, Y):
    picked = P[np.arange(len(P)), np.argmax(Y, axis=1)]
    return -np.mean(np.log(np.maximum(picked, np.finfo(P.dtype).tiny)))


def cost(X, Y, W, b, lam):
    L = log_softmax(X.dot(W) + b)
    return -L[np.arange(len(X)), Y.argmax(axis=1)].mean() + lam * (W * W).sum()


def accuracy(P, y):
    return (P.argmax(axis=1) == y).mean()


def gradients(X, Y, P, W, lam):
    N = len(X)
    G = P.copy()
    np.add.at(G, (np.arange(N), Y.argmax(axis=1)), -1)
    dW = G.T.dot(X).T / N
    dW += 2 * lam * W
    return dW, np.mean(G, axis=0)


def minibatch_gd(X, Y, W, b, lam, eta, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    W, b = W.copy(), b.copy()
    N = len(X)
    order = np.arange(N)
    history = {key: [] for key in ("train_cost", "train_accuracy")}
    if X_val is not None:
        history.update(val_cost=[], val_accuracy=[])
    epoch = 0
    while epoch < n_epochs:
        rng.shuffle(order)
        for part in np.split(order, range(n_batch, N, n_batch)):
            dW, db = gradients(X[part], Y[part], softmax(X[part].dot(W) + b), W, lam)
            np.subtract(W, eta * dW, out=W)
            np.subtract(b, eta * db, out=b)
        for name, A, B in (("train", X, Y), ("val", X_val, Y_val)):
            if A is not None:
                history[name + "_cost"].append(cost(A, B, W, b, lam))
                history[name + "_accuracy"].append(accuracy(softmax(A.dot(W) + b), B.argmax(axis=1)))
        epoch += 1
    return W, b, history


def svm_loss_naive(W, b, X, y, lam, delta=1.0):
    N = X.shape[0]
    loss, dWT, db = 0.0, np.zeros_like(W.T), np.zeros_like(b)
    for i in range(N):
        s = X[i].dot(W) + b
        margin = np.delete(s - s[y[i]] + delta, y[i])
        wrong = np.delete(np.arange(len(s)), y[i])
        loss += np.maximum(margin, 0).sum()
        bad = wrong[margin >= 0]
        np.add.at(dWT, bad, X[i])
        np.add.at(db, bad, 1)
        dWT[y[i]] -= len(bad) * X[i]
        db[y[i]] -= len(bad)
    return loss / N + lam * (W * W).sum(), dWT.T / N + 2 * lam * W, db / N


def svm_loss(W, b, X, y, lam, delta=1.0):
    N = X.shape[0]
    S = X.dot(W) + b
    margin = S - np.take_along_axis(S, y[:, None], axis=1) + delta
    np.put_along_axis(margin, y[:, None], -np.inf, axis=1)
    i, j = np.nonzero(margin >= 0)
    dWT, db = np.zeros_like(W.T), np.zeros_like(b)
    np.add.at(dWT, j, X[i])
    np.subtract.at(dWT, y[i], X[i])
    np.add.at(db, j, 1)
    np.subtract.at(db, y[i], 1)
    return margin[i, j].sum() / N + lam * (W * W).sum(), dWT.T / N + 2 * lam * W, db / N


def binary_svm_loss(w, b, X, y, lam):
    s = X.dot(w) + b
    near = y * s <= 1
    signs = y[near].astype(X.dtype)
    loss = (1 - signs * s[near]).sum() / len(y) + lam * w.dot(w)
    return loss, 2 * lam * w - signs.dot(X[near]) / len(y), -signs.sum() / len(y)


def multi_bce(S, Y):
    sigmoid = np.empty_like(S)
    positive = S >= 0
    sigmoid[positive] = 1 / (1 + np.exp(-S[positive]))
    sigmoid[~positive] = np.exp(S[~positive]) / (1 + np.exp(S[~positive]))
    loss = (np.maximum(S, 0) - S * Y + np.log1p(np.exp(-np.abs(S)))).mean()
    return loss, (sigmoid - Y) / Y.size


def flip_images(X, image_shape, mask):
    images = X.reshape((len(X), *image_shape)).copy()
    images[mask] = images[mask, :, :, ::-1]
    return images.reshape(len(X), -1)


def step_decay(eta0, factor, every, epoch):
    return float(eta0 * factor ** int(epoch / every))
