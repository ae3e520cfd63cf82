"""`ChurnClassifier`: the recipe for tables without a time axis behind scikit-learn's interface."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from engine.errors import DataError
from engine.features.attributes.frames import EVERYONE
from engine.features.attributes.schema import columns_of
from engine.features.attributes.table import cells, learn, table_values
from engine.features.frame import FeatureFrame, LabelledFrame, no_sequences
from engine.models.blend import BLEND, RiskModel
from engine.models.calibration import Calibration
from engine.models.logistic import LogisticModel
from engine.models.panel import draw_panel
from engine.training.cross_fit import FOLDS, SELECTION_ROWS
from engine.training.families import Family, families_of
from engine.training.selection import CHOICES, Mix, Selected, select

MODELS: Mapping[str, tuple[Mix, ...]] = {**CHOICES, "mlp": ({"mlp": 1.0},)}
"""Besides those of tables without a time axis, the net that reads numbers only."""

Floats = NDArray[np.float64]


class TableError(DataError, ValueError):
    """Rows that cannot train or be scored; a `ValueError` because scikit-learn's callers catch
    those."""


class ChurnClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A calibrated binary classifier for one-row-per-customer tables of numbers and words.

    The columns become what `retention load` makes of attributes, and settings, mix and calibration
    are chosen on out-of-fold scores, as in `engine.training.cross_fit`; then each part is fitted
    once on all rows. Missing and endless values, constant and empty columns, and words never seen
    before are welcome. torch is imported for `model="mlp"` only.

    Parameters
    ----------
    model : "auto", "blend", "logistic", "hist_gradient_boosting", "random_forest" or "mlp"
        `auto` takes the blend of logistic regression and boosted trees, or one of them alone.
    folds : at least 2; fewer where a class has fewer rows. With one row of a class nothing is
        chosen or calibrated: the first settings stand.
    threads : 0 for one less than the machine has.
    random_state : int, RandomState or None.

    Attributes
    ----------
    classes_ : (2,) sorted; the risk is that of the second.
    model_ : the fitted `RiskModel`, which `engine.explain.attribute` can explain.
    attributes_ : one `Attribute` a column; None for a column that is left out.
    n_features_in_, feature_names_in_ : as in scikit-learn.
    """

    def __init__(
        self,
        model: str = "auto",
        *,
        folds: int = FOLDS,
        threads: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.model = model
        self.folds = folds
        self.threads = threads
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from rows `X` (N, features) and labels `y` (N,) of two classes.

        Rows of weight 0 are left out. Raises `TableError`, a `ValueError`, for an unknown model,
        for one class only, and where no column varies.
        """
        if self.model not in MODELS:
            raise TableError(
                "unknown_model",
                f"{self.model!r} is not a model of ChurnClassifier",
                why=f"The models are {', '.join(MODELS)}",
            )
        checked, target = validate_data(self, X, y, dtype=None, ensure_all_finite=False)
        check_classification_targets(target)
        kind = type_of_target(target, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise TableError(
                "not_binary",
                f"Only binary classification is supported. The type of the target is {kind}.",
            )
        weight = _check_sample_weight(sample_weight, checked, ensure_non_negative=True)
        used = np.flatnonzero(weight > 0)
        self.classes_, label = np.unique(target[used], return_inverse=True)
        if len(self.classes_) < 2:
            raise TableError(
                "single_class",
                f"All {len(used)} rows are of one class, {self.classes_[0]!r}",
                why="A classifier learns from the difference of two",
                next_step="Load users who left and users who stayed",
            )
        names = [str(name) for name in getattr(self, "feature_names_in_", ())]
        self._names = names or [f"x{place}" for place in range(self.n_features_in_)]
        columns = [column[used] for column in self._columns(X, checked)]
        self.attributes_ = learn(self._names, columns)
        if not any(self.attributes_):
            raise TableError(
                "nothing_varies",
                f"None of the {len(columns)} columns has two values to learn from",
                why="Constant and empty columns and words of fewer than 20 rows are left out",
            )
        rows = LabelledFrame(
            self._frame(columns), label.astype(np.float32), weight[used].astype(np.float32)
        )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        threads = self.threads or max(1, (os.cpu_count() or 2) - 1)
        with threadpool_limits(limits=threads):
            self.model_ = self._fitted(rows, seed, threads)
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Calibrated log-odds of the second class, shape (N,)."""
        check_is_fitted(self)
        checked = validate_data(self, X, dtype=None, ensure_all_finite=False, reset=False)
        return self.model_.predict(self._frame(self._columns(X, checked))).log_odds

    def predict_proba(self, X: ArrayLike) -> Floats:
        """P(class) in the order of `classes_`, shape (N, 2)."""
        odds = np.exp(-np.abs(log_odds := self.decision_function(X)))
        larger = 1 / (1 + odds)
        second = np.where(log_odds > 0, larger, 1 - larger)
        return np.column_stack([1 - second, second])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likelier class, shape (N,)."""
        likelier = (self.decision_function(X) > 0).astype(int)
        return np.asarray(self.classes_[likelier])

    def __sklearn_tags__(self) -> Tags:
        """Two classes, missing values and words are welcome; sparse matrices are not."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _columns(self, given: Any, checked: NDArray[Any]) -> list[NDArray[Any]]:
        # A frame keeps a type a column; as one array all would be objects as soon as one is words.
        whole = hasattr(given, "iloc") and hasattr(given, "columns")
        return [
            cells(name, given.iloc[:, place].to_numpy() if whole else checked[:, place])
            for place, name in enumerate(self._names)
        ]

    def _frame(self, columns: list[NDArray[Any]]) -> FeatureFrame:
        rows = len(columns[0])
        return FeatureFrame(
            user_ids=np.arange(rows).astype(object),
            cutoffs=np.zeros(rows, "datetime64[s]"),
            segments=np.full(rows, EVERYONE, dtype=object),
            columns=columns_of(tuple(a for a in self.attributes_ if a is not None)),
            values=table_values(self.attributes_, columns),
            sequences=no_sequences(rows),
        )

    def _fitted(self, rows: LabelledFrame, seed: int, threads: int) -> RiskModel:
        mixes = MODELS[self.model]
        kinds = {kind for mix in mixes for kind in mix}
        families = families_of(kinds, rows=len(rows), seed=seed, threads=threads)
        selected = _selected(rows, families, self.folds, seed)
        mix: Mix = mixes[0]
        calibration = Calibration()
        settings: Mapping[str, Any] = {family.kind: family.settings[0] for family in families}
        if selected is not None:
            mix, calibration = selected.best(mixes)
            settings = selected.settings
        kept = [family for family in families if family.kind in mix]
        components = tuple(family.fit(rows, settings[family.kind]) for family in kept)
        linear = next((part for part in components if isinstance(part, LogisticModel)), None)
        _, panel = draw_panel(rows, np.random.default_rng(seed), linear)
        described = [family.described(settings[family.kind]).items() for family in kept]
        return RiskModel(
            kind=BLEND if len(kept) > 1 else kept[0].kind,
            components=components,
            calibration=calibration,
            panel=panel,
            metadata={name: value for items in described for name, value in items},
            shares=tuple(mix[family.kind] for family in kept),
        )


def _selected(
    rows: LabelledFrame, families: tuple[Family, ...], folds: int, seed: int
) -> Selected | None:
    """What out-of-fold scores choose; None where a class has a single row."""
    chosen = np.random.default_rng(seed).permutation(len(rows))[:SELECTION_ROWS]
    if len(chosen) < len(rows):
        rows = rows.take(np.sort(chosen))
    fewest = int(np.bincount(rows.label.astype(int), minlength=2).min())
    folds = min(folds, fewest)
    if folds < 2:
        return None
    scores = {
        family.kind: {setting: np.zeros(len(rows)) for setting in family.settings}
        for family in families
    }
    for teach, judged in _folds(rows, folds, seed):
        for family in families:
            found = family.scores(rows.take(teach), rows.frame.take(judged))
            for setting, values in found.items():
                scores[family.kind][setting][judged] = values
    return select(scores, rows.label, rows.weight)


def _folds(
    rows: LabelledFrame, folds: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    dealt = StratifiedKFold(folds, shuffle=True, random_state=seed)
    yield from dealt.split(np.zeros(len(rows)), rows.label)
