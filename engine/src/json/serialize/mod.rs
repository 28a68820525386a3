//! Owns the way from any value that serde can serialise to a kept text. Never writes a text that would read back as
//! something else.

mod compound;
mod failure;
mod out;
mod string;

use std::cell::Cell;

use serde::ser::{self, Serialize};

use self::compound::{Fields, Items, StructFields};
use self::failure::Failure;
use self::out::Out;
use self::string::{Purpose, StringOnly};
use super::keys::{Keys, Mark};
use super::number::Spelled;
use crate::error::{Error, Result};
use crate::options::Limits;

/// The names under which serde_json passes a text, or a number in its own spelling, through a serializer.
const RAW_TEXTS: [&str; 2] = ["$serde_json::private::RawValue", "$serde_json::private::Number"];

/// The kept text of `value`.
pub(super) fn to_text<T: Serialize + ?Sized>(value: &T, limits: Limits) -> Result<Box<str>> {
    /// A longer text is not kept for the thread's next one.
    const KEPT_BYTES: usize = 64 << 10;
    thread_local! {
        static SCRATCH: Cell<Option<(Out, Keys)>> = const { Cell::new(None) };
    }
    // Taken, not borrowed: a value may itself store another while it is serialised.
    let (out, keys) = SCRATCH.take().unwrap_or_else(|| (Out::with_capacity(1 << 10), Keys::new()));
    let mut writer = Writer { out, keys, depth: 0, limits };
    let text = match value.serialize(&mut writer) {
        Ok(()) => Ok(Box::from(writer.out.text())),
        Err(failure) => Err(failure.into_error()),
    };
    let Writer { mut out, mut keys, .. } = writer;
    if out.capacity() <= KEPT_BYTES {
        out.clear();
        keys.clear();
        SCRATCH.set(Some((out, keys)));
    }
    text
}

/// The text so far.
struct Writer {
    out: Out,
    keys: Keys,
    depth: usize,
    limits: Limits,
}

impl Writer {
    #[inline]
    fn push(&mut self, text: &str) -> Result<(), Failure> {
        self.check_room(text.len())?;
        self.out.push(text);
        Ok(())
    }

    #[inline]
    fn push_number(&mut self, number: &Spelled) -> Result<(), Failure> {
        self.out.push_number(number);
        self.check_room(0)
    }

    #[inline]
    fn push_string(&mut self, string: &str) -> Result<(), Failure> {
        self.check_room(string.len() + 2)?;
        self.out.push_string(string);
        // Escapes make it longer.
        self.check_room(0)
    }

    #[inline]
    fn check_room(&self, more: usize) -> Result<(), Failure> {
        let len = self.out.len() + more;
        let max = self.limits.document_bytes_max;
        if len > max { Err(Failure::refused(Error::DocumentTooLarge { len, max })) } else { Ok(()) }
    }

    /// Goes one level deeper, over this bracket.
    #[inline]
    fn enter(&mut self, bracket: &str) -> Result<(), Failure> {
        let max = self.limits.depth_max;
        if self.depth >= max {
            return Err(Failure::refused(Error::TooDeep { max }));
        }
        self.depth += 1;
        self.push(bracket)
    }

    /// Comes one level up, over this bracket.
    #[inline]
    fn leave(&mut self, bracket: &str) -> Result<(), Failure> {
        self.depth -= 1;
        self.push(bracket)
    }

    /// Opens the object around the content of an enum's variant.
    fn enter_variant(&mut self, variant: &'static str) -> Result<(), Failure> {
        self.enter("{")?;
        self.push_string(variant)?;
        self.push(":")
    }

    #[inline]
    fn push_key(&mut self, object: Mark, key: &str) -> Result<(), Failure> {
        let content = self.out.len() + 1;
        self.push_string(key)?;
        // Read where it was given: what was just written would have to be waited for.
        self.keys
            .add(object, key.as_bytes(), self.out.bytes(), content)
            .map_err(|twice| self.duplicate(twice.0))
    }

    #[cold]
    fn duplicate(&self, at: usize) -> Failure {
        Failure::reason("this key stands in its object for the second time").under_key(&self.key_at(at))
    }

