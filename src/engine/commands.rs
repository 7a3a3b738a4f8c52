//! Commands of the `v1alpha1` API: they run beside the resources, and buttons and file watches start them anew.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::effect::Effect;
use super::engine::Engine;
use super::event::WorkId;
use super::record::covers;
use super::snapshot::CommandSnapshot;
use super::state::{CommandState, ServeState, Work};
use crate::logs::Level;
use crate::project::{ApiCommand, Project, Resource, ResourceName};

impl Engine {
    /// Brings the commands in step with a new project.
    pub(super) fn adopt_commands(&mut self, old: Option<&Project>, project: &Project) {
        let gone: Vec<String> =
            self.state.commands.keys().filter(|name| !project.api.commands.contains_key(*name)).cloned().collect();
        for name in gone {
            if let Some(CommandState { process: ServeState::Running { work, .. }, .. }) =
                self.state.commands.shift_remove(&name)
            {
                self.effects.push(Effect::Cancel { work });
            }
        }
        for (name, command) in &project.api.commands {
            let before = old.and_then(|old| old.api.commands.get(name));
            self.state.commands.entry(name.clone()).or_default();
            if before.is_some_and(|before| before == command) {
                continue;
            }
            if command.disabled.is_some() || command.start_on.is_some() {
                self.stop_command(name);
            } else {
                self.start_command(name, Vec::new());
            }
        }
    }

    /// A button was pressed with what was filled in.
    pub(super) fn record_press(&mut self, button: &str, given: &BTreeMap<String, String>) {
        let Some(project) = self.state.project.clone() else { return };
        let Some(button) = project.api.buttons.get(button) else { return };
        let log = button.resource.clone().filter(|name| project.resources.contains_key(name));
        if button.disabled {
            self.log(log, Level::Warn, &format!("the button `{}` is disabled", button.text));
            return;
        }
        let env: Vec<(String, String)> = button
            .inputs
            .iter()
            .map(|input| {
                let value = given.get(&input.name).cloned().unwrap_or_else(|| input.default_value());
                (input.name.clone(), value)
            })
            .collect();
        let now = self.options.started + self.now.0;
        let starts = |command: &ApiCommand| {
            let waits = command.start_on.as_ref().is_some_and(|start| {
                start.buttons.contains(&button.name) && start.after.is_none_or(|after| after < now)
            });
            waits || command.restart_buttons.contains(&button.name)
        };
        let names: Vec<String> =
            project.api.commands.values().filter(|it| starts(it)).map(|command| command.name.clone()).collect();
        let pressed =
            |resource: &&Arc<Resource>| resource.api().is_some_and(|api| api.restart_buttons.contains(&button.name));
        let applied: Vec<ResourceName> =
            project.resources.values().filter(pressed).map(|resource| resource.name.clone()).collect();
        if names.is_empty() && applied.is_empty() {
            self.log(log, Level::Warn, &format!("no command starts on the button `{}`", button.text));
        }
        for name in names {
            self.start_command(&name, env.clone());
        }
        for name in applied {
            self.record_reapply(&name);
        }
    }

    /// What is to be applied again, without being deleted before.
    fn record_reapply(&mut self, name: &ResourceName) {
        let Some(state) = self.state.resources.get_mut(name) else { return };
        if state.started_once {
            state.config_dirty = true;
        }
    }

