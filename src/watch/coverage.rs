//! Which folders have to be watched, and which files count.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::project::{PathFilter, WatchedTree};

/// The watched trees by their roots.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage {
    trees: HashMap<PathBuf, Vec<Arc<PathFilter>>>,
    /// The roots and all folders above them.
    ancestry: HashSet<PathBuf>,
    global: Arc<PathFilter>,
}

impl Coverage {
    pub fn new(watched: Vec<WatchedTree>, global: Arc<PathFilter>) -> Self {
        let mut trees: HashMap<PathBuf, Vec<Arc<PathFilter>>> = HashMap::new();
        for tree in watched {
            let filters = trees.entry(tree.root).or_default();
            // Many images often share one context and its rules.
            if !filters.contains(&tree.filter) {
                filters.push(tree.filter);
            }
        }
        let ancestry = trees.keys().flat_map(|root| root.ancestors().map(Path::to_owned)).collect();
        Self { trees, ancestry, global }
    }

    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        self.trees.keys().map(PathBuf::as_path)
    }

    pub fn is_root(&self, path: &Path) -> bool {
        self.trees.contains_key(path)
    }

    /// The roots at or below `path`.
    pub fn roots_below(&self, path: &Path) -> Vec<PathBuf> {
        if !self.ancestry.contains(path) {
            return Vec::new();
        }
        self.trees.keys().filter(|root| root.starts_with(path)).cloned().collect()
    }

    /// The roots whose trees are not the same in `other`.
    pub fn changed_roots(&self, other: &Self) -> Vec<PathBuf> {
        let everything = self.global != other.global;
        let same = |root: &PathBuf, filters: &Vec<Arc<PathFilter>>| other.trees.get(root) == Some(filters);
        let changed = self.trees.iter().filter(|(root, filters)| everything || !same(root, filters));
        changed.map(|(root, _)| root.clone()).collect()
    }

    /// Whether there may be files below `folder` that count.
    pub fn covers(&self, folder: &Path) -> bool {
        self.filters(folder).any(|filter| !filter.prunes(folder)) && !self.global.prunes(folder)
    }

    /// Whether a change of the file `path` counts.
    pub fn reports(&self, path: &Path) -> bool {
        self.filters(path).any(|filter| !filter.ignores(path)) && !self.global.ignores(path)
    }

    fn filters<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Arc<PathFilter>> {
        path.ancestors().filter_map(|ancestor| self.trees.get(ancestor)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::PatternSet;

    fn tree(root: &str, patterns: &[&str]) -> WatchedTree {
        let set = PatternSet::from_parameter(Path::new(root), "ignore=", patterns).expect("valid");
        WatchedTree { root: root.into(), filter: Arc::new(PathFilter { sets: vec![set] }) }
    }

    #[test]
    fn a_file_counts_when_one_tree_wants_it_and_no_global_rule_forbids_it() {
        let global = PathFilter { sets: vec![PatternSet::editor_files(Path::new("/"))] };
        let trees = vec![tree("/p", &["node_modules", "*.md"]), tree("/p/docs", &[]), tree("/q/file", &[])];
        let coverage = Coverage::new(trees, Arc::new(global));
        for (path, counts) in [
            ("/p/a.rs", true),
            ("/p/a.md", false),
            ("/p/docs/a.md", true),
            ("/p/docs/a.md~", false),
            ("/q/file", true),
            ("/q/other", false),
            ("/p/node_modules/x", false),
        ] {
            assert_eq!(coverage.reports(Path::new(path)), counts, "{path}");
        }
        assert!(!coverage.covers(Path::new("/p/node_modules")) && coverage.covers(Path::new("/p/docs")));
        assert_eq!(coverage.roots_below(Path::new("/q")), [PathBuf::from("/q/file")]);
    }

    #[test]
    fn only_roots_with_other_rules_have_changed() {
        let one = Coverage::new(vec![tree("/p", &["a"]), tree("/q", &[])], Arc::default());
        let two = Coverage::new(vec![tree("/p", &["b"]), tree("/q", &[]), tree("/q", &[])], Arc::default());
        assert_eq!(two.changed_roots(&one), [PathBuf::from("/p")]);
    }
}
