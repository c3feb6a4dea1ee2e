"""Reports: the run record, comparisons, the history, and the page. They know nothing of engines."""
