//! The walk itself: a table on one side, bytes on the other.

use super::{
    GuardError, Limits, Walked,
    schema::{Field, Kind, Schema},
};
use crate::wire::{Reader, WireError};

pub(super) fn walk(schema: &Schema, version: i16, body: &[u8], limits: Limits) -> Result<Walked, GuardError> {
    let flexible = version >= schema.flexible_from;
    let mut walk = Walk { reader: Reader::new(body), version, flexible, limits, elements: 0, tags: 0 };
    walk.fields(schema.fields)?;
    Ok(Walked { elements: walk.elements, tags: walk.tags, trailing: walk.reader.remaining() })
}

struct Walk<'a> {
    reader: Reader<'a>,
    version: i16,
    flexible: bool,
    limits: Limits,
    elements: usize,
    tags: usize,
}

/// What walking a struct of this version begins with, found once per array: how many bytes its leading fields of fixed
/// size take together, and which field comes after them.
#[derive(Clone, Copy)]
struct Plan {
    fields: &'static [Field],
    fixed: usize,
    next: usize,
}

impl Plan {
    fn new(fields: &'static [Field], version: i16) -> Self {
        let mut plan = Self { fields, fixed: 0, next: 0 };
        for field in fields {
            if field.tag.is_none() && field.exists_in(version) {
                let Some(size) = field.kind.fixed_size() else { break };
                plan.fixed += size;
            }
            plan.next += 1;
        }
        plan
    }
}

impl Walk<'_> {
    fn fields(&mut self, fields: &'static [Field]) -> Result<(), GuardError> {
        self.planned(Plan::new(fields, self.version))
    }

    fn planned(&mut self, plan: Plan) -> Result<(), GuardError> {
        let name = plan.fields.first().map_or("struct", |field| field.name);
        self.reader.skip(plan.fixed).map_err(|source| GuardError::Malformed { field: name, source })?;
        let version = self.version;
        for field in plan.fields[plan.next..].iter().filter(|field| field.tag.is_none() && field.exists_in(version)) {
            self.field(field)?;
        }
        if self.flexible { self.tagged(plan.fields) } else { Ok(()) }
    }

    /// The tags of a struct. A known one must be exactly as long as it says: the decoder reads it without looking at
    /// the size, and would be somewhere else in the message than we were.
    fn tagged(&mut self, fields: &'static [Field]) -> Result<(), GuardError> {
        let malformed = |source| GuardError::Malformed { field: "tags", source };
        let count = self.reader.unsigned_varint().map_err(malformed)? as usize;
        self.tags = self.tags.saturating_add(count);
        if self.tags > self.limits.tags {
            return Err(GuardError::TooManyTags { limit: self.limits.tags });
        }
        for _ in 0..count {
            let tag = self.reader.unsigned_varint().map_err(malformed)?;
            let size = self.reader.unsigned_varint().map_err(malformed)? as usize;
            let known = fields.iter().find(|field| field.tag == Some(tag) && field.exists_in(self.version));
            let Some(field) = known else {
                self.reader.skip(size).map_err(malformed)?;
                continue;
            };
            let start = self.reader.position();
            self.field(field)?;
            let used = self.reader.position() - start;
            if used != size {
                return Err(GuardError::TagSize { field: field.name, size, used });
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &'static Field) -> Result<(), GuardError> {
        let malformed = |source| GuardError::Malformed { field: field.name, source };
        match field.kind {
            Kind::Struct(fields) => self.fields(fields),
            Kind::NullableStruct(fields) => {
                if self.reader.i8().map_err(malformed)? < 0 {
                    return Ok(());
                }
                self.fields(fields)
            }
            Kind::Structs(fields) => {
                let count = self.count(field)?;
                let plan = Plan::new(fields, self.version);
                if plan.next == fields.len() && !self.flexible {
                    let size = count.saturating_mul(plan.fixed);
                    return self.reader.skip(size).map_err(malformed);
                }
                for _ in 0..count {
                    self.planned(plan)?;
                }
                Ok(())
            }
            Kind::Array(element) => {
                let count = self.count(field)?;
                if let Some(size) = element.fixed_size() {
                    return self.reader.skip(count.saturating_mul(size)).map_err(malformed);
                }
                for _ in 0..count {
                    self.value(*element, false).map_err(malformed)?;
                }
                Ok(())
            }
            simple => self.value(simple, field.is_nullable_in(self.version)).map_err(malformed),
        }
    }

    /// The length of an array that the bytes can hold and the limit allows; 0 for null.
    fn count(&mut self, field: &'static Field) -> Result<usize, GuardError> {
        let malformed = |source| GuardError::Malformed { field: field.name, source };
        let Some(count) = self.reader.array_count(self.flexible).map_err(malformed)? else {
            return if field.is_nullable_in(self.version) { Ok(0) } else { Err(malformed(WireError::Null)) };
        };
        // Nothing takes less than a byte.
        let remaining = self.reader.remaining();
        if count > remaining {
            return Err(malformed(WireError::Truncated { needed: count, remaining }));
        }
        self.elements += count;
        if self.elements > self.limits.elements {
            return Err(GuardError::TooManyElements { limit: self.limits.elements });
        }
        Ok(count)
    }

    fn value(&mut self, kind: Kind, nullable: bool) -> Result<(), WireError> {
        match kind {
            Kind::String => not_null(self.reader.nullable_text(self.flexible)?, nullable),
            Kind::Bytes => not_null(self.reader.nullable_bytes(self.flexible)?, nullable),
            // Arrays of arrays or of bare structs are in no schema.
            fixed => self.reader.skip(fixed.fixed_size().unwrap_or(0)),
        }
    }
}

fn not_null(value: Option<&[u8]>, nullable: bool) -> Result<(), WireError> {
    if value.is_none() && !nullable { Err(WireError::Null) } else { Ok(()) }
}
