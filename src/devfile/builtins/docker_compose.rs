//! `docker_compose` and `dc_resource`.

use std::path::Path;

use starlark::values::Value;

use super::compose_config::{Request, understand};
use crate::compose::{ComposeService, normalize_name, references};
use crate::devfile::declarations::{
    CallSite, ComposeDeclaration, ComposeServiceDeclaration, ComposeSource, WatchedPath,
};
use crate::devfile::language::arguments::sequence_of;
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::language::session::{Session, watched_path};
use crate::devfile::values::blob::Blob;
use crate::diagnostic::did_you_mean;

/// Compose files that refer to each other may be nested so deep.
const MAX_NESTING: usize = 20;

fn docker_compose<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let mut sources = sources(call)?;
    let env_file = call.path("env_file")?;
    let given_profiles = match call.get("profiles") {
        Some(_) => Some(call.strings("profiles")?),
        None => None,
    };
    let wait = call.tristate("wait")?.unwrap_or(false);
    let directory = sources.iter().find_map(|source| match source {
        ComposeSource::File(path) => path.parent().map(Path::to_path_buf),
        ComposeSource::Text(_) => None,
    });
    let directory = directory.unwrap_or_else(|| call.session.dir());
    let name = match call.string("project_name")? {
        "" => {
            let name = normalize_name(&directory.file_name().unwrap_or_default().to_string_lossy());
            say_what_is_not_its_name(call.session, &sources, &name);
            name
        }
        given => given.to_owned(),
    };
    if name.is_empty() {
        return Err(call
            .failure(format_args!("the folder `{}` gives the project no name", directory.display()))
            .help("name it: `docker_compose(…, project_name=\"NAME\")`"));
    }
    watch(call.session, &sources, env_file.as_deref(), &directory);
    let profiles = given_profiles.unwrap_or_else(|| profiles_of_environment(call.session));

    // Calls with the same name are one project.
    let place = call.session.state().declarations.compose_projects.iter().position(|known| known.project.name == name);
    let before = place.map(|place| call.session.state().declarations.compose_projects[place].clone());
    let mut request = Request { name, directory, sources: Vec::new(), env_file, profiles, wait };
    if let Some(before) = &before {
        request.sources.clone_from(&before.sources);
        request.directory.clone_from(&before.project.directory);
        request.env_file = request.env_file.or_else(|| before.env_file.clone());
        request.wait |= before.project.wait;
        for profile in &before.project.profiles {
            if !request.profiles.contains(profile) {
                request.profiles.push(profile.clone());
            }
        }
    }
    request.sources.append(&mut sources);
    let (project, services) = understand(call, &request)?;
    let site = call.session.call_site(call.span.clone());
    let mut known = before.as_ref().map(|before| before.services.clone()).unwrap_or_default();
    let services = services
        .into_iter()
        .map(|service| {
            // What `dc_resource` said of it before stays in force.
            let refined = known.iter().position(|known| known.service.name == service.name);
            let refined = refined.map(|index| known.swap_remove(index));
            declare(call.session, service, refined, &site)
        })
        .collect();
    let declaration = ComposeDeclaration {
        call: before.map_or(site, |before| before.call),
        project,
        sources: request.sources,
        env_file: request.env_file,
        services,
    };
    let projects = &mut call.session.state().declarations.compose_projects;
    match place {
        Some(place) => projects[place] = declaration,
        None => projects.push(declaration),
    }
    Ok(Value::new_none())
}

fn sources(call: &Call<'_, '_, '_, '_>) -> Outcome<Vec<ComposeSource>> {
    let parameter = "configPaths";
    let want = "a path, a Blob, or a sequence of them";
    let value = call.get(parameter).expect("it is required");
    let one = |value: Value<'_>| -> Option<ComposeSource> {
        if let Some(blob) = Blob::from_value(value) {
            return Some(ComposeSource::Text(blob.0.text.clone()));
        }
        value.unpack_str().map(|path| ComposeSource::File(call.session.resolve(path)))
    };
    let sources = match one(value) {
        Some(source) => vec![source],
        None => sequence_of(value, call.heap())
            .ok_or_else(|| call.mismatch(parameter, value, want))?
            .into_iter()
            .map(|element| one(element).ok_or_else(|| call.mismatch(parameter, element, want)))
            .collect::<Outcome<_>>()?,
    };
    if sources.is_empty() {
        return call.refuse_argument(parameter, "it names nothing: give at least one compose file");
    }
    for source in &sources {
        if let ComposeSource::File(path) = source
            && !path.is_file()
        {
            call.session.watch(path);
            return call.refuse_argument(parameter, format_args!("there is no file `{}`", path.display()));
        }
    }
    Ok(sources)
}

