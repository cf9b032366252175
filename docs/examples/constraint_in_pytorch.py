"""Learn to read digits from sums, in a plain PyTorch loop: no label of a single image is used.

    python docs/examples/constraint_in_pytorch.py

Data: scikit-learn's 1,797 digits of 8x8 pixels, 1,400 of them in pairs whose sum is known, the others held out.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import nn

from gedi_nesy import Constraint

PROGRAM = """
nn(reader, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).
addition(A, B, Total) :- digit(A, X), digit(B, Y), Total is X + Y.
"""


def main(epochs: int = 30, seed: int = 0) -> float:
    """Train, and give the accuracy on held-out digits."""
    torch.manual_seed(seed)
    digits, labels = map(torch.from_numpy, load_digits(return_X_y=True))
    order = torch.randperm(len(digits))
    digits, labels = digits[order].float() / 16, labels[order]
    pairs, sums = digits[:1400].view(700, 2, 64), labels[:1400].view(700, 2).sum(1)

    reader = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10), nn.LogSoftmax(-1))
    constraint = Constraint.from_program(PROGRAM, query="addition(A, B, Total)", networks={"reader": ["A", "B"]})
    answer = torch.tensor([constraint.answer_index([total]) for total in sums.tolist()])

    optimizer = torch.optim.Adam(reader.parameters(), lr=3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(700).split(20):
            optimizer.zero_grad()
            loss = constraint.loss(reader(pairs[batch]), answer[batch])  # reader: (examples, 2 images, 10 classes)
            loss.backward()
            optimizer.step()
    return float((reader(digits[1400:]).argmax(-1) == labels[1400:]).float().mean())


if __name__ == "__main__":
    print(f"accuracy on 397 held-out digits: {main():.3f}")
