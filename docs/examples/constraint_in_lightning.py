"""The constraint as the loss of a Lightning module; two networks, of which one learns a formula's operator.

    pip install lightning && python docs/examples/constraint_in_lightning.py

Data: scikit-learn's digits as in constraint_in_pytorch.py; the operator is a random vector near one of two points.
"""

from __future__ import annotations

import lightning
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from gedi_nesy import Constraint

PROGRAM = """
nn(digit_net, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).
nn(operator_net, [X], Y, [plus, minus]) :: operator(X, Y).
value(A, O, B, Z) :- digit(A, X), operator(O, plus), digit(B, Y), Z is X + Y.
value(A, O, B, Z) :- digit(A, X), operator(O, minus), digit(B, Y), Z is X - Y.
"""


class Formulas(lightning.LightningModule):
    """Reads digits and operators; knows the values of formulas and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.digits = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10), nn.LogSoftmax(-1))
        self.operators = nn.Sequential(nn.Linear(2, 2), nn.LogSoftmax(-1))
        self.constraint = Constraint.from_program(
            PROGRAM, query="value(A, O, B, Z)", networks={"digit_net": ["A", "B"], "operator_net": ["O"]}
        )

    def training_step(self, batch: list[Tensor]) -> Tensor:
        """-log P(the formula has its value)."""
        digits, operators, answer = batch
        log_probs = {"digit_net": self.digits(digits), "operator_net": self.operators(operators).unsqueeze(1)}
        return self.constraint.loss(log_probs, answer)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=3e-3)


def main(epochs: int = 30, seed: int = 0) -> float:
    """Train, and give the accuracy on held-out digits."""
    lightning.seed_everything(seed, verbose=False)
    digits, labels = map(torch.from_numpy, load_digits(return_X_y=True))
    order = torch.randperm(len(digits))
    digits, labels = digits[order].float() / 16, labels[order]
    pairs, values = digits[:1400].view(700, 2, 64), labels[:1400].view(700, 2)
    is_minus = torch.rand(700) < 0.5
    operators = torch.randn(700, 2) * 0.3 + torch.where(is_minus, -1.0, 1.0).unsqueeze(1)
    results = torch.where(is_minus, values[:, 0] - values[:, 1], values.sum(1))

    module = Formulas()
    answer = torch.tensor([module.constraint.answer_index([value]) for value in results.tolist()])
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False,
        enable_progress_bar=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader(TensorDataset(pairs, operators, answer), batch_size=20, shuffle=True))
    return float((module.digits(digits[1400:]).argmax(-1) == labels[1400:]).float().mean())


if __name__ == "__main__":
    print(f"accuracy on 397 held-out digits: {main():.3f}")
