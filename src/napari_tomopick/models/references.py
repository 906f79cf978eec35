"""References for a network: general models that say of places that they are a particle, or that they are not.

They are ordinary models, one or two in each tomogram, whose parameters say which kind of particle they are
about (the label), and whether they show what it is (positive) or what it is not (negative).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from napari_tomopick.models.user_points import Model, ModelType

Role = Literal["positive", "negative"]

ROLES: tuple[Role, Role] = ("positive", "negative")
COLOURS: dict[Role, str] = {"positive": "#4d8dff", "negative": "#ff4d4d"}
SIGNS: dict[Role, str] = {"positive": "+", "negative": "-"}

ROLE, LABEL = "references", "label"
PARTICLE_SIZE, NETWORK_BOX = "particle_size", "network_box"
PARAMETERS = frozenset({ROLE, LABEL, PARTICLE_SIZE, NETWORK_BOX})
"""The parameters of a model that concern it as references; none says how it is turned into particles."""


@dataclass(frozen=True)
class Sizes:
    """What is settled about a kind of particle, in voxels of its tomograms.

    Parameters
    ----------
    box_size : int, optional
        Side of the box of the particles that are found; None: twice their size.
    particle_size : float, optional
        Diameter of a particle; None: estimated from the positive references.
    network_box : float, optional
        Side of what the network sees at a time; None: what goes with the size of the particle.
    group : int
        Handed on to the particles.
    """

    box_size: int | None = None
    particle_size: float | None = None
    network_box: float | None = None
    group: int = 1


def role_of(model: Model) -> Role | None:
    """What a model says of its points; None if it holds no references."""
    role = model.parameters.get(ROLE)
    return role if model.type is ModelType.GENERAL and role in ROLES else None


def is_negative(model: Model) -> bool:
    """Whether the points of a model are what is not a particle."""
    return role_of(model) == "negative"


def label_of(model: Model) -> str:
    """The kind of particle that the references of a model are about; "" if it holds none."""
    return str(model.parameters.get(LABEL, "particles")) if role_of(model) else ""


def sizes_of(model: Model) -> Sizes:
    """The sizes that a model of references carries."""
    values = model.parameters
    return Sizes(
        model.box_size, _number(values.get(PARTICLE_SIZE)), _number(values.get(NETWORK_BOX)), model.group
    )


def parameters_for(label: str, role: Role, sizes: Sizes) -> dict[str, Any]:
    """The parameters of a model of references."""
    found: dict[str, Any] = {ROLE: role, LABEL: label}
    if sizes.particle_size is not None:
        found[PARTICLE_SIZE] = float(sizes.particle_size)
    if sizes.network_box is not None:
        found[NETWORK_BOX] = float(sizes.network_box)
    return found


def without_references(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that concern the geometry of a model."""
    return {name: value for name, value in parameters.items() if name not in PARAMETERS}


def labels(models: Iterable[Model]) -> tuple[str, ...]:
    """The kinds of particles that there are references of, in the order of the models."""
    return tuple(dict.fromkeys(label_of(model) for model in models if role_of(model)))


def of_label(models: Iterable[Model], label: str) -> tuple[Model, ...]:
    """The models that hold references of a kind of particle."""
    return tuple(model for model in models if role_of(model) and label_of(model) == label)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
