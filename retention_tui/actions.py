"""The registry of actions: footer, help, palette, key table and tests are all read from here.

A letter does not arrive while a Chinese input method composes, so every action has a second key
that does (function keys, ctrl, arrows, enter, digits), and full-width punctuation is an alias.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from textual.binding import Binding

from retention_tui.i18n import N_, t, use_language


class Danger(IntEnum):
    """What stands between the key and its effect."""

    NONE = 0  # immediate
    UNDOABLE = 1
    CONFIRM = 2  # a dialogue that says the count


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing that a key does in one place.

    `id` is `scope.name`; the scope's screen (or the app, for `app`) has the method
    `action_<name>`. `label` is for the footer, `text` for help and palette; both are msgids.
    """

    id: str
    keys: tuple[str, ...]  # as shown: the first key, then one that an input method lets through
    label: str
    text: str
    aliases: tuple[str, ...] = ()  # full-width forms of the first key
    footer: int = 0  # place in the footer, smallest first; 0: not shown
    danger: Danger = Danger.NONE
    palette: bool = True

    @property
    def scope(self) -> str:
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        return self.id.partition(".")[2]

    @property
    def target(self) -> str:
        """The action string that Textual runs."""
        return f"app.{self.name}" if self.scope == "app" else self.name


SCOPES: dict[str, str] = {
    "risk": N_("Risk list"),
    "user": N_("User"),
    "whatif": N_("What if"),
    "similar": N_("Similar users"),
    "compose": N_("Write"),
    "models": N_("Models"),
    "insight": N_("The whole model"),
    "data": N_("Data"),
    "log": N_("Log"),
    "first_run": N_("First start"),
    "dialog": N_("In a dialogue"),
    "table": N_("In a table"),
    "app": N_("Everywhere"),
}
"""Scope -> msgid of its title, in the order of help."""

