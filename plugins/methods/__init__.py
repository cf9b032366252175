"""Training methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every method of this folder."""
    registry.add_method("gedi", f"{__name__}.gedi:Gedi")
    registry.add_method("aavae", f"{__name__}.aavae:AaVae")
    registry.add_method("autoencoder", f"{__name__}.autoencoder:Autoencoder")
    registry.add_method("simvae", f"{__name__}.simvae:SimVae")
    registry.add_method("vae", f"{__name__}.vae:Vae")
    registry.add_method("barlow_twins", f"{__name__}.barlow_twins:BarlowTwins")
    registry.add_method("byol", f"{__name__}.byol:Byol")
    registry.add_method("classifier", f"{__name__}.classifier:Classifier")
    registry.add_method("colourisation", f"{__name__}.colourisation:Colourisation")
    registry.add_method("corinfomax", f"{__name__}.corinfomax:CorInfoMax")
    registry.add_method("cplearn", f"{__name__}.cplearn:CpLearn")
    registry.add_method("deepcluster", f"{__name__}.deepcluster:DeepCluster")
    registry.add_method("dino", f"{__name__}.dino:Dino")
    registry.add_method("ebclr", f"{__name__}.ebclr:Ebclr")
    registry.add_method("instance_discrimination", f"{__name__}.instance_discrimination:InstanceDiscrimination")
    registry.add_method("jigsaw", f"{__name__}.jigsaw:Jigsaw")
    registry.add_method("moco", f"{__name__}.moco:MoCo")
    registry.add_method("random", f"{__name__}.random:Random")
    registry.add_method("rotation", f"{__name__}.rotation:Rotation")
    registry.add_method("simclr", f"{__name__}.simclr:SimClr")
    registry.add_method("simsiam", f"{__name__}.simsiam:SimSiam")
    registry.add_method("swav", f"{__name__}.swav:Swav")
    registry.add_method("vicreg", f"{__name__}.vicreg:VicReg")
    registry.add_method("w_mse", f"{__name__}.w_mse:WMse")
