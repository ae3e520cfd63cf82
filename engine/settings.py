"""`retention.toml`, the settings of a workspace: validated; an unknown key names the nearest one.

What belongs to the business (tables, churn rule, currency, time zone) is in the mapping; what
belongs to operations is here. The description of each field becomes its comment in the file that
`starter_text` writes.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import UsageError

FILE_NAME = "retention.toml"

FEW = 8
"""So many keys are listed beside the nearest one; more would bury it."""

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table of a TOML file in which every key is known."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class WorkspaceSettings(Section):
    """The workspace itself. 工作区。"""

    name: str = "Retention"
    """Shown in the title bar. 显示在标题栏。"""
    language: Literal["zh", "en"] = "zh"
    """zh or en. 界面语言。"""
    mapping: str = "mapping.toml"
    """The file that ties your tables to ours. 数据映射文件。"""
    operator: str = ""
    """Who acts; empty: the name of the operating system's user. 操作人；留空则取系统用户名。"""


class DataSettings(Section):
    """Loading; what looks broken is not loaded unless --accept. 载入数据，异常则保留旧数据。"""

    least_day_share: Share = 0.5
    """Rows of the newest day, of what its weekday usually has. 最新一天行数的最低比例。"""
    most_refused_share: Share = 0.5
    """Of a table's rows that may be unfit. 一张表中不合格行的最大比例。"""
    most_users_lost_share: Share = 0.2
    """Of the users that may be gone since the last load. 与上次相比用户减少的最大比例。"""
    memory_limit_gb: float = Field(default=0, ge=0)
    """Of DuckDB: loading, features; 0: 80 % of all. 载入与特征计算的内存上限，0 为八成。"""


class TrainingSettings(Section):
    """How models are fitted. 模型训练。"""

    cutoffs: int = Field(default=8, ge=1, le=60)
    """Training cutoffs, before those that validate, calibrate and test. 训练用的截止时刻个数。"""
    cutoff_every_days: int = Field(default=14, ge=1, le=180)
    """Days between two cutoffs. 相邻截止时刻相隔的天数。"""
    test_cutoffs: int = Field(default=3, ge=1, le=12)
    """The newest mature cutoffs, kept for the test. 留作测试的最新截止时刻个数。"""
    max_epochs: int = Field(default=12, ge=1, le=500)
    """Upper bound; early stopping usually ends sooner. 最多训练轮数，一般会提前停止。"""
    seed: int = Field(default=7, ge=0)
    """The same seed and data give the same model. 随机种子：同样的数据得到同样的模型。"""
    budget_s: float = Field(default=600, gt=0)
    """Seconds that one retrain may take. 一次训练的时间上限（秒）。"""
    feature_cache_mb: int = Field(default=4096, ge=0)
    """Disk for the features of past cutoffs; 0: none kept. 特征快照占用磁盘的上限，0 为不保留。"""
    pretraining: bool = False
    """An encoder learns from all event sequences first. 先用全部行为序列预训练编码器。"""
    read_messages: bool = True
    """What users wrote may teach a model, where it helps. 有帮助时，模型可学习用户的留言。"""
    threads: int = Field(default=0, ge=0)
    """Of the fit; 0: one less than the machine has. 拟合用的线程数；0 表示比核数少一个。"""
    accept_features: list[str] = []
    """Features that may tell churn alone: known in time. 允许单独就能预测流失的特征（已核实）。"""


class RiskSettings(Section):
    """Bands and value. 风险等级与价值。"""

    medium: Share = 0.2
    """Risk from which the band is medium. 从此值起为中风险。"""
    high: Share = 0.4
    """… high. 从此值起为高风险。"""
    critical: Share = 0.7
    """… critical. 从此值起为极高风险。"""
    capacity: Share = 0.1
    """The share of eligible users that operations can contact. 运营能触达的用户比例。"""
    follow_base_rate: bool = True
    """Scores move with the newest known base rate; the order stays. 风险随最新流失率整体校正。"""
    value_horizon_days: int = Field(default=365, ge=1)
    """Days over which a user's margin counts as value at risk. 计算风险价值的天数。"""
    margin: Share = 0.6
    """The part of revenue that is margin. 毛利率。"""
    save_rate: Share = 0.1
    """Of those who would leave, contacted: who stays; assumed. 触达挽留率（假设值，非实测）。"""

    @model_validator(mode="after")
    def _bands_ascend(self) -> RiskSettings:
        if not self.medium <= self.high <= self.critical:
            raise ValueError(
                f"the bands must ascend: medium {self.medium} <= high {self.high} "
                f"<= critical {self.critical}"
            )
        return self


