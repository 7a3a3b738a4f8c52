//! `k8s_resource` and `port_forward`.

use std::collections::BTreeMap;

use starlark::values::Value;
use starlark::values::dict::DictRef;
use starlark::values::list::ListRef;

use super::k8s_kind::pod_readiness;
use crate::devfile::declarations::{KubernetesResourceCall, ObjectFragment};
use crate::devfile::language::arguments::{integer_of, sequence_of};
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::language::link_url::check_path;
use crate::devfile::values::port_forward::{PortForwardValue, UncheckedPortForward};
use crate::project::{DiscoveryStrategy, PortForward};

fn k8s_resource<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let workload = call.name("workload")?;
    let new_name = call.name("new_name")?;
    let texts = call.sequence("objects")?.unwrap_or_default();
    let objects: Vec<ObjectFragment> = texts
        .iter()
        .map(|text| fragment(text).map_err(|why| call.bad_argument("objects", why)))
        .collect::<Outcome<_>>()?;
    if workload.is_empty() && new_name.is_empty() {
        return Err(call
            .failure("Resource name missing")
            .help("give `workload` to refine a resource, or `new_name` and `objects` to make one"));
    }
    if workload.is_empty() && objects.is_empty() {
        return Err(call
            .failure(format_args!("the new resource `{new_name}` needs `objects`"))
            .help("give `workload` as well to rename a resource"));
    }
    let discovery_strategy = match call.string("discovery_strategy")? {
        "" => None,
        "default" => Some(DiscoveryStrategy::Default),
        "selectors-only" => Some(DiscoveryStrategy::SelectorsOnly),
        other => {
            return call.refuse_argument(
                "discovery_strategy",
                format_args!("got `{other}`, want `default` or `selectors-only`"),
            );
        }
    };
    let resource = KubernetesResourceCall {
        call: call.session.call_site(call.span.clone()),
        workload,
        new_name,
        objects,
        port_forwards: port_forwards(call)?,
        extra_pod_selectors: extra_pod_selectors(call)?,
        resource_deps: call.resource_deps()?,
        links: call.links()?,
        labels: call.labels()?,
        trigger_mode: call.trigger_mode("trigger_mode")?,
        auto_init: call.tristate("auto_init")?,
        pod_readiness: pod_readiness(call)?,
        discovery_strategy,
    };
    call.session.state().declarations.kubernetes_resources.push(resource);
    Ok(Value::new_none())
}

/// Reads `name[:kind[:namespace]]`; `\:` is a colon in a part.
fn fragment(text: &str) -> Result<ObjectFragment, String> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&':') => {
                characters.next();
                parts.last_mut().expect("there is always a part").push(':');
            }
            ':' => parts.push(String::new()),
            other => parts.last_mut().expect("there is always a part").push(other),
        }
    }
    if parts.len() > 3 {
        let count = parts.len();
        return Err(format!("`{text}` has {count} parts, want up to three: `NAME:KIND:NAMESPACE`"));
    }
    if parts[0].is_empty() {
        return Err(format!("`{text}` has no name, want `NAME:KIND:NAMESPACE`"));
    }
    let mut parts = parts.into_iter();
    Ok(ObjectFragment {
        text: text.to_owned(),
        name: parts.next().unwrap_or_default(),
        kind: parts.next(),
        namespace: parts.next(),
    })
}

fn extra_pod_selectors(call: &Call<'_, '_, '_, '_>) -> Outcome<Vec<BTreeMap<String, String>>> {
    let parameter = "extra_pod_selectors";
    let Some(value) = call.get(parameter) else { return Ok(Vec::new()) };
    let mut selectors: Vec<BTreeMap<String, String>> = if DictRef::from_value(value).is_some() {
        vec![call.dictionary_of(parameter, value)?]
    } else if let Some(list) = ListRef::from_value(value) {
        list.iter().map(|element| call.dictionary_of(parameter, element)).collect::<Outcome<_>>()?
    } else {
        return Err(call.mismatch(parameter, value, "a dict or a list of dicts"));
    };
    // An empty one would mean every pod of the cluster; Tilt passes over it.
    selectors.retain(|selector| !selector.is_empty());
    Ok(selectors)
}

fn port_forwards(call: &Call<'_, '_, '_, '_>) -> Outcome<Vec<PortForward>> {
    let parameter = "port_forwards";
    let Some(value) = call.get(parameter).filter(|value| !value.is_none()) else { return Ok(Vec::new()) };
    if let Some(forward) = one_port_forward(call, value)? {
        return Ok(vec![forward]);
    }
    let want = "a port, a string like \"8080:80\", a port_forward, or a sequence of them";
    let elements = sequence_of(value, call.heap()).ok_or_else(|| call.mismatch(parameter, value, want))?;
    elements
        .into_iter()
        .map(|element| one_port_forward(call, element)?.ok_or_else(|| call.mismatch(parameter, element, want)))
        .collect()
}

