//! A map that remembers which of its values may have changed.

use std::collections::BTreeSet;
use std::hash::Hash;

use indexmap::{Equivalent, IndexMap};

/// A map in a fixed order whose values are numbered by their places. Whoever takes a value to change it has touched it: that
/// cannot be forgotten.
#[derive(Debug)]
pub(super) struct Tracked<K, V> {
    map: IndexMap<K, V>,
    touched: BTreeSet<usize>,
    /// Places mean something else than before.
    rearranged: bool,
}

impl<K, V> Default for Tracked<K, V> {
    fn default() -> Self {
        Self { map: IndexMap::new(), touched: BTreeSet::new(), rearranged: false }
    }
}

impl<K: Hash + Eq, V> Tracked<K, V> {
    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.map.get(key)
    }

    /// Touches the value, whatever the caller does with it.
    pub(super) fn get_mut<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<&mut V> {
        let (place, _, value) = self.map.get_full_mut(key)?;
        self.touched.insert(place);
        Some(value)
    }

    /// Touches the value, which is a default one when there was none.
    pub(super) fn get_or_default(&mut self, key: &K) -> &mut V
    where
        K: Clone,
        V: Default,
    {
        let entry = self.map.entry(key.clone());
        self.touched.insert(entry.index());
        entry.or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn at(&self, place: usize) -> Option<(&K, &V)> {
        self.map.get_index(place)
    }

    pub(super) fn iter(&self) -> indexmap::map::Iter<'_, K, V> {
        self.map.iter()
    }

    pub(super) fn keys(&self) -> indexmap::map::Keys<'_, K, V> {
        self.map.keys()
    }

    pub(super) fn values(&self) -> indexmap::map::Values<'_, K, V> {
        self.map.values()
    }

    pub(super) fn touch<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) {
        self.touched.extend(self.map.get_index_of(key));
    }

    pub(super) fn touch_all(&mut self) {
        self.touched.extend(0..self.map.len());
    }

    /// Takes a value out; the places of others change.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.rearranged = true;
        self.map.shift_remove(key)
    }

    /// Puts everything in another order, or other things in; touches all.
    pub(super) fn replace(&mut self, map: IndexMap<K, V>) -> IndexMap<K, V> {
        self.rearranged = true;
        let old = std::mem::replace(&mut self.map, map);
        self.touched.clear();
        self.touch_all();
        old
    }

    /// The places that were touched since the last call, and whether places mean something else than before.
    pub(super) fn take_touched(&mut self) -> (BTreeSet<usize>, bool) {
        let rearranged = std::mem::take(&mut self.rearranged);
        let mut touched = std::mem::take(&mut self.touched);
        if rearranged {
            touched = (0..self.map.len()).collect();
        }
        (touched, rearranged)
    }
}

impl<'a, K, V> IntoIterator for &'a Tracked<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = indexmap::map::Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_to_be_changed_is_touched() {
        let mut map: Tracked<String, u32> = Tracked::default();
        *map.get_or_default(&"a".to_owned()) = 1;
        map.get_or_default(&"b".to_owned());
        map.get_or_default(&"c".to_owned());
        assert_eq!(map.take_touched(), (BTreeSet::from([0, 1, 2]), false));
        assert_eq!(map.get("b"), Some(&0));
        assert_eq!(map.take_touched(), (BTreeSet::new(), false));
        assert!(map.get_mut("b").is_some() && map.get_mut("nobody").is_none());
        map.touch("c");
        assert_eq!(map.take_touched(), (BTreeSet::from([1, 2]), false));
        map.remove(&"a".to_owned());
        assert_eq!(map.take_touched(), (BTreeSet::from([0, 1]), true), "the places of all have changed");
    }
}
