//! `struct(…)` and `module(…)`: records with named fields (reference §2.11).

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::coerce::Coerce;
use starlark::collections::StarlarkHasher;
use starlark::starlark_complex_value;
use starlark::values::{Freeze, Heap, NoSerialize, StarlarkValue, Trace, Value, ValueLike, starlark_value};

use crate::devfile::language::failure::Failure;
use crate::devfile::language::rewrite::restore;
use crate::devfile::language::show;

/// Named fields, sorted by name.
type Fields<V> = Vec<(String, V)>;

/// A record that is equal to another one with equal fields. It prints as `struct(a = 1, b = 2)`.
#[derive(Clone, Debug, Coerce, Trace, Freeze, ProvidesStaticType, NoSerialize, Allocative)]
#[repr(C)]
pub(crate) struct StructureGen<V> {
    fields: Fields<V>,
}

starlark_complex_value!(pub(crate) Structure);

/// A record with a name. It prints as `<module "name">`.
#[derive(Clone, Debug, Coerce, Trace, Freeze, ProvidesStaticType, NoSerialize, Allocative)]
#[repr(C)]
pub(crate) struct RecordModuleGen<V> {
    name: String,
    fields: Fields<V>,
}

starlark_complex_value!(pub(crate) RecordModule);

fn sorted<V>(mut fields: Fields<V>) -> Fields<V> {
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    fields
}

fn field<'v, V: ValueLike<'v>>(fields: &Fields<V>, name: &str) -> Option<Value<'v>> {
    let name = restore(name);
    let index = fields.binary_search_by(|(other, _)| other.as_str().cmp(&*name)).ok()?;
    Some(fields[index].1.to_value())
}

impl<'v> Structure<'v> {
    /// A record with these fields, in any order.
    pub fn new(fields: Vec<(String, Value<'v>)>) -> Self {
        Self { fields: sorted(fields) }
    }
}

impl<'v> RecordModule<'v> {
    /// A record with this name and these fields, in any order.
    pub fn new(name: String, fields: Vec<(String, Value<'v>)>) -> Self {
        Self { name, fields: sorted(fields) }
    }
}

impl<'v, V: ValueLike<'v>> std::fmt::Display for StructureGen<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("struct(")?;
        for (index, (name, value)) in self.fields.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name} = {}", show::repr(value.to_value()))?;
        }
        f.write_str(")")
    }
}

impl<V> std::fmt::Display for RecordModuleGen<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<module {:?}>", self.name)
    }
}

#[starlark_value(type = "struct")]
impl<'v, V: ValueLike<'v>> StarlarkValue<'v> for StructureGen<V>
where
    Self: ProvidesStaticType<'v>,
{
    fn collect_repr_cycle(&self, collector: &mut String) {
        collector.push_str("struct(...)");
    }

    fn get_attr(&self, attribute: &str, _heap: Heap<'v>) -> Option<Value<'v>> {
        field(&self.fields, attribute)
    }

    fn dir_attr(&self) -> Vec<String> {
        self.fields.iter().map(|(name, _)| name.clone()).collect()
    }

    fn equals(&self, other: Value<'v>) -> starlark::Result<bool> {
        let Some(other) = Structure::from_value(other) else { return Ok(false) };
        if self.fields.len() != other.fields.len() {
            return Ok(false);
        }
        for ((name, value), (other_name, other_value)) in self.fields.iter().zip(&other.fields) {
            if name != other_name || !value.to_value().equals(*other_value)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write_hash(&self, hasher: &mut StarlarkHasher) -> starlark::Result<()> {
        use std::hash::Hash as _;
        for (name, value) in &self.fields {
            name.hash(hasher);
            value.write_hash(hasher)?;
        }
        Ok(())
    }

    /// The fields of both; those of the right side win.
    fn add(&self, other: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        let other = Structure::from_value(other)?;
        let ours = self.fields.iter().map(|(name, value)| (name, value.to_value()));
        let kept = ours.filter(|(name, _)| field(&other.fields, name).is_none());
        let theirs = other.fields.iter().map(|(name, value)| (name, *value));
        let fields = kept.chain(theirs).map(|(name, value)| (name.clone(), value)).collect();
        Some(Ok(heap.alloc(Structure::new(fields))))
    }
}

#[starlark_value(type = "module")]
impl<'v, V: ValueLike<'v>> StarlarkValue<'v> for RecordModuleGen<V>
where
    Self: ProvidesStaticType<'v>,
{
    fn get_attr(&self, attribute: &str, _heap: Heap<'v>) -> Option<Value<'v>> {
        field(&self.fields, attribute)
    }

    fn dir_attr(&self) -> Vec<String> {
        self.fields.iter().map(|(name, _)| name.clone()).collect()
    }

    fn write_hash(&self, _hasher: &mut StarlarkHasher) -> starlark::Result<()> {
        Err(Failure::new("a module cannot be hashed, so it cannot be a key").into())
    }
}
