//! Configuration of topics and brokers, and SASL.

use crate::guard::schema::{
    Kind::{Array, Bytes, Int8, Int16, Int32, Int64, String, Structs},
    NEVER, Schema, field,
};

pub(super) const DESCRIBE_CONFIGS: Schema = Schema::new(
    32,
    1,
    4,
    4,
    &[
        field("throttle_time_ms", Int32),
        field(
            "results",
            Structs(&[
                field("error_code", Int16),
                field("error_message", String).nullable(),
                field("resource_type", Int8),
                field("resource_name", String),
                field(
                    "configs",
                    Structs(&[
                        field("name", String),
                        field("value", String).nullable(),
                        field("read_only", Int8),
                        field("config_source", Int8),
                        field("is_sensitive", Int8),
                        field(
                            "synonyms",
                            Structs(&[field("name", String), field("value", String).nullable(), field("source", Int8)]),
                        ),
                        field("config_type", Int8).since(3),
                        field("documentation", String).since(3).nullable(),
                    ]),
                ),
            ]),
        ),
    ],
);

pub(super) const ALTER_CONFIGS: Schema = Schema::new(
    33,
    0,
    2,
    2,
    &[
        field("throttle_time_ms", Int32),
        field(
            "responses",
            Structs(&[
                field("error_code", Int16),
                field("error_message", String).nullable(),
                field("resource_type", Int8),
                field("resource_name", String),
            ]),
        ),
    ],
);

pub(super) const INCREMENTAL_ALTER_CONFIGS: Schema = Schema::new(
    44,
    0,
    1,
    1,
    &[
        field("throttle_time_ms", Int32),
        field(
            "responses",
            Structs(&[
                field("error_code", Int16),
                field("error_message", String).nullable(),
                field("resource_type", Int8),
                field("resource_name", String),
            ]),
        ),
    ],
);

pub(super) const SASL_HANDSHAKE: Schema =
    Schema::new(17, 0, 1, NEVER, &[field("error_code", Int16), field("mechanisms", Array(&String))]);

pub(super) const SASL_AUTHENTICATE: Schema = Schema::new(
    36,
    0,
    2,
    2,
    &[
        field("error_code", Int16),
        field("error_message", String).nullable(),
        field("auth_bytes", Bytes),
        field("session_lifetime_ms", Int64).since(1),
    ],
);
