# The gateway's image. Both stages share one base, so that the virtual environment finds its Python in either.
ARG PYTHON_TAG=3.13-slim-bookworm

FROM python:${PYTHON_TAG} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Where a base's Python is the system's own, its headers are a package too.
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
    && if ! [ -f "$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; then \
         apt-get install -y -qq --no-install-recommends python3-dev; \
       fi
# pip and all that compiles live in an environment of their own, the gateway's holds neither.
RUN python3 -m venv /build/tools && python3 -m venv --without-pip /opt/tentaculo
COPY requirements/run.txt requirements/compile.txt requirements/
RUN /build/tools/bin/pip install --require-hashes --only-binary :all: --requirement requirements/compile.txt
# setuptools comes with the lock file and leaves: nothing is built there.
RUN /build/tools/bin/pip --python /opt/tentaculo/bin/python install \
      --require-hashes --only-binary :all: --requirement requirements/run.txt \
    && /build/tools/bin/pip --python /opt/tentaculo/bin/python uninstall --yes setuptools
COPY pyproject.toml setup.cfg setup.py README.md ./
COPY tentaculo tentaculo
RUN TENTACULO_COMPILE=1 /build/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheel . \
    && /build/tools/bin/pip --python /opt/tentaculo/bin/python install --no-deps /build/wheel/*.whl
COPY config/tentaculo.yaml /etc/tentaculo/tentaculo.yaml
# Files of a checkout that is closed to others are still to be read by the user below.
RUN chmod -R a+rX /opt/tentaculo /etc/tentaculo

FROM python:${PYTHON_TAG}
# A base that keeps pip as a system package keeps it; any other loses it here.
RUN python3 -m pip uninstall --yes --break-system-packages --root-user-action ignore pip
COPY --from=build /opt/tentaculo /opt/tentaculo
COPY --from=build /etc/tentaculo /etc/tentaculo
ENV PATH=/opt/tentaculo/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    TENTACULO_CONFIG=/etc/tentaculo/tentaculo.yaml \
    TENTACULO_LISTEN=0.0.0.0:8000 \
    TENTACULO_ADMIN=0.0.0.0:9100
USER 65532:65532
WORKDIR /
# The admin listener's port is not exposed: it is for the container's own network.
EXPOSE 8000
STOPSIGNAL SIGTERM
# A raw request, for it runs every few seconds and an HTTP library would cost more than the answer.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["python3", "-ISc", "\
import os, socket, sys; \
port = int(os.environ['TENTACULO_LISTEN'].rpartition(':')[2]); \
gateway = socket.create_connection(('127.0.0.1', port), timeout=2); \
gateway.sendall(b'GET /health HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n'); \
sys.exit(gateway.recv(64).split()[1:2] != [b'200'])"]
ENTRYPOINT ["tentaculo"]
CMD ["serve"]
# Last, for they change with every build: the commit, and when it was built in the form of RFC 3339.
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="tentaculo" \
      org.opencontainers.image.description="Checks tokens, forwards HTTP calls, passes event streams through" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
