//! The security contexts of a server's connection.

use super::ServerEndpoint;
use crate::error::{CloseReason, Violation};
use crate::fault::FaultStatus;
use crate::pdu::{BindNakReason, SecurityTrailer};
use crate::protection::Protection;
use crate::security::{
    AuthenticationLevel, AuthenticationType, SecurityError, ServerMechanism, Step,
};
use crate::time::Time;

/// The place of a security context in its connection's table; contexts stay to the end.
pub(super) type SecurityIndex = u16;

struct SecurityContext {
    id: u32,
    kind: AuthenticationType,
    level: AuthenticationLevel,
    mechanism: Box<dyn ServerMechanism>,
    is_established: bool,
}

/// A leg of a security exchange that fails.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// A level that is none: 0, 1, 7 and above.
    NoSuchLevel(u32),
    /// A level that connections do not have.
    LevelNotSupported(u32),
    /// No mechanism of this type.
    UnknownType(u32),
    /// Another level than the exchange began with.
    LevelChanged(u32),
    /// Another type than the exchange began with.
    TypeChanged(u32),
    /// The exchange is over, or never began.
    NotExchanging(u32),
    /// One context too many.
    TooMany(usize),
    /// The mechanism says no.
    Refused(SecurityError),
}

impl ExchangeError {
    /// The answer to a bind.
    pub(super) fn nak_reason(&self) -> BindNakReason {
        match self {
            ExchangeError::UnknownType(_) => BindNakReason::AuthenticationTypeNotRecognized,
            ExchangeError::LevelNotSupported(_) | ExchangeError::Refused(_) => {
                BindNakReason::InvalidChecksum
            }
            _ => BindNakReason::NotSpecified,
        }
    }

    /// The answer to an alter_context.
    pub(super) fn fault_status(&self) -> FaultStatus {
        match self {
            ExchangeError::TypeChanged(_) => FaultStatus::SEC_PKG_ERROR,
            ExchangeError::TooMany(_) => FaultStatus::NCA_S_PROTO_ERROR,
            _ => FaultStatus::ACCESS_DENIED,
        }
    }
}

impl From<ExchangeError> for CloseReason {
    fn from(error: ExchangeError) -> Self {
        let (context, what) = match error {
            ExchangeError::Refused(error) => return CloseReason::Security(error),
            ExchangeError::TooMany(limit) => {
                return Violation::TooManySecurityContexts { limit }.into();
            }
            ExchangeError::NoSuchLevel(context) => (context, "the level does not exist"),
            ExchangeError::LevelNotSupported(context) => (context, "the level is not supported"),
            ExchangeError::UnknownType(context) => (context, "the mechanism is not known here"),
            ExchangeError::LevelChanged(context) => (context, "the level changed"),
            ExchangeError::TypeChanged(context) => (context, "the mechanism changed"),
            ExchangeError::NotExchanging(context) => (context, "no exchange is going on"),
        };
        Violation::Security { context, what }.into()
    }
}

/// Why the security of a request does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SelectError {
    /// The third leg failed before.
    ThirdLegFailed,
    /// The exchange of this context is not finished.
    Unfinished(u32),
    /// No such context, or not of this type and level.
    Mismatch(u32),
}

/// The security contexts of a connection.
#[derive(Default)]
pub(super) struct SecurityTable {
    contexts: Vec<SecurityContext>,
    /// What protects a request without a trailer: the context that the bind began, while its
    /// exchange goes on; then the only context of level CONNECT, until any context is used by
    /// name.
    default: Option<SecurityIndex>,
    third_leg_failed: bool,
    exchanging_since: Option<Time>,
    pub(super) header_signing: bool,
}

impl SecurityTable {
    /// When the exchange began that is not finished.
    pub(super) fn exchanging_since(&self) -> Option<Time> {
        self.exchanging_since
    }

    /// Takes a token from a bind or an alter_context; the answer goes to `token_out`.
    pub(super) fn exchange<E: ServerEndpoint>(
        &mut self,
        trailer: &SecurityTrailer<'_>,
        endpoint: &mut E,
        contexts_max: usize,
        now: Time,
        token_out: &mut Vec<u8>,
    ) -> Result<(), ExchangeError> {
        let index = match self.position(trailer.context) {
            Some(index) => self.check_leg(index, trailer)?,
            None => self.begin(trailer, endpoint, contexts_max, now)?,
        };
        self.step(index, trailer.token, token_out)
    }

    /// Takes the third leg. A token that is refused shows on the next request.
    pub(super) fn third_leg(&mut self, trailer: &SecurityTrailer<'_>) -> Result<(), ExchangeError> {
        let index = self
            .position(trailer.context)
            .ok_or(ExchangeError::NotExchanging(trailer.context))?;
        self.check_leg(index, trailer)?;
        let mut unsent = Vec::new();
        let is_done = self.step(index, trailer.token, &mut unsent).is_ok()
            && self.contexts[usize::from(index)].is_established;
        if !is_done {
            self.third_leg_failed = true;
            self.exchanging_since = None;
        }
        Ok(())
    }

    fn position(&self, id: u32) -> Option<SecurityIndex> {
        self.contexts
            .iter()
            .position(|context| context.id == id)
            .map(|index| index as u16)
    }

