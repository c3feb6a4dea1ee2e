"""An engine in thirty lines, outside the package: forward evaluation and one pullback over NumPy, for a few ops."""

import numpy as np


class Namespace:
    @staticmethod
    def multiply(x, y):
        return Value(x.data * y.data, [(x, lambda ct: ct * y.data), (y, lambda ct: ct * x.data)])

    @staticmethod
    def sin(x):
        return Value(np.sin(x.data), [(x, lambda ct: ct * np.cos(x.data))])


class Value:
    def __init__(self, data, parents=()):
        self.data, self.parents, self.grad = data, parents, np.zeros_like(data)

    def pull(self, ct):
        self.grad = self.grad + ct
        for parent, rule in self.parents:
            g = np.asarray(rule(ct))
            lead = tuple(range(g.ndim - parent.data.ndim))
            ones = tuple(len(lead) + i for i, n in enumerate(parent.data.shape) if n == 1)
            parent.pull(g.sum(axis=lead + ones).reshape(parent.data.shape))


class Engine:
    name, lineage, namespace = "mine", "mine", Namespace
    from_numpy, to_numpy = staticmethod(Value), staticmethod(lambda v: v.data if isinstance(v, Value) else v)

    def vjp(self, fn, primals):
        outputs = fn(*(xs := [Value(p.data) for p in primals]))

        def pullback(cts):
            for x in xs:
                x.grad = np.zeros_like(x.data)
            for y, ct in zip(outputs, cts, strict=True):
                y.pull(ct.data)
            return [x.grad for x in xs]

        return outputs, pullback


class Wrong(Engine):
    """The same with a rule that forgets a factor."""

    name = "wrong"

    class namespace(Namespace):
        @staticmethod
        def sin(x):
            return Value(np.sin(x.data), [(x, lambda ct: ct * np.cos(x.data) * 1.0001)])
