//! The data path and what looks at logs.

use crate::guard::schema::{
    Kind::{Bytes, Int8, Int16, Int32, Int64, String, Struct, Structs, Uuid},
    Schema, field,
};

pub(super) const PRODUCE: Schema = Schema::new(
    0,
    3,
    13,
    9,
    &[
        field(
            "responses",
            Structs(&[
                field("name", String).until(12),
                field("topic_id", Uuid).since(13),
                field(
                    "partition_responses",
                    Structs(&[
                        field("index", Int32),
                        field("error_code", Int16),
                        field("base_offset", Int64),
                        field("log_append_time_ms", Int64),
                        field("log_start_offset", Int64).since(5),
                        field(
                            "record_errors",
                            Structs(&[
                                field("batch_index", Int32),
                                field("batch_index_error_message", String).nullable(),
                            ]),
                        )
                        .since(8),
                        field("error_message", String).since(8).nullable(),
                        field("current_leader", Struct(&[field("leader_id", Int32), field("leader_epoch", Int32)]))
                            .since(10)
                            .tag(0),
                    ]),
                ),
            ]),
        ),
        field("throttle_time_ms", Int32),
        field(
            "node_endpoints",
            Structs(&[
                field("node_id", Int32),
                field("host", String),
                field("port", Int32),
                field("rack", String).nullable(),
            ]),
        )
        .since(10)
        .tag(0),
    ],
);

pub(super) const FETCH: Schema = Schema::new(
    1,
    4,
    18,
    12,
    &[
        field("throttle_time_ms", Int32),
        field("error_code", Int16).since(7),
        field("session_id", Int32).since(7),
        field(
            "responses",
            Structs(&[
                field("topic", String).until(12),
                field("topic_id", Uuid).since(13),
                field(
                    "partitions",
                    Structs(&[
                        field("partition_index", Int32),
                        field("error_code", Int16),
                        field("high_watermark", Int64),
                        field("last_stable_offset", Int64),
                        field("log_start_offset", Int64).since(5),
                        field(
                            "aborted_transactions",
                            Structs(&[field("producer_id", Int64), field("first_offset", Int64)]),
                        )
                        .nullable(),
                        field("preferred_read_replica", Int32).since(11),
                        field("records", Bytes).nullable(),
                        field(
                            "diverging_epoch",
                            Struct(&[field("epoch", Int32).since(12), field("end_offset", Int64).since(12)]),
                        )
                        .tag(0),
                        field(
                            "current_leader",
                            Struct(&[field("leader_id", Int32).since(12), field("leader_epoch", Int32).since(12)]),
                        )
                        .tag(1),
                        field("snapshot_id", Struct(&[field("end_offset", Int64), field("epoch", Int32)])).tag(2),
                    ]),
                ),
            ]),
        ),
        field(
            "node_endpoints",
            Structs(&[
                field("node_id", Int32),
                field("host", String),
                field("port", Int32),
                field("rack", String).nullable(),
            ]),
        )
        .since(16)
        .tag(0),
    ],
);

pub(super) const LIST_OFFSETS: Schema = Schema::new(
    2,
    1,
    11,
    6,
    &[
        field("throttle_time_ms", Int32).since(2),
        field(
            "topics",
            Structs(&[
                field("name", String),
                field(
                    "partitions",
                    Structs(&[
                        field("partition_index", Int32),
                        field("error_code", Int16),
                        field("timestamp", Int64),
                        field("offset", Int64),
                        field("leader_epoch", Int32).since(4),
                    ]),
                ),
            ]),
        ),
    ],
);

pub(super) const OFFSET_FOR_LEADER_EPOCH: Schema = Schema::new(
    23,
    2,
    4,
    4,
    &[
        field("throttle_time_ms", Int32),
        field(
            "topics",
            Structs(&[
                field("topic", String),
                field(
                    "partitions",
                    Structs(&[
                        field("error_code", Int16),
                        field("partition", Int32),
                        field("leader_epoch", Int32),
                        field("end_offset", Int64),
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
        field("throttle_time_ms", Int32),
        field(
            "topics",
            Structs(&[
                field("name", String),
                field(
                    "partitions",
                    Structs(&[
                        field("partition_index", Int32),
                        field("low_watermark", Int64),
                        field("error_code", Int16),
                    ]),
                ),
            ]),
        ),
    ],
);

pub(super) const DESCRIBE_PRODUCERS: Schema = Schema::new(
    61,
    0,
    0,
    0,
    &[
        field("throttle_time_ms", Int32),
        field(
            "topics",
            Structs(&[
                field("name", String),
                field(
                    "partitions",
                    Structs(&[
                        field("partition_index", Int32),
                        field("error_code", Int16),
                        field("error_message", String).nullable(),
                        field(
                            "active_producers",
                            Structs(&[
                                field("producer_id", Int64),
                                field("producer_epoch", Int32),
                                field("last_sequence", Int32),
                                field("last_timestamp", Int64),
                                field("coordinator_epoch", Int32),
                                field("current_txn_start_offset", Int64),
                            ]),
                        ),
                    ]),
                ),
            ]),
        ),
    ],
);

pub(super) const DESCRIBE_LOG_DIRS: Schema = Schema::new(
    35,
    1,
    5,
    2,
    &[
        field("throttle_time_ms", Int32),
        field("error_code", Int16).since(3),
        field(
            "results",
            Structs(&[
                field("error_code", Int16),
                field("log_dir", String),
                field(
                    "topics",
                    Structs(&[
                        field("name", String),
                        field(
                            "partitions",
                            Structs(&[
                                field("partition_index", Int32),
                                field("partition_size", Int64),
                                field("offset_lag", Int64),
                                field("is_future_key", Int8),
                            ]),
                        ),
                    ]),
                ),
                field("total_bytes", Int64).since(4),
                field("usable_bytes", Int64).since(4),
                field("is_cordoned", Int8).since(5),
            ]),
        ),
    ],
);
