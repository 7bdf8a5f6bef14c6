use super::*;

fn text() -> Vec<u8> {
    (0..200_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect()
}

#[test]
fn every_codec_returns_what_went_in() {
    for input in [Vec::new(), b"a".to_vec(), text()] {
        for codec in Compression::ALL {
            let mut packed = Vec::new();
            compress(codec, None, &input, &mut packed).unwrap();
            let mut out = b"before".to_vec();
            decompress(codec, &packed, &mut out, input.len()).unwrap();
            assert_eq!(&out[6..], input, "{codec:?}");
        }
    }
}

#[test]
fn levels_of_kafka_are_accepted() {
    for (codec, levels) in
        [(Compression::Gzip, [-1, 1, 9]), (Compression::Lz4, [1, 9, 17]), (Compression::Zstd, [-5, 3, 22])]
    {
        for level in levels {
            let mut packed = Vec::new();
            compress(codec, Some(level), b"some records", &mut packed).unwrap();
            let mut out = Vec::new();
            decompress(codec, &packed, &mut out, 100).unwrap();
            assert_eq!(out, b"some records");
        }
    }
}

#[test]
fn output_beyond_the_limit_is_refused() {
    let bomb = vec![0; 10_000_000];
    for codec in Compression::ALL {
        let mut packed = Vec::new();
        compress(codec, None, &bomb, &mut packed).unwrap();
        let mut out = Vec::new();
        assert_eq!(decompress(codec, &packed, &mut out, 100_000), Err(CompressionError::TooLarge { limit: 100_000 }));
        assert!(out.capacity() < 2_000_000, "{codec:?} reserved {}", out.capacity());
    }
}

#[test]
fn garbage_is_refused() {
    let mut packed = Vec::new();
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let mut out = Vec::new();
        assert!(decompress(codec, &[0xff; 64], &mut out, 1 << 20).is_err(), "{codec:?}");
        packed.clear();
        compress(codec, None, &text(), &mut packed).unwrap();
        packed.truncate(packed.len() / 2);
        assert!(decompress(codec, &packed, &mut Vec::new(), 1 << 24).is_err(), "{codec:?} cut in half");
    }
}

#[test]
fn snappy_without_the_java_header_is_read() {
    let packed = snap::raw::Encoder::new().compress_vec(b"one bare block").unwrap();
    let mut out = Vec::new();
    decompress(Compression::Snappy, &packed, &mut out, 100).unwrap();
    assert_eq!(out, b"one bare block");
}

#[test]
fn snappy_block_that_claims_4_gib_costs_nothing() {
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
    let mut out = Vec::new();
    assert!(decompress(Compression::Snappy, &claim, &mut out, usize::MAX).is_err());
    assert!(out.capacity() <= 64 << 10);
}

#[test]
fn codecs_keep_kafkas_numbers_and_names() {
    let known: Vec<_> = Compression::ALL.iter().map(|c| (c.id(), c.name())).collect();
    assert_eq!(known, [(0, "none"), (1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd")]);
    assert_eq!(Compression::from_name("uncompressed"), Some(Compression::None));
    assert_eq!(Compression::from_id(5), None);
}
