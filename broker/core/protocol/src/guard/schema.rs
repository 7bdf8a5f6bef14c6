//! How the tables of message layouts are written.

/// For messages that have no flexible version.
pub(super) const NEVER: i16 = i16::MAX;

/// The layout of one message over all its versions.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) api_key: i16,
    pub(crate) first_version: i16,
    pub(crate) last_version: i16,
    /// From here on strings, bytes and arrays are compact and structs end with tags (KIP-482).
    pub(crate) flexible_from: i16,
    pub(crate) fields: &'static [Field],
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) since: i16,
    pub(crate) until: i16,
    pub(crate) null_since: i16,
    pub(crate) tag: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Also booleans.
    Int8,
    Int16,
    Int32,
    Int64,
    Uuid,
    String,
    /// Also records.
    Bytes,
    Array(&'static Kind),
    Struct(&'static [Field]),
    /// A struct behind a byte that is negative where there is none.
    NullableStruct(&'static [Field]),
    /// An array of structs.
    Structs(&'static [Field]),
}

impl Kind {
    pub(super) const fn fixed_size(self) -> Option<usize> {
        match self {
            Self::Int8 => Some(1),
            Self::Int16 => Some(2),
            Self::Int32 => Some(4),
            Self::Int64 => Some(8),
            Self::Uuid => Some(16),
            _ => None,
        }
    }
}

impl Schema {
    pub(super) const fn new(
        api_key: i16,
        first_version: i16,
        last_version: i16,
        flexible_from: i16,
        fields: &'static [Field],
    ) -> Self {
        Self { api_key, first_version, last_version, flexible_from, fields }
    }
}

/// A field that every version has, never null, not tagged.
pub(super) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, since: i16::MIN, until: i16::MAX, null_since: NEVER, tag: None }
}

impl Field {
    pub(super) const fn since(self, version: i16) -> Self {
        Self { since: version, ..self }
    }

    pub(super) const fn until(self, version: i16) -> Self {
        Self { until: version, ..self }
    }

    pub(super) const fn nullable(self) -> Self {
        self.nullable_since(i16::MIN)
    }

    pub(super) const fn nullable_since(self, version: i16) -> Self {
        Self { null_since: version, ..self }
    }

    pub(super) const fn tag(self, tag: u32) -> Self {
        Self { tag: Some(tag), ..self }
    }

    pub(crate) const fn exists_in(&self, version: i16) -> bool {
        self.since <= version && version <= self.until
    }

    pub(crate) const fn is_nullable_in(&self, version: i16) -> bool {
        self.null_since <= version
    }
}
