//! What `workload_to_resource_function` is told of a workload.

use starlark::values::{Heap, Value};

use super::plain_value;
use crate::k8s::ObjectId;

plain_value! {
    /// The identity of a workload, with the attributes `name`, `kind`, `namespace` and `group`.
    WorkloadId(ObjectId), "K8sObjectID", {
        fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
            match attribute {
                "name" => Some(heap.alloc(self.0.name.as_str())),
                "kind" => Some(heap.alloc(self.0.kind.as_str())),
                "namespace" => Some(heap.alloc(self.0.namespace.as_deref().unwrap_or("default"))),
                "group" => Some(heap.alloc(self.0.group())),
                _ => None,
            }
        }

        fn dir_attr(&self) -> Vec<String> {
            ["group", "kind", "name", "namespace"].map(str::to_owned).to_vec()
        }
    }
}

impl std::fmt::Display for WorkloadId {
    /// All four, lower-case, joined by `:`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::devfile::assemble::id_text(&self.0))
    }
}
