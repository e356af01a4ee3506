# Tidegate as an image: the binary, the C library, certificates of the public authorities, and nothing else. No shell, not root, nothing to write to.
#
#   docker build -t tidegate .
#   docker run -p 8080:8080 -v "$PWD/tidegate.toml:/etc/tidegate/tidegate.toml:ro" --read-only tidegate
#
# For another architecture build on a machine of it, or with `docker buildx build --platform linux/arm64`: nothing here names one.

ARG RUST_IMAGE=rust:1.95-slim-bookworm

FROM ${RUST_IMAGE} AS build
LABEL tidegate.stage="build"
WORKDIR /build
# What is needed to build the C parts of the dependencies, where the image does not bring it.
RUN command -v cc >/dev/null || (apt-get update && apt-get install -y --no-install-recommends gcc g++ libc6-dev && rm -rf /var/lib/apt/lists/*)

# The dependencies alone: this layer is made anew only when they change.
COPY Cargo.toml Cargo.lock ./
# Cargo wants every file that its manifest names, also those of benchmarks and tests, which are not built.
RUN mkdir -p src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
    && for file in $(sed -n -e 's/^path = "\(.*\)"/\1/p' -e '/^\[\[bench\]\]/,/^$/ s/^name = "\(.*\)"/benches\/\1.rs/p' Cargo.toml); do \
           mkdir -p "${file%/*}" && echo 'fn main() {}' > "$file"; \
       done
ARG PROFILE=release
RUN cargo build --locked --profile ${PROFILE} --bin tidegate

COPY src src
COPY config config
# Newer than what was built above, so that it is built.
RUN touch src/main.rs src/lib.rs && cargo build --locked --profile ${PROFILE} --bin tidegate \
    && cp "target/$([ "${PROFILE}" = dev ] && echo debug || echo "${PROFILE}")/tidegate" /tidegate \
    && strip --strip-debug /tidegate

# What the binary needs at run time, in the places where it looks.
RUN mkdir -p /image/usr/bin /image/etc/ssl/certs /image/etc/tidegate \
    && mv /tidegate /image/usr/bin/tidegate \
    && for file in $(ldd /image/usr/bin/tidegate | sed -n 's/^[^/]*\(\/[^ ]*\).*/\1/p'); do \
           mkdir -p "/image${file%/*}" && cp -L "$file" "/image$file"; \
       done \
    && cp -L /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && echo 'tidegate:x:65532:65532::/:/none' > /image/etc/passwd \
    && echo 'tidegate:x:65532:' > /image/etc/group

FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Tidegate" \
      org.opencontainers.image.description="A high-performance reverse proxy and edge gateway" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
USER 65532:65532
EXPOSE 8080 8443 9180
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=5s --retries=3 CMD ["/usr/bin/tidegate", "healthcheck"]
ENTRYPOINT ["/usr/bin/tidegate"]
CMD ["run", "-c", "/etc/tidegate/tidegate.toml"]
