//! Cluster, topics, partitions.

use crate::guard::schema::{
    Kind::{Array, Int8, Int16, Int32, NullableStruct, String, Structs, Uuid},
    Schema, field,
};

pub(super) const METADATA: Schema = Schema::new(
    3,
    0,
    13,
    9,
    &[
        field("topics", Structs(&[field("topic_id", Uuid).since(10), field("name", String).nullable_since(10)]))
            .nullable_since(1),
        field("allow_auto_topic_creation", Int8).since(4),
        field("include_cluster_authorized_operations", Int8).since(8).until(10),
        field("include_topic_authorized_operations", Int8).since(8),
    ],
);

pub(super) const API_VERSIONS: Schema = Schema::new(
    18,
    0,
    4,
    3,
    &[field("client_software_name", String).since(3), field("client_software_version", String).since(3)],
);

pub(super) const DESCRIBE_CLUSTER: Schema = Schema::new(
    60,
    0,
    2,
    0,
    &[
        field("include_cluster_authorized_operations", Int8),
        field("endpoint_type", Int8).since(1),
        field("include_fenced_brokers", Int8).since(2),
    ],
);

pub(super) const DESCRIBE_TOPIC_PARTITIONS: Schema = Schema::new(
    75,
    0,
    0,
    0,
    &[
        field("topics", Structs(&[field("name", String)])),
        field("response_partition_limit", Int32),
        field("cursor", NullableStruct(&[field("topic_name", String), field("partition_index", Int32)])),
    ],
);

pub(super) const CREATE_TOPICS: Schema = Schema::new(
    19,
    2,
    7,
    5,
    &[
        field(
            "topics",
            Structs(&[
                field("name", String),
                field("num_partitions", Int32),
                field("replication_factor", Int16),
                field("assignments", Structs(&[field("partition_index", Int32), field("broker_ids", Array(&Int32))])),
                field("configs", Structs(&[field("name", String), field("value", String).nullable()])),
            ]),
        ),
        field("timeout_ms", Int32),
        field("validate_only", Int8),
    ],
);

pub(super) const DELETE_TOPICS: Schema = Schema::new(
    20,
    1,
    6,
    4,
    &[
        field("topics", Structs(&[field("name", String).nullable(), field("topic_id", Uuid)])).since(6),
        field("topic_names", Array(&String)).until(5),
        field("timeout_ms", Int32),
    ],
);

pub(super) const CREATE_PARTITIONS: Schema = Schema::new(
    37,
    0,
    3,
    2,
    &[
        field(
            "topics",
            Structs(&[
                field("name", String),
                field("count", Int32),
                field("assignments", Structs(&[field("broker_ids", Array(&Int32))])).nullable(),
            ]),
        ),
        field("timeout_ms", Int32),
        field("validate_only", Int8),
    ],
);

pub(super) const ELECT_LEADERS: Schema = Schema::new(
    43,
    0,
    2,
    2,
    &[
        field("election_type", Int8).since(1),
        field("topic_partitions", Structs(&[field("topic", String), field("partitions", Array(&Int32))])).nullable(),
        field("timeout_ms", Int32),
    ],
);

pub(super) const ALTER_PARTITION_REASSIGNMENTS: Schema = Schema::new(
    45,
    0,
    1,
    0,
    &[
        field("timeout_ms", Int32),
        field("allow_replication_factor_change", Int8).since(1),
        field(
            "topics",
            Structs(&[
                field("name", String),
                field(
                    "partitions",
                    Structs(&[field("partition_index", Int32), field("replicas", Array(&Int32)).nullable()]),
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
        field("timeout_ms", Int32),
        field("topics", Structs(&[field("name", String), field("partition_indexes", Array(&Int32))])).nullable(),
    ],
);

pub(super) const UPDATE_FEATURES: Schema = Schema::new(
    57,
    0,
    2,
    0,
    &[
        field("timeout_ms", Int32),
        field(
            "feature_updates",
            Structs(&[
                field("feature", String),
                field("max_version_level", Int16),
                field("allow_downgrade", Int8).until(0),
                field("upgrade_type", Int8).since(1),
            ]),
        ),
        field("validate_only", Int8).since(1),
    ],
);

pub(super) const UNREGISTER_BROKER: Schema = Schema::new(64, 0, 0, 0, &[field("broker_id", Int32)]);
