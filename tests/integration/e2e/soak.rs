//! A random editor, pods that are killed and an API server that restarts: in the end each container holds the local tree.
//!
//! `DEVLOOP_SOAK_MINUTES=60 DEVLOOP_SOAK_SERVICES=10 DEVLOOP_SOAK_SEED=7 cargo nextest run --run-ignored only -E 'test(soak)'`
//! is the long run; without the variables it is a short one.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::devloop::{Running, free_port, pause};
use crate::support::ground::Ground;
use crate::support::outage::Outage;

/// What stays at the end of a session: the largest growth of devloop's memory over a run that is not a leak.
const GROWTH_KB: u64 = 24 << 10;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Repeatable random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn text(&mut self, longest: usize) -> Vec<u8> {
        let length = self.below(longest);
        (0..length).map(|_| b'a' + (self.next() % 26) as u8).collect()
    }
}

/// Somebody who edits the files below a folder without a plan.
struct Editor {
    root: PathBuf,
    random: Random,
}

impl Editor {
    /// The files that may be anything; `index.html`, which the readiness probe asks for, is not among them.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path != self.root.join("index.html") {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }

    fn new_path(&mut self) -> PathBuf {
        let depth = self.random.below(3);
        let mut path = self.root.clone();
        for _ in 0..depth {
            path.push(format!("folder {}", self.random.below(4)));
        }
        path.push(format!("file-{}.txt", self.random.below(40)));
        path
    }

    /// A file where there may be a folder, or the other way round.
    fn write(path: &Path, text: &[u8]) {
        if path.is_dir() {
            fs::remove_dir_all(path).expect("a folder");
        }
        let mut ancestor = path.parent().expect("a parent");
        while !ancestor.exists() {
            ancestor = ancestor.parent().expect("a parent");
        }
        if ancestor.is_file() {
            fs::remove_file(ancestor).expect("a file");
        }
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, text).expect("a file");
    }

    fn some_file(&mut self) -> Option<PathBuf> {
        let files = self.files();
        (!files.is_empty()).then(|| files[self.random.below(files.len())].clone())
    }

    /// One thing that people and programs do to files.
    fn step(&mut self) {
        match self.random.below(14) {
            0..=3 => {
                let (path, text) = (self.new_path(), self.random.text(2_000));
                Self::write(&path, &text);
            }
            4 => {
                let text = self.random.text(2_000);
                fs::write(self.root.join("index.html"), text).expect("a file");
            }
            // As editors save: beside it, then in its place.
            5 => {
                let (path, text) = (self.new_path(), self.random.text(2_000));
                Self::write(&path, &text);
                let beside = path.with_extension("txt.tmp");
                fs::write(&beside, self.random.text(2_000)).expect("a file");
                fs::rename(&beside, &path).expect("renamed");
            }
            6 => {
                if let Some(path) = self.some_file() {
                    fs::remove_file(path).expect("a file");
                }
            }
            7 => {
                let to = self.new_path();
                if let Some(from) = self.some_file().filter(|from| !to.starts_with(from) && !from.starts_with(&to)) {
                    let text = fs::read(&from).expect("a file");
                    fs::remove_file(&from).expect("a file");
                    Self::write(&to, &text);
                }
            }
            8 => {
                let (from, to) = (self.root.join("folder 1"), self.root.join("folder 2"));
                if from.is_dir() {
                    let _ = fs::remove_dir_all(&to).or_else(|_| fs::remove_file(&to));
                    fs::rename(from, to).expect("renamed");
                }
            }
            9 => {
                let folder = self.root.join("folder 3");
                if folder.is_dir() {
                    fs::remove_dir_all(&folder).expect("a folder");
                    fs::write(&folder, "a file in the place of a folder").expect("a file");
                } else {
                    let _ = fs::remove_file(&folder);
                }
            }
            10 => {
                if let Some(path) = self.some_file() {
                    let mode = if self.random.below(2) == 0 { 0o755 } else { 0o644 };
                    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
                }
            }
            11 => {
                let path = self.new_path();
                Self::write(&path, b"");
            }
            // As a formatter or `git checkout` does.
            12 => {
                for number in 0..60 {
                    let text = self.random.text(400);
                    Self::write(&self.root.join(format!("many/{number}.txt")), &text);
                }
            }
            _ => {
                let (path, text) = (self.new_path(), self.random.text(400_000));
                Self::write(&path, &text);
                // Again before anybody can have looked.
                Self::write(&path, &text[..text.len() / 2]);
            }
        }
    }
}

/// A line `KEY: value …` of `/proc/PID/status`, as a number.
fn status_of(pid: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("the key");
    line.trim_start_matches(':').split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count()
}

