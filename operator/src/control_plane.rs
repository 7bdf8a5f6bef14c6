//! The controllers of all clusters: their store, who may come to them, and their lives.

pub mod kubernetes_store;
