//! What is filled in before a button of the configuration is pressed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::Command;
use crate::project::{Button, ButtonInput, ButtonInputKind};

/// The form of a button; without fields it is a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) button: Arc<Button>,
    /// Those that are shown.
    pub(super) fields: Vec<Field>,
    /// The field that keys go to.
    pub(super) at: usize,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) input: ButtonInput,
    /// What the command will get.
    pub(super) value: String,
}

impl Form {
    /// The form of a button as it is at first.
    pub(super) fn new(button: &Arc<Button>) -> Self {
        let shown = button.inputs.iter().filter(|input| !matches!(input.kind, ButtonInputKind::Hidden { .. }));
        let fields = shown.map(|input| Field { input: input.clone(), value: input.default_value() }).collect();
        Self { button: Arc::clone(button), fields, at: 0 }
    }

    /// Whether there is anything to ask.
    pub(super) fn is_needed(&self) -> bool {
        !self.fields.is_empty() || self.button.requires_confirmation
    }

    /// Moves to another field.
    pub(super) fn step(&mut self, delta: isize) {
        self.at = self.at.saturating_add_signed(delta).min(self.fields.len().saturating_sub(1));
    }

    /// A key that means a character.
    pub(super) fn type_char(&mut self, char: char) {
        let Some(field) = self.fields.get_mut(self.at) else { return };
        if matches!(field.input.kind, ButtonInputKind::Text { .. }) {
            field.value.push(char);
        } else if char == ' ' {
            field.turn(1);
        }
    }

    /// The next or the previous value of a field that has several.
    pub(super) fn turn(&mut self, delta: isize) {
        if let Some(field) = self.fields.get_mut(self.at) {
            field.turn(delta);
        }
    }

    /// Deletes the last character, or all.
    pub(super) fn erase(&mut self, all: bool) {
        let Some(field) = self.fields.get_mut(self.at) else { return };
        if matches!(field.input.kind, ButtonInputKind::Text { .. }) {
            if all {
                field.value.clear();
            } else {
                field.value.pop();
            }
        }
    }

    /// The press.
    pub(super) fn press(&self) -> Command {
        let inputs: BTreeMap<String, String> =
            self.fields.iter().map(|field| (field.input.name.clone(), field.value.clone())).collect();
        Command::Press { button: self.button.name.clone(), inputs }
    }
}

impl Field {
    fn turn(&mut self, delta: isize) {
        match &self.input.kind {
            ButtonInputKind::Boolean { true_text, false_text, .. } => {
                let other = if self.value == *true_text { false_text } else { true_text };
                self.value.clone_from(other);
            }
            ButtonInputKind::Choice { choices } if !choices.is_empty() => {
                let count = choices.len().cast_signed();
                let now = choices.iter().position(|choice| *choice == self.value).unwrap_or(0).cast_signed();
                let next = (now + delta).rem_euclid(count).cast_unsigned();
                self.value.clone_from(&choices[next]);
            }
            ButtonInputKind::Choice { .. } | ButtonInputKind::Text { .. } | ButtonInputKind::Hidden { .. } => {}
        }
    }

    /// What stands before it.
    pub(super) fn label(&self) -> &str {
        if self.input.label.is_empty() { &self.input.name } else { &self.input.label }
    }
}
