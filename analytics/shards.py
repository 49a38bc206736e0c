"""Shards: the city's devices in parts, so that several processes share the work.

A device belongs to a shard by its domain, so that neighbours, rain gauges and groups stay
together wherever in the city they stand. Water and air are one part, since forecasts of dust
listen to rain gauges; nothing else compares across domains, unless it is told to. More shards
than such parts take one apart by zone, and see what spans zones in parts. Logs
are no part of it: behind a shared subscription a broker may spread one device over all of
them, so every shard reads every log and scores its own devices.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from telemetry.devices import Device
from telemetry.metrics import Domain

NAME = "analytics"

PARTS = ((Domain.TRAFFIC,), (Domain.DRAINAGE, Domain.ENVIRONMENT), (Domain.ENERGY,))
"""Domains that detectors look at together."""

_NAMED = re.compile(rf"{NAME}(?:/(\d+)of(\d+))?")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` of ``of``, counted from 1."""

    number: int = 1
    of: int = 1

    @property
    def consumer(self) -> str:
        """Under what its offsets, steps, state and lock are kept."""
        return NAME if self.of == 1 else f"{NAME}/{self.number}of{self.of}"

    @property
    def models(self) -> str:
        """Under what its models are kept, which are large and change hourly."""
        return f"{self.consumer}-models"

    @property
    def fresh(self) -> str:
        """Under what models are kept that came into use after the last snapshot."""
        return f"{self.consumer}-fresh-models"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, device: Device | None) -> bool:
        """Whether a device is of this part; the same on every machine. The first has what is not known."""
        part = -1 if device is None else _part(device.domain)
        if device is None or part < 0:
            return self.number == 1
        own = range(part % self.of, self.of, len(PARTS))
        return own[zlib.crc32(device.zone.encode()) % len(own)] == self.number - 1


def _part(domain: Domain) -> int:
    return next((place for place, domains in enumerate(PARTS) if domain in domains), -1)


def shards_of(n: int) -> tuple[Shard, ...]:
    """A whole split."""
    return tuple(Shard(number, n) for number in range(1, n + 1))


def split_among(consumers: Iterable[str]) -> int | None:
    """How many parts these consumers split the city into; ``None`` where none of them is a shard."""
    found = [match for match in map(_NAMED.fullmatch, consumers) if match]
    return int(found[0][2] or 1) if found else None


def fair_share(shards: Sequence[Shard], owners: Mapping[Shard, int], members: Sequence[int], me: int) -> int:
    """How many shards process ``me`` should have.

    As many as any other, or one more; whoever has most keeps what is over, so that nothing
    is handed around once shares are fair.

    Parameters
    ----------
    owners
        Who has which shard now.
    members
        Every process that lives.
    """
    has = {member: sum(owner == member for owner in owners.values()) for member in members}
    ranked = sorted(members, key=lambda member: (-has[member], member))
    if me not in has:
        return 0
    whole, over = divmod(len(shards), len(members))
    return whole + (ranked.index(me) < over)
