"""An engine tells the variables of nested derivatives apart, in every nesting of modes that it declares."""

from __future__ import annotations

import pytest

from gradproof.specs import nesting
from gradproof.specs.conformance import Conformance


@pytest.mark.parametrize("example", nesting.EXAMPLES, ids=lambda example: example.name.replace(" ", "-"))
def test_nested_derivatives_are_not_confused(example: nesting.Example, conformance: Conformance) -> None:
    """A derivative of a function that takes derivatives is that of the mathematical function."""
    words = tuple(nesting.words(conformance.subject))
    if not words:
        pytest.skip(f"UNSUPPORTED: {conformance.name} declares no nested modes, three deep")
    answers = {word: nesting.answer(conformance.subject, example, *word) for word in words}
    assert answers == dict.fromkeys(words, example.value)
