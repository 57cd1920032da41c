//! Who had the cores meanwhile: this process, others, or nobody.

use std::fs;

/// The kernel's counts at one time, all in its own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CoreCounts {
    own: f64,
    /// Of all programs.
    programs: f64,
    /// Of other virtual machines.
    stolen: f64,
    /// With what nobody used.
    all: f64,
}

/// Shares of the time of all the machine's cores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CoreShares {
    /// This process: server and client.
    pub(crate) own: f64,
    /// Other programs, and other machines on the same hardware.
    pub(crate) elsewhere: f64,
}

impl CoreCounts {
    /// The present; `None` where the kernel does not tell.
    pub(crate) fn now() -> Option<Self> {
        let process = fs::read_to_string("/proc/self/stat").ok()?;
        let machine = fs::read_to_string("/proc/stat").ok()?;
        Self::parse(&process, &machine)
    }

    fn parse(process: &str, machine: &str) -> Option<Self> {
        // The name of the program, in brackets, may hold anything.
        let (_, fields) = process.rsplit_once(") ")?;
        let mut fields = fields.split(' ').skip(11).map_while(|field| field.parse::<f64>().ok());
        let own = fields.next()? + fields.next()?;
        let cpu = machine.lines().next()?.strip_prefix("cpu ")?;
        let counts: Vec<f64> =
            cpu.split_whitespace().take(8).map_while(|count| count.parse().ok()).collect();
        // Interrupts are left out: the network's are this load's.
        let [user, nice, system, _, _, _, _, stolen] = counts[..] else { return None };
        Some(Self { own, programs: user + nice + system, stolen, all: counts.iter().sum() })
    }

    /// Who had the cores since an earlier time.
    pub(crate) fn since(self, earlier: Self) -> CoreShares {
        let all = self.all - earlier.all;
        if all <= 0.0 {
            return CoreShares::default();
        }
        let own = self.own - earlier.own;
        let others = self.programs - earlier.programs - own + self.stolen - earlier.stolen;
        CoreShares { own: (own / all).clamp(0.0, 1.0), elsewhere: (others / all).clamp(0.0, 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::{CoreCounts, CoreShares};

    fn counts(own: [u32; 2], cpu: [u32; 8]) -> CoreCounts {
        let process = format!("7 (a) b) R 1 2 3 4 5 6 7 8 9 10 {} {} 0 0 20", own[0], own[1]);
        let cpu: Vec<String> = cpu.iter().map(u32::to_string).collect();
        let machine = format!("cpu  {} 0 0\ncpu0 1 2 3\n", cpu.join(" "));
        CoreCounts::parse(&process, &machine).unwrap()
    }

    #[test]
    fn time_is_this_processs_others_or_nobodys() {
        let before = counts([10, 10], [100, 0, 50, 1000, 0, 0, 0, 0]);
        // 200 ticks: 80 of this process, 50 of others and 10 stolen, 5 of interrupts, 55 idle.
        let after = counts([60, 40], [190, 10, 80, 1055, 0, 2, 3, 10]);
        assert_eq!(after.since(before), CoreShares { own: 0.4, elsewhere: 0.3 });
        assert_eq!(after.since(after), CoreShares::default());
    }

    #[test]
    fn what_the_kernel_does_not_say_is_not_made_up() {
        assert_eq!(CoreCounts::parse("", "cpu  1 2 3 4 5 6 7 8"), None);
        assert_eq!(CoreCounts::parse("1 (a) R 1 2 3 4 5 6 7 8 9 10 1 1", "cpu  1 2 3"), None);
        assert!(CoreCounts::now().is_some(), "on Linux it says so");
    }
}
