//! Which builtins a run has called, with which parameters, and which arguments they refused: what the conformance
//! table is made of.

use std::collections::{BTreeSet, HashMap};

/// What a run has called.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// By the name of the builtin, one bit for each parameter that was given.
    given: HashMap<String, u64>,
    /// The names of a builtin and of its parameter.
    refused: BTreeSet<(String, String)>,
}

impl Usage {
    /// Notes a call; `given` are the places of the parameters that got an argument.
    pub(crate) fn call(&mut self, builtin: &str, given: impl Iterator<Item = usize>) {
        let bits = given.fold(0, |bits, place| bits | bit(place));
        match self.given.get_mut(builtin) {
            Some(known) => *known |= bits,
            None => {
                self.given.insert(builtin.to_owned(), bits);
            }
        }
    }

    /// Notes that an argument was refused.
    pub(crate) fn refuse(&mut self, builtin: &str, parameter: &str) {
        self.refused.insert((builtin.to_owned(), parameter.to_owned()));
    }

    /// Whether the builtin was called with arguments that fit its parameters.
    pub fn called(&self, builtin: &str) -> bool {
        self.given.contains_key(builtin)
    }

    /// Whether the parameter at this place of the signature was given in any call.
    pub fn given(&self, builtin: &str, place: usize) -> bool {
        self.given.get(builtin).is_some_and(|bits| bits & bit(place) != 0)
    }

    /// Whether an argument of this parameter was refused.
    pub fn refused(&self, builtin: &str, parameter: &str) -> bool {
        self.refused.iter().any(|(name, other)| name == builtin && other == parameter)
    }
}

/// The bit of a place. No builtin has more parameters than a word has bits; the last bit would be shared.
fn bit(place: usize) -> u64 {
    1 << place.min(63)
}
