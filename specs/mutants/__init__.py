"""Planted faults of the native engine: how to plant them, one at a time, so that nothing leaks."""
