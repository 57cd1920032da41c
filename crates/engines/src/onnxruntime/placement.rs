//! Which device each instance of a model runs on.

use std::{fmt, fs, path::Path};

use protocol::model_config::{ModelConfig, ModelInstanceGroup, model_instance_group::Kind};
use serving::LoadError;

/// Where the driver of NVIDIA's GPUs lists them.
const GPU_FOLDER: &str = "/proc/driver/nvidia/gpus";

/// A device that runs models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Device {
    Cpu,
    Gpu(i32),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("CPU"),
            Self::Gpu(id) => write!(f, "GPU {id}"),
        }
    }
}

/// Number of GPUs on this machine.
pub(super) fn gpu_count() -> i32 {
    let entries = fs::read_dir(Path::new(GPU_FOLDER)).map_or(0, Iterator::count);
    i32::try_from(entries).unwrap_or(i32::MAX)
}

/// The devices of a model's instances, in the order of its instance groups; never empty. Groups
/// that leave the choice open get a GPU where `gpus`, the number that can be used, is not 0; a
/// group on several GPUs takes them in turn.
pub(super) fn devices(config: &ModelConfig, gpus: i32) -> Result<Vec<Device>, LoadError> {
    let mut devices = Vec::new();
    for group in config.instance_group.iter().filter(|group| !group.passive) {
        let on = group_devices(group, gpus)?;
        (0..group.count.max(1)).for_each(|_| devices.extend_from_slice(&on));
    }
    if devices.is_empty() {
        devices = group_devices(&ModelInstanceGroup::default(), gpus)?;
    }
    Ok(devices)
}

fn group_devices(group: &ModelInstanceGroup, gpus: i32) -> Result<Vec<Device>, LoadError> {
    let on_gpu = match group.kind() {
        Kind::Gpu => true,
        Kind::Auto => gpus > 0,
        Kind::Cpu | Kind::Model => false,
    };
    if !on_gpu {
        return Ok(vec![Device::Cpu]);
    }
    if let Some(id) = group.gpus.iter().find(|id| **id < 0) {
        return Err(LoadError::Config(format!(
            "instance_group.gpus has {id}; GPUs are numbered from 0"
        )));
    }
    if group.gpus.is_empty() {
        return Ok((0..gpus.max(1)).map(Device::Gpu).collect());
    }
    Ok(group.gpus.iter().map(|id| Device::Gpu(*id)).collect())
}

#[cfg(test)]
mod tests {
    use protocol::model_config::{ModelConfig, ModelInstanceGroup, model_instance_group::Kind};

    use super::{Device, devices};

    #[track_caller]
    fn check(groups: &[(Kind, i32, &[i32])], gpus: i32, expected: &[Device]) {
        let group = |(kind, count, gpus): &(Kind, i32, &[i32])| ModelInstanceGroup {
            kind: *kind as i32,
            count: *count,
            gpus: gpus.to_vec(),
            ..ModelInstanceGroup::default()
        };
        let instance_group = groups.iter().map(group).collect();
        let config = ModelConfig { instance_group, ..ModelConfig::default() };
        assert_eq!(devices(&config, gpus).unwrap(), expected);
    }

    #[test]
    fn instances_are_placed_in_the_order_of_their_groups() {
        use Device::{Cpu, Gpu};
        check(&[], 0, &[Cpu]);
        check(&[], 2, &[Gpu(0), Gpu(1)]);
        check(&[(Kind::Cpu, 2, &[])], 2, &[Cpu, Cpu]);
        check(&[(Kind::Auto, 2, &[])], 0, &[Cpu, Cpu]);
        check(&[(Kind::Auto, 1, &[])], 2, &[Gpu(0), Gpu(1)]);
        check(&[(Kind::Gpu, 2, &[1, 3])], 0, &[Gpu(1), Gpu(3), Gpu(1), Gpu(3)]);
        check(&[(Kind::Gpu, 0, &[]), (Kind::Cpu, 1, &[])], 0, &[Gpu(0), Cpu]);
    }
}
