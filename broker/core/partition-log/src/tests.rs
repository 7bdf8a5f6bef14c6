//! Tests of the log as its users see it: over a disk in memory.

mod append;
mod cleaning;
mod decoders;
mod epochs;
mod kit;
mod model;
mod producers;
mod read;
mod recovery;
mod retention;
mod truncation;