    /// The key whose content was written from `at` on.
    #[cold]
    fn key_at(&self, at: usize) -> String {
        super::keys::string_at(self.out.bytes(), at).into_owned()
    }

    /// Appends a text that is JSON already, in the form that is kept.
    fn push_json(&mut self, text: &str) -> Result<(), Failure> {
        let (before, max) = (self.out.len(), self.limits.document_bytes_max);
        let limits = Limits { document_bytes_max: max.saturating_sub(before), ..self.limits };
        let mut kept = String::new();
        super::compact::append(text, &mut kept, self.depth, &limits).map_err(|error| match error {
            Error::InvalidJson { offset, reason } => {
                Failure::reason(format!("its JSON text is not valid at byte {offset}: {reason}"))
            }
            Error::DocumentTooLarge { len, .. } => {
                Failure::refused(Error::DocumentTooLarge { len: before + len, max })
            }
            other => Failure::refused(other),
        })?;
        self.push(&kept)
    }
}

impl<'w> ser::Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Items<'w>;
    type SerializeTuple = Items<'w>;
    type SerializeTupleStruct = Items<'w>;
    type SerializeTupleVariant = Items<'w>;
    type SerializeMap = Fields<'w>;
    type SerializeStruct = StructFields<'w>;
    type SerializeStructVariant = Fields<'w>;

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Failure> {
        self.push(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Result<(), Failure> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Failure> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Failure> {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), Failure> {
        self.push_number(&Spelled::signed(value))
    }

    fn serialize_i128(self, value: i128) -> Result<(), Failure> {
        if let Ok(value) = i64::try_from(value) {
            return self.serialize_i64(value);
        }
        u64::try_from(value)
            .map_err(|_| integer_out_of_range(&value))
            .and_then(|value| self.serialize_u64(value))
    }

    fn serialize_u8(self, value: u8) -> Result<(), Failure> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Failure> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Failure> {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), Failure> {
        self.push_number(&Spelled::unsigned(value))
    }

    fn serialize_u128(self, value: u128) -> Result<(), Failure> {
        u64::try_from(value)
            .map_err(|_| integer_out_of_range(&value))
            .and_then(|value| self.serialize_u64(value))
    }

    fn serialize_f32(self, value: f32) -> Result<(), Failure> {
        if !value.is_finite() {
            return Err(not_finite(value.into()));
        }
        self.push_number(&Spelled::single(value))
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), Failure> {
        if !value.is_finite() {
            return Err(not_finite(value));
        }
        self.push_number(&Spelled::double(value))
    }

    fn serialize_char(self, value: char) -> Result<(), Failure> {
        self.push_string(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Failure> {
        self.push_string(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Failure> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Failure> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Failure> {
        self.push("null")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Failure> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Failure> {
        self.push_string(variant)
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
        variant: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.enter_variant(variant)?;
        value.serialize(&mut *self).map_err(|failure| failure.under_key(variant))?;
        self.leave("}")
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Items<'w>, Failure> {
        Items::begin(self, None)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Items<'w>, Failure> {
        Items::begin(self, None)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Items<'w>, Failure> {
        Items::begin(self, None)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Items<'w>, Failure> {
        Items::begin(self, Some(variant))
    }

    #[inline]
    fn serialize_map(self, _len: Option<usize>) -> Result<Fields<'w>, Failure> {
        Fields::begin(self, None)
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<StructFields<'w>, Failure> {
        if RAW_TEXTS.contains(&name) {
            return Ok(StructFields::Raw(StringOnly::new(self, Purpose::RawText)));
        }
        Fields::begin(self, None).map(StructFields::Fields)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Fields<'w>, Failure> {
        Fields::begin(self, Some(variant))
    }
}

#[cold]
fn integer_out_of_range(value: &dyn std::fmt::Display) -> Failure {
    Failure::reason(format!("the integer {value} is outside -9223372036854775808..=18446744073709551615"))
}

#[cold]
fn not_finite(value: f64) -> Failure {
    Failure::reason(format!("JSON has no number for {value}; store null or a string instead"))
}
