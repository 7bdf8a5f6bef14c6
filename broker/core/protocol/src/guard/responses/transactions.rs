//! Producer ids and transactions.

use crate::guard::schema::{
    Kind::{Array, Int16, Int32, Int64, String, Structs},
    Schema, field,
};

pub(super) const INIT_PRODUCER_ID: Schema = Schema::new(
    22,
    0,
    6,
    2,
    &[
        field("throttle_time_ms", Int32),
        field("error_code", Int16),
        field("producer_id", Int64),
        field("producer_epoch", Int16),
        field("ongoing_txn_producer_id", Int64).since(6),
        field("ongoing_txn_producer_epoch", Int16).since(6),
    ],
);

pub(super) const DESCRIBE_TRANSACTIONS: Schema = Schema::new(
    65,
    0,
    0,
    0,
    &[
        field("throttle_time_ms", Int32),
        field(
            "transaction_states",
            Structs(&[
                field("error_code", Int16),
                field("transactional_id", String),
                field("transaction_state", String),
                field("transaction_timeout_ms", Int32),
                field("transaction_start_time_ms", Int64),
                field("producer_id", Int64),
                field("producer_epoch", Int16),
                field("topics", Structs(&[field("topic", String), field("partitions", Array(&Int32))])),
            ]),
        ),
    ],
);

pub(super) const LIST_TRANSACTIONS: Schema = Schema::new(
    66,
    0,
    2,
    0,
    &[
        field("throttle_time_ms", Int32),
        field("error_code", Int16),
        field("unknown_state_filters", Array(&String)),
        field(
            "transaction_states",
            Structs(&[
                field("transactional_id", String),
                field("producer_id", Int64),
                field("transaction_state", String),
            ]),
        ),
    ],
);
