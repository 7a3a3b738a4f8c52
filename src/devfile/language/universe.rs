//! Functions and operators of the language itself where the starlark crate's differ from the reference: what values look
//! like, conversions of `%`, and sizes that no configuration needs but that take all memory.

#![expect(clippy::unnecessary_wraps, reason = "functions of the language return results")]

use std::cmp::Ordering;
use std::collections::HashMap;

use num_bigint::BigInt;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::syntax::AstModule;
use starlark::values::bytes::StarlarkBytes;
use starlark::values::list::{AllocList, ListRef};
use starlark::values::tuple::{AllocTuple, TupleRef};
use starlark::values::{Heap, UnpackValue as _, Value, ValueLike as _};

use super::failure::{Failure, Outcome};
use super::{percent, show};

/// How many elements or characters one operation may make.
const MAX_ELEMENTS: u64 = 1 << 26;

/// How many bits a product may have.
const MAX_BITS: u64 = 1 << 20;

/// How far an int may be shifted: the crate's own limit.
const MAX_SHIFT: u32 = 100_000;

/// What stands for the operators `*`, `<<` and `%` in a file.
const MULTIPLY: &str = "__multiply__";
const LEFT_SHIFT: &str = "__left_shift__";
const PERCENT: &str = "__percent__";

/// What stands for the comparisons in a file that makes sets: the crate knows no order of them.
const LESS: &str = "__less__";
const LESS_OR_EQUAL: &str = "__less_or_equal__";
const GREATER: &str = "__greater__";
const GREATER_OR_EQUAL: &str = "__greater_or_equal__";

/// The names that no configuration should see.
pub(super) fn is_hidden(name: &str) -> bool {
    matches!(name, MULTIPLY | LEFT_SHIFT | PERCENT | LESS | LESS_OR_EQUAL | GREATER | GREATER_OR_EQUAL)
}

/// Puts calls of this module's functions in the places of operators; in those of comparisons only for a file that makes
/// sets, because calls take longer.
pub(super) fn replace_operators(ast: &mut AstModule, makes_sets: bool) {
    let comparisons = [("<", LESS), ("<=", LESS_OR_EQUAL), (">", GREATER), (">=", GREATER_OR_EQUAL)];
    let comparisons = comparisons.into_iter().filter(|_| makes_sets);
    let replacements = [("*", MULTIPLY), ("<<", LEFT_SHIFT), ("%", PERCENT)];
    let replacements: HashMap<String, String> = replacements
        .into_iter()
        .chain(comparisons)
        .map(|(operator, name)| (operator.to_owned(), name.to_owned()))
        .collect();
    ast.replace_binary_operators(&replacements);
}

fn length(value: Value<'_>) -> Option<u64> {
    let length = value
        .unpack_str()
        .map(str::len)
        .or_else(|| ListRef::from_value(value).map(|list| list.len()))
        .or_else(|| TupleRef::from_value(value).map(TupleRef::len))
        .or_else(|| value.downcast_ref::<StarlarkBytes>().map(StarlarkBytes::len))?;
    u64::try_from(length).ok()
}

/// Refuses what would take too much memory, before it is made.
fn check_product<'v>(left: Value<'v>, right: Value<'v>) -> Outcome<()> {
    for (sequence, times) in [(left, right), (right, left)] {
        let Some(length) = length(sequence) else { continue };
        let Ok(Some(times)) = BigInt::unpack_value(times) else { continue };
        if times * BigInt::from(length) > BigInt::from(MAX_ELEMENTS) {
            return Err(too_large(&format!("this {} would have more than", sequence.get_type())));
        }
    }
    if let (Ok(Some(a)), Ok(Some(b))) = (BigInt::unpack_value(left), BigInt::unpack_value(right))
        && a.bits() + b.bits() > MAX_BITS
    {
        return Err(Failure::new(format!("this int would have more than {MAX_BITS} bits")));
    }
    Ok(())
}

fn too_large(what: &str) -> Failure {
    Failure::new(format!("{what} {MAX_ELEMENTS} elements"))
}

/// Refuses to make a list or a tuple of a range that is only good to loop over.
fn check_range(value: Value<'_>) -> Outcome<()> {
    let elements = if value.get_type() == "range" { value.length().unwrap_or(i32::MAX) } else { 0 };
    match u64::try_from(elements) {
        Ok(elements) if elements > MAX_ELEMENTS => Err(too_large("this would have more than")),
        _ => Ok(()),
    }
}

