"""The server side of Noren's JupyterLab extension; empty until the panel comes.

It will relay the control API to the browser, with Jupyter's own authentication on every route, so that the panel's
Promote and Roll back work while the kernel is busy. It will import `noren_validation` and `noren_bento`, never `noren`.
"""
