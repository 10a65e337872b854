//! Processes, told apart so that others can see whether one has ended.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process of a Linux machine. Elsewhere there is none, and the age of a lease has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The start of the machine and the namespace of process numbers: only there does the number mean something.
    machine: String,
    id: u32,
    /// When it was started, in clock ticks since the machine was; a number that is used again has a later one.
    started: u64,
}

impl Process {
    /// This process, where that can be told.
    pub(crate) fn current() -> Option<Self> {
        let id = std::process::id();
        Some(Self { machine: machine()?, id, started: started(id)? })
    }

    /// Whether it is known to have ended; false if that cannot be seen from here.
    pub(crate) fn has_ended(&self) -> bool {
        // Where the first process is hidden, others may be, too.
        let sees_all = || started(1).is_some();
        machine().is_some_and(|machine| machine == self.machine) && sees_all() && started(self.id) != Some(self.started)
    }
}

fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// When a process that runs was started (proc_pid_stat(5), field 22); `None` if there is none, or only what is left of it.
fn started(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is the name of the program in parentheses, which may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_ended_when_its_number_is_free_or_of_a_later_one() {
        let here = Process::current().unwrap();
        assert!(!here.has_ended());
        assert!(Process { started: here.started - 1, ..here.clone() }.has_ended());
        assert!(!Process { machine: "another".into(), id: u32::MAX, ..here.clone() }.has_ended());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = Process { id: child.id(), ..here };
        child.wait().unwrap();
        assert!(ended.has_ended());
    }
}
