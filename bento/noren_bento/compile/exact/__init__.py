"""A fitted model is read into the programs that may compute its answers in numpy alone."""
