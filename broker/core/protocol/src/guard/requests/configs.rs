//! Configuration of topics and brokers, and SASL.

use crate::guard::schema::{
    Kind::{Array, Bytes, Int8, String, Structs},
    NEVER, Schema, field,
};

pub(super) const DESCRIBE_CONFIGS: Schema = Schema::new(
    32,
    1,
    4,
    4,
    &[
        field(
            "resources",
            Structs(&[
                field("resource_type", Int8),
                field("resource_name", String),
                field("configuration_keys", Array(&String)).nullable(),
            ]),
        ),
        field("include_synonyms", Int8),
        field("include_documentation", Int8).since(3),
    ],
);

pub(super) const ALTER_CONFIGS: Schema = Schema::new(
    33,
    0,
    2,
    2,
    &[
        field(
            "resources",
            Structs(&[
                field("resource_type", Int8),
                field("resource_name", String),
                field("configs", Structs(&[field("name", String), field("value", String).nullable()])),
            ]),
        ),
        field("validate_only", Int8),
    ],
);

pub(super) const INCREMENTAL_ALTER_CONFIGS: Schema = Schema::new(
    44,
    0,
    1,
    1,
    &[
        field(
            "resources",
            Structs(&[
                field("resource_type", Int8),
                field("resource_name", String),
                field(
                    "configs",
                    Structs(&[
                        field("name", String),
                        field("config_operation", Int8),
                        field("value", String).nullable(),
                    ]),
                ),
            ]),
        ),
        field("validate_only", Int8),
    ],
);

pub(super) const SASL_HANDSHAKE: Schema = Schema::new(17, 0, 1, NEVER, &[field("mechanism", String)]);

pub(super) const SASL_AUTHENTICATE: Schema = Schema::new(36, 0, 2, 2, &[field("auth_bytes", Bytes)]);
