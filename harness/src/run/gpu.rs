//! The GPUs of this machine, without CUDA: the process that runs cells loads no plugin.

use crate::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::{env, fmt, fs};

/// What a process sees of GPUs.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// How CUDA numbers GPUs.
const ORDER: &str = "CUDA_DEVICE_ORDER";

/// A GPU, or a part of one, as `CUDA_VISIBLE_DEVICES` names it: a number or an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu(String);

/// The number of a GPU on the command line: `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpuNumber(usize);

impl Gpu {
    #[cfg(test)]
    pub(super) fn named(name: &str) -> Gpu {
        Gpu(name.to_owned())
    }

    /// All that this process sees; `None` if nothing tells.
    ///
    /// What `CUDA_VISIBLE_DEVICES` lists, as CUDA reads it: up to the first entry that names no
    /// GPU. Without it, what the driver lists.
    fn visible() -> Option<Vec<Gpu>> {
        match env::var(VISIBLE) {
            Ok(list) => Some(listed(&list)),
            Err(_) => of_driver(),
        }
    }

    /// The GPUs for a run on `device: cuda`: those with these numbers among the visible ones, or
    /// all.
    ///
    /// # Errors
    ///
    /// If a number is not that of a visible GPU.
    pub fn choose(numbers: &[GpuNumber]) -> Result<Vec<Gpu>, Error> {
        chosen(numbers, Gpu::visible())
    }

    /// The environment of a process that sees this GPU only.
    pub(super) fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![(VISIBLE, OsString::from(&self.0))];
        // The driver lists GPUs by their place on the bus. By default, CUDA would number them by
        // their speed.
        if env::var_os(VISIBLE).is_none() && env::var_os(ORDER).is_none() {
            variables.push((ORDER, "PCI_BUS_ID".into()));
        }
        variables
    }
}

fn chosen(numbers: &[GpuNumber], visible: Option<Vec<Gpu>>) -> Result<Vec<Gpu>, Error> {
    if numbers.is_empty() {
        return Ok(visible.unwrap_or_default());
    }
    let of_number = |number: &GpuNumber| match &visible {
        None => Ok(Gpu(number.0.to_string())),
        Some(visible) => visible.get(number.0).cloned().ok_or_else(|| {
            let there = match visible.len() {
                0 => "this process sees no GPU".to_owned(),
                1 => "the only GPU that this process sees is cuda:0".to_owned(),
                several => format!("this process sees cuda:0 to cuda:{}", several - 1),
            };
            Error::Usage(format!("`--devices`: there is no {number}; {there}"))
        }),
    };
    numbers.iter().map(of_number).collect()
}

/// What a value of `CUDA_VISIBLE_DEVICES` lists.
fn listed(list: &str) -> Vec<Gpu> {
    let names = list.split(',').map(str::trim);
    let names = names.take_while(|name| match name.parse::<i64>() {
        Ok(number) => number >= 0,
        // An identifier, `GPU-…` or `MIG-…`; drivers write `NoDevFiles` for none.
        Err(_) => name.contains('-'),
    });
    names.map(|name| Gpu(name.to_owned())).collect()
}

/// What the driver lists; `None` if there is none that can be asked.
fn of_driver() -> Option<Vec<Gpu>> {
    let mut ask = Command::new("nvidia-smi");
    let asked = ask
        .arg("-L")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    match asked {
        Ok(answer) if answer.status.success() => {
            Some(of_list(&String::from_utf8_lossy(&answer.stdout)))
        }
        _ => of_files(Path::new("/dev")),
    }
}

/// What `nvidia-smi -L` lists: a line for each GPU and, if it is divided, one for each of its
/// parts, which CUDA then offers instead.
fn of_list(list: &str) -> Vec<Gpu> {
    let mut gpus: Vec<Gpu> = Vec::new();
    let mut divided = false;
    for line in list.lines() {
        if let Some(rest) = line.strip_prefix("GPU ") {
            let number = rest.split(':').next().unwrap_or_default();
            gpus.push(Gpu(number.to_owned()));
            divided = false;
        } else if let Some((_, id)) = line.split_once("(UUID: MIG-") {
            if !divided {
                gpus.pop();
                divided = true;
            }
            gpus.push(Gpu(format!("MIG-{}", id.trim_end().trim_end_matches(')'))));
        }
    }
    gpus
}

/// The driver's device files; `None` without a driver.
fn of_files(folder: &Path) -> Option<Vec<Gpu>> {
    let entries = fs::read_dir(folder).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let number = names.filter(|name| {
        let number = name.strip_prefix("nvidia").unwrap_or_default();
        number.parse::<usize>().is_ok()
    });
    match number.count() {
        0 => None,
        number => Some((0..number).map(|number| Gpu(number.to_string())).collect()),
    }
}

impl FromStr for GpuNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<GpuNumber, String> {
        let number = text
            .strip_prefix("cuda:")
            .and_then(|number| number.parse().ok());
        number
            .map(GpuNumber)
            .ok_or_else(|| "expected cuda:N, such as `--devices cuda:0,cuda:1`".into())
    }
}

/// `cuda:1`.
impl fmt::Display for GpuNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cuda:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(gpus: &[Gpu]) -> Vec<&str> {
        gpus.iter().map(|gpu| &*gpu.0).collect()
    }

    #[test]
    fn the_variable_is_read_as_cuda_reads_it() {
        assert_eq!(names(&listed("2, 0")), ["2", "0"]);
        assert_eq!(
            names(&listed("GPU-8a,MIG-GPU-1/2/0")),
            ["GPU-8a", "MIG-GPU-1/2/0"]
        );
        assert_eq!(names(&listed("1,-1,0")), ["1"]);
        for none in ["", "-1", "NoDevFiles"] {
            assert!(listed(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn the_drivers_list_has_the_parts_of_a_divided_gpu() {
        let list = "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d)\n\
                    GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-e8)\n  \
                      MIG 3g.20gb     Device  0: (UUID: MIG-c7)\n  \
                      MIG 3g.20gb     Device  1: (UUID: MIG-a2)\n\
                    GPU 2: NVIDIA A100-SXM4-40GB (UUID: GPU-03)\n";
        assert_eq!(names(&of_list(list)), ["0", "MIG-c7", "MIG-a2", "2"]);
        let folder = tempfile::tempdir().unwrap();
        assert!(of_files(folder.path()).is_none());
        for name in ["nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(names(&of_files(folder.path()).unwrap()), ["0", "1"]);
    }

    #[test]
    fn numbers_choose_among_the_visible_gpus() {
        let visible = || Some(listed("GPU-a,GPU-b"));
        let number = |text: &str| text.parse::<GpuNumber>().unwrap();
        let [first, second, third] = ["cuda:0", "cuda:1", "cuda:2"].map(number);
        let choose = |numbers: &[GpuNumber], visible| {
            let chosen = chosen(numbers, visible).map_err(|error| error.to_string())?;
            Ok::<_, String>(names(&chosen).join(" "))
        };
        assert_eq!(choose(&[], visible()).unwrap(), "GPU-a GPU-b");
        assert_eq!(choose(&[second, second], visible()).unwrap(), "GPU-b GPU-b");
        assert_eq!(choose(&[first, third], None).unwrap(), "0 2");
        assert_eq!(choose(&[], None).unwrap(), "");
        assert_eq!(
            choose(&[third], visible()).unwrap_err(),
            "`--devices`: there is no cuda:2; this process sees cuda:0 to cuda:1"
        );
        assert_eq!(
            choose(&[first], Some(Vec::new())).unwrap_err(),
            "`--devices`: there is no cuda:0; this process sees no GPU"
        );
    }
}