fn pods_of(ground: &Ground, service: &str) -> Vec<String> {
    let selector = format!("app={service}");
    let names =
        ground.kubectl(&["get", "pods", "-l", &selector, "--field-selector=status.phase=Running", "-o", "name"]);
    names.lines().map(|name| name.trim_start_matches("pod/").to_owned()).collect()
}

/// Something goes wrong that is not devloop's fault.
fn disturb(ground: &Ground, service: &str, random: &mut Random) -> &'static str {
    let Some(pod) = pods_of(ground, service).pop() else { return "nothing" };
    let ended = |args: &[&str]| {
        let all = [&["-n", ground.namespace.as_str()], args].concat();
        // It may be gone by now.
        let _ = std::process::Command::new("kubectl").args(all).output();
    };
    match random.below(3) {
        0 => {
            ended(&["delete", "pod", &pod, "--wait=false"]);
            "a pod is deleted"
        }
        1 => {
            ended(&["exec", &pod, "--", "kill", "-TERM", "1"]);
            "a container restarts"
        }
        _ => {
            let replicas = 1 + random.below(2);
            ended(&["scale", &format!("deployment/{service}"), &format!("--replicas={replicas}")]);
            "the scale changes"
        }
    }
}

#[test]
#[ignore = "needs cluster (stops the API server once in a while)"]
fn soak_outage_of_everything_and_no_edit_is_lost() {
    let minutes = setting("DEVLOOP_SOAK_MINUTES", 0);
    let length = if minutes == 0 { Duration::from_secs(40) } else { Duration::from_secs(60 * minutes) };
    let services: Vec<String> =
        (0..setting("DEVLOOP_SOAK_SERVICES", 3)).map(|number| format!("service-{number}")).collect();
    let seed = setting("DEVLOOP_SOAK_SEED", u64::from(std::process::id()));
    println!("seed {seed}");
    let ground = Ground::new("soak");
    let devfile: String = services.iter().map(|service| ground.web_service(service, free_port())).collect();
    ground.write("Devfile", &devfile);
    let mut up = Running::up(ground.path(), &[]);
    for service in &services {
        up.wait_until("the first pods", || pods_of(&ground, service), |pods| !pods.is_empty());
    }
    let mut random = Random(seed.max(1));
    let mut editors: Vec<Editor> = services
        .iter()
        .map(|service| Editor { root: ground.path().join(service).join("www"), random: Random(random.next().max(1)) })
        .collect();

    let begun = Instant::now();
    let (mut edits, mut outage, mut next_outage, mut memory) = (0, None, length / 3, None);
    let mut next_fault = Duration::from_secs(5);
    while begun.elapsed() < length {
        let at = random.below(editors.len());
        editors[at].step();
        edits += 1;
        if begun.elapsed() > next_fault && outage.is_none() {
            let what = disturb(&ground, &services[random.below(services.len())], &mut random);
            println!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
            next_fault = begun.elapsed() + Duration::from_secs(4 + random.below(8) as u64);
        }
        if begun.elapsed() > next_outage && Outage::is_possible() {
            if outage.is_none() {
                println!("{:6.1} s  the API server is away", begun.elapsed().as_secs_f64());
                outage = Some(Outage::of("apiserver"));
                next_outage = begun.elapsed() + Duration::from_secs(3 + random.below(4) as u64);
            } else {
                outage = None;
                println!("{:6.1} s  the API server is back", begun.elapsed().as_secs_f64());
                next_outage = begun.elapsed() + Duration::from_secs(150);
            }
        }
        if memory.is_none() && begun.elapsed() > length / 3 {
            memory = Some(status_of(up.pid(), "VmRSS"));
        }
        // People type; programs do not.
        let until = Instant::now() + Duration::from_millis(random.below(400) as u64);
        while Instant::now() < until {
            pause();
        }
    }
    drop(outage);

    for service in &services {
        let wanted = ground.hash_here(&format!("{service}/www"));
        let hashes = || -> BTreeSet<String> {
            pods_of(&ground, service).iter().map(|pod| ground.hash_in_pod(pod, "/www")).collect()
        };
        up.wait_until(&format!("the tree of {service} after {edits} edits, seed {seed}"), hashes, |hashes| {
            hashes.len() == 1 && hashes.contains(&wanted)
        });
    }
    let (before, after) = (memory.unwrap_or_default(), status_of(up.pid(), "VmRSS"));
    println!("{edits} edits; memory {before} kB, then {after} kB; {} files open", open_files(up.pid()));
    assert!(after < before + GROWTH_KB, "memory grows: {before} kB, then {after} kB");
    assert!(open_files(up.pid()) < 60 + 12 * services.len(), "{} files are open", open_files(up.pid()));
    assert!(up.quit().success());
}
