"""Products, and the matrix ops whose exact formula is elimination on scalars."""

from __future__ import annotations

from typing import Any

from gradproof.oracles.catalogue import elimination
from gradproof.oracles.catalogue.row import Op, Shape, Sketch, Slot
from gradproof.oracles.catalogue.shape import cubic_shape, matrix_shape
from gradproof.oracles.catalogue.shapes import array_shape, one_axis
from gradproof.oracles.catalogue.source import Source
from gradproof.oracles.graph import Param


def _matmul_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape:
        return None
    n = shape[-1]
    kind = source.below(5)
    if kind == 0 or (kind == 4 and len(shape) < 2):
        return Sketch((Slot(shape), Slot((n, source.pick((2, 3, 1, n, 0))))))
    if kind == 1:
        return Sketch((Slot(shape), Slot((n,))))
    if kind == 2 and len(shape) >= 2:
        return Sketch((Slot((shape[-2],)), Slot(shape)))
    batch = shape[:-2] if kind == 4 else (2,)
    if kind == 3 and len(shape) > 2:
        batch = (1,) * (len(shape) - 2)
        if source.flag():  # the left stack is the one that is stretched
            return Sketch((Slot((*batch, *shape[-2:])), Slot((*shape[:-2], n, 2))))
    return Sketch((Slot(shape), Slot((*batch, n, 2))))


def _vecdot_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not shape:
        return None
    other = source.pick((shape, shape, (shape[-1],), (*(1 for _ in shape[:-1]), shape[-1])))
    axis = -1 if other != shape else one_axis(source, len(shape)) % len(shape) - len(shape)
    return Sketch((Slot(shape), Slot(other)), {"axis": axis})


def _vecdot(xp: Any, x: Any, y: Any, axis: int) -> Any:
    return xp.sum(x * y, axis)


def _tensordot_sketch(source: Source, shape: Shape) -> Sketch | None:
    axes: Param
    kind = source.below(5)
    if kind == 0 or not shape:
        return Sketch((Slot(shape), Slot((2,))), {"axes": 0})
    if kind == 1:
        return Sketch((Slot(shape), Slot((shape[-1], 2))), {"axes": 1})
    if kind == 2 and len(shape) >= 2:
        return Sketch((Slot(shape), Slot((*shape[-2:], 2))), {"axes": 2})
    if kind == 4 and len(shape) >= 2:  # two pairs, in an order that is neither operand's own
        return Sketch((Slot(shape), Slot((shape[-1], 2, shape[-2]))), {"axes": ((-2, -1), (2, 0))})
    axis = one_axis(source, len(shape))
    axes = ((axis,), (-1,))
    return Sketch((Slot(shape), Slot((2, shape[axis]))), {"axes": axes})


EINSUMS: tuple[tuple[str, tuple[Shape, ...]], ...] = (
    ("ij,jk->ik", ((2, 3), (3, 2))),
    ("ij->ji", ((2, 3),)),
    ("ii->i", ((3, 3),)),
    ("ii->", ((2, 2),)),
    ("ij->", ((2, 3),)),
    ("ij->j", ((3, 2),)),
    ("i,j->ij", ((2,), (3,))),
    ("i,i->", ((3,), (3,))),
    ("bij,bjk->bik", ((2, 2, 3), (2, 3, 2))),
    ("...ij,...jk->...ik", ((2, 2, 2), (2, 2))),
    ("ij,ik->jk", ((2, 3), (2, 2))),
    ("ij,kj->ik", ((2, 2), (3, 2))),
    ("i,ij,j->", ((2,), (2, 2), (2,))),
    ("ij,jk,kl->il", ((2, 2), (2, 3), (3, 2))),
    ("iij->j", ((2, 2, 3),)),
    ("ij,ij->ij", ((2, 2), (2, 2))),
    ("ijk->kij", ((2, 2, 2),)),
    ("i,k->i", ((2,), (3,))),
    ("ij,j->ij", ((2, 3), (3,))),
    ("bi,bj->bij", ((2, 3), (2, 2))),
    ("i,ij,jk,k->", ((2,), (2, 3), (3, 2), (2,))),
    ("...ij,...jk->...ik", ((1, 2, 3), (2, 3, 2))),
    ("ij,jk->ik", ((2, 9), (9, 2))),
    ("ji", ((3, 2),)),
    ("ij,jk", ((2, 3), (3, 2))),
)
LETTERS = "ijk"


def _einsum_shape(source: Source) -> Shape:
    return source.pick(((2, 3), (3, 2), (2, 2), (3, 3), (2,), (3,), (2, 2, 3), (2, 2, 2), (2, 9), (1, 2, 3)))


