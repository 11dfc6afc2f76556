# Prometheus as Debian has it, for machines that can't get its own image.
ARG PYTHON_TAG=3.13-slim-bookworm
FROM python:${PYTHON_TAG}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus \
    && mkdir -p /prometheus && chown 65534:65534 /prometheus
