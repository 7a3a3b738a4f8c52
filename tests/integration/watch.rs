//! Real folders: what editors, version control and people do to files, and that every edit is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use devloop::project::{PathFilter, PatternSet, WatchedTree};
use devloop::watch::{WatchEvent, WatchOptions, WatchProblem, Watcher, scan};
use tokio::sync::mpsc;

const DEADLINE: Duration = Duration::from_secs(20);

/// A folder with a watcher on it. `p` below is the project folder in it, so that nobody else writes next to it.
struct Ground {
    _dir: tempfile::TempDir,
    root: PathBuf,
    watcher: Watcher,
    events: mpsc::Receiver<WatchEvent>,
    problems: Vec<WatchProblem>,
    sentinels: usize,
}

impl Ground {
    fn empty(options: WatchOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("p");
        fs::create_dir(&root).unwrap();
        let (tx, events) = mpsc::channel(16);
        let watcher = Watcher::with_options(tx, options);
        Self { _dir: dir, root, watcher, events, problems: Vec::new(), sentinels: 0 }
    }

    /// With these files, watched as one tree with these patterns ignored.
    async fn new(files: &[&str], ignored: &[&str]) -> Self {
        let ground = Self::empty(WatchOptions::default());
        for file in files {
            ground.write(file, file);
        }
        ground.watch(&[("", ignored)]).await;
        ground
    }

    async fn watch(&self, trees: &[(&str, &[&str])]) {
        let trees = trees.iter().map(|(path, ignored)| self.tree(path, ignored)).collect();
        let global = PathFilter { sets: vec![PatternSet::editor_files(Path::new("/"))] };
        tokio::time::timeout(DEADLINE, self.watcher.set_trees(trees, Arc::new(global))).await.unwrap();
    }

