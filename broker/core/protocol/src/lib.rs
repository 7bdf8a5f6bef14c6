//! Kafka's wire format, in the parts where a general codec is not enough, and the guard in front of that codec.
//!
//! It is: the first bytes of a frame ([`frame`]), a walk over every request body that bounds what decoding may cost
//! ([`guard`]), record batches read and patched in place ([`record_batch`]), their codecs ([`compression`]), what a
//! leader checks on a produced batch ([`validation`]), and messages read and written by hand: those of the data path
//! ([`produce_request`], [`produce_response`], [`fetch_response`]) and those whose newest version the codec lacks
//! ([`offset_commit_request`], [`offset_fetch_request`], [`describe_log_dirs_response`]).
//!
//! It is not: a codec for the other messages. Those are the crate `kafka-protocol`'s, behind the guard.
//!
//! It promises: no bytes make it panic, what it allocates is bounded by the caller or by the bytes that are there, and
//! record bytes are never copied unless a rule forces it.
//!
//! Start with [`record_batch`]; everything else moves batches about. [`samples`] makes valid messages for tests and fuzz
//! runs; `tests/golden` holds what real clients sent.

pub mod codec_versions;
pub mod compression;
pub mod describe_log_dirs_response;
pub mod fetch_response;
pub mod frame;
pub mod guard;
pub mod hashes;
pub mod offset_commit_request;
pub mod offset_fetch_request;
pub mod produce_request;
pub mod produce_response;
pub mod record_batch;
pub mod requests_by_topic_id;
pub mod samples;
pub mod topic_reference;
pub mod validation;
pub mod wire;

mod message_writer;
