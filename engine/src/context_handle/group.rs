//! The contexts of one client.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};

use annulus_ndr::ContextHandle;
use annulus_protocol::{InterfaceKey, Uuid};

use super::entry::{Entry, Turn};
use super::{ExclusiveContext, SharedContext};
use crate::lock::lock;
use crate::status::Status;

/// The contexts of one association group: those of one client. A handle of another client is not
/// in here, so it names nothing.
pub(crate) struct GroupContexts {
    entries: Mutex<Entries>,
    len_max: usize,
    /// Makes handles that nobody can guess.
    secret: RandomState,
}

struct Entries {
    by_handle: HashMap<Uuid, Arc<Entry>>,
    opened: u64,
    /// The client is gone.
    is_closed: bool,
}

/// Who opens or uses a context.
#[derive(Clone, Copy)]
pub(crate) struct ContextUser {
    pub(crate) interface: InterfaceKey,
    /// The interface's contexts are its own.
    pub(crate) is_strict: bool,
}

impl GroupContexts {
    /// Of at most `len_max` contexts.
    pub(crate) fn new(len_max: usize) -> Arc<Self> {
        Arc::new(GroupContexts {
            entries: Mutex::new(Entries {
                by_handle: HashMap::new(),
                opened: 0,
                is_closed: false,
            }),
            len_max,
            secret: RandomState::new(),
        })
    }

    /// Keeps a value until it is closed or its client goes.
    pub(crate) fn open<T: Send + Sync + 'static>(
        &self,
        user: ContextUser,
        value: T,
    ) -> Result<ContextHandle, Status> {
        let mut entries = lock(&self.entries);
        if entries.is_closed || entries.by_handle.len() >= self.len_max {
            return Err(Status::ServerOutOfMemory);
        }
        entries.opened += 1;
        let halves = [0_u8, 1].map(|half| self.secret.hash_one((entries.opened, half)));
        let uuid = Uuid::from_u64_pair(halves[0], halves[1]);
        let entry = Entry::new(user, Arc::new(value));
        entries.by_handle.insert(uuid, Arc::new(entry));
        Ok(ContextHandle {
            attributes: 0,
            uuid,
        })
    }

    /// A context for one call alone, which may have to wait for it.
    pub(crate) async fn exclusive<T: Send + Sync + 'static>(
        &self,
        user: ContextUser,
        handle: &ContextHandle,
    ) -> Result<ExclusiveContext<T>, Status> {
        let mut turn = Turn::new(self.find(user, handle)?);
        std::future::poll_fn(|context| turn.poll_exclusive(context.waker())).await
    }

    /// A context that other calls may share.
    pub(crate) async fn shared<T: Send + Sync + 'static>(
        &self,
        user: ContextUser,
        handle: &ContextHandle,
    ) -> Result<SharedContext<T>, Status> {
        let mut turn = Turn::new(self.find(user, handle)?);
        std::future::poll_fn(|context| turn.poll_shared(context.waker())).await
    }

    /// Takes a context out, once no other call uses it.
    pub(crate) async fn close<T: Send + Sync + 'static>(
        &self,
        user: ContextUser,
        handle: &ContextHandle,
    ) -> Result<T, Status> {
        let mut context = self.exclusive::<T>(user, handle).await?;
        lock(&self.entries).by_handle.remove(&handle.uuid);
        context.entry.close();
        let value = context.value.take().and_then(Arc::into_inner);
        value.ok_or(Status::ContextMismatch)
    }

    fn find(&self, user: ContextUser, handle: &ContextHandle) -> Result<Arc<Entry>, Status> {
        if handle.is_null() {
            return Err(Status::InNullContext);
        }
        let entries = lock(&self.entries);
        let entry = entries.by_handle.get(&handle.uuid);
        let entry = entry.filter(|entry| handle.attributes == 0 && entry.is_open_to(user));
        entry.cloned().ok_or(Status::ContextMismatch)
    }

    /// The client's last connection is gone: its contexts are dropped, those in use when their
    /// calls let go of them.
    pub(crate) fn run_down(&self) {
        let entries = {
            let mut entries = lock(&self.entries);
            entries.is_closed = true;
            std::mem::take(&mut entries.by_handle)
        };
        for entry in entries.into_values() {
            entry.run_down();
        }
    }
}
