"""Large arrays: cases linearised on whole arrays, and judged by blocked projections (docs/judge.md 8)."""
