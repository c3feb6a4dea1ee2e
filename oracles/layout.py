"""A small layered layout: boxes in rows by depth, few crossings, long edges led around the boxes between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]
SWEEPS = 8
LANE = 10.0  # width kept free for an edge that passes between boxes


@dataclass
class Place:
    """Centre in x and top in y."""

    x: float = 0.0
    y: float = 0.0


@dataclass
class _Grid:
    """Boxes and the waypoints of long edges, as points of rows; ``up`` and ``down`` join points of adjacent rows.

    ``ports`` says where on the upper side of a child an edge ends, from 0 (left) to 1, by (point above, child).
    """

    rows: list[list[int]]
    widths: list[float]
    up: list[list[int]]
    down: list[list[int]]
    routes: dict[tuple[int, int], list[int]]
    ports: dict[tuple[int, int], float]


def arrange(
    sizes: Sequence[tuple[float, float]], parents: Sequence[Sequence[int]], gap_x: float, gap_y: float
) -> tuple[list[Place], list[list[Point]], float, float]:
    """Places of the boxes, the points of an edge for each parent in order, and the whole width and height."""
    grid = _grid(sizes, parents, _depths(parents))
    _order(grid)
    x = _columns(grid, gap_x)
    left = min(x[i] - width / 2 for i, width in enumerate(grid.widths))
    x = [item - left for item in x]
    y, bottom = _heights(grid, sizes, gap_y)
    places = [Place(x[i], y[i]) for i in range(len(sizes))]
    edges = [
        _points(grid, sizes, x, y, bottom, parents[i], i, k) for i in range(len(sizes)) for k in range(len(parents[i]))
    ]
    right = max(x[i] + width / 2 for i, width in enumerate(grid.widths))
    return places, edges, right, max(bottom)


def _depths(parents: Sequence[Sequence[int]]) -> list[int]:
    """The row of each box: below all its parents; one without parents just above its first child."""
    depth = [0] * len(parents)
    for i, mine in enumerate(parents):
        depth[i] = max((depth[p] + 1 for p in mine), default=0)
    first: dict[int, int] = {}
    for i, mine in enumerate(parents):
        for p in mine:
            first[p] = min(first.get(p, depth[i]), depth[i])
    return [depth[i] if mine else first.get(i, 1) - 1 for i, mine in enumerate(parents)]


def _grid(sizes: Sequence[tuple[float, float]], parents: Sequence[Sequence[int]], depth: Sequence[int]) -> _Grid:
    """Rows with waypoints added: one chain for each box whose children are further down than the next row."""
    rows: list[list[int]] = [[] for _ in range(max(depth) + 1)]
    for i, row in enumerate(depth):
        rows[row].append(i)
    grid = _Grid(rows, [width for width, _ in sizes], [[] for _ in sizes], [[] for _ in sizes], {}, {})
    chains: dict[tuple[int, int], int] = {}
    for i, mine in enumerate(parents):
        for p in dict.fromkeys(mine):
            route, last = [], p
            for row in range(depth[p] + 1, depth[i]):
                point = chains.get((p, row))
                if point is None:
                    point = chains[p, row] = len(grid.widths)
                    grid.widths.append(LANE)
                    grid.up.append([])
                    grid.down.append([])
                    rows[row].append(point)
                    _link(grid, last, point)
                route.append(point)
                last = point
            _link(grid, last, i)
            grid.routes[p, i] = route
            positions = [k for k, other in enumerate(mine) if other == p]
            grid.ports[last, i] = _mean(positions, 0.0) / max(1, len(mine) - 1)
    return grid


def _link(grid: _Grid, above: int, below: int) -> None:
    grid.down[above].append(below)
    grid.up[below].append(above)


def _order(grid: _Grid) -> None:
    """Sort each row by the mean position of its neighbours, down and up in turn, and keep the best order seen."""
    best, fewest = [list(row) for row in grid.rows], _crossings(grid)
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        rows = grid.rows[1:] if downwards else grid.rows[-2::-1]
        for row in rows:
            position = _positions(grid)
            wanted = {point: _wanted(grid, point, position, downwards) for point in row}
            row.sort(key=wanted.__getitem__)
        crossings = _crossings(grid)
        if crossings < fewest:
            best, fewest = [list(row) for row in grid.rows], crossings
    for row, order in zip(grid.rows, best, strict=True):
        row[:] = order


def _positions(grid: _Grid) -> dict[int, int]:
    return {point: i for row in grid.rows for i, point in enumerate(row)}


def _end(grid: _Grid, position: dict[int, int], above: int, below: int) -> float:
    """Where an edge ends in its row: the child's place, and within it the port."""
    return position[below] + 0.8 * grid.ports.get((above, below), 0.5)


