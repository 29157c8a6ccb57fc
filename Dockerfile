# docker build --build-arg VERSION=v1.0.0 --tag stocktake .
# docker build --target query ...     with what queries of a warehouse on S3 need

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
# DuckDB is linked in, so this needs cgo. What grpcnotrace is for, the Makefile says.
RUN CGO_ENABLED=1 go build -tags grpcnotrace -ldflags "-s -w -X main.version=${VERSION}" -o /out/stocktake ./cmd/stocktake

# DuckDB's extension for S3, signed by its makers, of the version that is linked in.
FROM python:3.13-slim-bookworm AS httpfs
RUN pip download --no-cache-dir --no-deps --dest /wheel duckdb-extension-httpfs==1.5.5 \
 && python -m zipfile --extract /wheel/*.whl /wheel \
 && mkdir /out \
 && find /wheel -name httpfs.duckdb_extension -exec cp {} /out/ \;

FROM debian:bookworm-slim AS base
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates libstdc++6 tini tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 stocktake \
 && useradd --uid 10001 --gid stocktake --home-dir /var/lib/stocktake --create-home --shell /usr/sbin/nologin stocktake
COPY --from=build /out/stocktake /usr/local/bin/stocktake
USER 10001:10001
WORKDIR /var/lib/stocktake
# Volumes that are mounted here take over the owner.
VOLUME /var/lib/stocktake
ENTRYPOINT ["stocktake"]
CMD ["run"]

FROM base AS query
COPY --from=httpfs --chmod=0644 /out/httpfs.duckdb_extension /usr/local/lib/stocktake/httpfs.duckdb_extension

# The last stage is what is built without --target.
FROM base AS run