    fn begin<E: ServerEndpoint>(
        &mut self,
        trailer: &SecurityTrailer<'_>,
        endpoint: &mut E,
        contexts_max: usize,
        now: Time,
    ) -> Result<SecurityIndex, ExchangeError> {
        let id = trailer.context;
        let level = match AuthenticationLevel::from_code(trailer.level) {
            None | Some(AuthenticationLevel::None) => return Err(ExchangeError::NoSuchLevel(id)),
            Some(level) => level,
        };
        let limit = contexts_max.min(usize::from(SecurityIndex::MAX));
        if self.contexts.len() >= limit {
            return Err(ExchangeError::TooMany(limit));
        }
        let mechanism = endpoint
            .mechanism(trailer.kind)
            .ok_or(ExchangeError::UnknownType(id))?;
        if level == AuthenticationLevel::Call {
            return Err(ExchangeError::LevelNotSupported(id));
        }
        let index = self.contexts.len() as u16;
        let kind = trailer.kind;
        self.contexts.push(SecurityContext {
            id,
            kind,
            level,
            mechanism,
            is_established: false,
        });
        self.exchanging_since = Some(now);
        Ok(index)
    }

    /// Checks that a further leg goes on with what the exchange began with.
    fn check_leg(
        &self,
        index: SecurityIndex,
        trailer: &SecurityTrailer<'_>,
    ) -> Result<SecurityIndex, ExchangeError> {
        let context = &self.contexts[usize::from(index)];
        if context.is_established {
            Err(ExchangeError::NotExchanging(context.id))
        } else if trailer.kind == AuthenticationType::NONE {
            Err(ExchangeError::UnknownType(context.id))
        } else if trailer.kind != context.kind {
            Err(ExchangeError::TypeChanged(context.id))
        } else if trailer.level != context.level.code() {
            Err(ExchangeError::LevelChanged(context.id))
        } else {
            Ok(index)
        }
    }

    fn step(
        &mut self,
        index: SecurityIndex,
        token: &[u8],
        token_out: &mut Vec<u8>,
    ) -> Result<(), ExchangeError> {
        let context = &mut self.contexts[usize::from(index)];
        let step = context
            .mechanism
            .accept(token, token_out)
            .map_err(ExchangeError::Refused)?;
        if step == Step::Done {
            self.establish(index);
        }
        Ok(())
    }

    fn establish(&mut self, index: SecurityIndex) {
        let context = &mut self.contexts[usize::from(index)];
        context.is_established = true;
        if context.level == AuthenticationLevel::Connect {
            self.default = self.is_only_connect_context().then_some(index);
        } else if self.default == Some(index) {
            self.default = None;
        }
        if self.contexts.iter().all(|context| context.is_established) {
            self.exchanging_since = None;
        }
    }

    fn is_only_connect_context(&self) -> bool {
        let levels = self.contexts.iter().map(|context| context.level);
        levels
            .filter(|level| *level == AuthenticationLevel::Connect)
            .count()
            == 1
    }

    /// The bind's own exchange rules requests without a trailer until it is finished.
    pub(super) fn claim_default(&mut self) {
        if self.exchanging_since.is_some() {
            self.default = Some(0);
        }
    }

    /// Whether any security context was ever begun.
    #[inline]
    pub(super) fn has_contexts(&self) -> bool {
        !self.contexts.is_empty()
    }

    /// Which context protects a request with this trailer, or without one.
    #[inline]
    pub(super) fn select(
        &mut self,
        trailer: Option<&SecurityTrailer<'_>>,
    ) -> Result<Option<SecurityIndex>, SelectError> {
        if self.contexts.is_empty() && trailer.is_none() {
            return Ok(None);
        }
        self.select_among(trailer)
    }

    fn select_among(
        &mut self,
        trailer: Option<&SecurityTrailer<'_>>,
    ) -> Result<Option<SecurityIndex>, SelectError> {
        if self.third_leg_failed {
            return Err(SelectError::ThirdLegFailed);
        }
        let index = match trailer {
            None => self.default,
            Some(trailer) => {
                let mismatch = SelectError::Mismatch(trailer.context);
                Some(self.position(trailer.context).ok_or(mismatch)?)
            }
        };
        let Some(index) = index else {
            return Ok(None);
        };
        let context = &self.contexts[usize::from(index)];
        if !context.is_established {
            return Err(SelectError::Unfinished(context.id));
        }
        if let Some(trailer) = trailer {
            if (trailer.kind, trailer.level) != (context.kind, context.level.code()) {
                return Err(SelectError::Mismatch(context.id));
            }
            self.default = None;
        }
        Ok(Some(index))
    }

    /// The level of a context that `select` returned.
    pub(super) fn level(&self, index: Option<SecurityIndex>) -> AuthenticationLevel {
        index.map_or(AuthenticationLevel::None, |index| {
            self.contexts[usize::from(index)].level
        })
    }

    /// Who the client of a context is.
    pub(super) fn principal(&self, index: SecurityIndex) -> Option<&str> {
        self.contexts.get(usize::from(index))?.mechanism.principal()
    }

    /// What protects the PDUs of a context, if its level does.
    #[inline]
    pub(super) fn protection(&mut self, index: Option<SecurityIndex>) -> Option<Protection<'_>> {
        let context = self.contexts.get_mut(usize::from(index?))?;
        if !context.level.is_protected() {
            return None;
        }
        Some(Protection {
            mechanism: &mut *context.mechanism,
            kind: context.kind,
            level: context.level,
            context: context.id,
            header_signing: self.header_signing,
        })
    }
}