/// The folder names a project whatever Compose itself would call it (reference §2.6): who has run it by hand before
/// wonders where its volumes are.
fn say_what_is_not_its_name(session: &Session, sources: &[ComposeSource], name: &str) {
    let in_source = |source: &ComposeSource| {
        let text = match source {
            ComposeSource::File(path) => std::fs::read_to_string(path).ok()?,
            ComposeSource::Text(text) => text.clone(),
        };
        references(&text, Path::new("")).project_name
    };
    let variable = session.environment.get("COMPOSE_PROJECT_NAME").filter(|value| !value.is_empty());
    // In the order in which Compose would take them; of several files the last one counts.
    let (other, origin) = match variable {
        Some(value) => (value, "the variable COMPOSE_PROJECT_NAME"),
        None => match sources.iter().rev().find_map(in_source) {
            Some(value) => (value, "`name:` of its file"),
            None => return,
        },
    };
    if other != name {
        session.log.info(format!(
            "This Compose project is called `{name}`, after its folder, and not `{other}`, as {origin} says; `project_name='{other}'` gives it that name"
        ));
    }
}

/// Everything whose change changes the project (reference §1.7), and what the compose files pull in.
fn watch(session: &Session, sources: &[ComposeSource], env_file: Option<&Path>, directory: &Path) {
    match env_file {
        Some(file) => session.watch(file),
        // The one that Compose reads by itself.
        None if directory.join(".env").is_file() => session.watch(directory.join(".env")),
        None => {}
    }
    for source in sources {
        match source {
            ComposeSource::File(path) => watch_compose_file(session, path, directory, MAX_NESTING),
            ComposeSource::Text(text) => watch_references(session, text, directory, MAX_NESTING),
        }
    }
}

fn watch_compose_file(session: &Session, path: &Path, directory: &Path, nesting: usize) {
    session.watch(path);
    if let Ok(text) = std::fs::read_to_string(path)
        && nesting > 0
    {
        watch_references(session, &text, directory, nesting - 1);
    }
}

fn watch_references(session: &Session, text: &str, directory: &Path, nesting: usize) {
    let found = references(text, directory);
    for file in found.env_files {
        session.watch(crate::devfile::language::paths::clean(&file));
    }
    for (file, folder) in found.compose_files {
        watch_compose_file(session, &crate::devfile::language::paths::clean(&file), &folder, nesting);
    }
}

fn profiles_of_environment(session: &Session) -> Vec<String> {
    let Some(value) = session.environment.get("COMPOSE_PROFILES") else { return Vec::new() };
    let profiles: Vec<String> =
        value.split(',').map(str::trim).filter(|profile| !profile.is_empty()).map(str::to_owned).collect();
    if !profiles.is_empty() {
        session
            .log
            .info(format!("Compose project profiles were set by environment variable COMPOSE_PROFILES: {value}"));
    }
    profiles
}

fn declare(
    session: &Session,
    service: ComposeService,
    refined: Option<ComposeServiceDeclaration>,
    call: &CallSite,
) -> ComposeServiceDeclaration {
    let build_paths = build_paths(session, &service);
    match refined {
        Some(refined) => ComposeServiceDeclaration { service, build_paths, ..refined },
        None => ComposeServiceDeclaration::new(call.clone(), service, build_paths),
    }
}

fn build_paths(session: &Session, service: &ComposeService) -> Vec<WatchedPath> {
    let Some(build) = &service.build else { return Vec::new() };
    let dockerfile = build.local_dockerfile();
    let own_ignore_file = dockerfile.as_ref().map(|path| {
        let mut name = path.clone().into_os_string();
        name.push(".dockerignore");
        name.into()
    });
    let mut paths: Vec<WatchedPath> = Vec::new();
    if let Some(context) = build.local_context() {
        paths.push(session.image_path(context.to_path_buf(), own_ignore_file));
    }
    for folder in build.additional_folders() {
        paths.push(session.image_path(folder.to_path_buf(), None));
    }
    if let Some(dockerfile) = dockerfile.filter(|file| !paths.iter().any(|known| file.starts_with(&known.path))) {
        paths.push(watched_path(dockerfile));
    }
    paths
}

