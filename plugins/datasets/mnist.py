"""The full MNIST: 60,000 training and 10,000 test digits, read by torchvision."""

from __future__ import annotations

from gedi_nesy import DataError, DatasetReader, ImageDataset
from gedi_nesy.data.dataset import Images


class Mnist(DatasetReader):
    """MNIST from ROOT/MNIST/raw: the four idx files, unpacked."""

    ABOUT = "MNIST, 60,000 + 10,000 digits, 28x28 grey"
    FETCH = (
        "Put the four idx files there, unpacked, or run: "
        "python -c \"from torchvision.datasets import MNIST; MNIST('{root}', download=True)\""
    )

    def read(self) -> ImageDataset:
        from torchvision.datasets import MNIST  # slow to import

        if not (self.root / "MNIST" / "raw").is_dir():
            raise self.missing(self.root / "MNIST" / "raw")
        try:
            train, test = (MNIST(str(self.root), train=is_train, download=False) for is_train in (True, False))
        except (RuntimeError, ValueError, EOFError, OSError) as error:
            raise DataError(
                f"{self.root / 'MNIST' / 'raw'} is incomplete or damaged: {error}. {self.FETCH.format(root=self.root)}"
            ) from None
        return ImageDataset(
            Images(train.data[:, None], train.targets),
            Images(test.data[:, None], test.targets),
            tuple(str(digit) for digit in range(10)),
        )
