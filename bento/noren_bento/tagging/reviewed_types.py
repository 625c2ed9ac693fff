"""Types and functions beyond skops' own list that a model file may name, and where in the file each may stand.

The sources of scikit-learn 1.7.2, 1.8.0 and 1.9.1 were read for this list, with skops 0.16 (file protocol 2):

- of each type, `__setstate__`, `__reduce__`, `__new__` and the constructor: they store numbers, names and arrays, and
  nothing there evaluates, imports or opens what the file names. In all three releases these bodies are the same.
- of each function, the body: it computes on arrays. Loading only refers to it; see `require_reviewed`.

With another release of scikit-learn a model is still stored with skops, since a pickle would be worse, and a warning
says that nobody has read it (`READ_WITH`). With another protocol of skops it is not: where a name may stand is
skops' own matter, and `require_reviewed` knows protocol 2 only.

To add one: read its source as above and add a model that uses it to the tests. What the list cannot promise: altered
numbers can make native code (trees, neighbours, splines, sparse matrices) read outside its arrays, and altered
parameters can make a model slow or wrong (a pattern that never ends) or let a text model read the files that its
callers name (`input="filename"`). Hence the SHA-256 comparison before anything of a file is read.

Not on it: `Birch`, whose tree of subclusters refers to itself, which skops cannot write; types that hold any callable
by design (`PyFuncDistance`, scipy's frozen distributions). Such models are stored with cloudpickle, with a warning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

READ_WITH = ((1, 7), (1, 9))
"""First and last release of scikit-learn whose sources were read."""
PROTOCOL = 2
"""The only protocol of skops whose places were read. A file could ask for an older one, with other rules."""

FUNCTIONS: frozenset[str] = frozenset(
    {
        "numpy.mean",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "sklearn.cluster._kmeans._kmeans_single_elkan",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._mutual_info.mutual_info_regression",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.utils.validation.check_array",
        # what scorers hold
        "sklearn.metrics._classification.accuracy_score",
        "sklearn.metrics._classification.balanced_accuracy_score",
        "sklearn.metrics._classification.brier_score_loss",
        "sklearn.metrics._classification.d2_brier_score",
        "sklearn.metrics._classification.d2_log_loss_score",
        "sklearn.metrics._classification.f1_score",
        "sklearn.metrics._classification.fbeta_score",
        "sklearn.metrics._classification.jaccard_score",
        "sklearn.metrics._classification.log_loss",
        "sklearn.metrics._classification.matthews_corrcoef",
        "sklearn.metrics._classification.precision_score",
        "sklearn.metrics._classification.recall_score",
        "sklearn.metrics._ranking.average_precision_score",
        "sklearn.metrics._ranking.roc_auc_score",
        "sklearn.metrics._ranking.top_k_accuracy_score",
        "sklearn.metrics._regression.d2_absolute_error_score",
        "sklearn.metrics._regression.explained_variance_score",
        "sklearn.metrics._regression.max_error",
        "sklearn.metrics._regression.mean_absolute_error",
        "sklearn.metrics._regression.mean_absolute_percentage_error",
        "sklearn.metrics._regression.mean_gamma_deviance",
        "sklearn.metrics._regression.mean_pinball_loss",
        "sklearn.metrics._regression.mean_poisson_deviance",
        "sklearn.metrics._regression.mean_squared_error",
        "sklearn.metrics._regression.mean_squared_log_error",
        "sklearn.metrics._regression.median_absolute_error",
        "sklearn.metrics._regression.r2_score",
        "sklearn.metrics._regression.root_mean_squared_error",
        "sklearn.metrics._regression.root_mean_squared_log_error",
        "sklearn.metrics.cluster._supervised.adjusted_mutual_info_score",
        "sklearn.metrics.cluster._supervised.adjusted_rand_score",
        "sklearn.metrics.cluster._supervised.completeness_score",
        "sklearn.metrics.cluster._supervised.fowlkes_mallows_score",
        "sklearn.metrics.cluster._supervised.homogeneity_score",
        "sklearn.metrics.cluster._supervised.mutual_info_score",
        "sklearn.metrics.cluster._supervised.normalized_mutual_info_score",
        "sklearn.metrics.cluster._supervised.rand_score",
        "sklearn.metrics.cluster._supervised.v_measure_score",
    }
)
"""Functions that a model may refer to. No file may have one called while it is loaded."""

TYPES: frozenset[str] = frozenset(
    {
        "scipy.interpolate._bsplines.BSpline",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.cluster._bisect_k_means._BisectingTree",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
        "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
        "sklearn.multiclass._ConstantPredictor",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
        *(
            f"sklearn._loss.loss.{name}"
            for name in (
                *("AbsoluteError", "ExponentialLoss", "HalfBinomialLoss", "HalfGammaLoss"),
                *("HalfMultinomialLoss", "HalfPoissonLoss", "HalfSquaredError", "HalfTweedieLoss"),
                *("HalfTweedieLossIdentity", "HuberLoss", "PinballLoss"),
            )
        ),
        *(
            f"sklearn.gaussian_process.kernels.{name}"
            for name in (
                *("CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation"),
                *("Matern", "PairwiseKernel", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel"),
            )
        ),
        *(
            f"sklearn.metrics._dist_metrics.{name}Distance{bits}"
            for bits in (32, 64)
            for name in (
                *("BrayCurtis", "Canberra", "Chebyshev", "Dice", "Euclidean", "Hamming", "Haversine"),
                *("Jaccard", "Mahalanobis", "Manhattan", "Minkowski", "RogersTanimoto", "RussellRao"),
                *("SEuclidean", "SokalSneath"),
            )
        ),
        *(f"sklearn.metrics._scorer.{name}" for name in ("_CurveScorer", "_PassthroughScorer", "_Scorer")),
        *(
            f"sklearn.model_selection._split.{name}"
            for name in (
                *("GroupKFold", "GroupShuffleSplit", "KFold", "LeaveOneGroupOut", "LeaveOneOut"),
                *("PredefinedSplit", "RepeatedKFold", "RepeatedStratifiedKFold", "ShuffleSplit"),
                *("StratifiedGroupKFold", "StratifiedKFold", "StratifiedShuffleSplit", "TimeSeriesSplit"),
            )
        ),
    }
)
"""Types whose instances a model may hold, set up by `__new__` and `__setstate__` (or by their attributes)."""

FIXED: frozenset[str] = frozenset(
    {
        "functools.partial",
        "numpy.dtype",
        "scipy.sparse._csr.csr_array",
        "scipy.sparse._csr.csr_matrix",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)
"""Types that have a node kind of their own in skops, and may stand nowhere else."""

REVIEWED: tuple[str, ...] = tuple(sorted(FUNCTIONS | TYPES | FIXED))

CONTAINERS: dict[str, frozenset[str]] = {
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}),
    "DefaultDictNode": frozenset({"collections.defaultdict"}),
    "ListNode": frozenset({"builtins.list"}),
    "SetNode": frozenset({"builtins.set"}),
    "PartialNode": frozenset({"functools.partial"}),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "TreeNode": frozenset({"sklearn.tree._tree.Tree"}),
    "RandomStateNode": frozenset({"numpy.random.mtrand.RandomState"}),
    "RandomGeneratorNode": frozenset({"numpy.random._generator.Generator"}),
}
"""Node kinds that call what they name, with the few names that each may have."""
HARMLESS = frozenset(
    {
        *("JsonNode", "BytesNode", "BytearrayNode", "SliceNode", "CachedNode"),
        *("FunctionNode", "TypeNode"),  # refer to what they name, and call nothing
        *("MaskedArrayNode", "SparseMatrixNode"),  # make one type of array, whatever they name
    }
)
"""Node kinds whose construction calls nothing that the file names."""
LOSSES = ("sklearn._loss._loss.Cy", "sklearn.linear_model._sgd_fast.")
KEYS = frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.bool"})


def find_unreviewed(schema: Any, own_modules: Collection[str] = ()) -> Iterator[str]:
    """Yield, in words, what stands in a skops file where nobody has reviewed it; nothing for a good file.

    skops trusts a name wherever it stands, and several of its nodes call what they name while they are loaded: a
    list of a trusted *function* is that function's answer. So each kind of node may have certain names only, and the
    types that turn text into a dict's keys are plain ones. `own_modules` come with the version and were compared
    too: their classes may be set up, and their functions referred to. skops asks afterwards whether it trusts each.
    """
    if not isinstance(schema, dict) or schema.get("protocol") != PROTOCOL:
        yield f"skops protocol {schema.get('protocol') if isinstance(schema, dict) else None!r}"
        return
    kinds: dict[Any, tuple[str, str]] = {}
    keys: set[Any] = set()
    others: set[Any] = set()
    for node, is_keys in _nodes(schema):
        loader, name = str(node.get("__loader__")), f"{node.get('__module__')}.{node.get('__class__')}"
        if not _may_stand(loader, name, own_modules) or (is_keys and not _are_keys(node)):
            yield f"{name} in a {loader}"
        number = node.get("__id__")
        if number is None:
            continue
        if type(number) is not int:
            yield f"{name} in a {loader} with the number {number!r}"
            continue
        (keys if is_keys else others).add(number)
        if kinds.setdefault(number, (loader, name)) != (loader, name) or (
            number in keys and number in others
        ):
            yield f"{name} in a {loader} under the number of another"  # skops would take it for that one


def _nodes(value: Any, is_keys: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Each node of a schema, outer before inner, and whether it is the list of a dict's key types."""
    waiting = [(value, is_keys)]
    while waiting:
        one, keys = waiting.pop()
        if isinstance(one, list):
            waiting.extend((item, False) for item in one)
        elif isinstance(one, dict):
            if "__loader__" in one:
                yield one, keys
            dict_node = one.get("__loader__") == "DictNode"
            waiting.extend((item, dict_node and name == "key_types") for name, item in one.items())


def _may_stand(loader: str, name: str, own_modules: Collection[str]) -> bool:
    if loader in CONTAINERS:
        return name in CONTAINERS[loader]
    if loader == "LossNode":
        return name.startswith(LOSSES)
    if loader == "NdArrayNode":
        return name.startswith("numpy.") and name not in REVIEWED
    own = name.partition(".")[0] in own_modules
    if loader == "TupleNode":
        return name == "builtins.tuple" or own
    if loader == "ObjectNode":
        return name in TYPES or own or (name.startswith("sklearn.") and name not in REVIEWED)
    return loader in HARMLESS


def _are_keys(node: dict[str, Any]) -> bool:
    types = node.get("content")
    return (
        node.get("__loader__") == "ListNode"
        and isinstance(types, list)
        and all(
            isinstance(one, dict) and one.get("__loader__") == "TypeNode" and _is_key(one) for one in types
        )
    )


def _is_key(node: dict[str, Any]) -> bool:
    name = f"{node.get('__module__')}.{node.get('__class__')}"
    return name in KEYS or (name.startswith("numpy.") and name not in REVIEWED)
