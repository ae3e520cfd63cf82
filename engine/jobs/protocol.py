"""What a job says while it works: one JSON object a line, see `engine.types.JobEvent`."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping
from types import FrameType
from typing import TextIO

from engine.store.codec import to_text
from engine.types import JobEvent, Words

MIN_INTERVAL_S = 0.1
"""At most ten progress lines a second, so that a reader is never flooded."""


class Reporter:
    """Writes events and hears the wish to stop (SIGTERM, SIGINT, or nobody reading any more)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._stopping = False
        self._last_s = float("-inf")

    def listen(self) -> None:
        """Let SIGTERM and SIGINT set the wish to stop."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def should_stop(self) -> bool:
        """True once somebody asked this job to stop."""
        return self._stopping

    def emit(self, event: JobEvent) -> None:
        """Write `event` at once."""
        try:
            self._stream.write(to_text(event) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            # The app that started this job is gone: work for nobody ends at the next check.
            self._stopping = True

    def progress(self, stage: str, done: float, detail: Mapping[str, object] | None = None) -> None:
        """Say how far the whole job is (0 … 1); dropped when the last word is too fresh."""
        now_s = time.monotonic()
        if now_s - self._last_s < MIN_INTERVAL_S and done < 1:
            return
        self._last_s = now_s
        self.emit(JobEvent("progress", stage, done, stage_words(stage), dict(detail or {})))


_STAGES = {
    "sample": Words("生成样例平台", "Making the sample platform"),
    "load": Words("载入数据", "Loading data"),
    "features": Words("计算特征", "Computing features"),
    "logistic": Words("训练逻辑回归", "Fitting logistic regression"),
    "hist_gradient_boosting": Words("训练梯度提升树", "Fitting gradient boosting"),
    "pretrain": Words("预训练序列编码器", "Pretraining the sequence encoder"),
    "sequence_trees": Words("训练读取序列的提升树", "Boosting trees that read sequences"),
    "random_forest": Words("训练随机森林", "Growing a random forest"),
    "churn_net": Words("训练神经网络", "Training the net"),
    "mlp": Words("训练多层感知机", "Training the multilayer perceptron"),
    "gru": Words("训练 GRU 网络", "Training the net with a GRU"),
    "lstm": Words("训练 LSTM 网络", "Training the net with an LSTM"),
    "cnn": Words("训练卷积网络", "Training the net with convolutions"),
    "attention": Words("训练注意力网络", "Training the net with self-attention"),
    "tabm": Words("训练感知机集成", "Training the ensemble of perceptrons"),
    "hazard": Words("训练逐日风险网络", "Training the net with a hazard over days"),
    "cross_fit": Words("交叉训练", "Training fold against fold"),
    "search": Words("搜索参数", "Searching for settings"),
    "calibrate": Words("校准概率", "Calibrating"),
    "evaluate": Words("评估", "Evaluating"),
    "risk": Words("计算风险与原因", "Scoring risk and reasons"),
    "writing": Words("写入台账", "Writing to the ledger"),
    "outcomes": Words("结算观察窗口", "Closing outcome windows"),
    "done": Words("完成", "Done"),
}

KILLED = Words(
    "进程被系统强行结束（信号 9），常见原因是内存不足",
    "The system ended it (signal 9), often for want of memory",
)
"""What can be said of a job that SIGKILL ended before it could say anything."""


def stage_words(stage: str) -> Words:
    """The words of a stage; the stage itself where it has none."""
    return _STAGES.get(stage, Words(stage, stage))
