//! Groups and their offsets.

use crate::guard::schema::{
    Kind::{Bytes, Int8, Int16, Int32, Int64, String, Structs, Uuid},
    NEVER, Schema, field,
};

pub(super) const OFFSET_COMMIT: Schema = Schema::new(
    8,
    2,
    10,
    8,
    &[
        field("throttle_time_ms", Int32).since(3),
        field(
            "topics",
            Structs(&[
                field("name", String).until(9),
                field("topic_id", Uuid).since(10),
                field("partitions", Structs(&[field("partition_index", Int32), field("error_code", Int16)])),
            ]),
        ),
    ],
);

pub(super) const OFFSET_FETCH: Schema = Schema::new(
    9,
    1,
    10,
    6,
    &[
        field("throttle_time_ms", Int32).since(3),
        field(
            "topics",
            Structs(&[
                field("name", String),
                field(
                    "partitions",
                    Structs(&[
                        field("partition_index", Int32),
                        field("committed_offset", Int64),
                        field("committed_leader_epoch", Int32).since(5),
                        field("metadata", String).nullable(),
                        field("error_code", Int16),
                    ]),
                ),
            ]),
        )
        .until(7),
        field("error_code", Int16).since(2).until(7),
        field(
            "groups",
            Structs(&[
                field("group_id", String),
                field(
                    "topics",
                    Structs(&[
                        field("name", String).until(9),
                        field("topic_id", Uuid).since(10),
                        field(
                            "partitions",
                            Structs(&[
                                field("partition_index", Int32),
                                field("committed_offset", Int64),
                                field("committed_leader_epoch", Int32),
                                field("metadata", String).nullable(),
                                field("error_code", Int16),
                            ]),
                        ),
                    ]),
                ),
                field("error_code", Int16),
            ]),
        )
        .since(8),
    ],
);

pub(super) const FIND_COORDINATOR: Schema = Schema::new(
    10,
    0,
    6,
    3,
    &[
        field("throttle_time_ms", Int32).since(1),
        field("error_code", Int16).until(3),
        field("error_message", String).since(1).until(3).nullable(),
        field("node_id", Int32).until(3),
        field("host", String).until(3),
        field("port", Int32).until(3),
        field(
            "coordinators",
            Structs(&[
                field("key", String),
                field("node_id", Int32),
                field("host", String),
                field("port", Int32),
                field("error_code", Int16),
                field("error_message", String).nullable(),
            ]),
        )
        .since(4),
    ],
);

pub(super) const JOIN_GROUP: Schema = Schema::new(
    11,
    0,
    9,
    6,
    &[
        field("throttle_time_ms", Int32).since(2),
        field("error_code", Int16),
        field("generation_id", Int32),
        field("protocol_type", String).since(7).nullable(),
        field("protocol_name", String).nullable(),
        field("leader", String),
        field("skip_assignment", Int8).since(9),
        field("member_id", String),
        field(
            "members",
            Structs(&[
                field("member_id", String),
                field("group_instance_id", String).since(5).nullable(),
                field("metadata", Bytes),
            ]),
        ),
    ],
);

pub(super) const HEARTBEAT: Schema =
    Schema::new(12, 0, 4, 4, &[field("throttle_time_ms", Int32).since(1), field("error_code", Int16)]);

pub(super) const LEAVE_GROUP: Schema = Schema::new(
    13,
    0,
    5,
    4,
    &[
        field("throttle_time_ms", Int32).since(1),
        field("error_code", Int16),
        field(
            "members",
            Structs(&[
                field("member_id", String),
                field("group_instance_id", String).nullable(),
                field("error_code", Int16),
            ]),
        )
        .since(3),
    ],
);

pub(super) const SYNC_GROUP: Schema = Schema::new(
    14,
    0,
    5,
    4,
    &[
        field("throttle_time_ms", Int32).since(1),
        field("error_code", Int16),
        field("protocol_type", String).since(5).nullable(),
        field("protocol_name", String).since(5).nullable(),
        field("assignment", Bytes),
    ],
);

pub(super) const DESCRIBE_GROUPS: Schema = Schema::new(
    15,
    0,
    6,
    5,
    &[
        field("throttle_time_ms", Int32).since(1),
        field(
            "groups",
            Structs(&[
                field("error_code", Int16),
                field("error_message", String).since(6).nullable(),
                field("group_id", String),
                field("group_state", String),
                field("protocol_type", String),
                field("protocol_data", String),
                field(
                    "members",
                    Structs(&[
                        field("member_id", String),
                        field("group_instance_id", String).since(4).nullable(),
                        field("client_id", String),
                        field("client_host", String),
                        field("member_metadata", Bytes),
                        field("member_assignment", Bytes),
                    ]),
                ),
                field("authorized_operations", Int32).since(3),
            ]),
        ),
    ],
);

pub(super) const LIST_GROUPS: Schema = Schema::new(
    16,
    0,
    5,
    3,
    &[
        field("throttle_time_ms", Int32).since(1),
        field("error_code", Int16),
        field(
            "groups",
            Structs(&[
                field("group_id", String),
                field("protocol_type", String),
                field("group_state", String).since(4),
                field("group_type", String).since(5),
            ]),
        ),
    ],
);

pub(super) const DELETE_GROUPS: Schema = Schema::new(
    42,
    0,
    2,
    2,
    &[
        field("throttle_time_ms", Int32),
        field("results", Structs(&[field("group_id", String), field("error_code", Int16)])),
    ],
);

pub(super) const OFFSET_DELETE: Schema = Schema::new(
    47,
    0,
    0,
    NEVER,
    &[
        field("error_code", Int16),
        field("throttle_time_ms", Int32),
        field(
            "topics",
            Structs(&[
                field("name", String),
                field("partitions", Structs(&[field("partition_index", Int32), field("error_code", Int16)])),
            ]),
        ),
    ],
);
