"""Types beyond skops' own list whose construction was reviewed: it sets attributes and runs no code of the file's choice.

To add one: read its `__setstate__`, `__reduce__` and constructor (or, for a function, its body), make sure that
nothing there evaluates, imports or opens what the file names, and add a model that uses it to the tests.
"""

from __future__ import annotations

_METRICS = "Euclidean Manhattan Minkowski Chebyshev SEuclidean Mahalanobis Hamming Canberra BrayCurtis Haversine".split()
_LOSSES = (
    "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss HalfMultinomialLoss HalfPoissonLoss "
    "HalfSquaredError HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
).split()
_KERNELS = (
    "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Matern PairwiseKernel Product RBF "
    "RationalQuadratic Sum WhiteKernel"
).split()

REVIEWED: tuple[str, ...] = (
    "numpy.dtype",
    "numpy.mean",
    "scipy.interpolate._bsplines.BSpline",
    "scipy.sparse._csr.csr_array",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.cluster._bisect_k_means._BisectingTree",
    "sklearn.cluster._kmeans._kmeans_single_lloyd",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    *(f"sklearn._loss.loss.{name}" for name in _LOSSES),
    *(f"sklearn.gaussian_process.kernels.{name}" for name in _KERNELS),
    *(f"sklearn.metrics._dist_metrics.{name}Distance{bits}" for name in _METRICS for bits in ("64", "32")),
)
