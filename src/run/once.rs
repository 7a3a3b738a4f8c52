//! An image of a Dockerfile, built only when nobody has built it yet: not this machine ([decision 14]), nor somebody who
//! shares the registry ([decision 18]).
//!
//! [decision 14]: ../../docs/decisions/0014-builds-by-key.md
//! [decision 18]: ../../docs/decisions/0018-images-of-others.md

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::build::{Request, build_failure, nodes};
use super::edges::{Edges, SharedEdges, engine_failure};
use crate::docker::{
    Bases, BuildRequest, BuiltImage, ContentKey, Engine, ImageNames, Survey, Unread, image_names, shares_images,
};
use crate::engine::WorkError;
use crate::logs::LogSink;
use crate::project::{ImageReference, ParseReferenceError, Registry};

/// What is read this fast that the first build of an image waits for it; with more to read it begins at once.
const QUICKLY_READ: Unread = Unread { files: 5_000, bytes: 64 << 20 };
/// How long the first build of an image waits for the registry's answer at most.
const HEAD_START: Duration = Duration::from_secs(1);

/// How long the cluster may take to say which registry images go through.
const CLUSTER_ANSWER: Duration = Duration::from_secs(2);

/// An image, and where it is.
#[derive(Debug)]
pub(super) enum Once {
    /// The engine has it.
    InEngine {
        image: BuiltImage,
        /// What it was built from, when others may be told.
        input: Option<Survey>,
    },
    /// The registry has it, with its content tag.
    InRegistry(BuiltImage),
}

/// The image of this input. `output` takes what the builder says.
pub(super) async fn image(
    edges: &Edges,
    engine: &Engine,
    request: &Request,
    build: &BuildRequest,
    output: &LogSink,
    cancel: &CancellationToken,
) -> Result<Once, WorkError> {
    // One that can be cancelled for itself, when the image turns up elsewhere.
    let not_needed = cancel.child_token();
    let building = Box::pin(async { engine.build(build, output, &not_needed).await.map_err(build_failure) });
    let shared = Shared::of(edges, engine, request, output, cancel).await;
    let Some(survey) = engine.survey(build, shared.is_some()).await else {
        return Ok(Once::InEngine { image: building.await?, input: None });
    };
    let key = survey.key().clone();
    let cache = &edges.build_cache;
    let _turn = cancel.run_until_cancelled(cache.turn(&key)).await.ok_or(WorkError::Cancelled)?;
    if !request.forced
        && let Some(image) = cache.get(&key)
        && engine.has(&image).await
    {
        output.info("nothing to build: the image of this very input is there");
        for tag in &build.extra_tags {
            engine.tag(&image, tag).await.map_err(engine_failure)?;
        }
        return Ok(Once::InEngine { image, input: None });
    }
    let is_first = edges.is_first_build(&request.image.name);
    let has_settled = survey.has_settled();
    let image = match &shared {
        Some(shared) if !request.forced => {
            let unread = survey.unread();
            let waits = is_first && unread.files <= QUICKLY_READ.files && unread.bytes <= QUICKLY_READ.bytes;
            let head_start = if waits { HEAD_START } else { Duration::ZERO };
            let find = Box::pin(shared.find(engine, survey));
            match first_of(find, building, head_start, &not_needed).await? {
                Winner::Found(image) => {
                    output.info("nothing to build: the registry has an image of this very input");
                    return Ok(Once::InRegistry(image));
                }
                Winner::Built(image) => image,
            }
        }
        _ => building.await?,
    };
    // What was saved during the build may or may not be in the image.
    let after = engine.survey(build, shared.is_some() && has_settled && (is_first || request.forced)).await;
    let input = after.filter(|after| *after.key() == key);
    if input.is_some() {
        cache.put(&key, &image);
    }
    Ok(Once::InEngine { image, input })
}

/// Tells others of an image that has been pushed, beside whatever comes next. Only what somebody else may come to have as
/// well is worth a tag: the state in which a session begins, not each save in it.
pub(super) fn tell_others(
    edges: &SharedEdges,
    engine: &Engine,
    request: &Request,
    names: &ImageNames,
    input: Survey,
    registry: Option<&Registry>,
) {
    let (reference, pushed) = (request.image.reference.clone(), names.local.clone());
    let (engine, registry, shared) = (engine.clone(), registry.cloned(), SharedEdges::clone(edges));
    edges.background.spawn(async move {
        if let Some(key) = input.content_key(&engine, Bases::AsOfNow).await {
            let name = |tag: &str| local_name(&reference, tag, registry.as_ref());
            shared.shared_images.publish(&engine, &key, &pushed, name).await;
        }
    });
}

