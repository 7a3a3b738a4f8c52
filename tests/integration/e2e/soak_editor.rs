//! Somebody who edits files without a plan, repeatably.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Repeatable random numbers (xorshift64*).
pub(super) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn text(&mut self, longest: usize) -> Vec<u8> {
        let length = self.below(longest);
        (0..length).map(|_| b'a' + (self.next() % 26) as u8).collect()
    }
}

/// Somebody who edits the files below a folder without a plan.
pub(super) struct Editor {
    pub root: PathBuf,
    pub random: Random,
}

impl Editor {
    /// The files that may be anything; `index.html`, which the readiness probe asks for, is not among them.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() && !path.is_symlink() {
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
        if path.is_symlink() {
            fs::remove_file(path).expect("a link");
        } else if path.is_dir() {
            fs::remove_dir_all(path).expect("a folder");
        }
        let mut ancestor = path.parent().expect("a parent");
        while !ancestor.exists() && !ancestor.is_symlink() {
            ancestor = ancestor.parent().expect("a parent");
        }
        if ancestor.is_file() || ancestor.is_symlink() {
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
    pub fn step(&mut self) {
        match self.random.below(15) {
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
                    let text = fs::read(&from).unwrap_or_default();
                    fs::remove_file(&from).expect("a file");
                    Self::write(&to, &text);
                }
            }
            8 => {
                let (from, to) = (self.root.join("folder 1"), self.root.join("folder 2"));
                if from.is_dir() && !from.is_symlink() {
                    let _ = fs::remove_dir_all(&to).or_else(|_| fs::remove_file(&to));
                    fs::rename(from, to).expect("renamed");
                }
            }
            9 => {
                let folder = self.root.join("folder 3");
                if folder.is_dir() && !folder.is_symlink() {
                    fs::remove_dir_all(&folder).expect("a folder");
                    fs::write(&folder, "a file in the place of a folder").expect("a file");
                } else {
                    let _ = fs::remove_file(&folder);
                }
            }
            10 => {
                if let Some(path) = self.some_file().filter(|path| !path.is_symlink()) {
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
            13 => {
                let path = self.new_path();
                Self::write(&path, b"");
                fs::remove_file(&path).expect("a file");
                std::os::unix::fs::symlink(format!("file-{}.txt", self.random.below(40)), &path).expect("a link");
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
