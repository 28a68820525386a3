//! Owns the open files of the simulated disk. Never outlives the process that opened it: after a crash all calls fail.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use super::super::File;
use super::super::memory::absolute;
use super::{Call, Effect, Machine, SimOperation, State, refuse};

pub(super) struct SimFile {
    pub(super) machine: Arc<Machine>,
    pub(super) boot: u64,
    pub(super) path: PathBuf,
    pub(super) inode: u64,
    pub(super) id: u64,
    pub(super) writable: bool,
}

impl SimFile {
    fn begin(&self, call: Call) -> io::Result<(MutexGuard<'_, State>, Option<Effect>)> {
        self.machine.begin(call, Some(self.boot))
    }

    fn begin_plain(&self, operation: SimOperation) -> io::Result<MutexGuard<'_, State>> {
        let (state, effect) = self.begin(Call::new(operation, &self.path))?;
        refuse(effect)?;
        Ok(state)
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let call = Call::new(SimOperation::Read, &self.path).bytes(position, buffer.len() as u64);
        let (mut state, effect) = self.begin(call)?;
        let count = match effect {
            Some(Effect::Short(most)) => buffer.len().min(most.max(1)),
            Some(Effect::PartialThenError(most, _)) => buffer.len().min(most),
            Some(Effect::Error(_) | Effect::OsError(_)) => 0,
            _ => buffer.len(),
        };
        let count = state.inode(self.inode).read(&mut buffer[..count], position);
        refuse(effect).map(|()| count)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        self.check_writable()?;
        let call = Call::new(SimOperation::Write, &self.path).bytes(position, bytes.len() as u64);
        let (mut state, effect) = self.begin(call)?;
        let count = match effect {
            Some(Effect::Short(most) | Effect::PartialThenError(most, _)) => bytes.len().min(most),
            Some(Effect::Error(_) | Effect::OsError(_)) => 0,
            _ => bytes.len(),
        };
        let (call, free) = (state.call(), state.free_sectors());
        let count = state.inode(self.inode).write(call, &bytes[..count], position, free)?;
        refuse(effect).map(|()| count)
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.begin_plain(SimOperation::Len)?;
        Ok(state.inode(self.inode).live().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let (mut state, effect) = self.begin(Call::new(SimOperation::SetLen, &self.path).bytes(0, len))?;
        refuse(effect)?;
        let call = state.call();
        state.inode(self.inode).set_len(call, len)
    }

    fn sync(&self) -> io::Result<()> {
        let (mut state, effect) = self.begin(Call::new(SimOperation::Sync, &self.path))?;
        let state = &mut *state;
        let call = state.call();
        let inode = state.inodes.get_mut(&self.inode).expect("an inode stays while a handle has it");
        match (refuse(effect), effect) {
            (Err(error), _) => {
                inode.fail_sync(call, &mut state.random);
                return Err(error);
            }
            (Ok(()), Some(Effect::Lie)) => {}
            (Ok(()), _) => inode.sync(),
        }
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        let mut state = self.begin_plain(SimOperation::Lock)?;
        Ok(*state.inode(self.inode).holder.get_or_insert(self.id) == self.id)
    }

    fn unlock(&self) -> io::Result<()> {
        let mut state = self.begin_plain(SimOperation::Unlock)?;
        state.inode(self.inode).holder.take_if(|holder| *holder == self.id);
        Ok(())
    }

    fn lock_holder(&self) -> Option<u32> {
        let mut state = self.machine.state();
        state.check_running(Some(self.boot)).ok()?;
        state.inode(self.inode).holder.map(|_| std::process::id())
    }

    fn is_named(&self, path: &Path) -> io::Result<bool> {
        let path = absolute(path)?;
        let (state, effect) = self.begin(Call::new(SimOperation::IsNamed, &path))?;
        refuse(effect)?;
        Ok(state.names.live().get(&path) == Some(&self.inode))
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.machine.state();
        if state.boot == self.boot {
            let inode = state.inode(self.inode);
            inode.handles -= 1;
            inode.holder.take_if(|holder| *holder == self.id);
            state.forget_unreachable();
        }
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimFile").field("path", &self.path).finish_non_exhaustive()
    }
}