    /// Starts the commands anew that a file watch with one of these paths belongs to.
    pub(super) fn record_watched_files<'p>(&mut self, project: &Project, paths: impl Iterator<Item = &'p Path>) {
        if project.api.file_watches.is_empty() {
            return;
        }
        let mut fired: Vec<&str> = Vec::new();
        for path in paths {
            let seen = project.api.file_watches.iter().filter(|(_, trees)| covers(trees, path));
            fired.extend(seen.map(|(name, _)| name.as_str()));
        }
        let names: Vec<String> = project
            .api
            .commands
            .values()
            .filter(|command| command.file_watches.iter().any(|watch| fired.contains(&watch.as_str())))
            .map(|command| command.name.clone())
            .collect();
        for name in names {
            let env = self.state.commands.get(&name).map(|state| state.env.clone()).unwrap_or_default();
            self.start_command(&name, env);
        }
    }

    /// Starts a command, after having stopped the one that runs.
    fn start_command(&mut self, name: &str, env: Vec<(String, String)>) {
        let Some(command) = self.project().and_then(|project| project.api.commands.get(name)).cloned() else { return };
        let Some(state) = self.state.commands.get_mut(name) else { return };
        if let Some(reason) = &command.disabled {
            let text = format!("the command `{name}` is not started: {reason}");
            self.log(self.log_of(&command), Level::Info, &text);
            return;
        }
        state.env.clone_from(&env);
        match state.process {
            ServeState::Running { work, .. } => {
                state.process = ServeState::Stopping { work, restart: true };
                self.effects.push(Effect::Cancel { work });
            }
            ServeState::Stopping { work, .. } => state.process = ServeState::Stopping { work, restart: true },
            ServeState::Idle | ServeState::Exited { .. } => {
                let work = self.state.start_work(Work::Command(name.to_owned()));
                if let Some(state) = self.state.commands.get_mut(name) {
                    state.process = ServeState::Running { work, pid: None, ready: false };
                }
                let resource = self.log_of(&command);
                self.effects.push(Effect::RunCommand { work, command, env, resource });
            }
        }
    }

    fn stop_command(&mut self, name: &str) {
        let Some(state) = self.state.commands.get_mut(name) else { return };
        match state.process {
            ServeState::Running { work, .. } => {
                state.process = ServeState::Stopping { work, restart: false };
                self.effects.push(Effect::Cancel { work });
            }
            ServeState::Stopping { work, .. } => state.process = ServeState::Stopping { work, restart: false },
            ServeState::Idle | ServeState::Exited { .. } => state.process = ServeState::Idle,
        }
    }

    pub(super) fn record_command_started(&mut self, id: WorkId, started: u32) {
        let Some(Work::Command(name)) = self.state.works.get(&id) else { return };
        if let Some(CommandState { process: ServeState::Running { work, pid, .. }, .. }) =
            self.state.commands.get_mut(name)
            && *work == id
        {
            *pid = Some(started);
        }
    }

    pub(super) fn record_command_ended(&mut self, name: &str, id: WorkId, message: String) {
        let Some(state) = self.state.commands.get_mut(name) else { return };
        match state.process {
            ServeState::Stopping { work, restart } if work == id => {
                state.process = ServeState::Idle;
                if restart && !self.state.quitting {
                    let env = state.env.clone();
                    self.start_command(name, env);
                }
            }
            ServeState::Running { work, .. } if work == id => state.process = ServeState::Exited { message },
            _ => {}
        }
    }

    /// A command writes to the log of the resource that it is annotated with, as long as there is one.
    fn log_of(&self, command: &ApiCommand) -> Option<crate::project::ResourceName> {
        let project = self.project()?;
        command.resource.clone().filter(|name| project.resources.contains_key(name))
    }

    pub(super) fn command_snapshots(&self) -> Vec<CommandSnapshot> {
        let Some(project) = self.project() else { return Vec::new() };
        let snapshot = |command: &Arc<ApiCommand>| {
            let (pid, running, ended) = match self.state.commands.get(&command.name).map(|state| &state.process) {
                Some(ServeState::Running { pid, .. }) => (*pid, true, None),
                Some(ServeState::Stopping { .. }) => (None, true, None),
                Some(ServeState::Exited { message }) => (None, false, Some(message.clone())),
                Some(ServeState::Idle) | None => (None, false, None),
            };
            let (name, disabled) = (command.name.clone(), command.disabled.clone());
            CommandSnapshot { name, resource: self.log_of(command), running, pid, ended, disabled }
        };
        project.api.commands.values().map(snapshot).collect()
    }
}
