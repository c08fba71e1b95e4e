//! A connection to a process: messages over one end of a socket pair.
//!
//! Every wait ends when the process has ended, even if something that it started still holds the
//! other end open, and when the run is cancelled.

use crate::message::{Incoming, Outgoing};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde_json::Value;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// How often a wait looks whether the run is cancelled, in nanoseconds.
const PAUSE: i64 = 100_000_000;

/// One end of a socket pair.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
}

/// Who is at the other end, and whether to wait for it.
pub struct Peer<'a> {
    /// A pidfd of the process.
    pub process: BorrowedFd<'a>,
    /// Whether to stop waiting.
    pub stop: &'a dyn Fn() -> bool,
}

/// Why a message did not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The process has ended, or closed its end.
    Closed,
    /// There was no more reason to wait.
    Stopped,
    /// It sent something that is no message.
    Garbled,
}

impl Connection {
    pub fn new(socket: OwnedFd) -> Connection {
        Connection { socket }
    }

    /// Sends a message, with a memfd if its tensors are in one.
    ///
    /// # Errors
    ///
    /// If it did not get through.
    pub fn send(
        &self,
        message: &Outgoing,
        memory: Option<BorrowedFd<'_>>,
        peer: &Peer<'_>,
    ) -> Result<(), Broken> {
        let header = serde_json::to_vec(&message.header).expect("plain data");
        let lengths = [header.len(), message.body.len()];
        let lengths = lengths.map(|length| u32::try_from(length).map_err(|_| Broken::Garbled));
        let mut bytes = Vec::with_capacity(8 + header.len() + message.body.len());
        for length in lengths {
            bytes.extend(length?.to_le_bytes());
        }
        bytes.extend(header);
        bytes.extend(&message.body);
        let mut rest = &bytes[..];
        let mut memory = memory;
        while !rest.is_empty() {
            let descriptors: Vec<_> = memory.into_iter().collect();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            if !descriptors.is_empty() {
                ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
            }
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(&self.socket, &[IoSlice::new(rest)], &mut ancillary, flags) {
                Ok(sent) => {
                    rest = &rest[sent..];
                    memory = None;
                }
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, peer)?,
                Err(Errno::INTR) => {}
                Err(_) => return Err(Broken::Closed),
            }
        }
        Ok(())
    }

    /// Waits for a message.
    ///
    /// # Errors
    ///
    /// If none came.
    pub fn receive(&self, peer: &Peer<'_>) -> Result<Incoming, Broken> {
        let mut lengths = [0; 8];
        let mut descriptor = None;
        self.fill(&mut lengths, &mut descriptor, peer)?;
        let [header, body] = [&lengths[..4], &lengths[4..]]
            .map(|length| u32::from_le_bytes(length.try_into().expect("4 bytes")) as usize);
        let header = self.bytes(header, &mut descriptor, peer)?;
        let header: Value = serde_json::from_slice(&header).map_err(|_| Broken::Garbled)?;
        Ok(Incoming {
            header,
            body: self.bytes(body, &mut descriptor, peer)?,
            descriptor,
        })
    }

    fn bytes(
        &self,
        length: usize,
        descriptor: &mut Option<OwnedFd>,
        peer: &Peer<'_>,
    ) -> Result<Vec<u8>, Broken> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes, descriptor, peer)?;
        Ok(bytes)
    }

    fn fill(
        &self,
        mut bytes: &mut [u8],
        descriptor: &mut Option<OwnedFd>,
        peer: &Peer<'_>,
    ) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
            let into = &mut [IoSliceMut::new(bytes)];
            match recvmsg(&self.socket, into, &mut ancillary, flags) {
                Ok(received) if received.bytes == 0 => return Err(Broken::Closed),
                Ok(received) => {
                    for message in ancillary.drain() {
                        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                            *descriptor = descriptors.last().or(descriptor.take());
                        }
                    }
                    bytes = &mut bytes[received.bytes..];
                }
                Err(Errno::AGAIN) => self.wait(PollFlags::IN, peer)?,
                Err(Errno::INTR) => {}
                Err(_) => return Err(Broken::Closed),
            }
        }
        Ok(())
    }

    /// Tells the other end that no more messages will come.
    pub fn shut_down(&self) {
        // It may be gone already.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }

    /// Waits until the socket is ready.
    fn wait(&self, ready: PollFlags, peer: &Peer<'_>) -> Result<(), Broken> {
        let pause = Timespec {
            tv_sec: 0,
            tv_nsec: PAUSE,
        };
        loop {
            let mut files = [
                PollFd::new(&self.socket, ready),
                PollFd::from_borrowed_fd(peer.process, PollFlags::IN),
            ];
            match poll(&mut files, Some(&pause)) {
                // What the process sent before it ended is read first.
                Ok(_) if !files[0].revents().is_empty() => return Ok(()),
                Ok(_) if !files[1].revents().is_empty() => return Err(Broken::Closed),
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return Err(Broken::Closed),
            }
            if (peer.stop)() {
                return Err(Broken::Stopped);
            }
        }
    }
}

/// Whether the process of a pidfd has ended.
pub fn has_ended(process: BorrowedFd<'_>) -> bool {
    ends_within(process, Duration::ZERO)
}

/// Waits for the end of a process, but not longer than this.
pub fn ends_within(process: BorrowedFd<'_>, time: Duration) -> bool {
    let time = Timespec::try_from(time).expect("short");
    let mut files = [PollFd::from_borrowed_fd(process, PollFlags::IN)];
    matches!(poll(&mut files, Some(&time)), Ok(1..))
}
