//! `weir` and the `kafka-*` names against a real broker: `weir-broker` from the same build, or the brokers that
//! WEIR_TEST_BOOTSTRAP names (Apache Kafka, for comparison; tests that stop a broker keep to their own).

mod console;
mod endings;
mod groups;
mod import;
mod support;
mod topics;
