"""The benchmark of traces: an application with and without them, and with those of OpenTelemetry's SDK."""
