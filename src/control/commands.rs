//! What another process wants done, as commands of the engine.

use super::answer::ActAnswer;
use super::message::{Action, Refusal, Reply};
use super::server::Shared;
use crate::diagnostic::did_you_mean;
use crate::engine::{Command, ResourceSnapshot, Selection, Snapshot};
use crate::project::ResourceName;

/// The resources of these names, all of which must exist.
pub(super) fn named<'s>(snapshot: &'s Snapshot, names: &[String]) -> Result<Vec<&'s ResourceSnapshot>, Refusal> {
    let find = |name: &String| {
        snapshot.resources.iter().find(|resource| resource.name.as_str() == name).ok_or_else(|| {
            let known = || snapshot.resources.iter().map(|resource| resource.name.as_str());
            Refusal {
                message: format!("there is no resource `{name}`"),
                help: Some(match did_you_mean(name, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
                }),
            }
        })
    };
    names.iter().map(find).collect()
}

pub(super) async fn act(shared: &Shared, action: Action, names: &[String]) -> Reply {
    let commands = match commands(&shared.snapshot(), action, names) {
        Ok(commands) => commands,
        Err(refusal) => return Reply::Error(refusal),
    };
    for command in commands {
        if shared.commands.send(command).await.is_err() {
            return Reply::refuse("the session is ending");
        }
    }
    Reply::of(&ActAnswer { action, resources: names.to_vec() })
}

fn commands(snapshot: &Snapshot, action: Action, names: &[String]) -> Result<Vec<Command>, Refusal> {
    let refuse = |message: String, help: &str| Refusal { message, help: Some(help.to_owned()) };
    let resources = named(snapshot, names)?;
    let takes_names = match action {
        Action::Trigger | Action::Restart | Action::Stop | Action::Enable | Action::EnableOnly | Action::Disable => {
            true
        }
        Action::EnableAll | Action::DisableAll | Action::Reload | Action::Quit => false,
    };
    if takes_names && resources.is_empty() {
        return Err(refuse("no resource is named".to_owned(), "name one or more"));
    }
    if matches!(action, Action::Trigger | Action::Restart | Action::Stop)
        && let Some(disabled) = resources.iter().find(|resource| !resource.enabled)
    {
        let help = format!("enable it first: devloop enable {}", disabled.name);
        return Err(refuse(format!("`{}` is disabled", disabled.name), &help));
    }
    let all: Vec<ResourceName> = resources.iter().map(|resource| resource.name.clone()).collect();
    let each = |command: fn(ResourceName) -> Command| all.iter().cloned().map(command).collect();
    Ok(match action {
        Action::Trigger => each(Command::Trigger),
        Action::Restart => each(Command::Restart),
        Action::Stop => each(Command::Stop),
        Action::Enable => vec![Command::Enable(Selection::Names(all))],
        Action::EnableOnly => {
            let others = snapshot.resources.iter().map(|it| it.name.clone()).filter(|name| !all.contains(name));
            let others = others.collect();
            vec![Command::Enable(Selection::Names(all)), Command::Disable(Selection::Names(others))]
        }
        Action::EnableAll => vec![Command::Enable(Selection::All)],
        Action::Disable => vec![Command::Disable(Selection::Names(all))],
        Action::DisableAll => vec![Command::Disable(Selection::All)],
        Action::Reload => vec![Command::ReloadConfig],
        Action::Quit => vec![Command::Quit],
    })
}
