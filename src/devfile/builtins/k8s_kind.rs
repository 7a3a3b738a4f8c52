//! `k8s_kind` and `k8s_image_json_path`.

use starlark::values::Value;
use starlark::values::dict::DictRef;

use crate::devfile::declarations::{ObjectMatcher, WorkloadRegistration};
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::k8s::{ImageLocator, JsonPath};
use crate::project::PodReadiness;

/// The matcher of `api_version`, `kind`, `name` and `namespace`, as far as the builtin has them.
pub(crate) fn matcher(call: &Call<'_, '_, '_, '_>) -> Outcome<ObjectMatcher> {
    let text = |parameter: &str| match call.signature.index(parameter) {
        Some(_) => call.string(parameter),
        None => Ok(""),
    };
    ObjectMatcher::new(text("api_version")?, text("kind")?, text("name")?, text("namespace")?).map_err(|error| {
        let parameter = error.parameter;
        // The crate draws a picture first; the reason is its last line.
        let text = error.source.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let expression = call.string(parameter).unwrap_or_default();
        call.bad_argument(parameter, format_args!("`{expression}` is no valid regular expression: {reason}"))
    })
}

/// `pod_readiness` of a call; `None` for the empty text.
pub(crate) fn pod_readiness(call: &Call<'_, '_, '_, '_>) -> Outcome<Option<PodReadiness>> {
    match call.string("pod_readiness")? {
        "" => Ok(None),
        "wait" => Ok(Some(PodReadiness::Wait)),
        "ignore" => Ok(Some(PodReadiness::Ignore)),
        "succeeded" => Ok(Some(PodReadiness::Succeeded)),
        other => {
            call.refuse_argument("pod_readiness", format_args!("got `{other}`, want `wait`, `ignore` or `succeeded`"))
        }
    }
}

fn k8s_kind<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let paths = call.string_or_sequence("image_json_path")?;
    let object = image_object(call)?;
    if paths.is_some() && object.is_some() {
        return call.fail("`image_json_path` and `image_object` exclude each other");
    }
    check_paths(call, "image_json_path", paths.as_deref().unwrap_or_default())?;
    let locator = paths.filter(|paths| !paths.is_empty()).map(ImageLocator::Paths).or(object);
    let registration = WorkloadRegistration {
        call: call.session.call_site(call.span.clone()),
        matcher: matcher(call)?,
        locator,
        pod_readiness: pod_readiness(call)?,
    };
    call.session.state().declarations.workload_registrations.push(registration);
    Ok(Value::new_none())
}

fn check_paths(call: &Call<'_, '_, '_, '_>, parameter: &str, paths: &[String]) -> Outcome<()> {
    for path in paths {
        JsonPath::parse(path).map_err(|error| call.bad_argument(parameter, format_args!("{error}")))?;
    }
    Ok(())
}

fn image_object(call: &Call<'_, '_, '_, '_>) -> Outcome<Option<ImageLocator>> {
    let Some(value) = call.get("image_object") else { return Ok(None) };
    let want = "a dict with the keys `json_path`, `repo_field` and `tag_field`";
    let Some(dict) = DictRef::from_value(value) else {
        return Err(call.mismatch("image_object", value, want));
    };
    let mut fields = [("json_path", None), ("repo_field", None), ("tag_field", None)];
    for (key, value) in dict.iter() {
        let field = fields.iter_mut().find(|(name, _)| key.unpack_str() == Some(name));
        match (field, value.unpack_str()) {
            (Some(field), Some(text)) => field.1 = Some(text.to_owned()),
            (Some((name, _)), None) => {
                return call.refuse_argument("image_object", format_args!("`{name}` must be a string"));
            }
            (None, _) => {
                return call
                    .refuse_argument("image_object", format_args!("unexpected key `{}`, want {want}", key.to_str()));
            }
        }
    }
    match fields {
        [(_, Some(path)), (_, Some(repo_field)), (_, Some(tag_field))] => {
            check_paths(call, "image_object", std::slice::from_ref(&path))?;
            Ok(Some(ImageLocator::Object { path, repo_field, tag_field }))
        }
        fields => {
            let missing: Vec<String> =
                fields.iter().filter(|(_, text)| text.is_none()).map(|(name, _)| format!("`{name}`")).collect();
            call.refuse_argument("image_object", format_args!("missing {}", missing.join(", ")))
        }
    }
}

fn k8s_image_json_path<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let paths = call.string_or_sequence("paths")?.unwrap_or_default();
    check_paths(call, "paths", &paths)?;
    if ["kind", "name", "namespace"].iter().all(|parameter| call.string(parameter).is_ok_and(str::is_empty)) {
        return call.fail("at least one of `kind`, `name` or `namespace` must be given");
    }
    let registration = WorkloadRegistration {
        call: call.session.call_site(call.span.clone()),
        matcher: matcher(call)?,
        locator: Some(ImageLocator::Paths(paths)),
        pod_readiness: None,
    };
    call.session.state().declarations.workload_registrations.push(registration);
    Ok(Value::new_none())
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition {
        signature: "k8s_kind(kind: str, *, image_json_path: str | sequence[str] = unset, api_version: str = \"\", \
                    image_object: dict = unset, pod_readiness: str = \"\")",
        body: k8s_kind,
    },
    Definition {
        signature: "k8s_image_json_path(paths: str | sequence[str], api_version: str = \"\", kind: str = \"\", \
                    name: str = \"\", namespace: str = \"\")",
        body: k8s_image_json_path,
    },
];
