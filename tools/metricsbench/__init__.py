"""The benchmark of metrics: arlen-metrics beside prometheus_client, in its mode for several processes."""