class OutreachSettings(Section):
    """Contacting users. 触达。"""

    holdout: Share = 0.1
    """Share of the selected users who are left alone, to measure the effect. 对照组比例。"""
    salt: str = "epoch-1"
    """Changing it draws a new holdout; log why. 更换即重新抽取对照组，请记下原因。"""
    sender_name: str = "会员服务 Member Care"
    """The name in From. 发件人名称。"""
    sender_address: str = "care@example.com"
    """The address in From. 发件地址。"""
    postal_address: str = ""
    """Printed in the footer; the law of many countries asks for it. 页脚中的公司地址。"""
    region: Literal["CN", "EU", "US", "other"] = "CN"
    """Whose rules for marketing mail apply: CN, EU, US or other. 适用哪里的营销邮件规定。"""
    unsubscribe_url: str = ""
    """https address of one-click unsubscribe; empty: by e-mail. 一键退订链接；留空则用邮件退订。"""
    unsubscribe_mailto: str = "unsubscribe@example.com"
    """Where unsubscribe e-mails go. 接收退订邮件的地址。"""
    site_url: str = "https://example.com"
    """Links in messages start here. 邮件中的链接以此开头。"""
    cooldown_days: int = Field(default=14, ge=0)
    """No second marketing message within so many days. 两封营销邮件至少相隔的天数。"""
    offer_cooldown_days: int = Field(default=90, ge=0)
    """No second offer within so many days. 两次优惠至少相隔的天数。"""
    outcome_days: int = Field(default=30, ge=1)
    """Days after the decision at which the outcome is read. 决定之后多少天看结果。"""
    not_after_days: int = Field(default=7, ge=1)
    """An approved message older than this is not sent any more. 审批后超过此天数不再发送。"""
    max_percent: float = Field(default=30, ge=0, le=100)
    """The highest discount, in per cent. 折扣上限（%）。"""
    contact_cost: float = Field(default=0.02, ge=0)
    """Cost of one message, in the currency of the mapping. 每条消息的成本。"""


class SmtpSettings(Section):
    """The mail server; its password is in RETENTION_SMTP_PASSWORD. 邮件服务器，密码放环境变量。"""

    host: str = ""
    """Empty: messages go to the outbox only. 留空则只写入发件箱文件夹。"""
    port: int = Field(default=587, ge=1, le=65_535)
    """587 with starttls, 465 with tls. 端口。"""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """starttls or tls; none for this machine only. 加密方式；none 仅限本机。"""
    username: str = ""
    """Empty: the server asks for no login. 登录名；留空则不登录。"""
    messages_per_minute: float = Field(default=120, gt=0)
    """The server's limit, or less. 每分钟最多发送的封数。"""
    timeout_s: float = Field(default=30, gt=0)
    """Seconds that one answer may take. 等待服务器应答的秒数。"""
    attempts: int = Field(default=3, ge=1, le=10)
    """To connect, in one call. 每次连接的尝试次数。"""
    most_rejected_share: Share = 0.05
    """Of the messages of one call; above it the call stops. 被拒收比例的上限，超过即停止。"""


class MonitorSettings(Section):
    """Watching the model in service. 在用模型的监控。"""

    most_group_gap: Share = 0.1
    """Of leavers found at capacity, a sensitive group against the rest. 敏感分组命中率的最大差。"""
    smallest_group: int = Field(default=200, ge=20)
    """Smaller groups are not compared. 人数更少的分组不作比较。"""


class ReasonSettings(Section):
    """Checks of a challenger's reasons, on 300 test users. 新模型的原因核验（测试用户 300 位）。"""

    least_lowered: Share = 0.9
    """Users whose risk falls without their first reason. 去除首要原因后风险下降的用户比例下限。"""
    least_complete: Share = 0.95
    """Users whose reasons add up to the risk within 1 %. 原因之和与风险相符的用户比例下限。"""
    least_in_first_three: Share = 0.6
    """Users whose first reason another fit has in its first three. 首要原因属于另一拟合前三的。"""


