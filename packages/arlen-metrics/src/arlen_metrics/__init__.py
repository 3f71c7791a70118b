"""Metrics of the Arlen web platform: a registry, the standard series, and one scrape for the whole host."""

from arlen_metrics.cluster import Cluster, Nodes
from arlen_metrics.plugin import Metrics
from arlen_metrics.registry import Registry
from arlen_metrics.settings import ClusterSettings, Settings

__all__ = ["Cluster", "ClusterSettings", "Metrics", "Nodes", "Registry", "Settings"]