A = ActionSpec
ACTIONS: tuple[ActionSpec, ...] = (
    A("risk.open", ("enter",), N_("why"), N_("Why this user is flagged"), footer=1),
    A(
        "risk.intervene",
        ("i", "f3"),
        N_("write"),
        N_("Write to the marked users, or to the one under the cursor"),
        footer=2,
        danger=Danger.CONFIRM,
    ),
    A(
        "risk.filter",
        ("/", "ctrl+f"),
        N_("filter"),
        N_("Filter: plain text, or risk>0.6 band:high"),
        aliases=("fullwidth_solidus", "ideographic_comma"),
        footer=4,
    ),
    A("risk.clear", ("x", "ctrl+x"), N_("clear"), N_("Clear the filter"), footer=5),
    A("risk.mark", ("space", "ctrl+t"), N_("mark"), N_("Mark or unmark the user"),
      aliases=("ideographic_space",), footer=3),
    A("risk.unmark", ("U", "ctrl+u"), N_("unmark"), N_("Remove all marks")),
    A("risk.sort", ("s", "ctrl+o"), N_("sort"), N_("Next sort column"), footer=6),
    A("risk.reverse", ("S", "ctrl+r"), N_("reverse"), N_("Reverse the order")),
    A("risk.export", ("e", "ctrl+e"), N_("export"), N_("Export the list as filtered"), footer=7),
    A("user.intervene", ("i", "f3"), N_("write"), N_("Write to this user"), footer=1,
      danger=Danger.CONFIRM),
    A("user.whatif", ("w", "ctrl+w"), N_("what if"),
      N_("What would lower this user's risk, by the model"), footer=2),
    A("user.similar", ("s", "ctrl+s"), N_("similar"),
      N_("Similar users of the past: who stayed, who left, what was done"), footer=3),
    A("user.previous", ("[", "left"), N_("previous"), N_("Previous user of the list"),
      aliases=("left_black_lenticular_bracket", "fullwidth_left_square_bracket"), footer=4),
    A("user.next", ("]", "right"), N_("next"), N_("Next user of the list"),
      aliases=("right_black_lenticular_bracket", "fullwidth_right_square_bracket"), footer=5),
    A("whatif.intervene", ("i", "f3"), N_("write"), N_("Write to this user"), footer=1,
      danger=Danger.CONFIRM),
    A("similar.intervene", ("i", "f3"), N_("write"), N_("Write to this user"), footer=1,
      danger=Danger.CONFIRM),
    A("compose.send", ("ctrl+g", "f10"), N_("plan and send"),
      N_("Make the plan, show its count, approve and send to the outbox"), footer=1,
      danger=Danger.CONFIRM),
    A("compose.template", ("t", "ctrl+t"), N_("template"), N_("Next template"), footer=2),
    A("compose.offer", ("o", "ctrl+o"), N_("offer"), N_("Next offer percentage"), footer=3),
    A("compose.locale", ("l", "ctrl+l"), N_("language"),
      N_("Language of the message: the user's own, Chinese or English"), footer=4),
    A("compose.previous", ("[", "left"), N_("previous"), N_("Preview the previous user"),
      aliases=("left_black_lenticular_bracket", "fullwidth_left_square_bracket")),
    A("compose.next", ("]", "right"), N_("next"), N_("Preview the next user"),
      aliases=("right_black_lenticular_bracket", "fullwidth_right_square_bracket"), footer=5),
    A("models.watch", ("w", "ctrl+y"), N_("watch"),
      N_("The model watched: drift, estimates, fairness"), footer=1),
    A("models.promote", ("P", "f9"), N_("promote"),
      N_("Put the newest challenger into service"), footer=2, danger=Danger.CONFIRM),
    A("models.rollback", ("B", "ctrl+k"), N_("roll back"),
      N_("Return to the model before the champion"), footer=3, danger=Danger.CONFIRM),
    A("models.insight", ("i", "f3"), N_("whole"),
      N_("What the whole model rests on, and where it is weak"), footer=4),
    A("insight.previous", ("[", "left"), N_("part before"), N_("Previous part"),
      aliases=("left_black_lenticular_bracket", "fullwidth_left_square_bracket"), footer=1),
    A("insight.next", ("]", "right"), N_("next part"), N_("Next part"),
      aliases=("right_black_lenticular_bracket", "fullwidth_right_square_bracket"), footer=2),
    A("insight.export", ("e", "ctrl+e"), N_("export"),
      N_("Write all of it as one page into reports/"), footer=3),
    A("data.open", ("enter",), N_("details"),
      N_("What to do about this check, or the rows that were put aside"), footer=1),
    A("data.export", ("e", "ctrl+e"), N_("export"),
      N_("Write the quality report as one page into reports/"), footer=2),
    A("log.open", ("enter",), N_("user"), N_("The user of this row"), footer=1),
    A("log.filter", ("/", "ctrl+f"), N_("filter"), N_("Filter the log"),
      aliases=("fullwidth_solidus", "ideographic_comma"), footer=2),
    A("log.clear", ("x", "ctrl+x"), N_("clear"), N_("Clear the filter"), footer=3),
    A("log.export", ("e", "ctrl+e"), N_("export"), N_("Export the intervention log"), footer=4),
    A("first_run.sample", ("enter",), N_("make the sample"),
      N_("Make the sample workspace: generate, load, train, score"), footer=1),
    A("first_run.small_sample", ("s", "f3"), N_("small one"),
      N_("Make a small sample: the same platform with fewer users, ready sooner"), footer=2),
    A("dialog.yes", ("enter", "y"), N_("yes"), N_("Confirm"), footer=1, palette=False),
    A("dialog.no", ("escape", "n"), N_("no"), N_("Close without doing anything"), footer=2,
      palette=False),
    A("table.up", ("k", "up"), N_("up"), N_("Up one row"), palette=False),
    A("table.down", ("j", "down"), N_("down"), N_("Down one row"), palette=False),
    A("table.page_up", ("ctrl+b", "pageup"), N_("page up"), N_("Up one page"), palette=False),
    A("table.page_down", ("ctrl+d", "pagedown"), N_("page down"), N_("Down one page"),
      palette=False),
    A("table.top", ("g", "home"), N_("top"), N_("First row"), palette=False),
    A("table.bottom", ("G", "end"), N_("bottom"), N_("Last row"), palette=False),
    A("app.risk", ("1", "2", "f2"), N_("risk"), N_("Go to the risk list")),
    A("app.models", ("4", "f4"), N_("models"), N_("Go to the models")),
    A("app.data", ("5", "shift+f5"), N_("data"), N_("Go to the data and their quality")),
    A("app.log", ("7", "f7"), N_("log"), N_("Go to the log of interventions")),
    A("app.retrain", ("R", "f6"), N_("retrain"),
      N_("Train a challenger beside the champion"), footer=20, danger=Danger.CONFIRM),
    A("app.cancel_job", ("X", "f12"), N_("cancel job"), N_("Cancel the running job"), footer=21),
    A("app.refresh", (".", "f5"), N_("refresh"), N_("Read the data again"),
      aliases=("ideographic_full_stop",)),
    A("app.palette", (":", "ctrl+p"), N_("palette"), N_("Command palette"),
      aliases=("fullwidth_colon", "fullwidth_semicolon"), footer=23, palette=False),
    A("app.language", ("Z", "f8"), N_("中文/EN"), N_("Switch between Chinese and English"),
      footer=24),
    A("app.theme", ("T", "shift+f8"), N_("theme"), N_("Next colour theme")),
    A("app.help", ("?", "f1"), N_("help"), N_("Keys, and facts about this workspace"),
      aliases=("fullwidth_question_mark",), footer=22),
    A("app.back", ("escape",), N_("back"), N_("One step back"), footer=19, palette=False),
    A("app.quit", ("q", "ctrl+q", "ctrl+c"), N_("quit"), N_("Leave"), footer=25),
)  # fmt: skip

BY_ID = {spec.id: spec for spec in ACTIONS}


def of_scope(scope: str) -> tuple[ActionSpec, ...]:
    """The actions of one scope, in the registry's order."""
    return tuple(spec for spec in ACTIONS if spec.scope == scope)


def bindings(scope: str) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Textual's bindings of one scope; they are not shown by Textual, our key bar does that."""
    return [
        Binding(",".join((*spec.keys, *spec.aliases)), spec.name, spec.label, show=False)
        for spec in of_scope(scope)
    ]


_KEY_NAMES = {"escape": "esc", "pageup": "pgup", "pagedown": "pgdn"}


def key_name(key: str) -> str:
    """`key` as printed in the footer and in help."""
    return _KEY_NAMES.get(key, key.replace("ctrl+", "^"))


def markdown(specs: Iterable[ActionSpec] = ACTIONS) -> str:
    """The key table of the README, in the language in use."""
    lines = [f"| {t('where')} | {t('key')} | {t('does')} |", "|---|---|---|"]
    for spec in specs:
        keys = " ".join(f"`{key_name(key)}`" for key in spec.keys)
        lines.append(f"| {t(SCOPES[spec.scope])} | {keys} | {t(spec.text)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    use_language("zh" if "zh" in sys.argv else "en")
    if "--markdown" not in sys.argv:
        sys.stderr.write("usage: python -m retention_tui.actions --markdown [zh|en]\n")
        raise SystemExit(2)
    sys.stdout.write(markdown())
