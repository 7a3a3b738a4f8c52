//! Extensions that nobody has loaded run as configurations of their own (reference §2.14).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::assemble::{AssembleOptions, Assembled, NameWorkloads, assemble};
use super::entry::{Evaluation, Leftovers, LoadOptions, execute_all};
use super::extensions::Unit;
use super::language::workload_function::WorkloadFunction;
use crate::diagnostic::{Diagnostic, Severity};
use crate::project::{ApiKind, ApiObject, ApiRuntime, Image, Project, Resource};

/// How many configurations may be started by one: extensions can register extensions.
const MOST: usize = 100;

/// Runs the extensions that the main run has left over, and adds what they declare to its project. What is wrong with one
/// of them is said and concerns none else; what it declared when it was last well stays.
pub(super) fn run_units(main: &mut Evaluation, project: &mut Project, options: &LoadOptions, mut units: Vec<Unit>) {
    let mut done: BTreeSet<String> = BTreeSet::new();
    // In the order of their registration.
    units.reverse();
    while let Some(Unit { object, file }) = units.pop() {
        if !done.insert(object.name.clone()) {
            continue;
        }
        let outcome = match file {
            Ok(_) if done.len() > MOST => Err(vec![Diagnostic::error("too many extensions run on their own")]),
            Ok(file) => run(&object, file, main, options, &mut units),
            Err(problem) => Err(vec![problem]),
        };
        let problems = match outcome {
            Ok(own) => match merge(project, &own, &object) {
                Ok(()) => {
                    options.cache.remember_unit(&object.name, own);
                    continue;
                }
                Err(problem) => vec![*problem],
            },
            Err(problems) => problems,
        };
        let last = options.cache.last_unit(&object.name);
        let kept = last.is_some_and(|last| merge(project, &last, &object).is_ok());
        main.diagnostics.extend(problems.into_iter().map(|problem| about(&object, problem, kept)));
    }
    options.cache.forget_units(&done);
}

/// The project of one extension; the problems among which there is an error.
fn run(
    object: &ApiObject,
    file: PathBuf,
    main: &mut Evaluation,
    options: &LoadOptions,
    units: &mut Vec<Unit>,
) -> Result<Project, Vec<Diagnostic>> {
    let args = object.spec["args"].as_array().into_iter().flatten();
    let own = LoadOptions {
        entry_file: Some(file),
        args: args.filter_map(|arg| arg.as_str().map(str::to_owned)).collect(),
        environment: main.environment.clone(),
        cache: options.cache.of_unit(&object.name),
        ..options.clone()
    };
    let assemble_options =
        AssembleOptions { kube: own.kube.clone(), subcommand: own.subcommand.clone(), may_be_empty: true };
    let (mut evaluation, namer, mut nested) = execute_all(own, Leftovers::Find);
    nested.reverse();
    units.extend(nested);
    main.declarations.config_files.append(&mut evaluation.declarations.config_files.clone());
    main.seen_files.append(&mut evaluation.seen_files);
    main.awaits_repository |= evaluation.awaits_repository;
    if evaluation.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(evaluation.diagnostics);
    }
    // Where the user may deploy is said once, for all that the configuration brings.
    evaluation.declarations.allowed_contexts.extend(main.declarations.allowed_contexts.iter().cloned());
    let by_function = namer.as_ref().map(|namer| namer as &dyn NameWorkloads);
    let Assembled { project, diagnostics } = assemble(evaluation.declarations, &assemble_options, by_function);
    let mut diagnostics: Vec<Diagnostic> = evaluation.diagnostics.into_iter().chain(diagnostics).collect();
    diagnostics.extend(namer.into_iter().flat_map(WorkloadFunction::into_diagnostics));
    match project.filter(|_| !diagnostics.iter().any(Diagnostic::is_error)) {
        Some(project) => {
            main.diagnostics.extend(diagnostics.into_iter().map(|problem| about(object, problem, false)));
            Ok(project)
        }
        None => Err(diagnostics),
    }
}

/// A problem of an extension is none of the configuration: it is shown, and nothing else is held up by it.
fn about(object: &ApiObject, problem: Diagnostic, kept: bool) -> Diagnostic {
    let mut problem = problem;
    if problem.is_error() {
        let stays = if kept { " (what it declared before stays)" } else { "" };
        problem.message = format!("the extension `{}` does not run{stays}: {}", object.name, problem.message);
        problem.severity = Severity::Warning;
    } else {
        problem.message = format!("the extension `{}`: {}", object.name, problem.message);
    }
    match problem.primary {
        Some(_) => problem.related(object.origin.clone(), "registered here"),
        None => problem.at(object.origin.clone()),
    }
}

/// Adds the resources, images and objects of an extension; all of them or, when a name is taken, none.
fn merge(project: &mut Project, own: &Project, object: &ApiObject) -> Result<(), Box<Diagnostic>> {
    let taken = |what: &str, name: &str| Diagnostic::error(format!("there is already {what} `{name}`"));
    for (name, resource) in &own.resources {
        if let Some(existing) = project.resources.get(name) {
            let problem = taken("a resource", name.as_str()).at(resource.origin.clone());
            return Err(Box::new(problem.related(existing.origin.clone(), "declared here")));
        }
    }
    let same_build = |known: &Arc<Image>, image: &Arc<Image>| known.build == image.build;
    for (name, image) in &own.images {
        if project.images.get(name).is_some_and(|known| !same_build(known, image)) {
            return Err(Box::new(taken("another image", name.as_str())));
        }
    }
    let ApiRuntime { commands, buttons, file_watches } = &own.api;
    for (kind, names) in [
        (ApiKind::Cmd, commands.keys().collect::<Vec<_>>()),
        (ApiKind::UiButton, buttons.keys().collect()),
        (ApiKind::FileWatch, file_watches.keys().collect()),
    ] {
        let known = |name: &str| project.api_objects.iter().find(|known| known.kind == kind && known.name == name);
        let own = |name: &str| own.api_objects.iter().find(|known| known.kind == kind && known.name == name);
        for name in names {
            if let (Some(known), Some(own)) = (known(name), own(name))
                && !known.same_content(own)
            {
                return Err(Box::new(taken(&format!("another {kind}"), name).at(own.origin.clone())));
            }
        }
    }
    for (name, resource) in &own.resources {
        let mut resource = Resource::clone(resource);
        resource.labels.insert(format!("extension.{}", object.name));
        project.resources.insert(name.clone(), Arc::new(resource));
    }
    for (name, image) in &own.images {
        project.images.entry(name.clone()).or_insert_with(|| Arc::clone(image));
    }
    let new_objects: Vec<Arc<ApiObject>> = own
        .api_objects
        .iter()
        .filter(|own| !project.api_objects.iter().any(|known| known.kind == own.kind && known.name == own.name))
        .cloned()
        .collect();
    project.api_objects.extend(new_objects);
    project.api.commands.extend(commands.iter().map(|(name, command)| (name.clone(), Arc::clone(command))));
    project.api.buttons.extend(buttons.iter().map(|(name, button)| (name.clone(), Arc::clone(button))));
    project.api.file_watches.extend(file_watches.iter().map(|(name, trees)| (name.clone(), trees.clone())));
    project.secrets.extend(own.secrets.iter().cloned());
    Ok(())
}
