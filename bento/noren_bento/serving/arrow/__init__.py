"""Arrow IPC streams in and out, in plain NumPy: pyarrow would add 156 MB to every bento for a dozen flat types."""
