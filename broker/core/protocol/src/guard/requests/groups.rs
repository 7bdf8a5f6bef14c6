//! Groups and their offsets.

use crate::guard::schema::{
    Kind::{Array, Bytes, Int8, Int32, Int64, String, Structs, Uuid},
    NEVER, Schema, field,
};

pub(super) const OFFSET_COMMIT: Schema = Schema::new(
    8,
    2,
    10,
    8,
    &[
        field("group_id", String),
        field("generation_id_or_member_epoch", Int32),
        field("member_id", String),
        field("group_instance_id", String).since(7).nullable(),
        field("retention_time_ms", Int64).until(4),
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
                        field("committed_leader_epoch", Int32).since(6),
                        field("committed_metadata", String).nullable(),
                    ]),
                ),
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
        field("group_id", String).until(7),
        field("topics", Structs(&[field("name", String), field("partition_indexes", Array(&Int32))]))
            .until(7)
            .nullable_since(2),
        field(
            "groups",
            Structs(&[
                field("group_id", String),
                field("member_id", String).since(9).nullable(),
                field("member_epoch", Int32).since(9),
                field(
                    "topics",
                    Structs(&[
                        field("name", String).until(9),
                        field("topic_id", Uuid).since(10),
                        field("partition_indexes", Array(&Int32)),
                    ]),
                )
                .nullable(),
            ]),
        )
        .since(8),
        field("require_stable", Int8).since(7),
    ],
);

pub(super) const FIND_COORDINATOR: Schema = Schema::new(
    10,
    0,
    6,
    3,
    &[
        field("key", String).until(3),
        field("key_type", Int8).since(1),
        field("coordinator_keys", Array(&String)).since(4),
    ],
);

pub(super) const JOIN_GROUP: Schema = Schema::new(
    11,
    0,
    9,
    6,
    &[
        field("group_id", String),
        field("session_timeout_ms", Int32),
        field("rebalance_timeout_ms", Int32).since(1),
        field("member_id", String),
        field("group_instance_id", String).since(5).nullable(),
        field("protocol_type", String),
        field("protocols", Structs(&[field("name", String), field("metadata", Bytes)])),
        field("reason", String).since(8).nullable(),
    ],
);

pub(super) const HEARTBEAT: Schema = Schema::new(
    12,
    0,
    4,
    4,
    &[
        field("group_id", String),
        field("generation_id", Int32),
        field("member_id", String),
        field("group_instance_id", String).since(3).nullable(),
    ],
);

pub(super) const LEAVE_GROUP: Schema = Schema::new(
    13,
    0,
    5,
    4,
    &[
        field("group_id", String),
        field("member_id", String).until(2),
        field(
            "members",
            Structs(&[
                field("member_id", String),
                field("group_instance_id", String).nullable(),
                field("reason", String).since(5).nullable(),
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
        field("group_id", String),
        field("generation_id", Int32),
        field("member_id", String),
        field("group_instance_id", String).since(3).nullable(),
        field("protocol_type", String).since(5).nullable(),
        field("protocol_name", String).since(5).nullable(),
        field("assignments", Structs(&[field("member_id", String), field("assignment", Bytes)])),
    ],
);

pub(super) const DESCRIBE_GROUPS: Schema =
    Schema::new(15, 0, 6, 5, &[field("groups", Array(&String)), field("include_authorized_operations", Int8).since(3)]);

pub(super) const LIST_GROUPS: Schema = Schema::new(
    16,
    0,
    5,
    3,
    &[field("states_filter", Array(&String)).since(4), field("types_filter", Array(&String)).since(5)],
);

pub(super) const DELETE_GROUPS: Schema = Schema::new(42, 0, 2, 2, &[field("groups_names", Array(&String))]);

pub(super) const OFFSET_DELETE: Schema = Schema::new(
    47,
    0,
    0,
    NEVER,
    &[
        field("group_id", String),
        field(
            "topics",
            Structs(&[field("name", String), field("partitions", Structs(&[field("partition_index", Int32)]))]),
        ),
    ],
);
