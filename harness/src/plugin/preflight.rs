//! What can be known about a plugin file without running any of it.
//!
//! The system's loader maps a file and trusts its headers: a truncated file kills the process with
//! SIGBUS. So the headers are checked against the file's length before anything is loaded.

use super::{LIBTORCH, PluginFault};
use harness_abi::ABI_VERSION;
use harness_abi::manifest::{Manifest, SECTION};
use object::elf::{
    DF_1_PIE, DT_FLAGS_1, ELFCLASS64, ELFDATA2LSB, ELFMAG, ET_DYN, FileHeader64, PT_LOAD,
    ProgramHeader64, SHT_NOBITS,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use object::{LittleEndian, elf};

const HERE: (u16, &str) = if cfg!(target_arch = "aarch64") {
    (elf::EM_AARCH64.0, "aarch64")
} else {
    (elf::EM_X86_64.0, "x86-64")
};

/// Checks the file's bytes and reads its manifest.
pub(super) fn preflight(bytes: &[u8]) -> Result<Manifest, PluginFault> {
    if bytes.is_empty() {
        return Err(PluginFault::Empty);
    }
    // A file that was truncated within its signature still begins like one.
    if !bytes.starts_with(&ELFMAG) && !ELFMAG.starts_with(bytes) {
        return Err(PluginFault::NotElf);
    }
    let section = manifest_section(bytes)?;
    checked_manifest(section)
}

fn manifest_section(bytes: &[u8]) -> Result<&[u8], PluginFault> {
    let found = bytes.len() as u64;
    let truncated = |expected: u64| PluginFault::Truncated { expected, found };
    let damaged = |error: object::Error| PluginFault::Damaged(error.to_string());
    if bytes.len() < size_of::<FileHeader64<LittleEndian>>() {
        return Err(truncated(size_of::<FileHeader64<LittleEndian>>() as u64));
    }
    // Class and byte order decide how the machine field is read; a file that differs in either
    // cannot be loaded here.
    if bytes[4] != ELFCLASS64.0 || bytes[5] != ELFDATA2LSB.0 {
        return Err(PluginFault::Architecture {
            found: "a 32-bit or big-endian machine".into(),
            here: HERE.1,
        });
    }
    let header = FileHeader64::<LittleEndian>::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let machine = header.e_machine(endian).0;
    if machine != HERE.0 {
        return Err(PluginFault::Architecture {
            found: machine_name(machine),
            here: HERE.1,
        });
    }
    if header.e_type(endian) != ET_DYN {
        return Err(PluginFault::NotShared);
    }
    let table = |start: u64, count: u16, size: u16| {
        start.saturating_add(u64::from(count) * u64::from(size))
    };
    let program_end = table(
        header.e_phoff(endian),
        header.e_phnum(endian),
        header.e_phentsize(endian),
    );
    let section_end = table(
        header.e_shoff(endian),
        header.e_shnum(endian),
        header.e_shentsize(endian),
    );
    if program_end.max(section_end) > found {
        return Err(truncated(program_end.max(section_end)));
    }
    let segments = header.program_headers(endian, bytes).map_err(damaged)?;
    let last = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == PT_LOAD)
        .map(|segment| {
            segment
                .p_offset(endian)
                .saturating_add(segment.p_filesz(endian))
        })
        .max();
    if let Some(last) = last.filter(|&last| last > found) {
        return Err(truncated(last));
    }
    let sections = header.sections(endian, bytes).map_err(damaged)?;
    let manifest = sections
        .section_by_name(endian, SECTION.as_bytes())
        .filter(|(_, section)| section.sh_type(endian) != SHT_NOBITS);
    match manifest {
        Some((_, section)) => section.data(endian, bytes).map_err(damaged),
        None if is_program(segments, endian, bytes) => Err(PluginFault::NotShared),
        None => Err(PluginFault::NoPlugin),
    }
}

/// A position-independent program has the type of a shared library, and a flag of its own.
fn is_program(
    segments: &[ProgramHeader64<LittleEndian>],
    endian: LittleEndian,
    bytes: &[u8],
) -> bool {
    let entries = segments
        .iter()
        .filter_map(|segment| segment.dynamic(endian, bytes).ok().flatten())
        .flatten();
    entries
        .filter(|entry| entry.tag(endian) == DT_FLAGS_1)
        .any(|entry| entry.val(endian) & DF_1_PIE.0 != 0)
}

fn machine_name(machine: u16) -> String {
    match elf::Machine(machine) {
        elf::EM_X86_64 => "x86-64".into(),
        elf::EM_AARCH64 => "aarch64".into(),
        elf::EM_386 => "32-bit x86".into(),
        elf::EM_ARM => "32-bit Arm".into(),
        elf::EM_RISCV => "RISC-V".into(),
        elf::EM_PPC64 => "64-bit PowerPC".into(),
        elf::Machine(other) => format!("machine {other}"),
    }
}

fn checked_manifest(section: &[u8]) -> Result<Manifest, PluginFault> {
    // The version is read first, because a manifest of another version may look different.
    let manifest: serde_json::Value = serde_json::from_slice(section)
        .map_err(|error| PluginFault::Manifest(error.to_string()))?;
    let abi = manifest["abi"]
        .as_u64()
        .and_then(|abi| u32::try_from(abi).ok())
        .ok_or_else(|| PluginFault::Manifest("it has no ABI version".into()))?;
    if abi > ABI_VERSION {
        return Err(PluginFault::NewerAbi {
            found: abi,
            here: ABI_VERSION,
        });
    }
    if abi < ABI_VERSION {
        return Err(PluginFault::OlderAbi {
            found: abi,
            here: ABI_VERSION,
        });
    }
    let manifest =
        Manifest::parse(section).map_err(|error| PluginFault::Manifest(error.to_string()))?;
    match &manifest.runtime {
        Some(runtime) if runtime != LIBTORCH => Err(PluginFault::Runtime {
            found: runtime.clone(),
        }),
        _ => Ok(manifest),
    }
}
