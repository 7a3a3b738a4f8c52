//! What keys and the mouse ask for.

/// What keys and the mouse ask for. The keymap translates; the view state obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The row below.
    SelectNext,
    /// The row above.
    SelectPrevious,
    /// The next row that has a problem.
    SelectNextProblem,
    /// The log one line up.
    ScrollUp,
    /// The log one line down.
    ScrollDown,
    /// The log half a page up.
    HalfPageUp,
    /// The log half a page down.
    HalfPageDown,
    /// The log a page up.
    PageUp,
    /// The log a page down.
    PageDown,
    /// The first line of the log.
    LogTop,
    /// The end of the log, and stay there.
    Follow,
    /// The log to the left, when lines are not wrapped.
    ScrollLeft,
    /// The log to the right, when lines are not wrapped.
    ScrollRight,
    /// All about the selected row.
    Details,
    /// Why it waits or fails.
    Why,
    /// The keys.
    Help,
    /// Closes what is open, else clears search and filter.
    Close,
    /// Update the selected resource now.
    Trigger,
    /// Load the configuration again.
    Reload,
    /// Stop what runs.
    Stop,
    /// Restart what runs.
    Restart,
    /// Enable the selected resource.
    Enable,
    /// Disable it, after a question.
    Disable,
    /// Open its link.
    Open,
    /// The buttons of the configuration.
    Buttons,
    /// Type a filter for the rows.
    Filter,
    /// Type what to search for in the log.
    Search,
    /// Type what lines of the log must have.
    LogFilter,
    /// Only lines so important, or all.
    Level,
    /// JSON lines over several rows, or as they are.
    Json,
    /// The log in the user's pager.
    Pager,
    /// The log into a file.
    Save,
    /// What is in sight of the log into the clipboard.
    Copy,
    /// A shell in the container.
    Shell,
    /// The next line that has it.
    SearchNext,
    /// The line before that has it.
    SearchPrevious,
    /// Sort problems first, or not.
    ProblemsFirst,
    /// Sort by something else.
    Sort,
    /// Where the time went.
    Timeline,
    /// Type a command, or the name of a resource.
    Palette,
    /// The log of all resources, or of the selected one.
    AllLogs,
    /// All lines, only builds, only running programs.
    Source,
    /// Wrap long lines, or not.
    Wrap,
    /// Show times, or not.
    Timestamps,
    /// Both parts, only the log, only the resources.
    Zoom,
    /// Draw everything anew.
    Redraw,
    /// Take what is asked or chosen.
    Accept,
    /// Delete the last character.
    Erase,
    /// Delete all that was typed.
    EraseAll,
    /// Text that was typed or pasted.
    Type(char),
    /// End the session; a second time at once.
    Quit,
}
