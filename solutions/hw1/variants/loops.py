"""Everything spelled out: loops over samples, classes and features, Python floats where a scalar is asked."""

import math
import pickle

import numpy as np


def load_cifar_batch(path):
    with open(str(path), "rb") as f:
        batch = pickle.load(f, encoding="latin1")
    N = len(batch["labels"])
    X, Y, y = np.zeros((N, 3072)), np.zeros((N, 10)), np.zeros(N, dtype=int)
    for i in range(N):
        for d in range(3072):
            X[i, d] = batch["data"][i, d] / 255.0
        y[i] = batch["labels"][i]
        Y[i, y[i]] = 1.0
    return X, Y, y


def fit_standardizer(X):
    N, D = X.shape
    mean, std = np.zeros(D, dtype=X.dtype), np.zeros(D, dtype=X.dtype)
    for d in range(D):
        mean[d] = sum(float(x) for x in X[:, d]) / N
        std[d] = math.sqrt(sum((float(x) - float(mean[d])) ** 2 for x in X[:, d]) / N)
    return mean, std


def standardize(X, mean, std):
    out = np.zeros_like(X)
    for i in range(X.shape[0]):
        for d in range(X.shape[1]):
            if std[d] > 1e-10:
                out[i, d] = (X[i, d] - mean[d]) / std[d]
    return out


def init_params(D, K, rng, sigma=0.01):
    W = np.empty((D, K))
    for k in range(K):
        for d in range(D):
            W[d, k] = rng.normal(0.0, sigma)
    return W, np.zeros(K)


def softmax(S):
    P = np.empty_like(S)
    for i, row in enumerate(S):
        top = max(row)
        total = 0
        for k, s in enumerate(row):
            P[i, k] = np.exp(s - top)
            total += P[i, k]
        for k in range(len(row)):
            P[i, k] /= total
    return P


def cross_entropy(P, Y):
    total = 0.0
    for p, t in zip(P, Y, strict=True):
        for k in range(len(p)):
            if t[k] == 1:
                total += math.inf if p[k] == 0 else -math.log(p[k])
    return total / len(P)


def _scores(X, W, b):
    S = np.empty((X.shape[0], W.shape[1]), dtype=X.dtype)
    for i in range(X.shape[0]):
        for k in range(W.shape[1]):
            S[i, k] = b[k]
            for d in range(X.shape[1]):
                S[i, k] += X[i, d] * W[d, k]
    return S


def cost(X, Y, W, b, lam):
    penalty = 0.0
    for row in W:
        for w in row:
            penalty += float(w) ** 2
    return cross_entropy(softmax(_scores(X, W, b)), Y) + lam * penalty


def accuracy(P, y):
    hits = 0
    for i in range(len(y)):
        if int(np.argmax(P[i])) == int(y[i]):
            hits += 1
    return hits / len(y)


def gradients(X, Y, P, W, lam):
    N = X.shape[0]
    dW, db = np.zeros_like(W), np.zeros(W.shape[1], dtype=W.dtype)
    for i in range(N):
        for k in range(W.shape[1]):
            g = P[i, k] - Y[i, k]
            db[k] += g / N
            for d in range(W.shape[0]):
                dW[d, k] += X[i, d] * g / N
    for d in range(W.shape[0]):
        for k in range(W.shape[1]):
            dW[d, k] += 2 * lam * W[d, k]
    return dW, db


def minibatch_gd(X, Y, W, b, lam, eta, n_batch, n_epochs, rng, X_val=None, Y_val=None):
    W, b = np.array(W), np.array(b)
    history = {"train_cost": [], "train_accuracy": []}
    if X_val is not None and Y_val is not None:
        history["val_cost"], history["val_accuracy"] = [], []
    for _epoch in range(n_epochs):
        order = list(range(X.shape[0]))
        rng.shuffle(order)
        while order:
            batch, order = order[:n_batch], order[n_batch:]
            x, t = np.stack([X[i] for i in batch]), np.stack([Y[i] for i in batch])
            dW, db = gradients(x, t, softmax(_scores(x, W, b)), W, lam)
            W -= eta * dW
            b -= eta * db
        history["train_cost"].append(cost(X, Y, W, b, lam))
        history["train_accuracy"].append(accuracy(softmax(_scores(X, W, b)), np.argmax(Y, axis=1)))
        if "val_cost" in history:
            history["val_cost"].append(cost(X_val, Y_val, W, b, lam))
            history["val_accuracy"].append(accuracy(softmax(_scores(X_val, W, b)), np.argmax(Y_val, axis=1)))
    return W, b, history


def svm_loss_naive(W, b, X, y, lam, delta=1.0):
    N, K = X.shape[0], W.shape[1]
    S = _scores(X, W, b)
    loss, dW, db = 0.0, np.zeros_like(W), np.zeros_like(b)
    for i in range(N):
        for j in range(K):
            if j == y[i]:
                continue
            if S[i, j] - S[i, y[i]] + delta > 0:
                loss += float(S[i, j] - S[i, y[i]] + delta) / N
                for d in range(X.shape[1]):
                    dW[d, j] += X[i, d] / N
                    dW[d, y[i]] -= X[i, d] / N
                db[j] += 1 / N
                db[y[i]] -= 1 / N
    for d in range(W.shape[0]):
        for k in range(K):
            loss += lam * float(W[d, k]) ** 2
            dW[d, k] += 2 * lam * W[d, k]
    return loss, dW, db


def svm_loss(W, b, X, y, lam, delta=1.0):
    return svm_loss_naive(W, b, X, y, lam, delta)


def binary_svm_loss(w, b, X, y, lam):
    N = len(X)
    loss, dw, db = 0.0, np.zeros_like(w), 0.0
    for i in range(N):
        score = b
        for d in range(len(w)):
            score += w[d] * X[i, d]
        if 1 - y[i] * score > 0:
            loss += float(1 - y[i] * score) / N
            db -= float(y[i]) / N
            for d in range(len(w)):
                dw[d] -= y[i] * X[i, d] / N
    for d in range(len(w)):
        loss += lam * float(w[d]) ** 2
        dw[d] += 2 * lam * w[d]
    return loss, dw, db


def multi_bce(S, Y):
    N, K = S.shape
    loss, dS = 0.0, np.zeros_like(S)
    for i in range(N):
        for k in range(K):
            s, t = float(S[i, k]), float(Y[i, k])
            loss += (max(s, 0.0) - s * t + math.log1p(math.exp(-abs(s)))) / (N * K)
            sigmoid = 1 / (1 + math.exp(-s)) if s >= 0 else math.exp(s) / (1 + math.exp(s))
            dS[i, k] = (sigmoid - t) / (N * K)
    return loss, dS


def flip_images(X, image_shape, mask):
    C, H, Wd = image_shape
    out = X.copy()
    for i in range(len(X)):
        if not mask[i]:
            continue
        for c in range(C):
            for r in range(H):
                for column in range(Wd):
                    out[i, (c * H + r) * Wd + column] = X[i, (c * H + r) * Wd + Wd - 1 - column]
    return out


def step_decay(eta0, factor, every, epoch):
    eta = eta0
    for e in range(1, epoch + 1):
        if e % every == 0:
            eta *= factor
    return eta
