//! The two hashes that decide where things go and that every implementation must share.

/// Java's `String.hashCode`, over UTF-16 units.
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The partition of `__consumer_offsets` (or `__transaction_state`) that coordinates `id`. Kafka takes the absolute
/// value here, and 0 for the one number that has none.
pub fn coordinator_partition(id: &str, partition_count: i32) -> i32 {
    debug_assert!(partition_count > 0, "a topic has partitions");
    java_hash(id).checked_abs().unwrap_or(0) % partition_count.max(1)
}

/// Kafka's partitioner clears the sign bit instead of taking the absolute value.
fn to_positive(hash: i32) -> i32 {
    hash & i32::MAX
}

/// The partition that the Java producer sends a keyed record to.
pub fn partition_for_key(key: &[u8], partition_count: i32) -> i32 {
    debug_assert!(partition_count > 0, "a topic has partitions");
    to_positive(murmur2(key)) % partition_count.max(1)
}

/// MurmurHash2, 32 bits, with the seed of Kafka's clients.
pub fn murmur2(bytes: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;
    // The length is mixed in as 32 bits; keys are far shorter.
    let mut hash = SEED ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut word = u32::from_le_bytes(word.try_into().expect("chunks of exactly four bytes"));
        word = word.wrapping_mul(MULTIPLIER);
        word ^= word >> SHIFT;
        hash = hash.wrapping_mul(MULTIPLIER) ^ word.wrapping_mul(MULTIPLIER);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        let word = tail.iter().rev().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
        hash = (hash ^ word).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    (hash ^ hash >> 15).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_agrees_with_kafkas_clients() {
        // The vectors that Kafka's, librdkafka's and kafkajs' own tests share.
        for (key, hash) in [
            (&b"21"[..], -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key), hash);
        }
    }

    #[test]
    fn java_hash_agrees_with_java() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        // One character beyond the basic plane is two units.
        assert_eq!(java_hash("😀"), 0xd83d * 31 + 0xde00);
    }

    #[test]
    fn groups_are_coordinated_where_kafka_coordinates_them() {
        assert_eq!(coordinator_partition("connect-cluster", 50), 13);
        // A negative hash: clearing the sign bit would say 36.
        assert_eq!(java_hash("my-group"), -1_906_497_762);
        assert_eq!(coordinator_partition("my-group", 50), 12);
        assert_eq!(coordinator_partition("polygenelubricants", 50), 0);
    }
}
