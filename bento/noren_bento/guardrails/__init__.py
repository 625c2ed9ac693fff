"""Questions that a canary must pass: evidence of both arms in, a Verdict out. One a file. Pure."""
