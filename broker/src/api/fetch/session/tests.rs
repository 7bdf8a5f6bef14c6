use super::*;

fn cache(sizes: &[(i32, usize)]) -> Cache {
    let mut cache = Cache::default();
    for (id, partitions) in sizes {
        cache.insert(
            Session { id: *id, set: Arc::new(Mutex::new(FetchSet::new(false, true))) },
            *partitions,
            MonotonicTime::ZERO,
        );
    }
    cache
}

fn minutes(count: u64) -> MonotonicTime {
    MonotonicTime::ZERO + Duration::from_secs(count * 60)
}

fn left(cache: &Cache) -> Vec<i32> {
    let mut left: Vec<i32> = cache.sessions.keys().copied().collect();
    left.sort_unstable();
    left
}

#[test]
fn session_unused_for_two_minutes_makes_room_for_any_other() {
    let mut cache = cache(&[(1, 50), (2, 50)]);
    cache.touch(1, 50, minutes(2));
    assert!(!cache.evict_for(1, minutes(2)), "not a moment before");
    assert!(cache.evict_for(1, minutes(3)));
    assert_eq!((left(&cache), cache.partitions, cache.evictions), (vec![1], 50, 1));
    assert!(!cache.evict_for(1, minutes(3)));
}

#[test]
fn smallest_session_in_use_makes_room_for_a_larger_one() {
    let mut cache = cache(&[(1, 50), (2, 5), (3, 10)]);
    for id in 1..=3 {
        let partitions = cache.sessions[&id].partitions;
        cache.touch(id, partitions, minutes(3));
    }
    assert!(!cache.evict_for(5, minutes(3)), "none is smaller");
    assert!(cache.evict_for(6, minutes(3)));
    assert_eq!(left(&cache), [1, 3]);
}

#[test]
fn young_session_in_use_is_left_alone() {
    let mut cache = cache(&[(1, 5)]);
    assert!(!cache.evict_for(100, minutes(1)));
}

#[test]
fn large_session_goes_on_as_long_as_all_together_stay_below_the_limit() {
    let cache = cache(&[(1, MAX_PARTITIONS / 2), (2, MAX_PARTITIONS / 4)]);
    assert!(cache.has_room_for(Some(1), MAX_PARTITIONS / 2));
    assert!(cache.has_room_for(Some(1), MAX_PARTITIONS / 4 * 3));
    assert!(!cache.has_room_for(Some(1), MAX_PARTITIONS / 4 * 3 + 1));
    assert!(!cache.has_room_for(None, MAX_PARTITIONS / 2));
}
