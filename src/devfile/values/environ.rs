//! `os.environ`: a live mapping over the environment.

#![expect(clippy::unnecessary_wraps, reason = "methods of the language return results")]

use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::starlark_module;
use starlark::values::dict::DictRef;
use starlark::values::none::NoneType;
use starlark::values::{Heap, Value};

use super::plain_value;
use crate::devfile::language::environment::Environment;
use crate::devfile::language::failure::Failure;

plain_value! {
    /// A live mapping over the environment.
    Environ(Environment), "environ", {
        fn get_methods() -> Option<&'static Methods> {
            static METHODS: MethodsStatic = MethodsStatic::new("environ", environ_methods);
            Some(METHODS.methods())
        }

        fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
            let key = text(index, "key")?;
            match self.0.get(key) {
                Some(value) => Ok(heap.alloc(value)),
                None => Err(missing(key).into()),
            }
        }

        fn set_at(&self, index: Value<'v>, new_value: Value<'v>) -> starlark::Result<()> {
            self.0.set(text(index, "key")?, text(new_value, "value")?);
            Ok(())
        }

        fn is_in(&self, other: Value<'v>) -> starlark::Result<bool> {
            Ok(self.0.get(text(other, "key")?).is_some())
        }

        fn length(&self) -> starlark::Result<i32> {
            Ok(i32::try_from(self.0.all().len()).unwrap_or(i32::MAX))
        }

        fn to_bool(&self) -> bool {
            !self.0.all().is_empty()
        }

        fn iterate_collect(&self, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
            Ok(self.0.all().into_keys().map(|key| heap.alloc(key)).collect())
        }
    }
}

impl std::fmt::Display for Environ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "environ({:?})", self.0.all())
    }
}

fn text<'v>(value: Value<'v>, role: &str) -> Result<&'v str, Failure> {
    value
        .unpack_str()
        .ok_or_else(|| Failure::new(format!("`os.environ`: got {} for a {role}, want string", value.get_type())))
}

fn missing(key: &str) -> Failure {
    Failure::new(format!("the environment variable `{key}` is not set"))
        .help(format!("`os.getenv({key:?}, default)` or `os.environ.get({key:?}, default)` do not fail"))
}

#[starlark_module]
fn environ_methods(builder: &mut MethodsBuilder) {
    fn clear(this: &Environ) -> starlark::Result<NoneType> {
        for key in this.0.all().into_keys() {
            this.0.remove(key);
        }
        Ok(NoneType)
    }

    fn get<'v>(
        this: &Environ,
        #[starlark(require = pos)] key: Value<'v>,
        #[starlark(require = pos)] default: Option<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        Ok(match this.0.get(text(key, "key")?) {
            Some(value) => heap.alloc(value),
            None => default.unwrap_or_else(Value::new_none),
        })
    }

    fn items<'v>(this: &Environ, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Ok(heap.alloc(this.0.all().into_iter().collect::<Vec<(String, String)>>()))
    }

    fn keys<'v>(this: &Environ, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Ok(heap.alloc(this.0.all().into_keys().collect::<Vec<String>>()))
    }

    fn values<'v>(this: &Environ, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Ok(heap.alloc(this.0.all().into_values().collect::<Vec<String>>()))
    }

    fn pop<'v>(
        this: &Environ,
        #[starlark(require = pos)] key: Value<'v>,
        #[starlark(require = pos)] default: Option<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let key = text(key, "key")?;
        match (this.0.get(key), default) {
            (Some(value), _) => {
                this.0.remove(key);
                Ok(heap.alloc(value))
            }
            (None, Some(default)) => Ok(default),
            (None, None) => Err(missing(key).into()),
        }
    }

    fn popitem<'v>(this: &Environ, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        match this.0.all().into_iter().next() {
            Some((key, value)) => {
                this.0.remove(key.as_str());
                Ok(heap.alloc((key, value)))
            }
            None => Err(Failure::new("`os.environ.popitem`: the environment is empty").into()),
        }
    }

    fn setdefault<'v>(
        this: &Environ,
        #[starlark(require = pos)] key: Value<'v>,
        #[starlark(require = pos)] default: Value<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let key = text(key, "key")?;
        if let Some(value) = this.0.get(key) {
            return Ok(heap.alloc(value));
        }
        this.0.set(key, text(default, "value")?);
        Ok(default)
    }

    fn update<'v>(
        this: &Environ,
        #[starlark(require = pos)] pairs: Option<Value<'v>>,
        #[starlark(kwargs)] keywords: Value<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<NoneType> {
        for source in pairs.into_iter().chain([keywords]) {
            if let Some(dict) = DictRef::from_value(source) {
                for (key, value) in dict.iter() {
                    this.0.set(text(key, "key")?, text(value, "value")?);
                }
            } else {
                for pair in source.iterate(heap)? {
                    let pair: Vec<Value<'v>> = pair.iterate(heap)?.collect();
                    let [key, value] = pair[..] else {
                        return Err(Failure::new("`os.environ.update`: want a dict or pairs of key and value").into());
                    };
                    this.0.set(text(key, "key")?, text(value, "value")?);
                }
            }
        }
        Ok(NoneType)
    }
}
