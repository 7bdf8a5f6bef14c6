//! The process as the system sees it, under the names that Prometheus' own client libraries use.

use super::exposition::{Exposition, Kind};
use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, getrlimit},
};
use std::fs;
use tikv_jemalloc_ctl::{epoch, stats};

pub(super) fn collect(exposition: &mut Exposition) {
    exposition.family("weir_build_info", Kind::Gauge, "The version that runs");
    exposition.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    if let Some(usage) = Usage::read() {
        let cpu = usage.cpu_ticks as f64 / clock_ticks_per_second() as f64;
        exposition.single("process_cpu_seconds_total", Kind::Counter, "Processor time used", cpu);
        let resident = usage.resident_pages as f64 * page_size() as f64;
        exposition.single("process_resident_memory_bytes", Kind::Gauge, "Memory in use", resident);
        exposition.single("process_virtual_memory_bytes", Kind::Gauge, "Addresses in use", usage.virtual_bytes as f64);
    }
    if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
        // One of them reads the folder.
        let open = descriptors.count().saturating_sub(1);
        exposition.single("process_open_fds", Kind::Gauge, "Files and sockets open", open as f64);
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current {
        exposition.single("process_max_fds", Kind::Gauge, "Files and sockets that may be open", limit as f64);
    }
    collect_allocator(exposition);
}

/// Three fields of `/proc/self/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Usage {
    cpu_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Usage {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// Fields are counted from the end of the process name, which may hold blanks and parentheses.
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self { cpu_ticks: field(14)? + field(15)?, virtual_bytes: field(23)?, resident_pages: field(24)? })
    }
}

/// Zero where another allocator runs, as in tests.
fn collect_allocator(exposition: &mut Exposition) {
    if epoch::advance().is_err() {
        return;
    }
    for (name, help, value) in [
        ("weir_allocator_allocated_bytes", "Memory that the program holds", stats::allocated::read()),
        ("weir_allocator_active_bytes", "Pages with memory that the program holds", stats::active::read()),
        ("weir_allocator_resident_bytes", "Pages that the allocator holds", stats::resident::read()),
    ] {
        if let Ok(value) = value {
            exposition.single(name, Kind::Gauge, help, value as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 110 12 13 14 15 16 17 18 19 4096 7 22 23";
        let usage = Usage { cpu_ticks: 110 + 12, virtual_bytes: 4096, resident_pages: 7 };
        assert_eq!(Usage::parse(stat), Some(usage));
        assert_eq!(Usage::parse("garbage"), None);
        assert!(Usage::read().is_some_and(|usage| usage.resident_pages > 0));
    }
}
