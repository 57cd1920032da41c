//! ONNX Runtime's official builds report their use to their maker unless the environment forbids
//! it: the process, the hardware, the models' names and hashes. Hone sends nothing to anyone.
#![expect(unsafe_code, reason = "UNSAFETY: the process environment, which the library reads")]
#![expect(clippy::disallowed_methods, reason = "the library has no other switch this early")]

use std::{env, fs};

/// The library looks for this when it is loaded; switching its reports off later leaves a thread, a
/// database in the home folder and what was collected until then.
const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Forbids the libraries that engines load to report their use; a choice that the environment has
/// made stays. To be called first thing in `main`: the environment can only be changed while the
/// process has a single thread. Returns whether reports are forbidden, or were chosen.
pub fn forbid_telemetry() -> bool {
    if env::var_os(VARIABLE).is_some() {
        return true;
    }
    let is_alone = fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1);
    if is_alone {
        // SAFETY: no other thread is there that might read the environment meanwhile.
        unsafe { env::set_var(VARIABLE, "1") };
    }
    is_alone
}