def _wanted(grid: _Grid, point: int, position: dict[int, int], downwards: bool) -> float:
    """The mean place of a point's neighbours in the row before (downwards) or after."""
    ends = (
        [position[n] for n in grid.up[point]]
        if downwards
        else [_end(grid, position, point, n) for n in grid.down[point]]
    )
    return _mean(ends, position[point])


def _crossings(grid: _Grid) -> int:
    position = _positions(grid)
    total = 0
    for row in grid.rows:
        ends = [(i, _end(grid, position, point, below)) for i, point in enumerate(row) for below in grid.down[point]]
        total += sum(a < c and b > d for a, b in ends for c, d in ends)
    return total


def _columns(grid: _Grid, gap: float) -> list[float]:
    """The centre of each point: as near to its neighbours' mean as the order and the widths of its row allow."""
    x = [0.0] * len(grid.widths)
    for sweep in range(SWEEPS):
        links = grid.up if sweep % 2 == 0 else grid.down
        for row in grid.rows if sweep % 2 == 0 else reversed(grid.rows):
            wanted = [_mean([x[n] for n in links[point]], x[point]) for point in row]
            for point, place in zip(row, _spread(wanted, [grid.widths[point] for point in row], gap), strict=True):
                x[point] = place
    return x


def _spread(wanted: Sequence[float], widths: Sequence[float], gap: float) -> list[float]:
    """Centres in order, never nearer than their widths and the gap, with the least squares distance from ``wanted``."""
    offsets = [0.0]
    for left, right in pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + gap)
    pools: list[tuple[float, int]] = []  # mean and size, never decreasing
    for want, offset in zip(wanted, offsets, strict=True):
        mean, size = want - offset, 1
        while pools and pools[-1][0] > mean:
            other, count = pools.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        pools.append((mean, size))
    flat = [mean for mean, size in pools for _ in range(size)]
    return [base + offset for base, offset in zip(flat, offsets, strict=True)]


def _heights(grid: _Grid, sizes: Sequence[tuple[float, float]], gap: float) -> tuple[list[float], list[float]]:
    """The top of each point, and the bottom of the row that holds it."""
    top, bottom, y = [0.0] * len(grid.widths), [0.0] * len(grid.widths), 0.0
    for row in grid.rows:
        height = max((sizes[point][1] for point in row if point < len(sizes)), default=0.0)
        for point in row:
            top[point], bottom[point] = y, y + height
        y += height + gap
    return top, bottom


def _points(
    grid: _Grid,
    sizes: Sequence[tuple[float, float]],
    x: Sequence[float],
    y: Sequence[float],
    bottom: Sequence[float],
    mine: Sequence[int],
    child: int,
    position: int,
) -> list[Point]:
    """From the bottom of a parent, along its waypoints, to the child's port for this operand."""
    parent = mine[position]
    step = min(18.0, sizes[child][0] / (len(mine) + 1))
    port = x[child] + (position - (len(mine) - 1) / 2) * step
    points = [(x[parent], y[parent] + sizes[parent][1])]
    for point in grid.routes[parent, child]:
        points += [(x[point], y[point]), (x[point], bottom[point])]
    return [*points, (port, y[child])]


def _mean(items: Sequence[float], otherwise: float) -> float:
    return sum(items) / len(items) if items else otherwise
