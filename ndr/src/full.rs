//! Full pointers, `[ptr]`: several of them may have the same pointee, and they may form cycles.
//!
//! On the wire, equal referent ids mean the same pointee, which lies where the first pointer to
//! it is completed. In Rust, that pointer owns it, and the others are aliases that keep nothing
//! alive. So what is decoded is always a tree of owners with aliases across it: a peer that
//! sends a cycle cannot make anything leak, and dropping the root drops all.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock, Weak};

use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::reader::Reader;
use crate::syntax::{Layout, Syntax};
use crate::traits::{Decode, Direct, Encode, Natural, Shape, Wire};
use crate::writer::Writer;

/// The shape of a full pointer, [`Full<T>`], to a pointee of shape `H`. Plain `Full<T>` has it
/// by itself.
#[derive(Debug)]
pub struct Ptr<H = Natural>(H);

impl<H: Shape> Shape for Ptr<H> {
    type Args = H::Args;
}

impl<H: Shape> Direct for Ptr<H> {}

/// A full pointer, `[ptr]`: null, or a pointee that other full pointers of the same stub may
/// have too.
///
/// ```
/// use annulus_ndr::Full;
///
/// let owner = Full::new(5);
/// let alias = owner.alias();
/// assert_eq!(alias.get().as_deref(), Some(&5));
/// assert!(alias.is_same(&owner));
/// drop(owner);
/// assert!(alias.get().is_none());
/// ```
pub struct Full<T>(Link<T>);

enum Link<T> {
    Null,
    Owner(Arc<OnceLock<T>>),
    Alias(Weak<OnceLock<T>>),
}

/// A pointee, kept alive while this exists.
pub struct Referent<T>(Arc<OnceLock<T>>);

impl<T> Full<T> {
    /// The pointer without a pointee.
    #[must_use]
    pub const fn null() -> Self {
        Full(Link::Null)
    }

    /// A pointer that owns `pointee`.
    #[must_use]
    pub fn new(pointee: T) -> Self {
        Full(Link::Owner(Arc::new(OnceLock::from(pointee))))
    }

    /// A pointer that owns what `make` returns. `make` is given an alias of the pointer to put
    /// into it, which has no pointee until `make` has returned.
    #[must_use]
    pub fn new_cyclic(make: impl FnOnce(Full<T>) -> T) -> Self {
        let place = Arc::new(OnceLock::new());
        let pointee = make(Full(Link::Alias(Arc::downgrade(&place))));
        fill(&place, pointee);
        Full(Link::Owner(place))
    }

    /// Another pointer to the same pointee, which does not keep it alive.
    #[must_use]
    pub fn alias(&self) -> Self {
        match &self.0 {
            Link::Null => Full::null(),
            Link::Owner(place) => Full(Link::Alias(Arc::downgrade(place))),
            Link::Alias(place) => Full(Link::Alias(place.clone())),
        }
    }

    /// Whether it is null. An alias whose owner is gone is not.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.0, Link::Null)
    }

    /// Whether it owns its pointee.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        matches!(self.0, Link::Owner(_))
    }

    /// The pointee; `None` if it is null or the owner is gone.
    #[must_use]
    pub fn get(&self) -> Option<Referent<T>> {
        let place = match &self.0 {
            Link::Null => return None,
            Link::Owner(place) => Arc::clone(place),
            Link::Alias(place) => place.upgrade()?,
        };
        place.get().is_some().then_some(Referent(place))
    }

    /// Whether both have the same pointee, or both are null.
    #[must_use]
    pub fn is_same(&self, other: &Full<T>) -> bool {
        self.address() == other.address()
    }

    /// What tells pointees apart for as long as there is a pointer to them, dangling or not.
    fn address(&self) -> Option<usize> {
        match &self.0 {
            Link::Null => None,
            Link::Owner(place) => Some(Arc::as_ptr(place).addr()),
            Link::Alias(place) => Some(place.as_ptr().addr()),
        }
    }
}

/// Puts the pointee into its place, once.
fn fill<T>(place: &OnceLock<T>, pointee: T) {
    let filled = place.set(pointee).is_ok();
    assert!(filled, "whoever makes a place is the only one to fill it");
}

impl<T> Default for Full<T> {
    fn default() -> Self {
        Full::null()
    }
}

impl<T> From<T> for Full<T> {
    fn from(pointee: T) -> Self {
        Full::new(pointee)
    }
}

impl<T> Deref for Referent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
            .get()
            .expect("a referent is made of a place that is filled")
    }
}

impl<T: fmt::Debug> fmt::Debug for Referent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Shows the pointee at its owner only, since a cycle of aliases has no end.
impl<T: fmt::Debug> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Link::Null => f.write_str("Null"),
            Link::Owner(place) => f.debug_tuple("Full").field(&place.get()).finish(),
            Link::Alias(place) => write!(f, "Alias({:p})", place.as_ptr()),
        }
    }
}

