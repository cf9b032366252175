"""Evaluators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every evaluator of this folder."""
    registry.add_evaluator("alignment", f"{__name__}.alignment:Alignment")
    registry.add_evaluator("attribute_probes", f"{__name__}.attribute_probes:AttributeProbes")
    registry.add_evaluator("calibration", f"{__name__}.calibration:Calibration")
    registry.add_evaluator("chains", f"{__name__}.chains:Chains")
    registry.add_evaluator("classification", f"{__name__}.classification:Classification")
    registry.add_evaluator("clustering", f"{__name__}.clustering:Clustering")
    registry.add_evaluator("constraint", f"{__name__}.constraint:ConstraintSatisfaction")
    registry.add_evaluator("decoding", f"{__name__}.decoding:ConstrainedDecoding")
    registry.add_evaluator("embedding_map", f"{__name__}.embedding_map:EmbeddingMap")
    registry.add_evaluator("embedding_rank", f"{__name__}.embedding_rank:EmbeddingRank")
    registry.add_evaluator("failure_modes", f"{__name__}.failure_modes:FailureModes")
    registry.add_evaluator("fid", f"{__name__}.frechet:Fid")
    registry.add_evaluator("frechet_classifier", f"{__name__}.frechet:FrechetClassifier")
    registry.add_evaluator("knn", f"{__name__}.knn:NearestNeighbours")
    registry.add_evaluator("likelihood", f"{__name__}.likelihood:Likelihood")
    registry.add_evaluator("linear_probe", f"{__name__}.probes:LinearProbe")
    registry.add_evaluator("mlp_probe", f"{__name__}.probes:MlpProbe")
    registry.add_evaluator("ood", f"{__name__}.ood:OutOfDistribution")
    registry.add_evaluator("posthoc_decoder", f"{__name__}.posthoc_decoder:PosthocDecoder")
    registry.add_evaluator("reconstruction", f"{__name__}.reconstruction:Reconstruction")
    registry.add_evaluator("regions", f"{__name__}.regions:Regions")
    registry.add_evaluator("sampling", f"{__name__}.sampling:Sampling")
    registry.add_evaluator("semi_supervised", f"{__name__}.semi_supervised:SemiSupervised")
    registry.add_evaluator("style_probes", f"{__name__}.style_probes:StyleProbes")
