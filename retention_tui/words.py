"""Names that the engine uses, as the screens call them; an unknown name is shown as it is."""

from __future__ import annotations

from engine.types import Band
from retention_tui.i18n import N_, t
from retention_tui.i18n.formats import ABSENT

_BANDS = {
    Band.LOW: N_("low"),
    Band.MEDIUM: N_("medium"),
    Band.HIGH: N_("high"),
    Band.CRITICAL: N_("critical"),
}

_NAMES = {
    # model kinds
    "blend": N_("blend"),
    "churn_net": N_("neural net"),
    "mlp": N_("multilayer perceptron"),
    "gru": N_("net with a GRU"),
    "lstm": N_("net with an LSTM"),
    "cnn": N_("net with dilated convolutions"),
    "attention": N_("net with self-attention"),
    "tabm": N_("ensemble of perceptrons"),
    "hazard": N_("net with a hazard over days"),
    "hist_gradient_boosting": N_("gradient boosting"),
    "sequence_trees": N_("boosting that reads sequences"),
    "logistic": N_("logistic regression"),
    "cross_fit": N_("cross-fitted"),
    "linear": N_("linear"),
    "isotonic": N_("isotonic"),
    "champion": N_("champion"),
    "candidate": N_("challenger"),
    "retired": N_("retired"),
    # arms and states of interventions
    "holdout": N_("holdout"),
    "treat": N_("treated"),
    "draft": N_("draft"),
    "pending_approval": N_("to approve"),
    "approved": N_("approved"),
    "queued": N_("queued"),
    "sending": N_("sending"),
    "sent": N_("sent"),
    "delivered": N_("delivered"),
    "held_out": N_("held out"),
    "suppressed": N_("suppressed"),
    "capped": N_("capped"),
    "cancelled": N_("cancelled"),
    "expired": N_("expired"),
    "failed": N_("failed"),
    "unknown": N_("unknown"),
    "retained": N_("retained"),
    "churned": N_("churned"),
    "converted": N_("converted"),
    "censored": N_("censored"),
    # timeline
    "payment": N_("payment"),
    "payment:succeeded": N_("paid"),
    "payment:failed": N_("payment failed"),
    "payment:refunded": N_("refunded"),
    "subscription:started": N_("subscribed"),
    "subscription:cancelled": N_("cancelled subscription"),
    "subscription:ended": N_("subscription ended"),
    "message:ticket": N_("ticket"),
    "message:review": N_("review"),
    "message:comment": N_("comment"),
    "message:survey": N_("survey"),
    "contact:sent": N_("we wrote"),
    "login": N_("login"),
    "play": N_("play"),
    "start": N_("start"),
    "complete": N_("complete"),
    "search": N_("search"),
    "view": N_("view"),
    "open": N_("opened"),
    "click": N_("click"),
    "order": N_("order"),
    "favourite": N_("favourite"),
    "share": N_("share"),
    "download": N_("download"),
    "app_open": N_("opened the app"),
    "lesson_started": N_("began a lesson"),
    "lesson_finished": N_("finished a lesson"),
    "audio_played": N_("listened"),
    "column_read": N_("read a column"),
    "purchase_viewed": N_("looked at a purchase"),
    "note_written": N_("wrote a note"),
    "live_joined": N_("joined a live session"),
    "login_failed": N_("login failed"),
    "cancel_page_viewed": N_("looked at cancelling"),
    # plans
    "monthly": N_("monthly"),
    "quarterly": N_("quarterly"),
    "annual": N_("annual"),
    "none": ABSENT,
    "all": N_("everyone"),
    # verdicts on effects
    "works": N_("works"),
    "hurts": N_("hurts"),
    "cannot_tell": N_("cannot tell yet"),
    # states of the data
    "fit": N_("fit"),
    "look": N_("look"),
    "unfit": N_("unfit"),
    "put_aside": N_("put aside"),
    "noted": N_("noted"),
    # monitoring
    "roc_auc": N_("ROC-AUC"),
    "average_precision": N_("PR-AUC"),
    "precision": N_("precision at capacity"),
    "churn_rate": N_("share that leaves"),
    "ece": N_("calibration error (a floor)"),
    "gender": N_("gender"),
    "age_band": N_("age"),
    "channel": N_("channel"),
    "city": N_("city"),
    "plan": N_("plan"),
    "cold_start": N_("signed up under 30 days ago"),
    "settled": N_("signed up earlier"),
}


def band_word(band: Band) -> str:
    """The word of a band: it always stands beside the number, colour only repeats it."""
    return t(_BANDS[band])


def plan_name(identifier: str) -> str:
    """The word for a plan, which is also the segment that a user is compared within."""
    return t(N_("no plan")) if identifier == "none" else name(identifier)


def name(identifier: str) -> str:
    """The word for an identifier of the engine."""
    known = _NAMES.get(identifier)
    return t(known) if known is not None else identifier
