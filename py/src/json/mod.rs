//! Owns the ways between Python objects and the JSON text that is kept. Never goes by a tree of its own.

mod entries;
mod extended;
mod names;
mod objects;
mod read;
mod write;

pub(crate) use read::{object, object_of_text, object_or, object_under, text_or};
pub(crate) use write::{Given, field_bounds, offered, operand, refused};

/// Which Python objects have a JSON form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Those that JSON has.
    #[default]
    Plain,
    /// `datetime`, `date`, `bytes` and `Decimal`, too: as objects of one key that says what they are.
    Extended,
}

impl Codec {
    /// As Python calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "json",
            Self::Extended => "extended",
        }
    }
}
