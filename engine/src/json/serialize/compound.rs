//! Owns arrays and objects while they are written. Never writes a key twice.

use serde::ser::{self, Serialize};

use super::string::{Purpose, StringOnly};
use super::{Failure, Writer};
use crate::json::keys::Mark;

/// An array that is being written.
pub(super) struct Items<'w> {
    writer: &'w mut Writer,
    len: usize,
    variant: Option<&'static str>,
}

impl<'w> Items<'w> {
    #[inline]
    pub(super) fn begin(writer: &'w mut Writer, variant: Option<&'static str>) -> Result<Self, Failure> {
        if let Some(variant) = variant {
            writer.enter_variant(variant)?;
        }
        writer.enter("[")?;
        Ok(Self { writer, len: 0, variant })
    }

    #[inline]
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        if self.len > 0 {
            self.writer.push(",")?;
        }
        let (index, variant) = (self.len, self.variant);
        value
            .serialize(&mut *self.writer)
            .map_err(|failure| under_variant(failure.at_index(index), variant))?;
        self.len += 1;
        Ok(())
    }

    #[inline]
    fn finish(self) -> Result<(), Failure> {
        self.writer.leave("]")?;
        if self.variant.is_some() { self.writer.leave("}") } else { Ok(()) }
    }
}

/// An object that is being written.
pub(super) struct Fields<'w> {
    writer: &'w mut Writer,
    object: Mark,
    /// Where the newest key stands, its quote included.
    key_start: usize,
    empty: bool,
    variant: Option<&'static str>,
}

impl<'w> Fields<'w> {
    #[inline]
    pub(super) fn begin(writer: &'w mut Writer, variant: Option<&'static str>) -> Result<Self, Failure> {
        if let Some(variant) = variant {
            writer.enter_variant(variant)?;
        }
        writer.enter("{")?;
        let object = writer.keys.open();
        Ok(Self { writer, object, key_start: 0, empty: true, variant })
    }

    #[inline]
    fn key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<(), Failure> {
        if !self.empty {
            self.writer.push(",")?;
        }
        self.empty = false;
        self.key_start = self.writer.out.len();
        key.serialize(StringOnly::new(self.writer, Purpose::Key(self.object)))
            .map_err(|failure| under_variant(failure, self.variant))?;
        self.writer.push(":")
    }

    #[inline]
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        value.serialize(&mut *self.writer).map_err(|failure| {
            let key = self.writer.key_at(self.key_start + 1);
            under_variant(failure.under_key(&key), self.variant)
        })
    }

    #[inline]
    fn finish(self) -> Result<(), Failure> {
        let Self { writer, object, variant, .. } = self;
        if let Err(twice) = writer.keys.close(object, writer.out.bytes()) {
            return Err(under_variant(writer.duplicate(twice.0), variant));
        }
        writer.leave("}")?;
        if variant.is_some() { writer.leave("}") } else { Ok(()) }
    }
}

fn under_variant(failure: Failure, variant: Option<&'static str>) -> Failure {
    match variant {
        None => failure,
        Some(variant) => failure.under_key(variant),
    }
}

/// A struct that is being written: an object, or a text that serde_json passes through in the guise of a struct.
pub(super) enum StructFields<'w> {
    Fields(Fields<'w>),
    Raw(StringOnly<'w>),
}

impl ser::SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = Failure;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }

    #[inline]
    fn end(self) -> Result<(), Failure> {
        self.finish()
    }
}

impl ser::SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }

    fn end(self) -> Result<(), Failure> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Items<'_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }

    fn end(self) -> Result<(), Failure> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Items<'_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.add(value)
    }

    fn end(self) -> Result<(), Failure> {
        self.finish()
    }
}

impl ser::SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = Failure;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        self.key(key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.value(value)
    }

    #[inline]
    fn end(self) -> Result<(), Failure> {
        self.finish()
    }
}

impl ser::SerializeStruct for StructFields<'_> {
    type Ok = ();
    type Error = Failure;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        match self {
            Self::Fields(fields) => {
                fields.key(key)?;
                fields.value(value)
            }
            Self::Raw(text) => value.serialize(text.again()),
        }
    }

    #[inline]
    fn end(self) -> Result<(), Failure> {
        match self {
            Self::Fields(fields) => fields.finish(),
            Self::Raw(_) => Ok(()),
        }
    }
}

impl ser::SerializeStructVariant for Fields<'_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.key(key)?;
        self.value(value)
    }

    fn end(self) -> Result<(), Failure> {
        self.finish()
    }
}
