//! Gives back memory that only the start needed ([decision 20](../../docs/decisions/0020-pages-of-the-start.md)).

use std::io;

/// Lets go of the pages of the program's own file that have been used so far, in so far as they are what the file holds.
/// Those that are used again come back one by one from the system's cache. Returns how many bytes were looked through.
#[cfg(target_os = "linux")]
pub fn drop_program_pages() -> io::Result<usize> {
    let program = std::fs::read_link("/proc/self/exe")?;
    let maps = std::fs::read_to_string("/proc/self/smaps")?;
    let mut bytes = 0;
    for (start, end) in clean_mappings(&maps, &program.to_string_lossy()) {
        drop_pages(start, end)?;
        bytes += end - start;
    }
    Ok(bytes)
}

/// Other systems keep their own counsel.
#[cfg(not(target_os = "linux"))]
pub fn drop_program_pages() -> io::Result<usize> {
    Ok(0)
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the system call is unsafe for memory that is written to; see decision 20")]
fn drop_pages(start: usize, end: usize) -> io::Result<()> {
    let address = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: the range is a private mapping of a file that cannot be written to and of which no page differs from the file,
    // so every byte of it reads the same afterwards. Mappings of the program are never moved or made writable again.
    let result = unsafe { libc::madvise(address, end - start, libc::MADV_DONTNEED) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The mappings of `program` in the text of `/proc/self/smaps` that cannot be written to and of which no page is other than in
/// the file: not those that the loader has adjusted and then protected.
#[cfg(target_os = "linux")]
fn clean_mappings(smaps: &str, program: &str) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut is_candidate = false;
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(first) = words.next() else { continue };
        if let Some(field) = first.strip_suffix(':') {
            // Pages that were written to are anonymous ones. Dirty ones of a file that has just been linked are only not on the disk yet.
            let is_own = matches!(field, "Anonymous" | "Swap");
            if is_candidate && is_own && words.next() != Some("0") {
                found.pop();
                is_candidate = false;
            }
            continue;
        }
        // `08048000-08056000 r-xp 00000000 03:0c 64593 /usr/bin/program` (proc(5)).
        let path = line.find('/').map(|at| &line[at..]);
        let range = first.split_once('-').and_then(|(start, end)| {
            Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
        });
        is_candidate = matches!(words.next(), Some("r-xp" | "r--p")) && path == Some(program);
        match range {
            Some(range) if is_candidate => found.push(range),
            _ => is_candidate = false,
        }
    }
    found
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_as_in_the_file_is_let_go_of() {
        let smaps = "\
00400000-00500000 r--p 00000000 fe:00 12 /usr/bin/devloop
Rss:                 512 kB
Private_Dirty:       256 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr mw me sd
00500000-01800000 r-xp 00100000 fe:00 12 /usr/bin/devloop
Private_Dirty:         4 kB
Anonymous:             4 kB
01800000-01900000 r--p 01400000 fe:00 12 /usr/bin/devloop
Private_Dirty:         0 kB
Anonymous:            16 kB
01900000-01a00000 rw-p 01500000 fe:00 12 /usr/bin/devloop
Anonymous:             0 kB
01a00000-01b00000 r-xp 00000000 fe:00 13 /usr/lib/libc.so.6
Anonymous:             0 kB
01b00000-01c00000 r--s 00000000 fe:00 12 /usr/bin/devloop
Anonymous:             0 kB
7ffd0000-7ffd1000 r-xp 00000000 00:00 0 [vdso]
";
        assert_eq!(clean_mappings(smaps, "/usr/bin/devloop"), [(0x40_0000, 0x50_0000)]);
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        let before = resident();
        assert!(drop_program_pages().expect("the kernel takes it") > 0);
        assert!(resident() < before, "{before} kB before");
        // All sorts of code, that it is still there.
        let text: Vec<String> = (0..1_000).map(|number| format!("{number:>5}")).collect();
        assert_eq!(text.concat().len(), 5_000);
        assert!(serde_json::from_str::<serde_json::Value>("{\"a\": [1, 2.5, \"x\"]}").is_ok());
    }

    /// Kilobytes of files that are in memory for this process.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").expect("there is /proc");
        let line = status.lines().find(|line| line.starts_with("RssFile:")).expect("Linux 4.5");
        line.split_ascii_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number")
    }
}