/// Where images of others are looked for.
struct Shared<'e> {
    edges: &'e Edges,
    reference: &'e ImageReference,
    registry: Option<Registry>,
}

impl<'e> Shared<'e> {
    /// `None` when the image does not go through a registry, or has to be in the engine.
    async fn of(
        edges: &'e Edges,
        engine: &Engine,
        request: &'e Request,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Option<Self> {
        if !request.deployed || shares_images(engine.info(), nodes(edges, log, cancel).await) {
            return None;
        }
        // Without an answer from the cluster it is built meanwhile.
        let registry = tokio::time::timeout(CLUSTER_ANSWER, edges.registry(log, cancel)).await.ok()?.ok()?;
        let reference = &request.image.reference;
        let name = local_name(reference, "devloop", registry.as_ref()).ok()?;
        edges.shared_images.is_for(&name).then_some(Self { edges, reference, registry })
    }

    async fn find(&self, engine: &Engine, survey: Survey) -> Option<BuiltImage> {
        let key: ContentKey = survey.content_key(engine, Bases::AsOfLate).await?;
        let name = |tag: &str| local_name(self.reference, tag, self.registry.as_ref());
        self.edges.shared_images.find(engine, &key, name).await
    }
}

fn local_name(
    reference: &ImageReference,
    tag: &str,
    registry: Option<&Registry>,
) -> Result<ImageReference, ParseReferenceError> {
    image_names(reference, tag, registry).map(|names| names.local)
}

/// Who came first.
#[derive(Debug, PartialEq, Eq)]
enum Winner {
    Found(BuiltImage),
    Built(BuiltImage),
}

/// Looks for an image, and builds it beside once the head start is over; `not_needed` cancels the build.
async fn first_of(
    find: impl Future<Output = Option<BuiltImage>>,
    build: impl Future<Output = Result<BuiltImage, WorkError>>,
    head_start: Duration,
    not_needed: &CancellationToken,
) -> Result<Winner, WorkError> {
    tokio::pin!(find, build);
    let early =
        async { if head_start.is_zero() { None } else { tokio::time::timeout(head_start, &mut find).await.ok() } };
    match not_needed.run_until_cancelled(early).await.ok_or(WorkError::Cancelled)? {
        Some(Some(image)) => return Ok(Winner::Found(image)),
        Some(None) => return build.await.map(Winner::Built),
        None => {}
    }
    tokio::select! {
        built = &mut build => built.map(Winner::Built),
        found = find => match found {
            Some(image) => {
                not_needed.cancel();
                // It may have ended just now; either is an image of the same input.
                let _ = build.await;
                Ok(Winner::Found(image))
            }
            None => build.await.map(Winner::Built),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str) -> BuiltImage {
        BuiltImage { id: id.to_owned() }
    }

    /// The winner, and whether the build was cancelled. `build` says when the build ends.
    async fn winner(
        find: impl Future<Output = Option<BuiltImage>>,
        build: impl Future<Output = ()>,
        head_start: Duration,
    ) -> (Winner, bool) {
        let cancel = CancellationToken::new();
        let building = async {
            let ended = cancel.run_until_cancelled(build).await;
            ended.map(|()| image("built")).ok_or(WorkError::Cancelled)
        };
        let winner = first_of(find, building, head_start, &cancel).await;
        (winner.expect("a winner"), cancel.is_cancelled())
    }

    #[tokio::test]
    async fn the_first_answer_counts_and_a_build_that_is_not_needed_is_cancelled() {
        use std::future::{pending, ready};
        let (built, found) = (|| Winner::Built(image("built")), || Winner::Found(image("found")));
        let (minute, no_time) = (Duration::from_mins(1), Duration::ZERO);
        let there = || ready(Some(image("found")));
        assert_eq!(winner(there(), pending(), minute).await, (found(), false), "within the head start");
        assert_eq!(winner(ready(None), ready(()), minute).await, (built(), false), "it is not there");
        assert_eq!(winner(pending(), ready(()), no_time).await, (built(), false), "the build is faster");
        assert_eq!(winner(pending(), ready(()), Duration::from_millis(1)).await, (built(), false), "no answer in time");
        // The answer comes when the build runs.
        let runs = tokio::sync::Notify::new();
        let during = async {
            runs.notified().await;
            Some(image("found"))
        };
        let build = async {
            runs.notify_one();
            pending::<()>().await;
        };
        assert_eq!(winner(during, build, no_time).await, (found(), true));
        let (runs, goes_on) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
        let not_there = async {
            runs.notified().await;
            goes_on.notify_one();
            None
        };
        let build = async {
            runs.notify_one();
            goes_on.notified().await;
        };
        assert_eq!(winner(not_there, build, no_time).await, (built(), false), "not there after all");
    }
}
