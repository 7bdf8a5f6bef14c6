# The operator, from the root of the repository: docker build -f docker/operator.Dockerfile -t weir-operator .
ARG BUILDER=rust:1-bookworm
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILDER} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p operator && strip target/release/weir-operator

FROM ${RUNTIME}
COPY --from=build /src/target/release/weir-operator /usr/local/bin/
USER 65532:65532
EXPOSE 8080 9090
ENTRYPOINT ["/usr/local/bin/weir-operator"]
