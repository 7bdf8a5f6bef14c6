//! Seeded runs of the operator against a Kubernetes that fails: the same seed, the same run.
//!
//! It is: the operator's plans and the controller that it hosts, over pods, brokers and watches that are simulated: writes
//! that conflict or whose answer is lost, watch events that come late, out of order or not at all, an operator that ends
//! between any two writes. It is not: a mock of the operator; its plans are those that run.
//!
//! Promise: a failing run says what broke, and its seed fails again.
//!
//! Start with [`cluster_run`]. The store in Kubernetes objects has runs of its own: `tests/store.rs`.

pub mod cluster_run;
