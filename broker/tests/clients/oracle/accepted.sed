# Parts of what tools print that differ on purpose. Each is taken out on both sides, and must be there on one.

# Kafka stores min.insync.replicas=1 for the cluster when it is formatted (KIP-966), so it looks set; ours is the default.
s/(Configs: )min\.insync\.replicas=1,?/\1/
s/DYNAMIC_DEFAULT_BROKER_CONFIG:min\.insync\.replicas=1, //
