"""float16 and bfloat16: the table of formats, graph files, borders of the frameworks, and verdicts at the rounded inputs."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradproof.engine as ge
from gradproof.oracles import complex_step, dual, exact, finite
from gradproof.oracles.bound import Rounding
from gradproof.oracles.catalogue import CATALOGUE
from gradproof.oracles.certificate import certify
from gradproof.oracles.codec import from_json, pretty, to_json
from gradproof.oracles.domain import ABOVE_MINUS_ONE, ABOVE_ONE, CLOSED_UNIT, ROOMS, UNIT
from gradproof.oracles.engine import Capabilities
from gradproof.oracles.errors import GradproofError, MissingPackage, Unsupported
from gradproof.oracles.export import to_script
from gradproof.oracles.formats import FORMATS, dtype_named, is_float
from gradproof.oracles.graph import Array, Case, Graph, Leaf, Node
from gradproof.oracles.judge import judge
from gradproof.oracles.registry import engine as by_name
from gradproof.oracles.trial import run, supports
from gradproof.oracles.verdict import Kind
from gradproof.specs import build

ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 comes with ml_dtypes, which JAX depends on")
HALVES = ("float16", "bfloat16")
GOOD = (Kind.AGREE, Kind.SUBGRADIENT, Kind.RANGE, Kind.ILL_CONDITIONED)
MASKABLE = ("logsumexp", "nn.softmax")
EVERY = np.arange(2**16, dtype=np.uint16)


def framework(name: str) -> Any:
    pytest.importorskip(name, reason=f"{name} is not installed")
    return by_name(name)


def one(op: str, *operands: Any, dtype: str, ct: Any = 1.0, **params: Any) -> Case:
    """One op on leaves of a dtype."""
    leaves = tuple(Leaf(np.array(x, dtype_named(dtype))) for x in operands)
    graph = Graph(leaves, (Node(op, tuple(range(len(leaves))), params),), (len(leaves),))
    return Case(graph, (np.array(ct, dtype_named(dtype)),))


@dataclass
class Wide:
    """A sound engine: float64 inside, rounded to the dtype once, on the way out. ``factor`` multiplies its gradients."""

    dtype: str
    factor: float = 1.0
    name: str = "wide"
    lineage: str = "test"
    namespace: Any = ge

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities((self.dtype,))

    def from_numpy(self, array: Array) -> Array:
        return array.astype(np.float64) if is_float(array.dtype) else array

    def to_numpy(self, array: Any) -> Array:
        found = np.asarray(array)
        with np.errstate(over="ignore"):
            return found.astype(dtype_named(self.dtype)) if is_float(found.dtype) else found

    def vjp(self, fn: Any, primals: Any) -> Any:
        outputs, pull = ge.vjp(lambda *xs: tuple(fn(*xs)), *primals)
        return outputs, lambda cts: [np.asarray(g) * self.factor for g in pull(tuple(cts))]


@pytest.mark.parametrize("name", FORMATS)
def test_the_table_of_formats_says_what_the_dtype_itself_says(name: str) -> None:
    info, dtype = ml_dtypes.finfo(dtype_named(name)), dtype_named(name)
    assert Rounding.of(dtype) == Rounding(float(info.epsneg), float(info.tiny), float(info.max))
    assert Rounding.of(dtype).u == float(info.eps) / 2
    assert dtype.name == name
    assert is_float(dtype)


def test_without_ml_dtypes_bfloat16_is_refused_with_what_to_install() -> None:
    code = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "from gradproof.oracles.formats import dtype_named, is_float\n"
        "assert dtype_named('float16').name == 'float16'\n"
        "try: dtype_named('bfloat16')\n"
        "except Exception as e: print(type(e).__name__, e)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("MissingPackage bfloat16 needs the package ml_dtypes")
    assert "pip install" in said
    assert issubclass(MissingPackage, GradproofError)


@pytest.mark.parametrize("name", HALVES)
def test_every_bit_pattern_of_a_half_goes_through_a_graph_file(name: str) -> None:
    data = EVERY.view(dtype_named(name))
    case = Case(Graph((Leaf(data),), (Node("exp", (0,)),), (1,)), (data,))
    back = from_json(to_json(case)).graph.leaves[0].data
    assert back.dtype == data.dtype
    with np.errstate(invalid="ignore"):  # signalling NaNs are among them
        known = ~np.isnan(data.astype(float))
    assert back[known].tobytes() == data[known].tobytes()
    assert np.isnan(back[~known].astype(float)).all()
    assert f"{FORMATS[name].short}[65536]" in pretty(case, values=False)


@pytest.mark.parametrize("engine", ["torch", "jax"])
@pytest.mark.parametrize("name", HALVES)
def test_every_bit_pattern_of_a_half_crosses_the_border_of_a_framework_and_back(engine: str, name: str) -> None:
    subject = framework(engine)
    for data in (EVERY.view(dtype_named(name)), EVERY[::-2].reshape(-1, 2).T.view(dtype_named(name)), EVERY[0].view(dtype_named(name)).reshape(())):
        theirs = subject.from_numpy(data)
        assert name in str(theirs.dtype)
        back = subject.to_numpy(theirs)
        assert (back.dtype, back.shape, back.tobytes()) == (data.dtype, data.shape, data.tobytes())


@pytest.mark.parametrize("engine", ["torch", "jax"])
@pytest.mark.parametrize("name", HALVES)
def test_a_kernel_that_a_framework_has_not_in_a_half_is_unsupported_by_declaration(engine: str, name: str) -> None:
    subject = framework(engine)
    four = one("linalg.det", np.eye(4), dtype=name)
    answer = run(subject, four)
    assert answer.crash is None
    assert answer.unsupported
    assert not supports(subject, "linalg.inv", name)
    assert supports(subject, "linalg.inv", "float32")
    assert judge(one("linalg.inv", np.eye(2), dtype=name, ct=np.ones((2, 2))), subject).kind is Kind.UNSUPPORTED


@pytest.mark.parametrize("engine", ["torch", "jax"])
def test_only_the_frameworks_own_word_for_a_missing_kernel_is_a_declaration(engine: str) -> None:
    subject = framework(engine)

    def missing(*_: Any) -> Any:
        raise NotImplementedError("no kernel today")

    with pytest.raises(NotImplementedError, match="no kernel today") as caught:
        subject.vjp(missing, [subject.from_numpy(np.ones(2, np.float16))])
    assert not isinstance(caught.value, Unsupported)


@pytest.mark.parametrize("name", HALVES)
def test_operands_and_cotangents_of_a_half_are_finite_by_construction(name: str) -> None:
    rnd = random.Random(0)
    for op in CATALOGUE:
        for _ in range(20):
            case = build.single(op, rnd.randbytes(build.SINGLE_BYTES), name)
            arrays = [leaf.data for leaf in case.graph.leaves if not leaf.constant] + list(case.cotangents)
            assert {x.dtype.name for x in arrays} == {name}
            meant = {"nan"} if CATALOGUE[op].family == "missing" else {"-inf"} if op in MASKABLE else set()  # on purpose
            assert {repr(v) for x in arrays for v in x.astype(float).ravel().tolist() if not np.isfinite(v)} <= meant, op
            assert all(np.isfinite(float(c) * 2) for ct in case.cotangents for c in ct.ravel().astype(float))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("domain", "ends"),
    [(UNIT, (-1, 1)), (CLOSED_UNIT, (-1, 1)), (ABOVE_ONE, (1,)), (ABOVE_MINUS_ONE, (-1,))],
    ids=lambda d: getattr(d, "name", ""),
)
def test_rounding_carries_no_operand_to_the_end_of_its_domain(domain: Any, ends: tuple[float, ...], name: str) -> None:
    """An end that a domain holds is drawn on purpose, and never met by rounding."""
    near = np.concatenate([end + sign * 2.0 ** -np.arange(60.0) for end in (-1, 0, 1) for sign in (-1, 1)])
    wide = domain.into(near, ROOMS[name])
    rounded = wide.astype(dtype_named(name)).astype(float)
    for end in ends:
        assert not ((rounded == end) & (wide != end)).any()
        assert domain is not UNIT or not (rounded == end).any()


@pytest.mark.parametrize("name", HALVES)
def test_a_sound_engine_of_a_half_raises_no_alarm_on_any_op(name: str) -> None:
    rnd, subject, kinds = random.Random(2), Wide(name), []
    for op in CATALOGUE:
        for _ in range(8):
            verdict = judge(build.single(op, rnd.randbytes(build.SINGLE_BYTES), name), subject)
            assert verdict.kind in GOOD, verdict.report()
            kinds.append(verdict.kind)
    for _ in range(60):
        verdict = judge(build.graph(rnd.randbytes(build.GRAPH_BYTES), tuple(CATALOGUE), name), subject)
        assert verdict.kind in GOOD, verdict.report()
    assert sum(k in (Kind.AGREE, Kind.SUBGRADIENT) for k in kinds) > 0.8 * len(kinds)


@pytest.mark.parametrize(("name", "factor"), [("float16", 1.08), ("bfloat16", 1.5)])
def test_a_wrong_factor_in_a_half_is_wrong(name: str, factor: float) -> None:
    for op, x in (("exp", 0.5), ("sin", 0.25), ("asinh", -0.75), ("square", 3.0), ("sqrt", 2.0), ("log", 1.5)):
        case = one(op, [x, 2 * x], dtype=name, ct=[1.0, -0.5])
        assert judge(case, Wide(name)).kind is Kind.AGREE
        assert judge(case, Wide(name, factor)).kind is Kind.WRONG, op


@pytest.mark.parametrize("ct", [1.0, 2.0**-7, 2.0**-13])
def test_a_cotangent_that_is_a_normal_number_is_known_exactly(ct: float) -> None:
    """One of 2**-13 was once known to within 2**-14, so that a gradient half as large again passed."""
    turned = one("negative", 1.0, dtype="float16", ct=ct)
    assert judge(turned, Wide("float16")).kind is Kind.AGREE
    assert judge(turned, Wide("float16", 1.0 + 2.0**-10)).kind is Kind.WRONG


def test_inputs_are_taken_as_rounded_to_the_half() -> None:
    case = one("square", 0.1, dtype="float16")
    assert float(certify(case).gradient[0]) == 2 * float(np.float16(0.1))


def test_what_overflows_float16_and_not_bfloat16_is_out_of_range_there_alone() -> None:
    assert judge(one("square", 300.0, dtype="float16"), Wide("float16")).kind is Kind.RANGE
    assert judge(one("square", 300.0, dtype="bfloat16"), Wide("bfloat16")).kind is Kind.AGREE


@pytest.mark.parametrize("name", HALVES)
def test_every_witness_takes_a_half_at_its_meaning_in_float64(name: str) -> None:
    graph = Graph(
        (Leaf(np.array([0.5, -1.5], dtype_named(name))), Leaf(np.array(2.0, dtype_named(name)))),
        (Node("multiply", (0, 1)), Node("square", (2,)), Node("add", (3, 0))),
        (4,),
    )
    case = Case(graph, (np.array([1.0, -2.0], dtype_named(name)),))
    certificate = certify(case)
    right = np.array([float(b) for b in certificate.gradient])
    for vote in (finite.vote, dual.vote, complex_step.vote, exact.vote):
        assert vote(case, right, certificate).vote == "agrees"
        assert vote(case, right * 8, certificate).vote == "disagrees"


@pytest.mark.parametrize("engine", ["torch", "jax"])
@pytest.mark.parametrize("name", HALVES)
def test_a_script_of_a_half_prints_the_frameworks_own_gradients(engine: str, name: str, tmp_path: Path) -> None:
    subject = framework(engine)
    case = one("multiply", [0.1, -3.0], [1e-3, 7.0], dtype=name, ct=[1.0, -0.3])
    path = tmp_path / "script.py"
    path.write_text(to_script(case, engine))
    said = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True).stdout
    for i, gradient in enumerate(run(subject, case).first):
        assert f"gradient of v{i}: " in said
        assert str(gradient.astype(float).tolist()) in said


def test_the_command_line_judges_halves_and_names_what_there_is(tmp_path: Path) -> None:
    framework("torch")
    verify = [sys.executable, "-m", "gradproof", "verify", "torch", "--ops", "add,multiply,sin", "--graphs", "20", "--cases", "5"]
    good = subprocess.run([*verify, "--dtype", "float16,bfloat16"], check=False, capture_output=True, text=True, cwd=tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    bad = subprocess.run([*verify, "--dtype", "float8"], check=False, capture_output=True, text=True, cwd=tmp_path)
    assert bad.returncode == 2
    assert "float64, float32, float16, bfloat16" in bad.stdout + bad.stderr


@pytest.mark.parametrize("name", HALVES)
def test_a_parameter_that_the_half_does_not_hold_is_a_tie_where_its_rounding_is_the_operand(name: str) -> None:
    """An engine compares with 0.1 itself, or with 0.1 rounded: at the rounded 0.1 either slope of clip is right."""
    certificate = certify(one("clip", 0.1, dtype=name, min=0.1, max=1.0))
    assert certificate.ties
    assert not certify(one("clip", 0.125, dtype=name, min=0.125, max=1.0)).forward.dv[1]
    assert not certify(one("clip", 0.1, dtype="float64", min=0.1, max=2.0)).forward.dv[1]


@pytest.mark.parametrize("name", HALVES)
def test_the_rounding_of_a_parameter_counts_in_the_bound(name: str) -> None:
    u = FORMATS[name].u
    table = dtype_named(name).type(0.1)
    graph = Graph((Leaf(np.array(3.0, dtype_named(name))),), (Node("nn.elu", (0,), {"alpha": 0.1}),), (1,))
    wide = certify(Case(graph, (np.array(1.0, dtype_named(name)),)))
    held = [k for k, row in enumerate(wide.recording.tape.rows) if repr(row) == "constant" and float(wide.recording.tape.values[k]) == 0.1]
    assert [wide.forward.dv[k] for k in held] == [u * 0.1]
    assert float(table) != 0.1


def test_a_shift_that_cancels_is_not_rounded() -> None:
    """The max that logsumexp takes off and adds again drops out, whatever a half makes of it."""
    x = Leaf(np.array([0.3, 0.7], np.float16))
    graph = Graph((x,), (Node("sin", (0,)), Node("logsumexp", (1,), {"axis": 0, "keepdims": False})), (2,))
    certificate = certify(Case(graph, (np.array(1.0, np.float16),)))
    tape = certificate.recording.tape
    shifts = [k for k, row in enumerate(tape.rows) if repr(row) == "constant" and abs(float(tape.values[k])) > 0.25]
    assert shifts
    assert not any(certificate.forward.dv[k] for k in shifts)


def test_below_the_normal_numbers_a_slope_may_rest_on_a_rounded_length() -> None:
    """x / hypot(x, x) where hypot is a subnormal of few digits: PyTorch divides by the value it returned."""
    x = 2.0**-23
    certificate = certify(one("hypot", x, x, dtype="float16"))
    engine = x / float(np.float16(np.hypot(x, x)))
    assert abs(engine - 2**-0.5) > 0.03
    assert all(abs(engine - float(g)) <= 16 * b for g, b in zip(certificate.gradient, certificate.bound, strict=True))