/// The pointees of full pointers that a reader has met, by referent id. It keeps them alive
/// while the reader is there, whatever becomes of their owners.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetReferents(BTreeMap<u64, Arc<dyn Any + Send + Sync>>);

impl MetReferents {
    fn get(&self, id: u64) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.0.get(&id)
    }

    fn insert(&mut self, id: u64, place: Arc<dyn Any + Send + Sync>) {
        self.0.insert(id, place);
    }
}

/// The pointees of full pointers that a writer has met, by address.
#[derive(Debug, Default)]
pub(crate) struct SentReferents(BTreeMap<usize, SentReferent>);

#[derive(Debug)]
struct SentReferent {
    id: u32,
    is_written: bool,
}

impl SentReferents {
    /// The referent id of the pointee at `address`, which is `new_id()` if there was none.
    pub(crate) fn id(&mut self, address: usize, new_id: impl FnOnce() -> u32) -> u32 {
        let sent = self.0.entry(address).or_insert_with(|| SentReferent {
            id: new_id(),
            is_written: false,
        });
        sent.id
    }

    /// Whether the pointee at `address` is still to be written; true only once.
    fn is_due(&mut self, address: usize) -> bool {
        self.0
            .get_mut(&address)
            .is_some_and(|sent| !std::mem::replace(&mut sent.is_written, true))
    }
}

impl<T, H: Shape> Wire<Ptr<H>> for Full<T> {
    const LAYOUT: Layout = Layout::POINTER;
}

impl<T: Encode<H>, H: Shape> Encode<Ptr<H>> for Full<T> {
    fn encode_inline<S: Syntax>(
        &self,
        _: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        match self.address() {
            Some(address) => writer.shared_referent(address),
            None => writer.null_referent(),
        }
        Ok(())
    }

    fn encode_deferred<S: Syntax>(
        &self,
        args: H::Args,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        let Some(address) = self.address() else {
            return Ok(());
        };
        if !writer.sent_referents().is_due(address) {
            return Ok(());
        }
        match self.get() {
            Some(pointee) => writer.nested(|writer| T::encode_whole(&pointee, args, writer)),
            None => Err(writer.error(EncodeErrorKind::DanglingPointer)),
        }
    }
}

impl<'a, T, H> Decode<'a, Ptr<H>> for Full<T>
where
    T: Decode<'a, H> + Send + Sync + 'static,
    H: Shape,
{
    type Conformance = ();
    /// The referent id, 0 for null.
    type Inline = u64;

    fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
        Ok(())
    }

    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<u64, DecodeError> {
        reader.referent_id()
    }

    fn decode_deferred<S: Syntax>(
        id: u64,
        args: H::Args,
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        if id == 0 {
            return Ok(Full::null());
        }
        if let Some(met) = reader.met_referents().get(id) {
            return match Arc::clone(met).downcast::<OnceLock<T>>() {
                Ok(place) => Ok(Full(Link::Alias(Arc::downgrade(&place)))),
                Err(_) => Err(reader.error(DecodeErrorKind::ReferentTypeMismatch { id })),
            };
        }
        // The place is known before the pointee is read: the pointee may point to itself.
        let place = Arc::new(OnceLock::new());
        reader.met_referents().insert(id, place.clone());
        fill(
            &place,
            reader.nested(|reader| T::decode_whole(args, reader))?,
        );
        Ok(Full(Link::Owner(place)))
    }
}

impl<T> Wire for Full<T> {
    const LAYOUT: Layout = Layout::POINTER;
}

impl<T: Encode> Encode for Full<T> {
    fn encode_inline<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        Encode::<Ptr>::encode_inline(self, (), writer)
    }

    fn encode_deferred<S: Syntax>(
        &self,
        (): (),
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        Encode::<Ptr>::encode_deferred(self, (), writer)
    }
}

impl<'a, T: Decode<'a> + Send + Sync + 'static> Decode<'a> for Full<T> {
    type Conformance = ();
    /// The referent id, 0 for null.
    type Inline = u64;

    fn decode_conformance<S: Syntax>(_: &mut Reader<'a, S>) -> Result<(), DecodeError> {
        Ok(())
    }

    fn decode_inline<S: Syntax>((): (), reader: &mut Reader<'a, S>) -> Result<u64, DecodeError> {
        <Self as Decode<'a, Ptr>>::decode_inline((), reader)
    }

    fn decode_deferred<S: Syntax>(
        id: u64,
        (): (),
        reader: &mut Reader<'a, S>,
    ) -> Result<Self, DecodeError> {
        <Self as Decode<'a, Ptr>>::decode_deferred(id, (), reader)
    }
}
