//! What happened, for another process: what is kept, and what comes.

use super::answer::MissedAnswer;
use super::commands::named;
use super::message::{EventQuery, Reply};
use super::server::{Gone, Peer, Shared};

pub(super) async fn events(peer: &mut Peer, shared: &Shared, query: &EventQuery) -> Result<(), Gone> {
    if let Err(refusal) = named(&shared.snapshot(), &query.resources) {
        return peer.say(&Reply::Error(refusal)).await;
    }
    let wanted = |name: Option<&str>| {
        query.resources.is_empty() || name.is_some_and(|name| query.resources.iter().any(|wanted| wanted == name))
    };
    let mut newest = shared.journal.newest();
    let mut cursor = query.after;
    loop {
        newest.mark_unchanged();
        let page = shared.journal.after(cursor);
        if page.missed > 0 {
            cursor += page.missed;
            let missed = MissedAnswer { cursor, event: "missed".to_owned(), count: page.missed };
            peer.say(&Reply::of(&missed)).await?;
        }
        for entry in &page.entries {
            cursor = entry.cursor;
            if wanted(entry.happening.resource().map(crate::project::ResourceName::as_str)) {
                peer.say(&Reply::of(&**entry)).await?;
            }
        }
        if !query.follow {
            return Ok(());
        }
        tokio::select! {
            changed = newest.changed() => if changed.is_err() {
                return Ok(());
            },
            () = peer.hung_up() => return Err(Gone),
        }
    }
}
