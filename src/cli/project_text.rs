//! The evaluated project for people.

use std::fmt::Write as _;

use crate::project::{Project, Resource, Target, TriggerMode};

/// A few lines per resource.
pub(super) fn project_text(project: &Project) -> String {
    let mut text = format!("project {} ({})\n", project.name, project.entry_file.display());
    for resource in project.resources.values().filter(|resource| resource.api().is_none()) {
        text.push('\n');
        describe(project, resource, &mut text);
    }
    text
}

fn describe(project: &Project, resource: &Resource, text: &mut String) {
    let mut notes = Vec::new();
    if !resource.enabled {
        notes.push("disabled");
    }
    if resource.trigger_mode == TriggerMode::Manual {
        notes.push("manual");
    }
    if !resource.auto_init {
        notes.push("not started by itself");
    }
    let kind = match &resource.target {
        Target::Kubernetes(target) if target.custom_deploy.is_some() => "custom deploy",
        Target::Kubernetes(_) => "kubernetes",
        Target::Local(_) => "local",
        Target::Compose(_) => "compose",
    };
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    line(text, format_args!("{} [{kind}]{notes}", resource.name));
    match &resource.target {
        Target::Kubernetes(target) => {
            if let Some(deploy) = &target.custom_deploy {
                line(text, format_args!("  apply     {}", deploy.apply));
                if let Some(delete) = &deploy.delete {
                    line(text, format_args!("  delete    {delete}"));
                }
            }
            for object in &target.objects {
                line(text, format_args!("  object    {}", object.id));
            }
            for name in &target.images {
                let live = project.images.get(name).is_some_and(|image| image.live_update.is_some());
                line(text, format_args!("  image     {name}{}", if live { " (live update)" } else { "" }));
            }
            for forward in &target.port_forwards {
                let host = forward.host.as_deref().unwrap_or("localhost");
                let container = if forward.container == 0 { forward.local } else { forward.container };
                line(text, format_args!("  forward   {host}:{} → {container}", forward.local));
            }
        }
        Target::Compose(target) => {
            line(text, format_args!("  service   {} of project {}", target.service, target.project.name));
            for name in &target.images {
                let live = project.images.get(name).is_some_and(|image| image.live_update.is_some());
                line(text, format_args!("  image     {name}{}", if live { " (live update)" } else { "" }));
            }
        }
        Target::Local(target) => {
            if let Some(command) = &target.cmd {
                line(text, format_args!("  cmd       {command}"));
            }
            if let Some(command) = &target.serve_cmd {
                line(text, format_args!("  serve_cmd {command}"));
            }
        }
    }
    for dep in &resource.resource_deps {
        line(text, format_args!("  after     {}", dep.value));
    }
    for link in &resource.links {
        line(text, format_args!("  link      {}", link.url));
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{arguments}");
}
