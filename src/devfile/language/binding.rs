//! Arguments to parameters (reference §1.4). The typed readers of parameters are in [`super::arguments`].

use starlark::eval::{Arguments, Evaluator};
use starlark::values::{Heap, Value};

use super::argument_place;
use super::failure::{Failure, Outcome};
use super::rewrite::restore;
use super::session::Session;
use super::signature::{Parameter, Signature};
use crate::diagnostic::{Span, did_you_mean};

/// One call of a builtin with its arguments in the places of the parameters.
pub(crate) struct Call<'c, 'v, 'a, 'e> {
    /// The builtin's.
    pub signature: &'c Signature,
    /// The run.
    pub session: &'c Session,
    /// The evaluation, for builtins that call back.
    pub eval: &'c mut Evaluator<'v, 'a, 'e>,
    /// The place of the call.
    pub span: Span,
    /// Positional arguments beyond the parameters.
    pub rest: Vec<Value<'v>>,
    /// Keyword arguments beyond the parameters, where the signature takes any.
    pub keywords: Vec<(String, Value<'v>)>,
    values: Vec<Option<Value<'v>>>,
}

impl<'c, 'v, 'a, 'e> Call<'c, 'v, 'a, 'e> {
    /// Puts the arguments in the places of the parameters.
    pub fn bind(
        signature: &'c Signature,
        arguments: &Arguments<'v, '_>,
        eval: &'c mut Evaluator<'v, 'a, 'e>,
        session: &'c Session,
        span: Span,
    ) -> starlark::Result<Self> {
        let name = &signature.name;
        let mut values = vec![None; signature.parameters.len()];
        let mut rest = Vec::new();
        let mut keywords = Vec::new();
        let positions: Vec<Value<'v>> = arguments.positions(eval.heap())?.collect();
        let limit = signature.positional_count();
        if positions.len() > limit && !signature.variadic {
            let count = positions.len();
            let arguments = if count == 1 { "argument" } else { "arguments" };
            return Err(Failure::new(format!("`{name}`: got {count} {arguments}, want at most {limit}"))
                .help(accepted(signature))
                .into());
        }
        let mut places = signature
            .parameters
            .iter()
            .enumerate()
            .filter(|(_, parameter)| parameter.positional)
            .map(|(index, _)| index);
        for value in positions {
            match places.next() {
                Some(place) => values[place] = Some(value),
                None => rest.push(value),
            }
        }
        for (keyword, value) in arguments.names_map()? {
            let keyword = &*restore(keyword.as_str());
            match signature.index(keyword) {
                Some(place) if values[place].is_some() => {
                    return Err(Failure::new(format!("`{name}`: got multiple values for parameter `{keyword}`")).into());
                }
                Some(place) => values[place] = Some(value),
                None if signature.keywords => keywords.push((keyword.to_owned(), value)),
                None => {
                    let failure = unexpected(signature, keyword);
                    return Err(match argument_place::find(&span, keyword, None) {
                        Some(place) => failure.at(place).into(),
                        None => failure.into(),
                    });
                }
            }
        }
        for (parameter, value) in signature.parameters.iter().zip(&values) {
            if parameter.required && value.is_none() {
                session.state().usage.refuse(name, &parameter.name);
                let required = signature.parameters.iter().filter(|parameter| parameter.required);
                return Err(Failure::new(format!("`{name}`: missing argument for `{}`", parameter.name))
                    .help(format!("it needs {}", list(required)))
                    .into());
            }
        }
        let given = values.iter().enumerate().filter(|(_, value)| value.is_some()).map(|(place, _)| place);
        session.state().usage.call(name, given);
        Ok(Self { signature, session, eval, span, rest, keywords, values })
    }

    /// The argument of a parameter, when it was given.
    pub fn get(&self, parameter: &str) -> Option<Value<'v>> {
        let place = self.signature.index(parameter).expect("builtins ask for parameters of their own signature");
        self.values[place]
    }

    /// The place of an argument; `None` when it is not written in the call itself (`*args`, `**kwargs`).
    pub fn argument_place(&self, parameter: &str) -> Option<Span> {
        let index = self.signature.index(parameter)?;
        argument_place::find(&self.span, parameter, self.signature.parameters[index].positional.then_some(index))
    }

    /// Where values are allocated.
    pub fn heap(&self) -> Heap<'v> {
        self.eval.heap()
    }

    /// A failure of this call.
    pub fn fail<T>(&self, message: impl std::fmt::Display) -> Outcome<T> {
        Err(self.failure(message))
    }

    /// A failure of this call.
    pub fn failure(&self, message: impl std::fmt::Display) -> Failure {
        Failure::new(format!("`{}`: {message}", self.signature.name))
    }

    /// The failure of an argument.
    pub fn bad_argument(&self, parameter: &str, problem: impl std::fmt::Display) -> Failure {
        self.failure(format_args!("for parameter `{parameter}`: {problem}")).about(parameter)
    }

    /// The failure of an argument.
    pub fn refuse_argument<T>(&self, parameter: &str, problem: impl std::fmt::Display) -> Outcome<T> {
        Err(self.bad_argument(parameter, problem))
    }

    /// The failure of an argument of the wrong type.
    pub fn mismatch(&self, parameter: &str, value: Value<'v>, want: &str) -> Failure {
        let got = if value.is_none() { "None" } else { value.get_type() };
        self.bad_argument(parameter, format_args!("got {got}, want {want}"))
    }
}

fn unexpected(signature: &Signature, keyword: &str) -> Failure {
    let names = signature.parameters.iter().map(|parameter| parameter.name.as_str());
    let help = match did_you_mean(keyword, names) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => accepted(signature),
    };
    Failure::new(format!("`{}`: unexpected keyword argument `{keyword}`", signature.name)).help(help)
}

fn accepted(signature: &Signature) -> String {
    if signature.parameters.is_empty() {
        let help = if signature.keywords { "it takes only keyword arguments" } else { "it takes no arguments" };
        return help.to_owned();
    }
    let (positional, named): (Vec<&Parameter>, Vec<&Parameter>) =
        signature.parameters.iter().partition(|parameter| parameter.positional);
    match (positional.as_slice(), named.as_slice()) {
        (_, []) => format!("its parameters are {}", list(positional)),
        ([], _) => format!("its parameters, given by name, are {}", list(named)),
        (_, _) => format!("its parameters are {}, and by name only {}", list(positional), list(named)),
    }
}

fn list<'p>(parameters: impl IntoIterator<Item = &'p Parameter>) -> String {
    let names: Vec<String> = parameters.into_iter().map(|parameter| format!("`{}`", parameter.name)).collect();
    names.join(", ")
}
