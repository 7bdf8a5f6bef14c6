use crate::store::conformance::{InMemory, check_objects, check_sharded};

#[tokio::test]
async fn memory_does_what_every_place_of_objects_does() {
    check_objects(&mut InMemory::default()).await;
}

#[tokio::test]
async fn root_and_shards_survive_what_they_must() {
    check_sharded(&mut InMemory::default()).await;
}
