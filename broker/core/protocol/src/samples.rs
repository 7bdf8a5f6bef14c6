//! Valid messages of every API and version, made from the tables of [`crate::guard`] by a seed: for the tests and fuzz
//! runs of whoever reads frames. The same seed makes the same bytes.

use crate::{
    guard::{
        request_schema, response_schema,
        schema::{Field, Kind, Schema},
    },
    wire::put_unsigned_varint,
};

/// A stream of numbers that depends on its seed only (SplitMix64).
#[derive(Debug, Clone)]
pub struct Source {
    state: u64,
}

impl Source {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next_u64() as usize).checked_rem(bound).unwrap_or(0)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}

/// A request body with several elements per array, some nulls, all tagged fields. `None` for an unknown key or version.
pub fn request_body(api_key: i16, version: i16, source: &mut Source) -> Option<Vec<u8>> {
    body(request_schema(api_key)?, version, source)
}

/// As [`request_body`], a response.
pub fn response_body(api_key: i16, version: i16, source: &mut Source) -> Option<Vec<u8>> {
    body(response_schema(api_key)?, version, source)
}

/// A request frame without its size: header of the right version, client id, body.
pub fn request_frame(api_key: i16, version: i16, source: &mut Source) -> Option<Vec<u8>> {
    let schema = request_schema(api_key)?;
    let body = body(schema, version, source)?;
    let mut frame = Vec::with_capacity(body.len() + 24);
    frame.extend(api_key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend((source.next_u64() as u32).to_be_bytes());
    frame.extend([0, 6]);
    frame.extend(b"sample");
    if version >= schema.flexible_from {
        frame.push(0);
    }
    frame.extend(body);
    Some(frame)
}

fn body(schema: &Schema, version: i16, source: &mut Source) -> Option<Vec<u8>> {
    if !(schema.first_version..=schema.last_version).contains(&version) {
        return None;
    }
    let flexible = version >= schema.flexible_from;
    let mut writer = Writer { out: Vec::new(), version, flexible, source };
    writer.fields(schema.fields);
    Some(writer.out)
}

struct Writer<'a> {
    out: Vec<u8>,
    version: i16,
    flexible: bool,
    source: &'a mut Source,
}

impl Writer<'_> {
    fn fields(&mut self, fields: &'static [Field]) {
        let version = self.version;
        for field in fields.iter().filter(|field| field.tag.is_none() && field.exists_in(version)) {
            self.field(field, false);
        }
        if !self.flexible {
            return;
        }
        let mut tagged: Vec<_> =
            fields.iter().filter(|field| field.tag.is_some() && field.exists_in(self.version)).collect();
        tagged.sort_by_key(|field| field.tag);
        put_unsigned_varint(&mut self.out, tagged.len() as u32);
        for field in tagged {
            let outside = std::mem::take(&mut self.out);
            self.field(field, true);
            let content = std::mem::replace(&mut self.out, outside);
            put_unsigned_varint(&mut self.out, field.tag.unwrap_or_default());
            put_unsigned_varint(&mut self.out, content.len() as u32);
            self.out.extend(content);
        }
    }

    /// Tagged fields are never null here: an encoder would leave such a one out.
    fn field(&mut self, field: &'static Field, tagged: bool) {
        if !tagged && field.is_nullable_in(self.version) && self.source.once_in(4) {
            return self.length(None, field.kind);
        }
        match field.kind {
            Kind::Struct(fields) => self.fields(fields),
            Kind::NullableStruct(fields) => {
                let there = tagged || !self.source.once_in(4);
                self.out.push(if there { 1 } else { 0xff });
                if there {
                    self.fields(fields);
                }
            }
            Kind::Structs(fields) => {
                let count = self.source.below(3) + usize::from(tagged);
                self.length(Some(count), field.kind);
                for _ in 0..count {
                    self.fields(fields);
                }
            }
            Kind::Array(element) => {
                let count = self.source.below(4) + usize::from(tagged);
                self.length(Some(count), field.kind);
                for _ in 0..count {
                    self.value(*element);
                }
            }
            simple => self.value(simple),
        }
    }

    fn value(&mut self, kind: Kind) {
        let number = self.source.next_u64();
        match kind {
            // Booleans too, so 0 and 1 only.
            Kind::Int8 => self.out.push((number % 2) as u8),
            Kind::Int16 => self.out.extend((number as u16).to_be_bytes()),
            Kind::Int32 => self.out.extend((number as u32).to_be_bytes()),
            Kind::Int64 => self.out.extend(number.to_be_bytes()),
            Kind::Uuid => self.out.extend([number.to_be_bytes(), number.to_le_bytes()].concat()),
            _ => {
                let length = (number % 12) as usize;
                self.length(Some(length), kind);
                self.out.extend((0..length).map(|place| b'a' + (place as u8) % 26));
            }
        }
    }

    fn length(&mut self, length: Option<usize>, kind: Kind) {
        if self.flexible {
            put_unsigned_varint(&mut self.out, length.map_or(0, |length| length as u32 + 1));
        } else if matches!(kind, Kind::String) {
            self.out.extend(length.map_or(-1, |length| length as i16).to_be_bytes());
        } else {
            self.out.extend(length.map_or(-1, |length| length as i32).to_be_bytes());
        }
    }
}