fn one_port_forward<'v>(call: &Call<'_, 'v, '_, '_>, value: Value<'v>) -> Outcome<Option<PortForward>> {
    if let Some(unchecked) = PortForwardValue::from_value(value) {
        let local = port(call, unchecked.0.local)?;
        let container = port(call, unchecked.0.container)?;
        if let Some(host) = &unchecked.0.rest.host {
            check_host(call, host)?;
        }
        return Ok(Some(PortForward { local, container, ..unchecked.0.rest.clone() }));
    }
    if let Some(local) = integer_of(value) {
        return Ok(Some(plain(port(call, local)?, 0, None)));
    }
    let Some(text) = value.unpack_str() else { return Ok(None) };
    if text.is_empty() {
        return Err(call
            .bad_argument("port_forwards", "the string is empty")
            .help("write it as PORT, \"LOCAL:CONTAINER\" or \"HOST:LOCAL:CONTAINER\""));
    }
    let number = |part: &str| {
        part.parse::<i64>()
            .map_err(|_| {
                call.bad_argument("port_forwards", format_args!("`{part}` in `{text}` is no port"))
                    .help("write it as PORT, \"LOCAL:CONTAINER\" or \"HOST:LOCAL:CONTAINER\"")
            })
            .and_then(|number| port(call, number))
    };
    match text.split(':').collect::<Vec<_>>()[..] {
        [local] => Ok(Some(plain(number(local)?, 0, None))),
        [local, container] => Ok(Some(plain(number(local)?, number(container)?, None))),
        [host, local, container] => {
            check_host(call, host)?;
            Ok(Some(plain(number(local)?, number(container)?, Some(host.to_owned()))))
        }
        _ => Err(call
            .bad_argument("port_forwards", format_args!("`{text}` is no port-forward"))
            .help("write it as PORT, \"LOCAL:CONTAINER\" or \"HOST:LOCAL:CONTAINER\"")),
    }
}

fn plain(local: u16, container: u16, host: Option<String>) -> PortForward {
    PortForward { local, container, host, name: String::new(), path: String::new() }
}

fn port(call: &Call<'_, '_, '_, '_>, number: i64) -> Outcome<u16> {
    u16::try_from(number)
        .map_err(|_| call.bad_argument("port_forwards", format_args!("port {number} is not between 0 and 65535")))
}

/// A host name or an IPv4 address.
fn check_host(call: &Call<'_, '_, '_, '_>, host: &str) -> Outcome<()> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if host.split('.').all(label) {
        return Ok(());
    }
    call.refuse_argument("port_forwards", format_args!("`{host}` is no host name or IPv4 address"))
}

fn port_forward<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let path = call.string("link_path")?;
    if let Err(problem) = check_path(path) {
        return call.refuse_argument("link_path", format_args!("`{path}` is no valid path of a URL: {problem}"));
    }
    let host = call.string("host")?;
    let rest = PortForward {
        local: 0,
        container: 0,
        host: (!host.is_empty()).then(|| host.to_owned()),
        name: call.string("name")?.to_owned(),
        path: path.to_owned(),
    };
    let forward = UncheckedPortForward {
        local: call.integer("local_port")?.unwrap_or_default(),
        container: call.integer("container_port")?.unwrap_or_default(),
        rest,
    };
    Ok(call.heap().alloc(PortForwardValue(forward)))
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition {
        signature: "k8s_resource(workload: Name = \"\", new_name: Name = \"\", port_forwards = [], \
                    extra_pod_selectors: dict | list[dict] = [], trigger_mode = unset, \
                    resource_deps: sequence[str] = [], objects: sequence[str] = [], auto_init: bool | None = True, \
                    pod_readiness: str = \"\", links = [], labels = [], discovery_strategy: str = \"\")",
        body: k8s_resource,
    },
    Definition {
        signature: "port_forward(local_port: int, container_port: int = 0, name: str = \"\", link_path: str = \"\", \
                    host: str = \"\")",
        body: port_forward,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_have_up_to_three_parts_and_escaped_colons() {
        let whole = fragment("web:Deployment:prod").unwrap();
        assert_eq!(
            (whole.name.as_str(), whole.kind.as_deref(), whole.namespace.as_deref()),
            ("web", Some("Deployment"), Some("prod"))
        );
        let escaped = fragment(r"system\:web:role").unwrap();
        assert_eq!((escaped.name.as_str(), escaped.kind.as_deref()), ("system:web", Some("role")));
        assert_eq!(fragment("web").unwrap().kind, None);
        assert!(fragment("web:Deployment:prod:apps").is_err());
        assert!(fragment("").is_err());
    }
}
