//! The rules of committed offsets, one by one.
//!
//! | Rule | Where |
//! |---|---|
//! | generation -1 commits only into empty groups, and makes a simple group of an unknown one | [`committing`] |
//! | members commit while they rejoin, not while they wait for an assignment | [`committing`] |
//! | a commit is a heartbeat; metadata and leader epoch come back; long metadata is refused per partition | [`committing`] |
//! | what is not there is -1 without error; no topics asked for means all | [`committing`] |
//! | a transactional commit is invisible until its marker, and unstable until then | [`committing`] |
//! | offsets are deleted on request, except for topics in use | [`committing`] |
//! | an empty group expires from when it became empty, a simple one and unread topics from each commit | [`expiring`] |
//! | never with an open transaction; old commits keep an expiry of their own | [`expiring`] |
//! | the last offset takes an empty group along; a deleted topic takes its offsets | [`expiring`] |
//! | only empty groups are deleted | [`expiring`] |

mod committing;
mod expiring;
