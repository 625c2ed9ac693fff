"""Arrow IPC streams in and out, in plain NumPy.

pyarrow would add 156 MB to every bento for a dozen flat types; nanoarrow 0.9, which is small, ends the whole process on
a damaged stream, and here anybody may send one.
"""