    fn tree(&self, path: &str, ignored: &[&str]) -> WatchedTree {
        let set = PatternSet::from_parameter(&self.root, "ignore=", ignored).unwrap();
        let root = if path.is_empty() { self.root.clone() } else { self.root.join(path) };
        WatchedTree { root, filter: Arc::new(PathFilter { sets: vec![set] }) }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn shell(&self, script: &str) {
        let status = std::process::Command::new("sh").args(["-ec", script]).current_dir(&self.root).status().unwrap();
        assert!(status.success(), "{script}");
    }

    async fn next(&mut self) -> BTreeSet<String> {
        match tokio::time::timeout(DEADLINE, self.events.recv()).await.expect("an event in time").expect("an event") {
            WatchEvent::Changed { paths, .. } => self.names(&paths),
            WatchEvent::Problem(problem) => {
                self.problems.push(problem);
                BTreeSet::new()
            }
            WatchEvent::GitEnded { changed, .. } => self.names(&changed),
            WatchEvent::Looked(_) | WatchEvent::GitBegan { .. } => BTreeSet::new(),
        }
    }

    fn names(&self, paths: &[PathBuf]) -> BTreeSet<String> {
        paths.iter().map(|path| path.strip_prefix(&self.root).unwrap_or(path).to_str().unwrap().to_owned()).collect()
    }

    /// What git has changed and what it has written anew, in one piece.
    async fn git_ended(&mut self) -> (BTreeSet<String>, BTreeSet<String>) {
        let mut began = false;
        loop {
            match tokio::time::timeout(DEADLINE, self.events.recv()).await.expect("an event in time").unwrap() {
                WatchEvent::GitBegan { .. } => assert!(!std::mem::replace(&mut began, true), "once"),
                WatchEvent::GitEnded { changed, same, .. } => {
                    assert!(began);
                    return (self.names(&changed), self.names(&same));
                }
                WatchEvent::Problem(problem) => self.problems.push(problem),
                other => panic!("{other:?}"),
            }
        }
    }

    /// All that is told until a file that is written now is told, too.
    async fn told(&mut self) -> BTreeSet<String> {
        self.sentinels += 1;
        let sentinel = format!("sentinel{}", self.sentinels);
        self.write(&sentinel, "");
        let mut told = BTreeSet::new();
        while !told.contains(&sentinel) {
            told.append(&mut self.next().await);
        }
        told.retain(|path| !path.starts_with("sentinel"));
        told
    }

    async fn check(&mut self, what: &str, expected: &[&str]) {
        let expected: BTreeSet<String> = expected.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(self.told().await, expected, "{what}");
    }

    /// Waits until all of these are told.
    async fn wait_for(&mut self, expected: &[&str]) {
        let mut missing: BTreeSet<&str> = expected.iter().copied().collect();
        while !missing.is_empty() {
            let told = self.next().await;
            missing.retain(|path| !told.contains(*path));
        }
    }
}

#[tokio::test]
async fn a_look_is_answered_after_what_it_found() {
    let mut ground = Ground::new(&["src/a.rs"], &["ignored"]).await;
    for number in 0..50 {
        ground.write("src/a.rs", &format!("{number}"));
        ground.watcher.look(ground.path("src/a.rs"), number);
        let mut told = 0;
        loop {
            match tokio::time::timeout(DEADLINE, ground.events.recv()).await.unwrap().unwrap() {
                WatchEvent::Looked(answered) => {
                    assert_eq!(answered, number);
                    break;
                }
                WatchEvent::Changed { .. } => told += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(told > 0, "the change of {number} is told first");
        // What the system tells of it afterwards is no news.
    }
    ground.watcher.look(ground.path("ignored"), 77);
    assert_eq!(tokio::time::timeout(DEADLINE, ground.events.recv()).await.unwrap(), Some(WatchEvent::Looked(77)));
}

#[tokio::test]
async fn what_editors_do_is_told_as_a_change_of_the_file() {
    let mut ground = Ground::new(&["src/a.rs", "src/b.rs"], &[]).await;
    for (editor, script) in [
        ("in place", "echo 1 > src/a.rs"),
        ("appending", "echo 2 >> src/a.rs"),
        ("temporary file and rename", "echo 3 > src/.a.tmp; mv src/.a.tmp src/a.rs"),
        ("vim", "touch src/4913; rm src/4913; mv src/a.rs src/a.rs~; echo 4 > src/a.rs; rm src/a.rs~"),
        ("vim with a swap file", "echo > src/.a.rs.swp; echo 5 > src/a.rs; rm src/.a.rs.swp"),
        (
            "JetBrains",
            "echo 6 > src/a.rs___jb_tmp___; mv src/a.rs src/a.rs___jb_old___; mv src/a.rs___jb_tmp___ src/a.rs; rm src/a.rs___jb_old___",
        ),
        (
            "emacs",
            "ln -s me@host.1 src/.#a.rs; ln -f src/a.rs src/a.rs~; echo 7 > src/new; mv src/new src/a.rs; rm src/.#a.rs",
        ),
        ("sed", "sed -i s/7/8/ src/a.rs"),
        ("emptying", ": > src/a.rs"),
        ("touching", "touch src/a.rs"),
        ("making executable", "chmod +x src/a.rs"),
        ("deleting", "rm src/a.rs"),
        ("creating an empty file", ": > src/a.rs"),
    ] {
        ground.shell(script);
        let mut told = ground.told().await;
        assert!(told.remove("src/a.rs"), "{editor}: {told:?}");
        // A temporary file that lives for long enough is a file like any other; it is gone by now.
        assert!(told.iter().all(|path| !ground.path(path).exists()), "{editor}: {told:?}");
    }
    ground.shell(
        "cat src/b.rs > /dev/null; chmod g+w src/b.rs; chmod g-w src; ls -R > /dev/null; mkdir empty; rmdir empty",
    );
    ground.check("what is no change", &[]).await;
}

#[tokio::test]
async fn a_save_is_told_soon() {
    let mut ground = Ground::new(&["a"], &[]).await;
    let mut latencies = Vec::new();
    for round in 0..20 {
        let saved = Instant::now();
        ground.write("a", &round.to_string());
        ground.wait_for(&["a"]).await;
        latencies.push(saved.elapsed());
        ground.told().await;
    }
    latencies.sort();
    println!("from save to event: median {:?}, worst {:?}", latencies[10], latencies[19]);
    assert!(latencies[10] < Duration::from_millis(200), "{latencies:?}");
}

#[tokio::test]
async fn ignored_folders_are_neither_told_nor_watched() {
    let files = ["src/a", "node_modules/x/y/z", "target/debug/out", "target/keep/this"];
    let mut ground = Ground::new(&files, &["node_modules", "target", "!target/keep"]).await;
    let counts = ground.watcher.counts();
    // The project folder, `src`, `target` and `target/keep`; and the folder above.
    assert_eq!((counts.folders, counts.watches, counts.polled), (4, 5, 0));
    ground.shell("echo 1 > node_modules/x/y/z; echo 1 > target/debug/out; echo 1 > target/keep/this; mkdir -p target/new/er; echo > target/new/er/x; echo > src/.a.swp");
    ground.check("only what is not ignored", &["target/keep/this"]).await;
    assert_eq!(ground.watcher.counts().folders, 4);
}

#[tokio::test]
async fn files_in_new_folders_are_told_however_quickly_they_come() {
    let mut ground = Ground::new(&[], &[]).await;
    let mut expected = BTreeSet::new();
    for round in 0..100 {
        ground.write(&format!("a{round}/b/c/file"), "x");
        expected.insert(format!("a{round}/b/c/file"));
    }
    assert_eq!(ground.told().await, expected);
    ground.write("a7/b/c/file", "y");
    ground.write("a7/b/c/d/file", "y");
    ground.check("and they are watched", &["a7/b/c/d/file", "a7/b/c/file"]).await;
    assert_eq!(ground.watcher.counts().folders, 302);
}

#[tokio::test]
async fn moved_folders_tell_of_all_their_files() {
    let mut ground = Ground::new(&["a/x/1", "a/2", "b/3"], &[]).await;
    ground.shell("mv a c");
    ground.check("within the tree", &["a/2", "a/x/1", "c/2", "c/x/1"]).await;
    ground.shell("echo > c/x/1; mv c ../outside");
    ground.check("out of the tree", &["c/2", "c/x/1"]).await;
    ground.shell("echo > ../outside/2; mv ../outside a");
    ground.check("into the tree", &["a/2", "a/x/1"]).await;
    ground.shell("echo > a/x/1; mv b/3 b/4");
    ground.check("it is watched again, and files move, too", &["a/x/1", "b/3", "b/4"]).await;
    ground.shell("mkdir n; mv a n/a");
    ground.check("into a new folder", &["a/2", "a/x/1", "n/a/2", "n/a/x/1"]).await;
    ground.shell("echo > n/a/x/1");
    ground.check("which is watched", &["n/a/x/1"]).await;
}

#[tokio::test]
async fn folders_that_are_deleted_and_come_back_are_followed() {
    let mut ground = Ground::new(&["a/x/1", "a/2"], &[]).await;
    for round in 0..20 {
        ground.shell("rm -r a; mkdir -p a/x; echo > a/x/1; echo > a/2");
        ground.check(&format!("round {round}"), &["a/2", "a/x/1"]).await;
        ground.shell("echo 1 > a/x/1");
        ground.check(&format!("edit in round {round}"), &["a/x/1"]).await;
    }
    for round in 0..20 {
        ground.shell("rm -r a; echo > a");
        ground.check(&format!("a folder becomes a file in round {round}"), &["a", "a/2", "a/x/1"]).await;
        ground.shell("rm a; mkdir -p a/x; echo > a/2; echo > a/x/1");
        ground.check(&format!("a file becomes a folder in round {round}"), &["a", "a/2", "a/x/1"]).await;
    }
}

#[tokio::test]
async fn roots_come_go_and_come_back() {
    let mut ground = Ground::empty(WatchOptions::default());
    ground.write("dir/1", "");
    ground.write("config", "");
    ground.watch(&[("dir", &[]), ("config", &[]), ("gone/far/away", &[]), ("gone/file", &[])]).await;
    ground.shell("rm -r dir");
    ground.wait_for(&["dir/1"]).await;
    ground.shell("mkdir dir; echo > dir/2; echo > unrelated");
    ground.wait_for(&["dir/2"]).await;
    ground.shell("mv dir old; mkdir new; echo > new/3; mv new dir");
    ground.wait_for(&["dir/2", "dir/3"]).await;
    ground.shell("echo > dir/3");
    ground.wait_for(&["dir/3"]).await;
    // The end of a folder in which some process works is not told by the folder itself.
    let mut inside = std::process::Command::new("sleep").arg("100").current_dir(ground.path("dir")).spawn().unwrap();
    ground.shell("rm -r dir; mkdir dir; echo > dir/5");
    ground.wait_for(&["dir/3", "dir/5"]).await;
    inside.kill().unwrap();
    inside.wait().unwrap();
    ground.shell("echo 2 > .config.tmp; mv .config.tmp config");
    ground.wait_for(&["config"]).await;
    ground.shell("rm config");
    ground.wait_for(&["config"]).await;
    ground.shell("echo > config");
    ground.wait_for(&["config"]).await;
    ground.shell("mkdir gone");
    ground.shell("mkdir -p gone/far/away/x; echo > gone/far/away/x/4; echo > gone/file");
    ground.wait_for(&["gone/far/away/x/4", "gone/file"]).await;
    ground.shell("rm -r gone");
    ground.wait_for(&["gone/far/away/x/4", "gone/file"]).await;
    ground.shell("mkdir -p gone/far/away; echo > gone/far/away/5");
    ground.wait_for(&["gone/far/away/5"]).await;
}

#[tokio::test]
async fn links_are_followed_as_roots_and_told_as_files() {
    let mut ground = Ground::empty(WatchOptions::default());
    ground.shell("mkdir v1 v2; echo > v1/1; echo > v2/2; ln -s v1 current; mkdir tree; ln -s ../v1 tree/link");
    ground.watch(&[("current", &[]), ("tree", &[])]).await;
    ground.shell("echo 1 > v1/1");
    ground.wait_for(&["current/1"]).await;
    ground.shell("ln -s v2 next; mv -T next current");
    ground.wait_for(&["current/1", "current/2"]).await;
    ground.shell("echo 2 > v2/2");
    ground.wait_for(&["current/2"]).await;
    ground.shell("ln -sfn ../v2 tree/link");
    ground.wait_for(&["tree/link"]).await;
    ground.shell("mkdir far; echo > far/real; ln -s far/real env");
    ground.watch(&[("current", &[]), ("tree", &[]), ("env", &[])]).await;
    ground.shell("echo changed > far/real");
    ground.wait_for(&["env"]).await;
    ground.shell("echo > far/.tmp; mv far/.tmp far/real");
    ground.wait_for(&["env"]).await;
    ground.shell("rm far/real");
    ground.wait_for(&["env"]).await;
    symlink("nowhere", ground.path("tree/dangling")).unwrap();
    ground.wait_for(&["tree/dangling"]).await;
}

#[tokio::test]
async fn a_write_through_a_hard_link_is_told_under_each_name() {
    let mut ground = Ground::new(&["a", "dir/other"], &[]).await;
    ground.shell("ln a dir/b");
    ground.check("the link", &["dir/b"]).await;
    ground.shell("echo changed > dir/b");
    ground.check("both names", &["a", "dir/b"]).await;
}

#[tokio::test]
async fn thousands_of_files_at_once_are_told_completely() {
    let mut ground = Ground::new(&[], &[]).await;
    ground.shell("mkdir d; for i in 1 2 3 4 5 6 7 8 9 10; do mkdir d/$i; done; seq 1 5000 | while read i; do : > d/$((i % 10 + 1))/f$i; done");
    assert_eq!(ground.told().await.len(), 5000);
    let started = Instant::now();
    ground.shell("find d -type f | xargs touch");
    assert_eq!(ground.told().await.len(), 5000);
    println!("5,000 touched files told after {:?}", started.elapsed());
    ground.shell("rm -r d");
    assert_eq!(ground.told().await.len(), 5000);
}

/// Far more events than the queue holds, from several writers at once; whether it overflows or not, nothing is lost.
#[tokio::test]
async fn floods_are_told_completely() {
    let mut ground = Ground::new(&[], &[]).await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let dir = ground.path(&format!("w{writer}"));
            std::thread::spawn(move || {
                for folder in 0..20 {
                    let folder = dir.join(folder.to_string());
                    fs::create_dir_all(&folder).unwrap();
                    for file in 0..300 {
                        fs::write(folder.join(file.to_string()), "x").unwrap();
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(ground.told().await.len(), 24_000);
}

#[tokio::test]
async fn switching_branches_tells_of_every_file_that_differs() {
    let mut ground = Ground::empty(WatchOptions::default());
    ground.shell(
        "git init -q -b one; git config user.email a@b; git config user.name n; mkdir -p s/a s/b; \
         for i in $(seq 300); do echo $i > s/a/$i; echo $i > s/b/$i; done; git add .; git commit -qm one; \
         git checkout -qb two; git rm -qr s/b; mkdir s/c; for i in $(seq 150); do echo x > s/a/$i; echo x > s/c/$i; done; git add .; git commit -qm two",
    );
    ground.watch(&[("", &[".git"])]).await;
    for (branch, what) in [("one", "back"), ("two", "forth")] {
        ground.shell(&format!("git checkout -q {branch}"));
        let told = ground.told().await;
        assert_eq!(told.len(), 150 + 150 + 300, "{what}: {:?}", told.iter().take(5).collect::<Vec<_>>());
    }
}

/// Two branches of 2,000 files: of `one`, `two` has changed 1,500 and lacks 250, and has 250 of its own.
const BRANCHES: &str = "git init -q -b one; git config user.email a@b; git config user.name n; mkdir a b c; \
     for i in $(seq 1500); do echo $i > a/$i; done; for i in $(seq 250); do echo $i > b/$i; echo $i > c/$i; done; \
     git add .; git commit -qm one; git checkout -qb two; git rm -qr b; mkdir d; \
     for i in $(seq 1500); do echo x$i > a/$i; done; for i in $(seq 250); do echo $i > d/$i; done; \
     git add .; git commit -qm two; git checkout -q one";

#[tokio::test]
async fn a_branch_switch_is_one_change_and_none_when_it_is_taken_back() {
    let mut ground = Ground::empty(WatchOptions::default());
    ground.shell(BRANCHES);
    ground.watch(&[("", &[".git"])]).await;
    ground.shell("git checkout -q two; git checkout -q one");
    let (changed, same) = ground.git_ended().await;
    assert_eq!((changed.len(), same.len()), (0, 1750), "{:?}", changed.iter().take(5).collect::<Vec<_>>());
    ground.shell("git checkout -q two");
    let (changed, same) = ground.git_ended().await;
    assert_eq!((changed.len(), same.len()), (2000, 0));
    assert!(changed.contains("a/7") && changed.contains("b/7") && changed.contains("d/7") && !changed.contains("c/7"));
    ground.shell("git checkout -q one; echo edited > c/1; git checkout -q two");
    let (changed, same) = ground.git_ended().await;
    assert_eq!((changed, same.len()), (["c/1".to_owned()].into(), 1750), "an edit meanwhile is one");
    let is_explained = |problem: &WatchProblem| matches!(problem, WatchProblem::GitWorks { .. });
    assert!(ground.problems.iter().all(is_explained), "a slow machine is no reason to give up: {:?}", ground.problems);
    ground.check("nothing else", &[]).await;
}

#[tokio::test]
async fn a_rebase_of_several_commits_is_one_change() {
    let mut ground = Ground::empty(WatchOptions::default());
    ground.shell(
        "git init -q -b one; git config user.email a@b; git config user.name n; \
         for i in 0 1 2 3 4 5; do echo $i > file$i; echo $i > all; git add .; git commit -qm $i; done",
    );
    ground.watch(&[("", &[".git"])]).await;
    // The third of the commits of file2 to file5 goes, and so does what it did to `all`, which the last one writes anyway.
    ground.shell("echo file4 > .git/info/exclude; git -c sequence.editor='sed -i /4$/d' rebase -q -i -X theirs HEAD~4");
    let (changed, same) = ground.git_ended().await;
    assert_eq!(changed, ["file4".to_owned()].into());
    assert!(same.contains("all") && same.contains("file5"), "{same:?}");
    ground.check("nothing else", &[]).await;
}

#[tokio::test]
async fn a_stash_that_is_taken_and_given_back_is_one_change() {
    let mut ground = Ground::empty(WatchOptions::default());
    ground.shell(&format!("{BRANCHES}; echo edited > a/1"));
    ground.watch(&[("", &[".git"])]).await;
    ground.shell("git stash -q; git checkout -q two; git checkout -q one; git stash pop -q");
    let (changed, same) = ground.git_ended().await;
    // Of what was not in the index nothing is known, so it counts.
    assert_eq!((changed, same.len()), (["a/1".to_owned()].into(), 1749));
}

#[tokio::test]
async fn a_lock_that_was_left_behind_is_explained_and_holds_nothing_for_long() {
    let mut ground = Ground::empty(WatchOptions::default());
    ground.shell(BRANCHES);
    ground.watch(&[("", &[".git"])]).await;
    ground.shell(": > .git/index.lock; echo edited > a/1");
    let (changed, same) = ground.git_ended().await;
    assert_eq!((changed, same.len()), (["a/1".to_owned()].into(), 0));
    let told: Vec<String> = ground.problems.iter().map(ToString::to_string).collect();
    assert!(told[0].contains("1 changed file waits because git is at work in"), "{told:?}");
    assert!(told[1].contains("rm ") && told[1].contains(".git/index.lock"), "{told:?}");
    ground.write("a/2", "edited");
    assert_eq!(ground.next().await, ["a/2".to_owned()].into(), "as if there were no lock");
    ground.shell("rm .git/index.lock; git checkout -q -f two");
    assert_eq!(ground.git_ended().await.0.len(), 2000);
    // One that is there from the start.
    let mut other = Ground::empty(WatchOptions::default());
    other.shell(&format!("{BRANCHES}; : > .git/index.lock; touch -d '1 minute ago' .git/index.lock"));
    other.watch(&[("", &[".git"])]).await;
    other.write("a/1", "edited");
    assert_eq!(other.next().await, ["a/1".to_owned()].into());
}

#[tokio::test]
async fn further_work_trees_and_repositories_within_are_followed() {
    let mut ground = Ground::empty(WatchOptions::default());
    ground.shell(&format!("mkdir main; cd main; {BRANCHES}; git branch three two; git worktree add -q ../other three"));
    ground.watch(&[("", &["**/.git"])]).await;
    ground.shell("cd other; git checkout -q --detach one; git checkout -q three");
    let (changed, same) = ground.git_ended().await;
    assert_eq!((changed.len(), same.len()), (0, 1750));
    // A repository that comes later, and of which only a folder is watched.
    ground.shell("git clone -q main late");
    ground.wait_for(&["late/a/7"]).await;
    ground.watch(&[("late/a", &[]), ("sentinel1", &[])]).await;
    ground.shell("cd late; git checkout -q two; git checkout -q one");
    while ground.git_ended().await.1.len() != 1500 {}
    ground.shell("rm -rf late/.git; echo edited > late/a/1");
    ground.check("no repository any more", &["late/a/1"]).await;
}

#[tokio::test]
async fn a_save_beside_git_is_told_at_once() {
    let mut ground = Ground::empty(WatchOptions::default());
    ground.shell(BRANCHES);
    ground.watch(&[("", &[".git"])]).await;
    for command in ["status", "add .", "commit -qm more", "branch -f other", "diff --stat"] {
        ground.shell(&format!("git {command} > /dev/null"));
        ground.write("a/1", command);
        match tokio::time::timeout(DEADLINE, ground.events.recv()).await.unwrap().unwrap() {
            WatchEvent::Changed { paths, .. } => assert_eq!(ground.names(&paths), ["a/1".to_owned()].into()),
            other => panic!("{command}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn beyond_the_limit_of_watches_no_edit_is_lost() {
    let options = WatchOptions { max_folders: Some(3), poll_interval: Duration::from_millis(100) };
    let mut ground = Ground::empty(options);
    for folder in ["a", "b", "c", "d", "e"] {
        ground.write(&format!("{folder}/file"), "1");
    }
    ground.watch(&[("", &[])]).await;
    assert_eq!((ground.watcher.counts().watches, ground.watcher.counts().polled), (3, 4));
    for folder in ["a", "b", "c", "d", "e"] {
        ground.write(&format!("{folder}/file"), "22");
        ground.write(&format!("{folder}/new/file"), "22");
    }
    let files: Vec<String> =
        ["a", "b", "c", "d", "e"].iter().flat_map(|f| [format!("{f}/file"), format!("{f}/new/file")]).collect();
    ground.wait_for(&files.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(ground.problems.len(), 1, "told once: {:?}", ground.problems);
    let text = ground.problems[0].to_string();
    assert!(text.contains("sudo sysctl fs.inotify.max_user_watches=1048576") && text.contains("4 folders"), "{text}");
    ground.shell("rm -r a b c d e; mkdir last; echo > last/file");
    ground.wait_for(&["a/file", "e/new/file", "last/file"]).await;
    // There is room again, so that nothing needs to be compared.
    let started = Instant::now();
    while ground.watcher.counts().polled > 0 {
        assert!(started.elapsed() < DEADLINE, "{:?}", ground.watcher.counts());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_idle_watcher_sleeps() {
    let ground = Ground::new(&["a/b/c", "d"], &[]).await;
    let settled = || ground.watcher.counts().wakeups;
    let mut before = settled();
    // The walk itself opens folders, of which the system tells a little later.
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if settled() == before {
            break;
        }
        before = settled();
    }
    ground.shell("cat a/b/c d > /dev/null; ls -R > /dev/null");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(settled(), before, "neither time nor readers wake it");
}

#[tokio::test]
async fn trees_are_exchanged_without_losing_or_inventing_changes() {
    let mut ground = Ground::new(&["a/1", "b/2", "c/3"], &["b"]).await;
    ground.watch(&[("", &["c"])]).await;
    ground.shell("echo 1 > a/1; echo 1 > b/2; echo 1 > c/3");
    ground.check("other rules", &["a/1", "b/2"]).await;
    ground.shell("mkdir -p a/new; echo > a/new/file");
    ground.watch(&[("", &["c"]), ("a", &[])]).await;
    ground.check("a tree within a tree hides nothing", &["a/new/file"]).await;
    ground.watch(&[("a", &[]), ("sentinel4", &[]), ("sentinel5", &[])]).await;
    ground.shell("echo 2 > a/1; echo 2 > b/2");
    ground.sentinels = 3;
    ground.check("a tree that remains", &["a/1"]).await;
    ground.watch(&[("sentinel5", &[])]).await;
    ground.shell("echo 3 > a/1");
    ground.check("no tree", &[]).await;
    assert_eq!(ground.watcher.counts().folders, 0);
    assert_eq!(ground.watcher.counts().watches, 1);
}

#[tokio::test]
async fn a_dropped_watcher_ends_its_events() {
    let Ground { watcher, mut events, .. } = Ground::new(&["a"], &[]).await;
    drop(watcher);
    while tokio::time::timeout(DEADLINE, events.recv()).await.expect("it ends").is_some() {}
}

#[tokio::test]
async fn a_scan_finds_what_counts_and_tells_states_apart() {
    let ground = Ground::empty(WatchOptions::default());
    for file in ["a/1", "a/skip", "b/2", "single"] {
        ground.write(file, "x");
    }
    let trees = [ground.tree("a", &["a/skip"]), ground.tree("single", &[]), ground.tree("missing", &[])];
    let global = Arc::new(PathFilter::default());
    let before = scan(&trees, &global);
    let names: BTreeSet<_> = before.keys().cloned().collect();
    assert_eq!(names, [ground.path("a/1"), ground.path("single")].into());
    assert_eq!(scan(&trees, &global), before);
    fs::set_permissions(ground.path("single"), fs::Permissions::from_mode(0o755)).unwrap();
    ground.write("a/1", "longer");
    let after = scan(&trees, &global);
    assert!(after.iter().all(|(path, stamp)| before[path] != *stamp));
}
