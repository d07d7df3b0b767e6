# A release of Python that CI tests.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
RUN python -m venv /venv
COPY requirements.lock ./
# The image has no compiler: with --only-binary, pip names a package that has no wheel.
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check \
    --only-binary :all: --require-hashes --requirement requirements.lock

FROM ${BASE}
RUN useradd --system --user-group --uid 10001 --no-create-home --shell /usr/sbin/nologin sorabot \
    && install --directory --owner=sorabot --group=sorabot --mode=0700 /data
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    DATA_DIR=/data \
    HTTP_BIND=127.0.0.1:8080
WORKDIR /app
COPY --from=build /venv /venv
COPY LICENSE ./
COPY bot ./bot
COPY cogs ./cogs
COPY renderer ./renderer
# The bot can't write here at run time, so compile the bytecode now.
RUN python -m compileall -q bot cogs renderer
USER sorabot
VOLUME /data
# The start period leaves time for the first connection to Discord.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "\
import http.client, sys; \
page = http.client.HTTPConnection('127.0.0.1', 8080, timeout=4); \
page.request('GET', '/readyz'); \
sys.exit(page.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "bot"]
