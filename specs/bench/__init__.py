"""The bench: workloads written once over the engines' namespaces, timed in one process an engine, in interleaved rounds."""
