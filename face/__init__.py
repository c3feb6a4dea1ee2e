"""gradproof."""
