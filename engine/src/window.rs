//! Message queues that an application owns.

use std::sync::mpsc;

use crate::notification::Notification;

/// What is posted to a [`MessageQueue`]: the counterpart of a window message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The number that the caller gave.
    pub number: u32,
    /// The call, and what has happened to it.
    pub notification: Notification,
}

/// A message could not be posted.
///
/// The completion that it was to tell of is not lost: the handle has its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// The queue has no room; its reader is too slow, or the queue too short.
    #[error("the message queue is full")]
    Full,
    /// Nobody reads the queue any more.
    #[error("the message queue is closed")]
    Closed,
}

/// A message queue or event loop that the application owns, and that is told when calls complete.
///
/// Ready-made for the senders of [`std::sync::mpsc`] (and, with the feature `crossbeam-channel`,
/// of that crate) whose messages can be made from a [`Message`], and for closures, which serve
/// for event loops such as winit's (`EventLoopProxy::send_event`) or glib's.
///
/// ```
/// use annulus::{Message, MessageQueue, PostError};
/// use std::sync::Arc;
/// use std::sync::mpsc;
///
/// enum AppEvent {
///     CallComplete { number: u32 },
/// }
///
/// impl From<Message> for AppEvent {
///     fn from(message: Message) -> Self {
///         AppEvent::CallComplete { number: message.number }
///     }
/// }
///
/// let (sender, receiver) = mpsc::sync_channel::<AppEvent>(64);
/// let queue: Arc<dyn MessageQueue> = Arc::new(sender);
/// # drop((queue, receiver));
/// ```
pub trait MessageQueue: Send + Sync {
    /// Puts a message in and returns at once: a core of the runtime calls this, and everything
    /// else on that core waits until it returns.
    ///
    /// # Errors
    ///
    /// [`PostError`] if the message cannot be posted; it is dropped.
    fn post(&self, message: Message) -> Result<(), PostError>;
}

impl<M: From<Message> + Send> MessageQueue for mpsc::Sender<M> {
    fn post(&self, message: Message) -> Result<(), PostError> {
        self.send(message.into()).map_err(|_| PostError::Closed)
    }
}

impl<M: From<Message> + Send> MessageQueue for mpsc::SyncSender<M> {
    fn post(&self, message: Message) -> Result<(), PostError> {
        self.try_send(message.into()).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => PostError::Full,
            mpsc::TrySendError::Disconnected(_) => PostError::Closed,
        })
    }
}

#[cfg(feature = "crossbeam-channel")]
impl<M: From<Message> + Send> MessageQueue for crossbeam_channel::Sender<M> {
    fn post(&self, message: Message) -> Result<(), PostError> {
        self.try_send(message.into()).map_err(|error| match error {
            crossbeam_channel::TrySendError::Full(_) => PostError::Full,
            crossbeam_channel::TrySendError::Disconnected(_) => PostError::Closed,
        })
    }
}

impl<F: Fn(Message) -> Result<(), PostError> + Send + Sync> MessageQueue for F {
    fn post(&self, message: Message) -> Result<(), PostError> {
        self(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::{HandleRef, NotificationEvent};

    fn message(number: u32) -> Message {
        Message {
            number,
            notification: Notification {
                handle: HandleRef::none(),
                user_info: 7,
                event: NotificationEvent::CallComplete,
            },
        }
    }

    #[test]
    fn rule_14_a_message_is_posted_with_its_number_and_handle() {
        let (sender, receiver) = mpsc::channel::<Message>();
        let posted = message(0x401);
        sender.post(posted.clone()).unwrap();
        assert_eq!(receiver.recv().unwrap(), posted);
        drop(receiver);
        assert_eq!(sender.post(posted), Err(PostError::Closed));
    }

    #[test]
    fn a_queue_that_is_full_does_not_hold_the_core_up() {
        let (sender, receiver) = mpsc::sync_channel::<Message>(1);
        sender.post(message(1)).unwrap();
        assert_eq!(sender.post(message(2)), Err(PostError::Full));
        drop(receiver);
        assert_eq!(sender.post(message(3)), Err(PostError::Closed));
    }

    #[cfg(feature = "crossbeam-channel")]
    #[test]
    fn a_channel_of_crossbeam_is_a_message_queue() {
        let (sender, receiver) = crossbeam_channel::bounded::<Message>(1);
        sender.post(message(1)).unwrap();
        assert_eq!(sender.post(message(2)), Err(PostError::Full));
        assert_eq!(receiver.recv().unwrap().number, 1);
        drop(receiver);
        assert_eq!(sender.post(message(3)), Err(PostError::Closed));
    }

    #[test]
    fn a_closure_is_a_message_queue() {
        let posts = |message: Message| match message.number {
            0 => Err(PostError::Closed),
            _ => Ok(()),
        };
        let queue: &dyn MessageQueue = &posts;
        assert_eq!(queue.post(message(1)), Ok(()));
        assert_eq!(queue.post(message(0)), Err(PostError::Closed));
    }
}