def _any_einsum(source: Source, shape: Shape) -> Sketch | None:
    """Letters drawn at random: repeated in a term or not, kept or summed, in any order, for one to three operands."""
    sizes: dict[str, int] = {}
    terms = [""]
    for n in shape:
        free = [letter for letter in LETTERS if sizes.get(letter, n) == n]
        if not free:
            return None
        letter = source.pick(free)
        sizes[letter] = n
        terms[0] += letter
    for _ in range(source.below(3)):
        terms.append("".join(source.pick(LETTERS) for _ in range(1 + source.below(2))))
    for letter in LETTERS:
        sizes.setdefault(letter, source.pick((2, 3)))
    used = sorted(sorted({letter for term in terms for letter in term}), key=lambda letter: (source.byte(), letter))
    result = "".join(used[: source.below(len(used) + 1)])
    shapes = [shape, *(tuple(sizes[letter] for letter in term) for term in terms[1:])]
    return Sketch(tuple(map(Slot, shapes)), {"subscripts": ",".join(terms) + "->" + result})


def _einsum_sketch(source: Source, shape: Shape) -> Sketch | None:
    if 0 < len(shape) <= 3 and max(shape) <= 3 and source.flag():
        return _any_einsum(source, shape)
    fitting = [(text, shapes) for text, shapes in EINSUMS if shapes[0] == shape]
    if not fitting:
        return None
    text, shapes = source.pick(fitting)
    return Sketch(tuple(map(Slot, shapes)), {"subscripts": text})


def _outer_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape), Slot((source.pick((2, 3, 1, 0)),)))) if len(shape) == 1 else None


def _trace_sketch(source: Source, shape: Shape) -> Sketch | None:
    return Sketch((Slot(shape),), {"offset": source.pick((0, 1, -1, 2, -2))}) if len(shape) >= 2 else None


def square_shape(source: Source) -> Shape:
    return source.pick(((2, 2), (3, 3), (1, 1), (2, 2, 2), (2, 3, 3), (2, 2), (3, 3), (5, 5), (9, 9)))


def _square(shape: Shape) -> bool:
    return len(shape) >= 2 and shape[-1] == shape[-2] and 0 not in shape


def _square_sketch(matrix: str) -> Any:
    return lambda source, shape: Sketch((Slot(shape, matrix=matrix),)) if _square(shape) else None


def _det_sketch(source: Source, shape: Shape) -> Sketch | None:
    """A determinant is smooth at singular matrices too."""
    if not _square(shape):
        return None
    return Sketch((Slot(shape, matrix="singular" if shape[-1] <= 5 and source.flag(6) else "general"),))


def _solve_sketch(source: Source, shape: Shape) -> Sketch | None:
    if not _square(shape):
        return None
    n = shape[-1]
    other: Shape = source.pick(((*shape[:-2], n, 2), (n,), (*shape[:-1], 1), (n, 2), (2, *shape[:-2], n, 1)))
    return Sketch((Slot(shape, matrix="general"), Slot(other)))


ROWS = (
    Op("matmul", lambda xp, x, y: xp.matmul(x, y), _matmul_sketch, array_shape, family="linalg"),
    Op("tensordot", lambda xp, x, y, axes: xp.tensordot(x, y, axes), _tensordot_sketch, cubic_shape, family="linalg"),
    Op("vecdot", _vecdot, _vecdot_sketch, array_shape, family="linalg"),
    Op(
        "einsum",
        lambda xp, *operands, subscripts: xp.einsum(subscripts, *operands),
        _einsum_sketch,
        _einsum_shape,
        call="subscripts",
        family="linalg",
    ),
    Op("linalg.outer", lambda xp, x, y: xp.outer(x, y), _outer_sketch, lambda s: (s.pick((2, 3, 1, 0)),), family="linalg"),
    Op(
        "linalg.trace",
        lambda xp, x, offset: xp.sum(xp.diagonal(x, offset, -2, -1), -1),
        _trace_sketch,
        matrix_shape,
        family="linalg",
    ),
    Op("linalg.solve", elimination.solve, _solve_sketch, square_shape, "singular x", factorises=True, family="linalg"),
    Op("linalg.inv", elimination.inv, _square_sketch("general"), square_shape, "singular x", factorises=True, family="linalg"),
    Op("linalg.det", elimination.det, _det_sketch, square_shape, factorises=True, family="linalg"),
    Op(
        "linalg.cholesky",
        elimination.cholesky,
        _square_sketch("spd"),
        square_shape,
        "the edge of positive definiteness",
        factorises=True,
        family="linalg",
    ),
)
