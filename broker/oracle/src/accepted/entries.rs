//! The list. Kafka's behaviour decides; an entry is for what is not served yet, for what Kafka itself regrets, and for
//! what one broker on a laptop should do better.

use super::Entry;

const ABSENT: &str = "absent";

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        script: "api_versions",
        label: "",
        fields: &["api 24", "api 25", "api 26", "api 27", "api 28"],
        ours: ABSENT,
        peer: "",
        why: "transactions are not served yet",
    },
    Entry {
        script: "api_versions",
        label: "",
        fields: &[
            "api 17", "api 36", "api 29", "api 30", "api 31", "api 38", "api 39", "api 40", "api 41", "api 48",
            "api 49", "api 50", "api 51",
        ],
        ours: ABSENT,
        peer: "",
        why: "SASL, ACLs, delegation tokens and quotas are not served yet",
    },
    Entry {
        script: "api_versions",
        label: "",
        fields: &[
            "api 68", "api 69", "api 76", "api 77", "api 78", "api 79", "api 83", "api 84", "api 85", "api 86",
            "api 87", "api 88", "api 89", "api 90", "api 91", "api 92",
        ],
        ours: ABSENT,
        peer: "",
        why: "groups are classic ones: no consumer groups of KIP-848, share groups or streams groups yet",
    },
    Entry {
        script: "api_versions",
        label: "",
        fields: &["api 34", "api 55", "api 74", "api 80", "api 81"],
        ours: ABSENT,
        peer: "",
        why: "there is one data folder and no Raft quorum",
    },
    Entry {
        script: "api_versions",
        label: "ApiVersions v",
        fields: &["transaction.version", "group.version", "share.version", "streams.version", "kraft.version"],
        ours: ABSENT,
        peer: "",
        why: "a client that sees these features uses them, and they are not served",
    },
    Entry {
        script: "api_versions",
        label: "ApiVersions v",
        fields: &["supported metadata.version"],
        ours: "30 to 30",
        peer: "7 to 30",
        why: "nothing here depends on the level, so there is no other one to choose",
    },
    Entry {
        script: "features_and_registrations",
        label: "UpdateFeatures",
        fields: &["results.error_message"],
        ours: "None",
        peer: "",
        why: "Kafka sends a message with results that are no error",
    },
    Entry {
        script: "refused_transactions",
        label: "FindCoordinator",
        fields: &["error_code"],
        ours: "53",
        peer: "0",
        why: "transactions are not served yet, and TRANSACTIONAL_ID_AUTHORIZATION_FAILED is the code on which every client \
              gives up at once instead of asking again",
    },
    Entry {
        script: "refused_transactions",
        label: "FindCoordinator",
        fields: &["host", "port", "node_id", "error_message"],
        ours: "",
        peer: "",
        why: "beside that code there is no coordinator to name, but a reason",
    },
    Entry {
        script: "refused_transactions",
        label: "InitProducerId",
        fields: &["error_code", "producer_id", "producer_epoch"],
        ours: "",
        peer: "",
        why: "the same for clients that did not ask for the coordinator",
    },
    Entry {
        script: "forged_lengths",
        label: "Produce record",
        fields: &["error_code", "base_offset"],
        ours: "",
        peer: "",
        why: "inside a compressed batch Kafka does not hold the length of a record against its fields, and consumers fail \
              on what it took; ours are refused as Kafka refuses them where they are not compressed",
    },
    Entry {
        script: "forged_lengths",
        label: "Produce",
        fields: &["error_code"],
        ours: "87",
        peer: "-1",
        why: "what does not unpack is the producer's fault, INVALID_RECORD; Kafka stumbles over it and blames itself",
    },
    Entry {
        script: "inner_offsets",
        label: "Produce",
        fields: &["error_code"],
        ours: "87",
        peer: "-1",
        why: "offsets inside a compressed batch that are not 0, 1, 2 are the producer's fault, INVALID_RECORD; Kafka means \
              to write them anew, but reads such records without their keys and values, misses them and blames itself",
    },
    Entry {
        script: "auto_creation",
        label: "Metadata after Produce",
        fields: &["topic"],
        ours: "true",
        peer: "false",
        why: "a client that only produces finds its topic at the next try; Kafka creates topics for Metadata alone",
    },
    Entry {
        script: "create_topics",
        label: "",
        fields: &["configs.min.insync.replicas.config_source"],
        ours: "5",
        peer: "3",
        why: "Kafka stores min.insync.replicas=1 for the cluster when it is formatted with eligible leader replicas \
              (KIP-966), so that it looks as if somebody had set it; ours is the default that it is",
    },
    Entry {
        script: "refused_topics",
        label: "",
        fields: &["configs.min.insync.replicas.config_source"],
        ours: "5",
        peer: "3",
        why: "as for create_topics",
    },
    Entry {
        script: "topic_configs",
        label: "",
        fields: &["min.insync.replicas.source", "min.insync.replicas.synonyms", "min.insync.replicas"],
        ours: "",
        peer: "",
        why: "as for create_topics",
    },
    Entry {
        script: "altered_defaults",
        label: "default, ",
        fields: &["min.insync.replicas"],
        ours: ABSENT,
        peer: "",
        why: "as for create_topics",
    },
    Entry {
        script: "everything_at_once",
        label: "DescribeConfigs of kind",
        fields: &["results.error_code", "results.error_message"],
        ours: "",
        peer: "",
        why: "the Java loggers of a broker, client metrics and new groups have no configurations here, and saying so is \
              better than an empty list",
    },
    Entry {
        script: "everything_at_once",
        label: "IncrementalAlterConfigs of kind 32",
        fields: &["responses.error_code"],
        ours: "42",
        peer: "40",
        why: "the same for changes of a group",
    },
    Entry {
        script: "fetch_limits",
        label: "Fetch of one batch's bytes",
        fields: &["records"],
        ours: "",
        peer: "",
        why: "Kafka fills the limit with a part of the next batch, which clients drop; ours ends with a whole one",
    },
    Entry {
        script: "refused_configs",
        label: "IncrementalAlterConfigs refused: unknown operation",
        fields: &["error_code", "error_message"],
        ours: "",
        peer: "",
        why: "Kafka fails on an operation it does not know with UNKNOWN_SERVER_ERROR; INVALID_REQUEST and the reason say \
              what is wrong",
    },
];
