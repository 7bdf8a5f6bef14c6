//! The rules of classic groups, one by one.
//!
//! | Rule | Where |
//! |---|---|
//! | an id before the first join; an unused id is forgotten after a session timeout | [`joining`] |
//! | session timeout bounds, empty group id, protocols nobody shares, full group, unknown member | [`joining`] |
//! | the first rebalance waits, longer while members come, never beyond the rebalance timeout | [`joining`] |
//! | a join phase ends with the last member or after the largest rebalance timeout; new members have five minutes | [`joining`] |
//! | the leader gets all metadata, followers none; the protocol is voted for | [`joining`] |
//! | a stable follower that changed nothing starts no generation | [`joining`] |
//! | followers wait for the leader's assignment, which is recorded before it is answered | [`syncing`] |
//! | members that do not sync within the rebalance timeout are removed | [`syncing`] |
//! | heartbeats keep the session in every phase; parked requests stand for them | [`leaving`], [`syncing`] |
//! | members leave one by one or many at once, each with a result | [`leaving`] |
//! | a static member that comes back replaces itself without a rebalance and fences its former id | [`static_members`] |
//! | the id of the replacement survives a restart | [`static_members`] |

mod joining;
mod leaving;
mod static_members;
mod syncing;
