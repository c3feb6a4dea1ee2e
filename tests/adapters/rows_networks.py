"""Rows of the ops of layers, by loops and sums of their own: op, meaning, operands, parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.special

RNG = np.random.default_rng(21)
Row = tuple[str, Any, tuple[Any, ...], dict[str, Any]]


def real(*shape: int) -> Any:
    """Ordinary entries, no two alike."""
    return RNG.uniform(-2, 2, shape)


def gentle(*shape: int) -> Any:
    """Entries that leave gates open."""
    return RNG.uniform(-0.5, 0.5, shape)


# ---- convolution and pooling, place by place


def _places(lengths: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> list[int]:
    return [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(lengths, window, stride, padding, dilation, strict=True)]


def _met(lengths: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Each place of the result, each tap of the window, and the entry that meets them, where there is one."""
    for place in itertools.product(*map(range, _places(lengths, window, stride, padding, dilation))):
        for tap in itertools.product(*map(range, window)):
            at = tuple(o * s - p + t * d for o, t, s, p, d in zip(place, tap, stride, padding, dilation, strict=True))
            if all(0 <= a < n for a, n in zip(at, lengths, strict=True)):
                yield place, tap, at


def _conv(x: Any, w: Any, b: Any = None, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    deep, each = w.shape[1], w.shape[0] // groups
    out = np.zeros((x.shape[0], w.shape[0], *_places(x.shape[2:], w.shape[2:], stride, padding, dilation)), x.dtype)
    for place, tap, at in _met(x.shape[2:], w.shape[2:], stride, padding, dilation):
        for o in range(w.shape[0]):
            g = o // each
            out[(slice(None), o, *place)] += x[(slice(None), slice(g * deep, (g + 1) * deep), *at)] @ w[(o, slice(None), *tap)]
    return out if b is None else out + b.reshape(-1, *(1,) * len(stride))


def _conv_transpose(x: Any, w: Any, b: Any = None, *, stride: Any, padding: Any, output_padding: Any, dilation: Any, groups: int) -> Any:
    spatial = zip(x.shape[2:], w.shape[2:], stride, padding, dilation, output_padding, strict=True)
    lengths = [(n - 1) * s - 2 * p + d * (k - 1) + 1 + a for n, k, s, p, d, a in spatial]
    deep, each = w.shape[0] // groups, w.shape[1]
    out = np.zeros((x.shape[0], each * groups, *lengths), x.dtype)
    for place, tap, at in _met(lengths, w.shape[2:], stride, padding, dilation):
        for g in range(groups):
            given = x[(slice(None), slice(g * deep, (g + 1) * deep), *place)]
            out[(slice(None), slice(g * each, (g + 1) * each), *at)] += given @ w[(slice(g * deep, (g + 1) * deep), slice(None), *tap)]
    return out if b is None else out + b.reshape(-1, *(1,) * len(stride))


def _pool(reduce: Any) -> Any:
    def pool(x: Any, window: Any, stride: Any, padding: Any = None, dilation: Any = None, **params: Any) -> Any:
        padding, dilation = padding or (0,) * len(window), dilation or (1,) * len(window)
        inside: dict[Any, list[Any]] = {}
        for place, _, at in _met(x.shape[2:], window, stride, padding, dilation):
            inside.setdefault(place, []).append(x[(..., *at)])
        out = np.zeros((*x.shape[:2], *_places(x.shape[2:], window, stride, padding, dilation)), x.dtype)
        for place, entries in inside.items():
            out[(..., *place)] = reduce(np.stack(entries, -1), int(np.prod(window)), **params)
        return out

    return pool


def _mean(entries: Any, count: int, count_include_pad: bool) -> Any:
    return entries.sum(-1) / (count if count_include_pad else entries.shape[-1])


def _length(entries: Any, count: int, order: int) -> Any:
    return (np.abs(entries) ** order).sum(-1) ** (1 / order)


def _adaptive(reduce: Any) -> Any:
    def pool(x: Any, size: Any) -> Any:
        out = np.zeros((*x.shape[:2], *size), x.dtype)
        for place in itertools.product(*map(range, size)):
            ends = [(i * n // m, -(-(i + 1) * n // m)) for i, m, n in zip(place, size, x.shape[2:], strict=True)]
            part = x[(slice(None), slice(None), *(slice(*e) for e in ends))]
            out[(..., *place)] = reduce(part, tuple(range(2, x.ndim)))
        return out

    return pool


def _unfold(x: Any, window: Any, **at: Any) -> Any:
    places = _places(x.shape[2:], window, at["stride"], at["padding"], at["dilation"])
    out = np.zeros((x.shape[0], x.shape[1], *window, *places), x.dtype)
    for place, tap, where in _met(x.shape[2:], window, at["stride"], at["padding"], at["dilation"]):
        out[(..., *tap, *place)] = x[(..., *where)]
    return out.reshape(x.shape[0], -1, int(np.prod(places)))


def _fold(x: Any, size: Any, window: Any, **at: Any) -> Any:
    places = _places(size, window, at["stride"], at["padding"], at["dilation"])
    parts = x.reshape(x.shape[0], -1, *window, *places)
    out = np.zeros((*parts.shape[:2], *size), x.dtype)
    for place, tap, where in _met(size, window, at["stride"], at["padding"], at["dilation"]):
        out[(..., *where)] += parts[(..., *tap, *place)]
    return out


def windows() -> Iterator[Row]:
    for rank, lengths in ((1, (5,)), (2, (4, 5)), (3, (3, 3, 4))):
        window = (2, 3, 2)[:rank]
        for stride, padding, dilation, groups in ((1, 0, 1, 1), (2, 1, 1, 2)):
            at: dict[str, Any] = {"stride": (stride,) * rank, "padding": (padding,) * rank, "dilation": (dilation,) * rank, "groups": groups}
            yield f"nn.conv{rank}d", _conv, (real(2, 2, *lengths), real(4, 2 // groups, *window), real(4)), at
            after = {"output_padding": (stride - 1,) * rank}
            yield f"nn.conv_transpose{rank}d", _conv_transpose, (real(2, 2, *lengths), real(2, 2, *window)), {**at, **after}
        around: dict[str, Any] = {"window": window, "stride": (2,) * rank, "padding": (1,) * rank}
        yield f"nn.max_pool{rank}d", _pool(lambda entries, count: entries.max(-1)), (real(2, 2, *lengths),), {**around, "dilation": (1,) * rank}
        for counted in (True, False):
            yield f"nn.avg_pool{rank}d", _pool(_mean), (real(2, 2, *lengths),), {**around, "count_include_pad": counted}
        yield f"nn.adaptive_avg_pool{rank}d", _adaptive(np.mean), (real(2, 2, *lengths),), {"size": (2,) * rank}
        yield f"nn.adaptive_max_pool{rank}d", _adaptive(np.max), (real(2, 2, *lengths),), {"size": (2,) * rank}
        if rank < 3:
            params = {"order": 2, "window": window, "stride": (1,) * rank}
            yield f"nn.lp_pool{rank}d", _pool(_length), (real(2, 2, *lengths),), params
    at = {"window": (2, 2), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    yield "nn.unfold", _unfold, (real(2, 2, 4, 5),), at
    yield "nn.fold", _fold, (real(2, 8, 9),), {"size": (4, 5), **at}


# ---- normalisation


def _by_channel(values: Any, x: Any) -> Any:
    return values.reshape(-1, *(1,) * (x.ndim - 2))


def _over(x: Any, axes: Any, eps: float) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def _batch(x: Any, w: Any, b: Any, eps: float) -> Any:
    return _over(x, (0, *range(2, x.ndim)), eps) * _by_channel(w, x) + _by_channel(b, x)


def _inference(x: Any, mean: Any, variance: Any, w: Any, b: Any, eps: float) -> Any:
    scaled = (x - _by_channel(mean, x)) / np.sqrt(_by_channel(variance, x) + eps)
    return scaled * _by_channel(w, x) + _by_channel(b, x)


def _group(x: Any, w: Any, b: Any, groups: int, eps: float) -> Any:
    made = _over(x.reshape(x.shape[0], groups, -1), -1, eps).reshape(x.shape)
    return made * _by_channel(w, x) + _by_channel(b, x)


def _response(x: Any, size: int, alpha: float, beta: float, k: float) -> Any:
    near = [(x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1] ** 2).sum(1) for c in range(x.shape[1])]
    return x / (k + alpha / size * np.stack(near, 1)) ** beta


def norms() -> Iterator[Row]:
    x = real(2, 4, 3)
    eps: dict[str, Any] = {"eps": 2.0**-10}
    yield "nn.batch_norm", _batch, (x, real(4), real(4)), eps
    # the mean and the variance are not differentiated by any framework
    given = {"mean": np.array([0.5, -1.0]), "variance": np.array([1.0, 0.25])}
    yield "nn.batch_norm_inference", _inference, (real(3, 2), *(v.astype(np.float64) for v in given.values()), real(2), real(2)), eps
    yield "nn.group_norm", _group, (x, real(4), real(4)), {"groups": 2, **eps}
    yield "nn.instance_norm", lambda x, w, b, eps: _over(x, 2, eps) * _by_channel(w, x) + _by_channel(b, x), (x, real(4), real(4)), eps
    yield "nn.rms_norm", lambda x, w, eps: x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * w, (x, real(3)), eps
    yield "nn.local_response_norm", _response, (x,), {"size": 3, "alpha": 0.5, "beta": 0.75, "k": 1.0}
    yield "nn.normalize", lambda x, axis, eps: x / np.maximum(np.linalg.norm(x, axis=axis, keepdims=True), eps), (x,), {"axis": 1, "eps": 1e-12}
    yield "nn.weight_norm", lambda v, g: v * g / np.linalg.norm(v.reshape(len(v), -1), axis=1)[:, None], (real(3, 4), real(3, 1)), {}
    yield "nn.dropout", lambda x, mask, rate: x * mask / (1 - rate), (real(2, 3), np.array([[True, False, True]] * 2)), {"rate": 0.25}


# ---- layers with a state, attention


def _sigmoid(x: Any) -> Any:
    return scipy.special.expit(x)


def _lstm_cell(x: Any, h: Any, c: Any, w: Any, u: Any, b: Any, a: Any, result: str) -> Any:
    i, f, g, o = np.split(x @ w.T + b + h @ u.T + a, 4, -1)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return c if result == "cell" else _sigmoid(o) * np.tanh(c)


def _gru_cell(x: Any, h: Any, w: Any, u: Any, b: Any, a: Any) -> Any:
    (r, z, n), (s, y, m) = np.split(x @ w.T + b, 3, -1), np.split(h @ u.T + a, 3, -1)
    keep = _sigmoid(z + y)
    return (1 - keep) * np.tanh(n + _sigmoid(r + s) * m) + keep * h


def _rnn_cell(x: Any, h: Any, w: Any, u: Any, b: Any, a: Any, nonlinearity: str) -> Any:
    total = x @ w.T + b + h @ u.T + a
    return np.tanh(total) if nonlinearity == "tanh" else np.maximum(total, 0)


def _along(cell: Any) -> Any:
    def states(x: Any, h: Any, *weights: Any, **params: Any) -> Any:
        made = []
        for part in x:
            h = cell(part, h, *weights, **params)
            made.append(h)
        return np.stack(made)

    return states


def _lstm(x: Any, h: Any, c: Any, *weights: Any, result: str) -> Any:
    made = []
    for part in x:
        h, c = (_lstm_cell(part, h, c, *weights, which) for which in ("hidden", "cell"))
        made.append(h)
    return c if result == "cell" else np.stack(made)


def _attend(q: Any, k: Any, v: Any) -> Any:
    return scipy.special.softmax(q @ np.swapaxes(k, -1, -2) * q.shape[-1] ** -0.5, -1) @ v


def _heads(x: Any, w: Any, b: Any, v: Any, a: Any, heads: int) -> Any:
    q, k, u = (np.split(part, heads, -1) for part in np.split(x @ w.T + b, 3, -1))
    return np.concatenate([_attend(*three) for three in zip(q, k, u, strict=True)], -1) @ v.T + a


def _rotary(x: Any, base: float, offset: int) -> Any:
    half = x.shape[-1] // 2
    angle = (offset + np.arange(x.shape[-2]))[:, None] / base ** (np.arange(half) / half)
    turned = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angle)
    return np.concatenate([turned.real, turned.imag], -1)


def _grouped(q: Any, k: Any, v: Any, mask: Any, causal: bool, scale: Any, grouped: bool) -> Any:
    times = q.shape[0] // k.shape[0]
    scores = q @ np.swapaxes(np.repeat(k, times, 0), -1, -2) * q.shape[-1] ** -0.5
    return scipy.special.softmax(np.where(mask, scores, -np.inf), -1) @ np.repeat(v, times, 0)


def layers() -> Iterator[Row]:
    yield "nn.linear", lambda x, w, b: x @ w.T + b, (real(2, 3), real(4, 3), real(4)), {}
    yield "nn.bilinear", lambda x, y, w, b: np.einsum("ni,oij,nj->no", x, w, y) + b, (real(2, 3), real(2, 2), real(4, 3, 2), real(4)), {}
    bags = np.array([[0, 2, 2], [1, 3, 0]])
    yield "nn.embedding_bag", lambda table, ids, mode: getattr(table[ids], mode)(1), (real(4, 2), bags), {"mode": "mean"}
    shapes = {1: "rnn", 4: "lstm", 3: "gru"}
    for gates, name in shapes.items():
        cell: Any = {"rnn": _rnn_cell, "lstm": _lstm_cell, "gru": _gru_cell}[name]
        weights = gentle(gates * 2, 3), gentle(gates * 2, 2), gentle(gates * 2), gentle(gates * 2)
        states = (gentle(2, 2),) * (2 if name == "lstm" else 1)
        params: list[dict[str, Any]] = [{}]
        if name == "rnn":
            params = [{"nonlinearity": "tanh"}, {"nonlinearity": "relu"}]
        for each in params if name != "lstm" else [{"result": "hidden"}, {"result": "cell"}]:
            yield f"nn.{name}_cell", cell, (gentle(2, 3), *states, *weights), each
        run = _lstm if name == "lstm" else _along(cell)
        for each in params if name != "lstm" else [{"result": "output"}, {"result": "cell"}]:
            yield f"nn.{name}", run, (gentle(4, 2, 3), *states, *weights), each
    yield "nn.multi_head_attention", _heads, (real(2, 3, 4), real(12, 4), real(12), real(4, 4), real(4)), {"heads": 2}
    yield "nn.rotary_embedding", _rotary, (real(2, 3, 4),), {"base": 100.0, "offset": 2}
    seen = np.tri(3, 2, dtype=bool)
    params = [{"causal": False, "scale": None, "grouped": True}]
    yield "nn.scaled_dot_product_attention", _grouped, (real(4, 3, 2), real(2, 2, 2), real(2, 2, 3), seen), params[0]


# ---- sampling, alignment


def _resized(x: Any, size: Any, mode: str, align_corners: bool) -> Any:
    for axis, m in enumerate(size, 2):
        n = x.shape[axis]
        i = np.arange(m)
        if mode == "nearest":
            x = np.take(x, i * n // m, axis)
            continue
        at = i * (n - 1) / max(m - 1, 1) if align_corners else np.clip((i + 0.5) * n / m - 0.5, 0, n - 1)
        x = np.apply_along_axis(lambda line, at=at, n=n: np.interp(at, np.arange(n), line).astype(line.dtype), axis, x)
    return x


def _shuffled(x: Any, factor: int) -> Any:
    n, _, h, w = x.shape
    return x.reshape(n, -1, factor, factor, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, -1, h * factor, w * factor)


def _unshuffled(x: Any, factor: int) -> Any:
    n, c, h, w = x.shape
    apart = x.reshape(n, c, h // factor, factor, w // factor, factor)
    return apart.transpose(0, 1, 3, 5, 2, 4).reshape(n, -1, h // factor, w // factor)


def _all_paths(logits: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, reduction: str) -> Any:
    """The probability of every path that reads as the labels, added up."""
    p = scipy.special.softmax(logits, -1)
    losses = []
    for i, (frames, count) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        total = 0.0
        for path in itertools.product(range(p.shape[2]), repeat=frames):
            read = [c for c, _ in itertools.groupby(path) if c != blank]
            if read == targets[i, :count].tolist():
                total += np.prod([p[t, i, c] for t, c in enumerate(path)])
        losses.append(-np.log(total))
    out = np.array(losses)
    return out if reduction == "none" else out.sum() if reduction == "sum" else (out / np.maximum(target_lengths, 1)).mean()


def images() -> Iterator[Row]:
    x = real(1, 2, 3, 4)
    for mode, aligned in (("nearest", False), ("linear", False), ("linear", True)):
        yield "nn.interpolate", _resized, (x,), {"size": (5, 2), "mode": mode, "align_corners": aligned}
    yield "nn.pixel_shuffle", _shuffled, (real(2, 8, 2, 3),), {"factor": 2}
    yield "nn.pixel_unshuffle", _unshuffled, (real(2, 2, 4, 6),), {"factor": 2}
    yield "nn.channel_shuffle", lambda x, groups: np.concatenate([x[:, i::3] for i in range(3)], 1), (real(2, 6, 2, 2),), {"groups": 2}
    labels = np.array([[1, 2], [2, 2]])
    for reduction in ("none", "sum", "mean"):
        lengths = {"input_lengths": (4, 3), "target_lengths": (2, 2), "blank": 0, "reduction": reduction}
        yield "nn.ctc_loss", _all_paths, (real(4, 2, 3), labels), lengths


ROWS: list[Row] = [*windows(), *norms(), *layers(), *images()]
