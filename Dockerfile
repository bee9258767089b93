# dogwatch in a container. Build: docker build -t dogwatch .    Run: docker run --rm dogwatch --help
# Two stages: the first builds the wheel with the coast, ports and console libraries that ship in it (npm and PyPI, by lock
# files); the second holds Python and the program only, and runs without rights.
FROM python:3.12-slim-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY constraints.txt pyproject.toml package.json package-lock.json .npmrc README.md LICENSE ./
COPY dogwatch dogwatch
COPY ingest ingest
COPY zones zones
COPY risk risk
COPY tracks tracks
COPY watchlists watchlists
COPY sim sim
COPY console console
COPY runners runners
COPY profiles profiles
RUN python -m venv /opt/dogwatch \
 && /opt/dogwatch/bin/pip install --no-cache-dir --constraint constraints.txt --editable '.[kafka,console,postgres]' \
 && /opt/dogwatch/bin/python -m runners.assets \
 && /opt/dogwatch/bin/pip install --no-cache-dir --constraint constraints.txt --force-reinstall --no-deps '.[kafka,console,postgres]'

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --create-home --home-dir /var/lib/dogwatch dogwatch
COPY --from=build /opt/dogwatch /opt/dogwatch
ENV PATH=/opt/dogwatch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TZ=UTC \
    NUMBA_CACHE_DIR=/var/lib/dogwatch/numba
USER dogwatch
WORKDIR /var/lib/dogwatch
VOLUME /var/lib/dogwatch
ENTRYPOINT ["dogwatch"]
CMD ["--help"]
