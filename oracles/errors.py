"""Errors that oracles raise: each says what, where, what was expected, and what to do."""


class GradproofError(Exception):
    """Base of every error gradproof raises on purpose; the command line turns one into exit code 2."""


class GraphError(GradproofError, ValueError):
    """A graph (or a file holding one) breaks the format or the catalogue's signatures."""


class UnknownOp(GraphError):
    """An op name that the catalogue does not hold."""


class Unsupported(GradproofError, NotImplementedError):
    """An engine declares that it has no such op, dtype or mode: the case is counted UNSUPPORTED, never passed."""


class EngineError(GradproofError):
    """An engine cannot be found, or the framework behind it is not installed."""


class MissingPackage(GradproofError):
    """An optional package is needed for what was asked, and is not installed."""
