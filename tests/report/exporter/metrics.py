"""What a scrape tells, read by the parser of prometheus_client."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


def text_of(collector: Collector) -> str:
    """What would be read at the endpoint."""
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry).decode()


class Metrics:
    """The samples of a scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        families = list(text_string_to_metric_families(text))
        self.types = {family.name: family.type for family in families}
        self._samples = [sample for family in families for sample in family.samples]

    @property
    def names(self) -> set[str]:
        """Names of all samples."""
        return {sample.name for sample in self._samples}

    def all(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Values of the labels → value, of every sample of that name."""
        found = [sample for sample in self._samples if sample.name == name]
        values = {tuple(sample.labels[label] for label in labels): sample.value for sample in found}
        assert len(values) == len(found), f"{name} has more labels than {labels}"
        return values

    def one(self, name: str) -> float:
        """The one value of a metric without labels."""
        return self.all(name)[()]

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels of every sample of that name."""
        return [sample.labels for sample in self._samples if sample.name == name]
