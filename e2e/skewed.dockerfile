# A program whose clock is wrong: of the image OF, by OFFSET (+1h, -50m). What measures how long something takes stays right, as it
# does on a machine whose clock is wrong.
ARG OF
FROM debian:bookworm-slim AS faketime
RUN apt-get update -qq && apt-get install --yes -qq --no-install-recommends faketime && cp /usr/lib/*/faketime/libfaketime.so.1 /

FROM ${OF}
COPY --from=faketime /libfaketime.so.1 /usr/local/lib/
ARG OFFSET
ENV LD_PRELOAD=/usr/local/lib/libfaketime.so.1 FAKETIME=${OFFSET} DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_FAKE_MONOTONIC=1
