//! Owns the places where only a string may stand: keys, and texts that are passed through. Never makes a string of
//! anything else.

use serde::ser::{self, Impossible, Serialize};

use super::{Failure, Writer};
use crate::json::keys::Mark;

/// What the string is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// It is the key of this object.
    Key(Mark),
    /// It is JSON, to be written without quotes.
    RawText,
}

/// A serializer that takes a string and refuses everything else.
pub(super) struct StringOnly<'w> {
    pub(super) writer: &'w mut Writer,
    purpose: Purpose,
}

impl<'w> StringOnly<'w> {
    #[inline]
    pub(super) fn new(writer: &'w mut Writer, purpose: Purpose) -> Self {
        Self { writer, purpose }
    }

    /// The same for a shorter time.
    pub(super) fn again(&mut self) -> StringOnly<'_> {
        StringOnly::new(self.writer, self.purpose)
    }

    #[cold]
    fn refuse(&self, found: &str) -> Failure {
        Failure::reason(match self.purpose {
            Purpose::Key(_) => format!("a key of this object is {found}; keys must be strings"),
            Purpose::RawText => format!("a raw JSON text is {found}"),
        })
    }
}

macro_rules! refuse {
    ($($method:ident($kind:ty) => $found:literal,)*) => {
        $(fn $method(self, _value: $kind) -> Result<(), Failure> {
            Err(self.refuse($found))
        })*
    };
}

impl ser::Serializer for StringOnly<'_> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Impossible<(), Failure>;
    type SerializeTuple = Impossible<(), Failure>;
    type SerializeTupleStruct = Impossible<(), Failure>;
    type SerializeTupleVariant = Impossible<(), Failure>;
    type SerializeMap = Impossible<(), Failure>;
    type SerializeStruct = Impossible<(), Failure>;
    type SerializeStructVariant = Impossible<(), Failure>;

    refuse! {
        serialize_bool(bool) => "a boolean",
        serialize_i8(i8) => "an integer",
        serialize_i16(i16) => "an integer",
        serialize_i32(i32) => "an integer",
        serialize_i64(i64) => "an integer",
        serialize_i128(i128) => "an integer",
        serialize_u8(u8) => "an integer",
        serialize_u16(u16) => "an integer",
        serialize_u32(u32) => "an integer",
        serialize_u64(u64) => "an integer",
        serialize_u128(u128) => "an integer",
        serialize_f32(f32) => "a float",
        serialize_f64(f64) => "a float",
        serialize_bytes(&[u8]) => "a sequence of bytes",
        serialize_unit_struct(&'static str) => "a unit",
    }

    fn serialize_char(self, value: char) -> Result<(), Failure> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Failure> {
        match self.purpose {
            Purpose::Key(object) => self.writer.push_key(object, value),
            Purpose::RawText => self.writer.push_json(value),
        }
    }

    fn serialize_none(self) -> Result<(), Failure> {
        Err(self.refuse("a missing value"))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Failure> {
        Err(self.refuse("a unit"))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Failure> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), Failure> {
        Err(self.refuse("an enum with content"))
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Failure> {
        Err(self.refuse("a sequence"))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Failure> {
        Err(self.refuse("a sequence"))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, Failure> {
        Err(self.refuse("a sequence"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Failure> {
        Err(self.refuse("an enum with content"))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, Failure> {
        Err(self.refuse("a map"))
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Self::SerializeStruct, Failure> {
        Err(self.refuse("a struct"))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Failure> {
        Err(self.refuse("an enum with content"))
    }
}
