//! The data path and what looks at logs.

use crate::guard::schema::{
    Kind::{Array, Bytes, Int8, Int16, Int32, Int64, String, Struct, Structs, Uuid},
    Schema, field,
};

pub(super) const PRODUCE: Schema = Schema::new(
    0,
    3,
    13,
    9,
    &[
        field("transactional_id", String).nullable(),
        field("acks", Int16),
        field("timeout_ms", Int32),
        field(
            "topic_data",
            Structs(&[
                field("name", String).until(12),
                field("topic_id", Uuid).since(13),
                field("partition_data", Structs(&[field("index", Int32), field("records", Bytes).nullable()])),
            ]),
        ),
    ],
);

pub(super) const FETCH: Schema = Schema::new(
    1,
    4,
    18,
    12,
    &[
        field("replica_id", Int32).until(14),
        field("max_wait_ms", Int32),
        field("min_bytes", Int32),
        field("max_bytes", Int32),
        field("isolation_level", Int8),
        field("session_id", Int32).since(7),
        field("session_epoch", Int32).since(7),
        field(
            "topics",
            Structs(&[
                field("topic", String).until(12),
                field("topic_id", Uuid).since(13),
                field(
                    "partitions",
                    Structs(&[
                        field("partition", Int32),
                        field("current_leader_epoch", Int32).since(9),
                        field("fetch_offset", Int64),
                        field("last_fetched_epoch", Int32).since(12),
                        field("log_start_offset", Int64).since(5),
                        field("partition_max_bytes", Int32),
                        field("replica_directory_id", Uuid).since(17).tag(0),
                        field("high_watermark", Int64).since(18).tag(1),
                    ]),
                ),
            ]),
        ),
        field(
            "forgotten_topics_data",
            Structs(&[
                field("topic", String).until(12),
                field("topic_id", Uuid).since(13),
                field("partitions", Array(&Int32)),
            ]),
        )
        .since(7),
        field("rack_id", String).since(11),
        field("cluster_id", String).nullable().tag(0),
        field("replica_state", Struct(&[field("replica_id", Int32), field("replica_epoch", Int64)])).since(15).tag(1),
    ],
);

pub(super) const LIST_OFFSETS: Schema = Schema::new(
    2,
    1,
    11,
    6,
    &[
        field("replica_id", Int32),
        field("isolation_level", Int8).since(2),
        field(
            "topics",
            Structs(&[
                field("name", String),
                field(
                    "partitions",
                    Structs(&[
                        field("partition_index", Int32),
                        field("current_leader_epoch", Int32).since(4),
                        field("timestamp", Int64),
                    ]),
                ),
            ]),
        ),
        field("timeout_ms", Int32).since(10),
    ],
);

pub(super) const OFFSET_FOR_LEADER_EPOCH: Schema = Schema::new(
    23,
    2,
    4,
    4,
    &[
        field("replica_id", Int32).since(3),
        field(
            "topics",
            Structs(&[
                field("topic", String),
                field(
                    "partitions",
                    Structs(&[
                        field("partition", Int32),
                        field("current_leader_epoch", Int32),
                        field("leader_epoch", Int32),
                    ]),
                ),
            ]),
        ),
    ],
);

pub(super) const DELETE_RECORDS: Schema = Schema::new(
    21,
    0,
    2,
    2,
    &[
        field(
            "topics",
            Structs(&[
                field("name", String),
                field("partitions", Structs(&[field("partition_index", Int32), field("offset", Int64)])),
            ]),
        ),
        field("timeout_ms", Int32),
    ],
);

pub(super) const DESCRIBE_PRODUCERS: Schema = Schema::new(
    61,
    0,
    0,
    0,
    &[field("topics", Structs(&[field("name", String), field("partition_indexes", Array(&Int32))]))],
);

pub(super) const DESCRIBE_LOG_DIRS: Schema = Schema::new(
    35,
    1,
    5,
    2,
    &[field("topics", Structs(&[field("topic", String), field("partitions", Array(&Int32))])).nullable()],
);