fn dc_resource<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let name = call.string("name")?.to_owned();
    if name.is_empty() {
        return call.refuse_argument("name", "it must not be empty");
    }
    let image = match call.optional_string("image")? {
        None | Some("") => None,
        Some(text) => Some(call.image_reference("image", text)?),
    };
    let trigger_mode = call.trigger_mode("trigger_mode")?;
    let resource_deps = call.resource_deps()?;
    let infer_links = call.tristate("infer_links")?;
    let links = call.links()?;
    let labels = call.labels()?;
    let auto_init = call.tristate("auto_init")?;
    let project = call.string("project_name")?.to_owned();
    let new_name = call.name("new_name")?;

    let (project_index, service_index) = find(call, &name, &project)?;
    if !new_name.is_empty() && new_name != name {
        let taken = {
            let state = call.session.state();
            let services = state.declarations.compose_projects.iter().flat_map(|project| &project.services);
            services.clone().find(|service| service.name == new_name).map(|service| service.call.span.clone())
        };
        if let Some(taken) = taken {
            return Err(call
                .bad_argument("new_name", format_args!("there is already a Compose resource `{new_name}`"))
                .related(taken, "declared here"));
        }
    }
    let mut state = call.session.state();
    let service = &mut state.declarations.compose_projects[project_index].services[service_index];
    service.image = image.or(service.image.take());
    service.trigger_mode = trigger_mode.or(service.trigger_mode);
    service.resource_deps.extend(resource_deps);
    service.infer_links = infer_links.or(service.infer_links);
    service.links.extend(links);
    service.labels.extend(labels);
    service.auto_init = auto_init.or(service.auto_init);
    if !new_name.is_empty() {
        service.name = new_name;
    }
    Ok(Value::new_none())
}

/// The places of the one service that a call means.
fn find(call: &Call<'_, '_, '_, '_>, name: &str, project: &str) -> Outcome<(usize, usize)> {
    let state = call.session.state();
    let projects = &state.declarations.compose_projects;
    if projects.is_empty() {
        return Err(call
            .failure("no Compose project has been declared")
            .help("call `docker_compose(PATH)` before `dc_resource`"));
    }
    if !project.is_empty() && !projects.iter().any(|known| known.project.name == project) {
        let known: Vec<&str> = projects.iter().map(|known| known.project.name.as_str()).collect();
        return Err(call
            .bad_argument("project_name", format_args!("there is no Compose project `{project}`"))
            .maybe_help(did_you_mean(project, known.iter().copied()).map(|it| format!("did you mean `{it}`?")))
            .help(format!("known projects: {}", quoted(&known))));
    }
    let candidates: Vec<(usize, usize)> = projects
        .iter()
        .enumerate()
        .filter(|(_, known)| project.is_empty() || known.project.name == project)
        .flat_map(|(index, known)| known.services.iter().enumerate().map(move |(place, it)| (index, place, it)))
        .filter(|(_, _, service)| service.name == name)
        .map(|(index, place, _)| (index, place))
        .collect();
    match candidates.as_slice() {
        [one] => Ok(*one),
        [] => Err(unknown(call, name, projects)),
        several => {
            let owners: Vec<&str> = several.iter().map(|(index, _)| projects[*index].project.name.as_str()).collect();
            Err(call
                .failure(format_args!("service `{name}` is in several Compose projects: {}", quoted(&owners)))
                .help(format!("say which: `dc_resource(\"{name}\", project_name=\"{}\", …)`", owners[0])))
        }
    }
}

fn unknown(call: &Call<'_, '_, '_, '_>, name: &str, projects: &[ComposeDeclaration]) -> Failure {
    let services = || projects.iter().flat_map(|project| &project.services);
    let known: Vec<&str> = services().map(|service| service.name.as_str()).collect();
    let failure = call.bad_argument("name", format_args!("there is no Compose service `{name}`"));
    match services().find(|service| service.service.name == name) {
        Some(renamed) => failure.help(format!("its resource has been renamed to `{}`", renamed.name)),
        None => failure.maybe_help(did_you_mean(name, known.iter().copied()).map(|it| format!("did you mean `{it}`?"))),
    }
    .help(format!("known services: {}", quoted(&known)))
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition {
        signature: "docker_compose(configPaths: path | Blob | sequence, env_file: path = unset, \
                    project_name: str = \"\", profiles: strs = unset, wait: bool | None = False)",
        body: docker_compose,
    },
    Definition {
        signature: "dc_resource(name: str, image: str = unset, trigger_mode = unset, resource_deps = [], \
                    infer_links: bool | None = True, links = [], labels = [], auto_init: bool | None = True, \
                    project_name: str = \"\", new_name: str = \"\")",
        body: dc_resource,
    },
];
