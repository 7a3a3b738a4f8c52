//! This machine: limits of the system, disk, clock and names.

use std::net::ToSocketAddrs as _;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::finding::Finding;

/// A large repository has so many folders; each takes a watch.
const FEW_WATCHES: u64 = 65_536;
/// devloop needs a handful; editors and other tools each some.
const FEW_INSTANCES: u64 = 64;
/// Certificates and tokens tolerate some; files of live update that come from the future confuse build tools.
const SKEW: Duration = Duration::from_secs(5);
/// Less room on a disk than this will soon be none.
const LITTLE_ROOM: u64 = 5 << 30;
const NO_ROOM: u64 = 512 << 20;

/// The limits of inotify (inotify(7)); nothing where there is none.
pub(super) fn inotify() -> Vec<Finding> {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let (Some(watches), Some(instances)) = (read("max_user_watches"), read("max_user_instances")) else {
        return vec![Finding::skipped("inotify", "this system has no inotify")];
    };
    judge_inotify(watches, instances)
}

fn judge_inotify(watches: u64, instances: u64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, value, few, better) in
        [("max_user_watches", watches, FEW_WATCHES, 524_288), ("max_user_instances", instances, FEW_INSTANCES, 1_024)]
    {
        if value < few {
            findings.push(Finding::warning(
                "inotify",
                format!("fs.inotify.{name} is {value}: changes in large folders may be missed or fail to be watched"),
                format!("sudo sysctl fs.inotify.{name}={better}, and the same line in /etc/sysctl.d/ to keep it"),
            ));
        }
    }
    if findings.is_empty() {
        let text = format!("{watches} watches and {instances} instances per user");
        findings.push(Finding::ok("inotify", text));
    }
    findings
}

/// The room on the disks of these folders, each disk once.
pub(super) fn disks(folders: &[(&str, &Path)]) -> Vec<Finding> {
    let mut seen = Vec::new();
    let mut findings = Vec::new();
    for (what, folder) in folders {
        // What is not there yet is made on the disk of what is above it.
        let Some(folder) = folder.ancestors().find(|folder| folder.exists()) else { continue };
        let Ok(disk) = rustix::fs::statvfs(folder) else { continue };
        let inodes = (disk.f_files > 0).then_some(disk.f_favail);
        if seen.contains(&disk.f_fsid) {
            continue;
        }
        seen.push(disk.f_fsid);
        findings.push(judge_disk(what, folder, disk.f_bavail * disk.f_frsize, inodes));
    }
    findings
}

fn judge_disk(what: &str, folder: &Path, free: u64, inodes: Option<u64>) -> Finding {
    let place = format!("{what} ({})", folder.display());
    let remedy = "remove what is not needed: `devloop prune`, `docker builder prune`, `docker image prune`";
    let gigabytes = free as f64 / f64::from(1 << 30);
    if inodes == Some(0) {
        return Finding::failed("disk", format!("{place} has no room for another file"), remedy);
    }
    let text = format!("{place} has {gigabytes:.1} GiB left");
    match free {
        0..NO_ROOM => Finding::failed("disk", text, remedy),
        NO_ROOM..LITTLE_ROOM => Finding::warning("disk", text, remedy),
        _ => Finding::ok("disk", text),
    }
}

/// How far a clock is from this machine's.
pub(super) fn clock(
    whose: &str,
    theirs: Option<DateTime<Utc>>,
    before: DateTime<Utc>,
    after: DateTime<Utc>,
) -> Finding {
    let Some(theirs) = theirs else {
        return Finding::skipped("clock", format!("{whose} does not tell its time"));
    };
    // The answer was made at some moment between these two, and may be cut to the second.
    let early = before - chrono::TimeDelta::seconds(1);
    let skew = if theirs < early {
        theirs - before
    } else if theirs > after {
        theirs - after
    } else {
        chrono::TimeDelta::zero()
    };
    let seconds = skew.num_milliseconds() as f64 / 1000.0;
    if skew.abs().to_std().unwrap_or_default() <= SKEW {
        return Finding::ok("clock", format!("that of {whose} agrees with this machine's to {} s", SKEW.as_secs()));
    }
    let side = if seconds < 0.0 { "behind" } else { "ahead of" };
    Finding::warning(
        "clock",
        format!(
            "that of {whose} is {:.0} s {side} this machine's: certificates, tokens and times of files may be refused",
            seconds.abs()
        ),
        "set both by a time server: `timedatectl set-ntp true`; restart Docker Desktop or the virtual machine after a sleep",
    )
}

/// Whether a name leads somewhere. Blocks.
pub(super) fn name(what: &str, host: &str, remedy: &str) -> Finding {
    match (host, 0).to_socket_addrs().map(|mut found| found.next()) {
        Ok(Some(address)) => Finding::ok("dns", format!("{what}: {host} is {}", address.ip())),
        Ok(None) => Finding::failed("dns", format!("{what}: {host} has no address"), remedy),
        Err(error) => Finding::failed("dns", format!("{what}: {host} is not found: {error}"), remedy),
    }
}

/// `localhost` must be this machine: port-forwards listen there.
pub(super) fn localhost() -> Finding {
    let found = ("localhost", 0).to_socket_addrs();
    if found.is_ok_and(|mut found| found.all(|address| address.ip().is_loopback())) {
        return Finding::ok("dns", "localhost is this machine");
    }
    Finding::failed(
        "dns",
        "localhost does not lead to this machine, where port-forwards listen",
        "put `127.0.0.1 localhost` into /etc/hosts",
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::Health;
    use super::*;

    #[test]
    fn low_limits_are_named_with_their_remedy() {
        assert_eq!(judge_inotify(524_288, 1024)[0].health, Health::Ok);
        let low = judge_inotify(8192, 16);
        assert_eq!(low.len(), 2);
        assert!(low[0].remedy.as_ref().is_some_and(|it| it.contains("fs.inotify.max_user_watches=524288")), "{low:?}");
    }

    #[test]
    fn a_full_disk_fails_and_a_nearly_full_one_warns() {
        let health = |free, inodes| judge_disk("images", Path::new("/"), free, inodes).health;
        assert_eq!(health(100 << 30, Some(5)), Health::Ok);
        assert_eq!(health(2 << 30, None), Health::Warning);
        assert_eq!(health(1, None), Health::Failed);
        assert_eq!(health(100 << 30, Some(0)), Health::Failed);
    }

    #[test]
    fn a_clock_is_compared_with_the_time_around_the_answer() {
        let at = |second| DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(second);
        let health = |theirs| clock("it", theirs, at(100), at(103)).health;
        assert_eq!(health(Some(at(99))), Health::Ok);
        assert_eq!(health(Some(at(107))), Health::Ok);
        assert_eq!(health(Some(at(120))), Health::Warning);
        assert_eq!(health(Some(at(20))), Health::Warning);
        assert_eq!(health(None), Health::Skipped);
        assert!(clock("it", Some(at(20)), at(100), at(103)).text.contains("80 s behind"));
    }
}