class Settings(Section):
    """The whole file; every key has a default, so an empty file is valid."""

    workspace: WorkspaceSettings = WorkspaceSettings()
    data: DataSettings = DataSettings()
    training: TrainingSettings = TrainingSettings()
    risk: RiskSettings = RiskSettings()
    reasons: ReasonSettings = ReasonSettings()
    monitor: MonitorSettings = MonitorSettings()
    outreach: OutreachSettings = OutreachSettings()
    smtp: SmtpSettings = SmtpSettings()


def load_settings(folder: Path) -> Settings:
    """The settings of the workspace `folder`; defaults where the file or a key is absent.

    Raises `UsageError` with file, line and nearest key for an unknown key or an impossible value.
    """
    path = folder / FILE_NAME
    return read_toml(path, Settings) if path.exists() else Settings()


def starter_text(settings: Settings | None = None) -> str:
    """A `retention.toml` that shows every key, its meaning and its value: the default, or that of
    `settings`."""
    shown = settings or Settings()
    lines = ["# Settings of this workspace; every key may be left out. 工作区设置，均可省略。"]
    for section in Settings.model_fields:
        values: Section = getattr(shown, section)
        lines += ["", f"# {values.__doc__}", f"[{section}]"]
        for key, item in type(values).model_fields.items():
            value = json.dumps(getattr(values, key), ensure_ascii=False)
            lines += [f"# {item.description}", f"{key} = {value}"]
    return "\n".join(lines) + "\n"


Model = TypeVar("Model", bound=Section)


def read_toml(path: Path, model: type[Model]) -> Model:
    """The TOML file `path` as `model`.

    Raises `UsageError` when it cannot be read, is no TOML, or has a key or value that `model` does
    not know; the sentence names file, line and nearest key.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise UsageError(
            "unreadable_file",
            f"{path} cannot be read: {error.strerror}",
            next_step="Check the name and the permissions of the file",
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            "not_utf8",
            f"{path} is not UTF-8 text (byte {error.start})",
            next_step="Save it as UTF-8 and run the command again",
        ) from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            "toml_syntax",
            f"{path} is not valid TOML: {error}",
            next_step="Mend that line and run the command again",
        ) from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _first_problem(path, text, model, error) from error


def _first_problem(
    path: Path, text: str, model: type[Section], error: ValidationError
) -> UsageError:
    # A mistyped key is also a missing one: the typing error is the cause.
    problem = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    location = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        return unknown_key(path, text, location, _known_keys(model, location[:-1]))
    where = f"{path}, line {line_of(text, location)}: {'.'.join(location)}"
    if problem["type"] == "missing":
        return UsageError("missing_key", f"{where} is missing", next_step="Add it to the file")
    shown = "" if isinstance(problem["input"], dict | BaseModel) else f" = {problem['input']!r}"
    return UsageError(
        "bad_value",
        f"{where}{shown}",
        why=problem["msg"].removeprefix("Value error, "),
        next_step="Mend that line and run the command again",
    )


def unknown_key(path: Path, text: str, location: Sequence[str], known: Iterable[str]) -> UsageError:
    """The error for the key at `location` of the TOML `text`, which is none of `known`."""
    known = list(known)
    near = nearest(location[-1], known)
    return UsageError(
        "unknown_key",
        f"{path}, line {line_of(text, location)}: {'.'.join(location)} is not known",
        why=f"The keys here are {', '.join(known)}" if not near or len(known) <= FEW else "",
        next_step=f"Did you mean {near!r}?" if near else "Remove it",
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The entry of `known` that looks most like `word`; None when none looks alike."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def _known_keys(model: Any, location: Sequence[str]) -> list[str]:
    for part in location:
        if get_origin(model) is dict:  # the part is a key of the file's own choosing
            model = get_args(model)[1]
            continue
        model = model.model_fields[part].annotation
        if get_origin(model) not in (None, dict):  # X | None
            model = get_args(model)[0]
    return list(model.model_fields)


def line_of(text: str, location: Sequence[str]) -> int:
    """The line (from 1) on which the TOML key `location` is written; 1 when it is not found."""
    section = ""
    wanted_section, wanted_key = ".".join(location[:-1]), location[-1]
    whole = ".".join(location)
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped.split("#")[0].strip("[] ")
            if section == whole or section.startswith(whole + "."):
                return number
        elif (
            section == wanted_section and stripped.split("=")[0].strip().strip("\"'") == wanted_key
        ):
            return number
    return 1
