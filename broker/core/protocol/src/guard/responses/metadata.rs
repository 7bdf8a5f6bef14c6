//! Cluster, topics, partitions.

use crate::guard::schema::{
    Kind::{Array, Int8, Int16, Int32, Int64, NullableStruct, String, Structs, Uuid},
    Schema, field,
};

pub(super) const METADATA: Schema = Schema::new(
    3,
    0,
    13,
    9,
    &[
        field("throttle_time_ms", Int32).since(3),
        field(
            "brokers",
            Structs(&[
                field("node_id", Int32),
                field("host", String),
                field("port", Int32),
                field("rack", String).since(1).nullable(),
            ]),
        ),
        field("cluster_id", String).since(2).nullable(),
        field("controller_id", Int32).since(1),
        field(
            "topics",
            Structs(&[
                field("error_code", Int16),
                field("name", String).nullable(),
                field("topic_id", Uuid).since(10),
                field("is_internal", Int8).since(1),
                field(
                    "partitions",
                    Structs(&[
                        field("error_code", Int16),
                        field("partition_index", Int32),
                        field("leader_id", Int32),
                        field("leader_epoch", Int32).since(7),
                        field("replica_nodes", Array(&Int32)),
                        field("isr_nodes", Array(&Int32)),
                        field("offline_replicas", Array(&Int32)).since(5),
                    ]),
                ),
                field("topic_authorized_operations", Int32).since(8),
            ]),
        ),
        field("cluster_authorized_operations", Int32).since(8).until(10),
        field("error_code", Int16).since(13),
    ],
);

pub(super) const API_VERSIONS: Schema = Schema::new(
    18,
    0,
    4,
    3,
    &[
        field("error_code", Int16),
        field(
            "api_keys",
            Structs(&[field("api_key", Int16), field("min_version", Int16), field("max_version", Int16)]),
        ),
        field("throttle_time_ms", Int32).since(1),
        field(
            "supported_features",
            Structs(&[
                field("name", String).since(3),
                field("min_version", Int16).since(3),
                field("max_version", Int16).since(3),
            ]),
        )
        .tag(0),
        field("finalized_features_epoch", Int64).tag(1),
        field(
            "finalized_features",
            Structs(&[
                field("name", String).since(3),
                field("max_version_level", Int16).since(3),
                field("min_version_level", Int16).since(3),
            ]),
        )
        .tag(2),
        field("zk_migration_ready", Int8).tag(3),
    ],
);

pub(super) const DESCRIBE_CLUSTER: Schema = Schema::new(
    60,
    0,
    2,
    0,
    &[
        field("throttle_time_ms", Int32),
        field("error_code", Int16),
        field("error_message", String).nullable(),
        field("endpoint_type", Int8).since(1),
        field("cluster_id", String),
        field("controller_id", Int32),
        field(
            "brokers",
            Structs(&[
                field("broker_id", Int32),
                field("host", String),
                field("port", Int32),
                field("rack", String).nullable(),
                field("is_fenced", Int8).since(2),
            ]),
        ),
        field("cluster_authorized_operations", Int32),
    ],
);

pub(super) const DESCRIBE_TOPIC_PARTITIONS: Schema = Schema::new(
    75,
    0,
    0,
    0,
    &[
        field("throttle_time_ms", Int32),
        field(
            "topics",
            Structs(&[
                field("error_code", Int16),
                field("name", String).nullable(),
                field("topic_id", Uuid),
                field("is_internal", Int8),
                field(
                    "partitions",
                    Structs(&[
                        field("error_code", Int16),
                        field("partition_index", Int32),
                        field("leader_id", Int32),
                        field("leader_epoch", Int32),
                        field("replica_nodes", Array(&Int32)),
                        field("isr_nodes", Array(&Int32)),
                        field("eligible_leader_replicas", Array(&Int32)).nullable(),
                        field("last_known_elr", Array(&Int32)).nullable(),
                        field("offline_replicas", Array(&Int32)),
                    ]),
                ),
                field("topic_authorized_operations", Int32),
            ]),
        ),
        field("next_cursor", NullableStruct(&[field("topic_name", String), field("partition_index", Int32)])),
    ],
);

