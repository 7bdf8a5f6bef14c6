# One broker: docker run -p 9092:9092 weir-broker
ARG BUILDER=rust:1-bookworm
ARG RUNTIME=debian:bookworm-slim

FROM ${BUILDER} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p broker -p cli \
 && mkdir -p /out/usr/local/bin /out/etc/weir /out/var/lib/weir /out/opt/kafka/bin \
 && cp target/release/weir-broker target/release/weir /out/usr/local/bin/ \
 && cp docker/broker.properties /out/etc/weir/ \
 && cd /out/usr/local/bin \
 && for tool in topics console-producer console-consumer consumer-groups configs get-offsets broker-api-versions; do \
      ln -s weir kafka-$tool && ln -s weir kafka-$tool.sh && ln -s /usr/local/bin/weir /out/opt/kafka/bin/kafka-$tool.sh; \
    done

FROM ${RUNTIME}
COPY --from=build /out/ /
# A new volume takes the owner of the folder it covers: /var/lib/kafka/data and /tmp/kraft-combined-logs are the
# folders that compose files for Apache Kafka's image name in KAFKA_LOG_DIRS.
RUN mkdir -p /var/lib/kafka/data /tmp/kraft-combined-logs \
 && chown -R 65532:65532 /var/lib/weir /var/lib/kafka /tmp/kraft-combined-logs
USER 65532:65532
VOLUME /var/lib/weir
EXPOSE 9092 9644
HEALTHCHECK --interval=5s --timeout=2s --start-period=2s CMD ["weir-broker", "--check"]
ENTRYPOINT ["weir-broker", "--config", "/etc/weir/broker.properties", "--admin-listen", "0.0.0.0:9644"]
