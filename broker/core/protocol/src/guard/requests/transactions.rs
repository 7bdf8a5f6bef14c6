//! Producer ids and transactions.

use crate::guard::schema::{
    Kind::{Array, Int16, Int32, Int64, String},
    Schema, field,
};

pub(super) const INIT_PRODUCER_ID: Schema = Schema::new(
    22,
    0,
    5,
    2,
    &[
        field("transactional_id", String).nullable(),
        field("transaction_timeout_ms", Int32),
        field("producer_id", Int64).since(3),
        field("producer_epoch", Int16).since(3),
    ],
);

pub(super) const DESCRIBE_TRANSACTIONS: Schema =
    Schema::new(65, 0, 0, 0, &[field("transactional_ids", Array(&String))]);

pub(super) const LIST_TRANSACTIONS: Schema = Schema::new(
    66,
    0,
    2,
    0,
    &[
        field("state_filters", Array(&String)),
        field("producer_id_filters", Array(&Int64)),
        field("duration_filter", Int64).since(1),
        field("transactional_id_pattern", String).since(2).nullable(),
    ],
);
