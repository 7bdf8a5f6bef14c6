# One broker: docker run -p 9092:9092 weir-broker. The operator: docker build --target operator -t weir-operator .
# Both come from one compilation, and neither has a shell.
ARG BUILDER=rust:1-bookworm
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILDER} AS build
WORKDIR /src
COPY . .
# Where scripts/image was given programs that are compiled already, they are all there is in /src.
RUN { [ -d compiled ] || { cargo build --release --locked -p broker -p cli -p operator && mkdir compiled \
   && for program in weir-broker weir weir-operator; do strip -o compiled/$program target/release/$program || exit; done; }; } \
 && mkdir -p /out/bin /out/kafka /out/empty \
 && cp compiled/weir-broker compiled/weir /out/bin/ \
 && cp compiled/weir-operator /out/ \
 && for tool in topics console-producer console-consumer consumer-groups configs get-offsets broker-api-versions; do \
      ln -s weir /out/bin/kafka-$tool && ln -s weir /out/bin/kafka-$tool.sh && ln -s /usr/local/bin/weir /out/kafka/kafka-$tool.sh; \
    done

FROM ${RUNTIME} AS operator
COPY --from=build /out/weir-operator /usr/local/bin/
USER 65532:65532
EXPOSE 8080 9090
ENTRYPOINT ["/usr/local/bin/weir-operator"]

FROM ${RUNTIME} AS broker
COPY --from=build /out/bin/ /usr/local/bin/
COPY --from=build /out/kafka/ /opt/kafka/bin/
COPY docker/broker.properties /etc/weir/
# A new volume takes the owner of the folder it covers: the last two are the folders that compose files for Apache Kafka's
# image name in KAFKA_LOG_DIRS.
COPY --from=build --chown=65532:65532 /out/empty/ /var/lib/weir/
COPY --from=build --chown=65532:65532 /out/empty/ /var/lib/kafka/data/
COPY --from=build --chown=65532:65532 /out/empty/ /tmp/kraft-combined-logs/
USER 65532:65532
VOLUME /var/lib/weir
EXPOSE 9092 9644
HEALTHCHECK --interval=5s --timeout=2s --start-period=2s CMD ["weir-broker", "--check"]
ENTRYPOINT ["weir-broker", "--config", "/etc/weir/broker.properties", "--admin-listen", "0.0.0.0:9644"]
