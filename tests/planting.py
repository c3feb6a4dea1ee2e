from gradproof.specs.mutants.plant import planted, replaced, right_pull, swapped

__all__ = ["planted", "replaced", "right_pull", "swapped"]