/// The order of two values; that of sets is whether one contains the other.
fn compare<'v>(left: Value<'v>, right: Value<'v>, heap: Heap<'v>) -> starlark::Result<Option<Ordering>> {
    if left.get_type() != "set" || right.get_type() != "set" {
        return left.compare(right).map(Some);
    }
    let contains = |all: Value<'v>, some: Value<'v>| -> starlark::Result<bool> {
        for element in some.iterate(heap)? {
            if !all.is_in(element)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    Ok(match (contains(right, left)?, contains(left, right)?) {
        (true, true) => Some(Ordering::Equal),
        (true, false) => Some(Ordering::Less),
        (false, true) => Some(Ordering::Greater),
        (false, false) => None,
    })
}

/// Adds the functions of this module to the globals.
#[starlark_module]
pub(super) fn register(builder: &mut GlobalsBuilder) {
    fn __multiply__<'v>(
        #[starlark(require = pos)] left: Value<'v>,
        #[starlark(require = pos)] right: Value<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        if left.unpack_i32().is_none() || right.unpack_i32().is_none() {
            check_product(left, right)?;
        }
        left.mul(right, heap)
    }

    /// The crate's own loses the sign of `1 << 31`.
    fn __left_shift__<'v>(
        #[starlark(require = pos)] left: Value<'v>,
        #[starlark(require = pos)] right: Value<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let bits = right.unpack_i32().and_then(|bits| u32::try_from(bits).ok()).filter(|bits| *bits <= MAX_SHIFT);
        match (BigInt::unpack_value(left), bits) {
            (Ok(Some(number)), Some(bits)) => Ok(heap.alloc(number << bits)),
            _ => left.left_shift(right, heap),
        }
    }

    fn __percent__<'v>(
        #[starlark(require = pos)] left: Value<'v>,
        #[starlark(require = pos)] right: Value<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        match left.unpack_str() {
            Some(format) => Ok(heap.alloc(percent::format(format, right)?)),
            None => left.percent(right, heap),
        }
    }

    fn __less__<'v>(
        #[starlark(require = pos)] left: Value<'v>,
        #[starlark(require = pos)] right: Value<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<bool> {
        Ok(compare(left, right, heap)?.is_some_and(Ordering::is_lt))
    }

    fn __less_or_equal__<'v>(
        #[starlark(require = pos)] left: Value<'v>,
        #[starlark(require = pos)] right: Value<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<bool> {
        Ok(compare(left, right, heap)?.is_some_and(Ordering::is_le))
    }

    fn __greater__<'v>(
        #[starlark(require = pos)] left: Value<'v>,
        #[starlark(require = pos)] right: Value<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<bool> {
        Ok(compare(left, right, heap)?.is_some_and(Ordering::is_gt))
    }

    fn __greater_or_equal__<'v>(
        #[starlark(require = pos)] left: Value<'v>,
        #[starlark(require = pos)] right: Value<'v>,
        heap: Heap<'v>,
    ) -> starlark::Result<bool> {
        Ok(compare(left, right, heap)?.is_some_and(Ordering::is_ge))
    }

    fn r#type<'v>(#[starlark(require = pos)] x: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Ok(heap.alloc(show::type_name(x)))
    }

    fn repr<'v>(#[starlark(require = pos)] x: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Ok(heap.alloc(show::repr(x)))
    }

    fn str<'v>(#[starlark(require = pos)] x: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        // A string is its own text.
        Ok(if x.unpack_str().is_some() { x } else { heap.alloc(show::text(x)) })
    }

    fn list<'v>(#[starlark(require = pos)] iterable: Option<Value<'v>>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let Some(iterable) = iterable else { return Ok(heap.alloc(AllocList::EMPTY)) };
        check_range(iterable)?;
        Ok(heap.alloc(AllocList(iterable.iterate(heap)?.collect::<Vec<Value<'v>>>())))
    }

    fn tuple<'v>(
        #[starlark(require = pos)] iterable: Option<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let Some(iterable) = iterable else { return Ok(heap.alloc(AllocTuple::<[i32; 0]>([]))) };
        check_range(iterable)?;
        Ok(heap.alloc(AllocTuple(iterable.iterate(heap)?.collect::<Vec<Value<'v>>>())))
    }
}
