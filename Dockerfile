# One image for every service of compose.yaml: the command says which it is.
FROM python:3.11-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1

WORKDIR /opt/cityops

# An editable install keeps the city profiles beside the code, where they are read.
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY alerts alerts
COPY analytics analytics
COPY dashboard dashboard
COPY device_sims device_sims
COPY ingest ingest
COPY launch launch
COPY store store
COPY telemetry telemetry
COPY cities cities
RUN pip install -c constraints.txt -e . \
    && useradd --system --uid 10001 --home-dir /var/lib/cityops --create-home cityops

ENV CITYOPS_DATA_DIR=/var/lib/cityops/data
WORKDIR /var/lib/cityops
USER cityops

# Each service has its own check in compose.yaml.
HEALTHCHECK NONE
ENTRYPOINT ["cityops"]
CMD ["--help"]
