//! Commands and resources that are found by typing parts of their names.

use super::action::Action;
use super::keymap::bindings;
use super::state::{Mode, ViewState};
use crate::engine::Snapshot;
use crate::project::ResourceName;

/// What is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// For people.
    pub(super) text: String,
    /// The key that does the same; empty when there is none.
    pub(super) keys: &'static str,
    pub(super) choice: Choice,
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The same as its key.
    Action(Action),
    /// Selects a resource.
    Select(ResourceName),
}

/// What fits what was typed, the best first; everything while nothing is typed.
pub(super) fn offered(snapshot: &Snapshot, state: &ViewState) -> Vec<Offer> {
    let commands = bindings(Mode::Normal).iter().filter(|binding| !is_movement(binding.action)).map(|binding| Offer {
        text: match binding.label {
            "" => binding.help.to_owned(),
            label => format!("{label}: {}", binding.help),
        },
        keys: binding.keys_text,
        choice: Choice::Action(binding.action),
    });
    let resources = snapshot.resources.iter().map(|resource| Offer {
        text: format!("go to {}", resource.name),
        keys: "",
        choice: Choice::Select(resource.name.clone()),
    });
    let mut found: Vec<(u32, Offer)> = commands
        .chain(resources)
        .filter_map(|offer| score(&offer.text, &state.palette).map(|score| (score, offer)))
        .collect();
    found.sort_by_key(|(score, _)| *score);
    found.into_iter().map(|(_, offer)| offer).collect()
}

/// What nobody would type a name for.
fn is_movement(action: Action) -> bool {
    use Action::{
        Close, HalfPageDown, HalfPageUp, PageDown, PageUp, Palette, ScrollDown, ScrollLeft, ScrollRight, ScrollUp,
        SelectNext, SelectPrevious,
    };
    matches!(
        action,
        SelectNext
            | SelectPrevious
            | ScrollUp
            | ScrollDown
            | ScrollLeft
            | ScrollRight
            | HalfPageUp
            | HalfPageDown
            | PageUp
            | PageDown
            | Palette
            | Close
    )
}

/// How badly `typed` fits `text`, 0 for best; `None` when its characters are not all there in their order.
fn score(text: &str, typed: &str) -> Option<u32> {
    let text = text.to_lowercase();
    let mut rest = text.as_str();
    let mut gaps = 0;
    let mut first = true;
    for char in typed.to_lowercase().chars().filter(|char| !char.is_whitespace()) {
        let at = rest.find(char)?;
        // A word's beginning is as good as what follows at once.
        let begins_word = rest[..at].ends_with(|before: char| !before.is_alphanumeric());
        if at > 0 && !begins_word {
            gaps += if first { 2 } else { 1 + u32::try_from(at).unwrap_or(u32::MAX).min(20) };
        } else if at > 0 {
            gaps += 1;
        }
        first = false;
        rest = &rest[at + char.len_utf8()..];
    }
    Some(gaps)
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn parts_of_words_find_and_nearer_ones_win() {
        assert_eq!(score("anything", ""), Some(0));
        assert_eq!(score("go to web", "xyz"), None);
        assert_eq!(score("go to web", "bew"), None, "the order matters");
        assert!(score("go to web", "web") < score("show where it begins", "web"));
        assert!(score("restart it", "rest") < score("or a later start", "rest"));
        assert!(score("Go To Web", "gtw").is_some(), "first letters, without regard to case");
    }
}
