//! What belongs to whom in a project, so that an event finds the resources that it touches without asking all of them.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::project::{ImageName, PathFilter, Project, ResourceName, Target, WatchedTree};

/// Watched trees by their roots.
#[derive(Debug)]
pub(super) struct TreeIndex<T> {
    by_root: HashMap<PathBuf, Vec<(Arc<PathFilter>, T)>>,
}

impl<T> Default for TreeIndex<T> {
    fn default() -> Self {
        Self { by_root: HashMap::new() }
    }
}

impl<T> TreeIndex<T> {
    pub(super) fn insert(&mut self, tree: &WatchedTree, whose: T) {
        self.by_root.entry(tree.root.clone()).or_default().push((Arc::clone(&tree.filter), whose));
    }

    /// Whose trees `path` (absolute) belongs to and is not ignored in. A tree costs nothing unless `path` is below its root.
    pub(super) fn covering<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a T> {
        let trees = path.ancestors().filter_map(|root| self.by_root.get(root)).flatten();
        trees.filter(|(filter, _)| !filter.ignores(path)).map(|(_, whose)| whose)
    }

    pub(super) fn covers(&self, path: &Path) -> bool {
        self.covering(path).next().is_some()
    }
}

impl TreeIndex<()> {
    pub(super) fn of(trees: &[WatchedTree]) -> Self {
        let mut index = Self::default();
        for tree in trees {
            index.insert(tree, ());
        }
        index
    }
}

/// The tables of a project.
#[derive(Debug, Default)]
pub(super) struct ProjectIndex {
    /// Trees of images.
    pub images: TreeIndex<ImageName>,
    /// Trees of resources themselves.
    pub resources: TreeIndex<ResourceName>,
    /// By image: the resources that it, or what is built from it, is part of.
    users: HashMap<ImageName, BTreeSet<ResourceName>>,
    /// Those that find pods by labels.
    pub with_selectors: Vec<ResourceName>,
    /// Whether there is something for a cluster.
    pub needs_cluster: bool,
}

impl ProjectIndex {
    pub(super) fn new(project: &Project) -> Self {
        let mut index = Self::default();
        for (name, image) in &project.images {
            for tree in &image.watched {
                index.images.insert(tree, name.clone());
            }
        }
        for (name, resource) in &project.resources {
            match &resource.target {
                Target::Local(local) => {
                    for tree in &local.watched {
                        index.resources.insert(tree, name.clone());
                    }
                }
                Target::Kubernetes(target) => {
                    for tree in target.watched() {
                        index.resources.insert(tree, name.clone());
                    }
                    if !target.extra_pod_selectors.is_empty() {
                        index.with_selectors.push(name.clone());
                    }
                    index.needs_cluster = true;
                }
                Target::Compose(_) => {}
            }
            for image in resource.target.images() {
                let bases = project.images.get(image).map(|image| image.base_images.as_slice()).unwrap_or_default();
                for part in std::iter::once(image).chain(bases) {
                    index.users.entry(part.clone()).or_default().insert(name.clone());
                }
            }
        }
        index
    }

    /// The resources that an image, or what is built from it, is part of.
    pub(super) fn users(&self, image: &ImageName) -> impl Iterator<Item = &ResourceName> {
        self.users.get(image).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_covered_by_the_trees_above_it_and_by_itself() {
        let tree = |root: &str| WatchedTree { root: root.into(), filter: Arc::default() };
        let mut index = TreeIndex::default();
        for root in ["/p", "/p/web", "/p/web/src/x.py", "/p/we"] {
            index.insert(&tree(root), root.to_owned());
        }
        let covering = |path: &str| index.covering(Path::new(path)).cloned().collect::<BTreeSet<_>>();
        assert_eq!(covering("/p/web/src/x.py"), ["/p", "/p/web", "/p/web/src/x.py"].map(str::to_owned).into());
        assert_eq!(covering("/p/web2"), ["/p"].map(str::to_owned).into());
        assert!(!index.covers(Path::new("/q")));
    }
}
