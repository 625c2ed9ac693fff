"""The proof, before anything is registered, that a model loads and answers equally in a clean process."""
