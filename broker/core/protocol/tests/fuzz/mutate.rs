//! Ways to spoil bytes.

use protocol::samples::Source;

/// Lengths and counts that have brought decoders down.
const HOSTILE: [i32; 10] = [i32::MAX, i32::MIN, -1, -2, 0, 1, 0x00ff_ffff, 0x0100_0000, 1_000_001, 0x7fff];

/// Spoils `bytes` a few times over; `other` is a valid message of another kind to splice in.
pub(crate) fn spoil(bytes: &mut Vec<u8>, other: &[u8], source: &mut Source) {
    for _ in 0..=source.below(4) {
        once(bytes, other, source);
    }
}

fn once(bytes: &mut Vec<u8>, other: &[u8], source: &mut Source) {
    let place = source.below(bytes.len().max(1));
    match source.below(10) {
        0 => flip(bytes, place, 1 << source.below(8)),
        1 => flip(bytes, place, source.next_u64() as u8),
        2 => overwrite(bytes, place, &hostile(source).to_be_bytes()),
        3 => overwrite(bytes, place, &(hostile(source) as i16).to_be_bytes()),
        4 => overwrite(bytes, place, &varint(hostile(source).cast_unsigned())),
        5 => overwrite(bytes, place, &[0xff; 10][..=source.below(10)]),
        6 => bytes.truncate(place),
        7 => bytes.extend((0..source.below(40)).map(|byte| (byte * 37) as u8)),
        8 => {
            let from = source.below(other.len().max(1));
            let tail = &other[from.min(other.len())..];
            bytes.truncate(place);
            bytes.extend_from_slice(tail);
        }
        _ => {
            let end = (place + source.below(30)).min(bytes.len());
            let piece = bytes[place.min(end)..end].to_vec();
            bytes.splice(place..place, piece);
        }
    }
}

pub(crate) fn random(source: &mut Source) -> Vec<u8> {
    let length = source.below(200);
    (0..length).map(|_| source.next_u64() as u8).collect()
}

fn hostile(source: &mut Source) -> i32 {
    *source.pick(&HOSTILE).expect("the list is not empty")
}

fn varint(value: u32) -> Vec<u8> {
    let mut out = Vec::new();
    protocol::wire::put_unsigned_varint(&mut out, value);
    out
}

fn flip(bytes: &mut [u8], place: usize, mask: u8) {
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= mask;
    }
}

fn overwrite(bytes: &mut [u8], place: usize, with: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(place).zip(with) {
        *byte = *new;
    }
}
