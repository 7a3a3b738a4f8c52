//! `link(url, name)`.

use starlark::values::{Heap, Value};

use super::plain_value;
use crate::project::Link;

plain_value! {
    /// A link with the attributes `url` and `name`.
    LinkValue(Link), "struct", {
        fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
            match attribute {
                "url" => Some(heap.alloc(self.0.url.as_str())),
                "name" => Some(heap.alloc(self.0.name.as_str())),
                _ => None,
            }
        }

        fn dir_attr(&self) -> Vec<String> {
            vec!["name".to_owned(), "url".to_owned()]
        }
    }
}

impl std::fmt::Display for LinkValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "struct(name = {:?}, url = {:?})", self.0.name, self.0.url)
    }
}
