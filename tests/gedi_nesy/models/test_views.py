"""Views go through a network one at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gedi_nesy import ConfigError
from gedi_nesy.models.views import embed_views, require_views


def test_batch_norm_sees_one_view_at_a_time():
    views = torch.randn(2, 50, 3) + torch.tensor([0.0, 5.0])[:, None, None]
    outputs = embed_views(nn.BatchNorm1d(3), views)
    assert outputs.shape == (2, 50, 3)
    torch.testing.assert_close(outputs.mean(dim=1), torch.zeros(2, 3), atol=1e-5, rtol=0)


def test_too_few_views_are_refused_with_the_key_to_change():
    require_views(2, 2, "this")
    with pytest.raises(
        ConfigError, match=r"this compares 2 views of an image: num_views is 1, set it to 2 or more"
    ) as error:
        require_views(1, 2, "this")
    assert error.value.key == "num_views"
