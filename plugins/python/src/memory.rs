//! Memory that tensors cross in: memfds, which are used again when the worker has none of their
//! tensors left. Getting a fresh one costs a page fault for every 4 KiB; writing to a used one is
//! a copy.

use harness_abi::{Error, Result};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The most bytes that are kept for later messages.
const MOST_KEPT: u64 = 1 << 30;

/// The host's memfds.
#[derive(Debug, Default)]
pub struct Pool {
    memories: Vec<Memory>,
    next: u64,
}

#[derive(Debug)]
struct Memory {
    number: u64,
    file: OwnedFd,
    size: u64,
    /// The process that has tensors in it.
    lent_to: Option<u32>,
}

impl Pool {
    /// A memfd with these pieces in it, one after another; its number says when it is
    /// [released](Self::release).
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub fn lend<'p>(
        &mut self,
        worker: u32,
        size: u64,
        pieces: impl Iterator<Item = (u64, &'p [u8])>,
    ) -> Result<u64> {
        let fits = |memory: &&mut Memory| {
            memory.lent_to.is_none() && (size..=8 * size).contains(&memory.size)
        };
        let free = self.memories.iter_mut().filter(fits);
        let memory = match free.min_by_key(|memory| memory.size) {
            Some(memory) => memory,
            None => {
                self.next += 1;
                let memory = Memory::new(self.next, size.next_power_of_two()).map_err(no_memory)?;
                self.memories.push(memory);
                self.memories.last_mut().expect("just added")
            }
        };
        for (at, bytes) in pieces {
            write(memory.file.as_fd(), bytes, at).map_err(no_memory)?;
        }
        memory.lent_to = Some(worker);
        Ok(memory.number)
    }

    /// The memfd with this number, which is lent.
    pub fn get(&self, number: u64) -> Option<BorrowedFd<'_>> {
        let mut memories = self.memories.iter();
        Some(
            memories
                .find(|memory| memory.number == number)?
                .file
                .as_fd(),
        )
    }

    /// Takes back a memfd of which the worker has no tensor left.
    pub fn release(&mut self, number: u64) {
        self.take_back(|memory| memory.number == number);
    }

    /// Takes back all that a worker had, since it is gone.
    pub fn release_all(&mut self, worker: u32) {
        self.take_back(|memory| memory.lent_to == Some(worker));
    }

    fn take_back(&mut self, which: impl Fn(&Memory) -> bool) {
        for memory in self.memories.iter_mut().filter(|memory| which(memory)) {
            memory.lent_to = None;
        }
        let mut kept = 0;
        self.memories.retain(|memory| {
            kept += memory.size;
            memory.lent_to.is_some() || kept <= MOST_KEPT
        });
    }
}

impl Memory {
    fn new(number: u64, size: u64) -> Result<Memory, Errno> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = memfd_create("clbench-tensors", flags)?;
        ftruncate(&file, size)?;
        // A worker cannot take the memory away from under its own tensors.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Memory {
            number,
            file,
            size,
            lent_to: None,
        })
    }
}

fn write(file: BorrowedFd<'_>, mut bytes: &[u8], mut at: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(file, bytes, at) {
            Ok(0) => return Err(Errno::NOSPC),
            Ok(written) => {
                bytes = &bytes[written..];
                at += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `bytes` from a worker's memfd.
///
/// # Errors
///
/// If it is shorter.
pub fn read(file: BorrowedFd<'_>, mut bytes: &mut [u8], mut at: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::pread(file, &mut *bytes, at) {
            Ok(0) => return Err(Errno::NODATA),
            Ok(read) => {
                bytes = &mut bytes[read..];
                at += read as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn no_memory(error: Errno) -> Error {
    Error::failed(format!("cannot pass a tensor to Python: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_when_it_has_been_released_and_not_before() {
        let mut pool = Pool::default();
        let first = pool
            .lend(1, 5000, [(0, &[1_u8; 5000][..])].into_iter())
            .unwrap();
        let second = pool
            .lend(1, 5000, [(0, &[2_u8; 5000][..])].into_iter())
            .unwrap();
        assert_ne!(first, second);
        let mut bytes = [0; 5000];
        read(pool.get(first).unwrap(), &mut bytes, 0).unwrap();
        assert_eq!(bytes, [1; 5000]);
        pool.release(first);
        let third = pool
            .lend(1, 4000, [(64, &[3_u8; 10][..])].into_iter())
            .unwrap();
        assert_eq!(third, first);
        pool.release_all(1);
        let fourth = pool
            .lend(1, 100, [(0, &[4_u8; 100][..])].into_iter())
            .unwrap();
        assert!(
            fourth != first && fourth != second,
            "far too large ones are not used"
        );
    }
}