pub(super) const CREATE_TOPICS: Schema = Schema::new(
    19,
    2,
    7,
    5,
    &[
        field("throttle_time_ms", Int32),
        field(
            "topics",
            Structs(&[
                field("name", String),
                field("topic_id", Uuid).since(7),
                field("error_code", Int16),
                field("error_message", String).nullable(),
                field("num_partitions", Int32).since(5),
                field("replication_factor", Int16).since(5),
                field(
                    "configs",
                    Structs(&[
                        field("name", String),
                        field("value", String).nullable(),
                        field("read_only", Int8),
                        field("config_source", Int8),
                        field("is_sensitive", Int8),
                    ]),
                )
                .since(5)
                .nullable(),
                field("topic_config_error_code", Int16).tag(0),
            ]),
        ),
    ],
);

pub(super) const DELETE_TOPICS: Schema = Schema::new(
    20,
    1,
    6,
    4,
    &[
        field("throttle_time_ms", Int32),
        field(
            "responses",
            Structs(&[
                field("name", String).nullable(),
                field("topic_id", Uuid).since(6),
                field("error_code", Int16),
                field("error_message", String).since(5).nullable(),
            ]),
        ),
    ],
);

pub(super) const CREATE_PARTITIONS: Schema = Schema::new(
    37,
    0,
    3,
    2,
    &[
        field("throttle_time_ms", Int32),
        field(
            "results",
            Structs(&[field("name", String), field("error_code", Int16), field("error_message", String).nullable()]),
        ),
    ],
);

pub(super) const ELECT_LEADERS: Schema = Schema::new(
    43,
    0,
    2,
    2,
    &[
        field("throttle_time_ms", Int32),
        field("error_code", Int16).since(1),
        field(
            "replica_election_results",
            Structs(&[
                field("topic", String),
                field(
                    "partition_result",
                    Structs(&[
                        field("partition_id", Int32),
                        field("error_code", Int16),
                        field("error_message", String).nullable(),
                    ]),
                ),
            ]),
        ),
    ],
);

pub(super) const ALTER_PARTITION_REASSIGNMENTS: Schema = Schema::new(
    45,
    0,
    1,
    0,
    &[
        field("throttle_time_ms", Int32),
        field("allow_replication_factor_change", Int8).since(1),
        field("error_code", Int16),
        field("error_message", String).nullable(),
        field(
            "responses",
            Structs(&[
                field("name", String),
                field(
                    "partitions",
                    Structs(&[
                        field("partition_index", Int32),
                        field("error_code", Int16),
                        field("error_message", String).nullable(),
                    ]),
                ),
            ]),
        ),
    ],
);

pub(super) const LIST_PARTITION_REASSIGNMENTS: Schema = Schema::new(
    46,
    0,
    0,
    0,
    &[
        field("throttle_time_ms", Int32),
        field("error_code", Int16),
        field("error_message", String).nullable(),
        field(
            "topics",
            Structs(&[
                field("name", String),
                field(
                    "partitions",
                    Structs(&[
                        field("partition_index", Int32),
                        field("replicas", Array(&Int32)),
                        field("adding_replicas", Array(&Int32)),
                        field("removing_replicas", Array(&Int32)),
                    ]),
                ),
            ]),
        ),
    ],
);

pub(super) const UPDATE_FEATURES: Schema = Schema::new(
    57,
    0,
    2,
    0,
    &[
        field("throttle_time_ms", Int32),
        field("error_code", Int16),
        field("error_message", String).nullable(),
        field(
            "results",
            Structs(&[field("feature", String), field("error_code", Int16), field("error_message", String).nullable()]),
        )
        .until(1),
    ],
);

pub(super) const UNREGISTER_BROKER: Schema = Schema::new(
    64,
    0,
    0,
    0,
    &[field("throttle_time_ms", Int32), field("error_code", Int16), field("error_message", String).nullable()],
);
