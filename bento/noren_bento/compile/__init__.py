"""A fitted model becomes an ONNX Runtime session, with the proof that its answers are equal."""
