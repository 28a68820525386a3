//! Owns what a run says of the machine it ran on. Never measures anything but this process's memory.

use std::fs;
use std::path::Path;

/// The processors, and the disk and file system of a folder, in one line.
#[must_use]
pub fn describe(folder: &Path) -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let disk = disk_of(folder).unwrap_or_else(|| "an unknown file system".to_owned());
    let idle = load().map_or_else(String::new, |load| format!(", load {load} before the run"));
    format!("{processors} processors ({}), {disk}{idle}", std::env::consts::ARCH)
}

/// The memory that this process holds in RAM, in bytes, where the system tells.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// The device and the type of the file system that holds a folder: the mount with the longest fitting path.
fn disk_of(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let fitting = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        folder.starts_with(point).then(|| (point.len(), format!("{kind} on {device}")))
    });
    fitting.max_by_key(|(length, _)| *length).map(|(_, disk)| disk)
}

fn load() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next().map(str::to_owned)
}
