"""Callables that show no graph: looked at through differences, or by a NumPy formula (``check_gradient``)."""
