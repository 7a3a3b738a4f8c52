//! One object: look at what is there, apply, and take the way through each refusal.

use std::time::Duration;

use serde_json::Value;

use super::apply::{Applied, ApplyOptions, PreparedObject};
use super::body;
use super::definition;
use super::error::{ObjectError, ObjectFailure};
use super::place::pointer_of;
use crate::cluster::connect::{ApiRequest, Cluster, Patience};
use crate::cluster::discovery::ServedKind;
use crate::cluster::failure::{Failure, InvalidField, OwnedField, Refusal};
use crate::cluster::inventory::{Entry, Inventory};
use crate::cluster::live::Live;
use crate::cluster::ownership::Ownership;
use crate::k8s::{MANAGED_BY, ObjectId};

/// For an object that is being deleted already (reference §4).
const GONE_LIMIT: Duration = Duration::from_mins(1);
/// For a namespace that is being deleted: everything in it has its own grace period.
const NAMESPACE_GONE_LIMIT: Duration = Duration::from_mins(2);
/// Refusals in a row, after which the object is given up. Each documented way takes one or two.
const MAX_ATTEMPTS: usize = 12;
const PAUSE: Duration = Duration::from_millis(200);

/// The apply of one object.
#[derive(Clone, Copy)]
pub(super) struct ObjectApply<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) object: &'a PreparedObject,
    pub(super) options: &'a ApplyOptions,
    /// Of the whole apply: an outage is said once, not once for each object.
    pub(super) patience: &'a Patience,
}

/// What is known about the object on its way.
pub(super) struct Attempt {
    pub(super) id: ObjectId,
    pub(super) served: ServedKind,
    pub(super) body: Value,
    /// Whether fields of others are taken.
    force: bool,
}

impl Attempt {
    fn request(&self) -> ApiRequest {
        let path = self.served.object_path(&self.id);
        ApiRequest::apply(format!("{path}?fieldManager={MANAGED_BY}&force={}", self.force), &self.body)
    }
}

/// What became of one try.
enum Tried {
    Done(Box<Applied>),
    Again,
}

impl ObjectApply<'_> {
    pub(super) fn cluster(&self) -> &Cluster {
        self.inventory.cluster()
    }

    /// Patience for this object, from now on. Restarted after each documented wait.
    pub(super) fn patience(&self) -> Patience {
        self.patience.restarted(self.options.object_limit)
    }

    pub(super) async fn run(self) -> Result<Applied, ObjectError> {
        let cancel = &self.options.cancel;
        let result = tokio::select! {
            () = cancel.cancelled() => Err(ObjectFailure::Cluster(Failure::Cancelled)),
            result = self.apply() => result,
        };
        result.map_err(|cause| {
            let cause = match cause {
                ObjectFailure::Cluster(Failure::OutOfTime { last, .. }) => match *last {
                    // Not the object's fault: the caller may want to try again when there is a connection.
                    Failure::Unreachable { .. } => ObjectFailure::Cluster(*last),
                    other => ObjectFailure::TimedOut { limit: self.options.object_limit, last: other.to_string() },
                },
                other => other,
            };
            let pointer = pointer_of(cause.field(), &self.object.value);
            ObjectError { object: self.object.id.clone(), origin: self.object.origin.clone(), pointer, cause }
        })
    }

    async fn apply(&self) -> Result<Applied, ObjectFailure> {
        if self.object.id.name.is_empty() {
            return Err(ObjectFailure::Nameless);
        }
        let mut patience = self.patience();
        let served = definition::served(self.cluster(), &self.object.id, &self.options.log, &patience).await?;
        let id = served.resolve(&self.object.id, self.cluster().namespace());
        let body = body::body_of(&self.object.value, &id);
        let mut attempt = Attempt { id, served, body, force: false };
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt(&mut attempt, &mut patience).await? {
                Tried::Done(applied) => return Ok(*applied),
                Tried::Again => {}
            }
        }
        let last = "it was refused again and again for changing reasons".to_owned();
        Err(ObjectFailure::TimedOut { limit: self.options.object_limit, last })
    }

    async fn attempt(&self, attempt: &mut Attempt, patience: &mut Patience) -> Result<Tried, ObjectFailure> {
        let live = self.cluster().live(&attempt.served, &attempt.id, patience).await?;
        if let Some(live) = live.as_ref().filter(|live| live.is_being_deleted()) {
            self.wait_for_deletion(attempt, live).await?;
            *patience = self.patience();
            return Ok(Tried::Again);
        }
        let adopted = self.check_ownership(attempt, live.as_ref())?;
        if let Some(live) = live.as_ref().filter(|live| live.is_failed_job() && !adopted) {
            let fields = [InvalidField { field: String::new(), message: "the Job has failed".to_owned() }];
            self.replace(attempt, live, &fields).await?;
            *patience = self.patience();
            return Ok(Tried::Again);
        }
        if adopted {
            body::remove_our_labels(&mut attempt.body);
        }
        self.record_before(attempt, adopted, patience).await?;
        match self.cluster().send(&attempt.request(), patience).await {
            Ok(value) => {
                let now = Live(value);
                if now.is_being_deleted() {
                    // Deleted by somebody between the look and the apply.
                    return Ok(Tried::Again);
                }
                self.say(attempt, live.as_ref(), &now);
                if attempt.id.kind == "CustomResourceDefinition" {
                    let limit = self.options.object_limit;
                    definition::wait_until_established(self.cluster(), &attempt.served, &attempt.id, limit, patience)
                        .await?;
                }
                let unchanged = live.is_some_and(|live| live.says_the_same(&now));
                let applied = Applied {
                    id: attempt.id.clone(),
                    uid: now.uid(),
                    generation: now.generation(),
                    unchanged,
                    adopted,
                    job_complete: now.is_complete_job(),
                };
                Ok(Tried::Done(Box::new(applied)))
            }
            Err(failure) => {
                self.way_through(attempt, live.as_ref(), adopted, failure, patience).await?;
                Ok(Tried::Again)
            }
        }
    }

    /// Whether the object is somebody else's.
    fn check_ownership(&self, attempt: &Attempt, live: Option<&Live>) -> Result<bool, ObjectFailure> {
        let Some(live) = live else { return Ok(false) };
        match Ownership::of(&live.0, self.inventory.project()) {
            Ownership::Ours => Ok(false),
            Ownership::OtherProject(project) => Err(ObjectFailure::OtherProject { project }),
            Ownership::Theirs { manager } => {
                let known = self.inventory.entry(&attempt.id).is_some_and(|entry| entry.adopted);
                if !known {
                    let by = if manager.is_empty() { String::new() } else { format!(" by `{manager}`") };
                    self.options.log.info(format!(
                        "{} was created{by}, not by devloop: it is changed as declared, and left alone by `devloop down`",
                        attempt.id
                    ));
                }
                Ok(true)
            }
        }
    }

    /// Written before the object is created, so that it is found even if devloop ends right after.
    async fn record_before(&self, attempt: &Attempt, adopted: bool, patience: &Patience) -> Result<(), ObjectFailure> {
        let resource = self.options.resource.to_string();
        let entry = Entry { id: attempt.id.clone(), uid: None, resource, adopted };
        Ok(self.inventory.record(vec![entry], patience).await?)
    }

    /// Does what a refusal asks for; an error when there is no way through.
    async fn way_through(
        &self,
        attempt: &mut Attempt,
        live: Option<&Live>,
        adopted: bool,
        failure: Failure,
        patience: &mut Patience,
    ) -> Result<(), ObjectFailure> {
        match failure.refusal() {
            Some(Refusal::OwnedByOthers(owned)) if !attempt.force => {
                self.settle_conflict(attempt, &owned);
                Ok(())
            }
            Some(Refusal::Immutable(fields)) => match live {
                Some(live) if adopted => {
                    let reason = format!("devloop does not delete it: it was created {}", self.creator(live));
                    Err(ObjectFailure::MustNotReplace { fields, reason })
                }
                Some(live) => {
                    self.replace(attempt, live, &fields).await?;
                    *patience = self.patience();
                    Ok(())
                }
                None => Err(ObjectFailure::Invalid(fields)),
            },
            Some(Refusal::NamespaceTerminating) => {
                self.wait_for_namespace(attempt).await?;
                *patience = self.patience();
                Ok(())
            }
            Some(Refusal::ServiceAccountMissing { name }) if name == "default" && !patience.is_over() => {
                self.wait_for_default_service_account(attempt, patience).await
            }
            Some(Refusal::DuplicateEntry { field, key }) if body::remove_duplicates(&mut attempt.body) => {
                self.options.log.warn(format!("{}: `{field}` has {key} twice; the last one counts", attempt.id));
                Ok(())
            }
            Some(Refusal::Outdated | Refusal::AlreadyExists) => Ok(patience.pause(PAUSE).await?),
            // Its namespace went between the look and the apply, or never was.
            Some(Refusal::NamespaceMissing { namespace }) => Err(ObjectFailure::NamespaceMissing { namespace }),
            Some(Refusal::Invalid(fields)) => Err(ObjectFailure::Invalid(fields)),
            Some(Refusal::DuplicateEntry { field, key }) => {
                let message = format!("{key} is there twice");
                Err(ObjectFailure::Invalid(vec![InvalidField { field, message }]))
            }
            Some(
                Refusal::OwnedByOthers(_)
                | Refusal::NotFound
                | Refusal::NotServed
                | Refusal::NotAllowed { .. }
                | Refusal::QuotaExceeded
                | Refusal::ServiceAccountMissing { .. }
                | Refusal::Webhook { .. }
                | Refusal::NotLoggedIn
                | Refusal::Other,
            )
            | None => Err(ObjectFailure::Cluster(failure)),
        }
    }

    /// Takes over what others own: the declared object is what the user wants. Only the number of replicas that an
    /// autoscaler sets is left to it, as Kubernetes recommends.
    fn settle_conflict(&self, attempt: &mut Attempt, owned: &[OwnedField]) {
        let log = &self.options.log;
        let scaled = |field: &OwnedField| field.field == ".spec.replicas" && field.manager == "kube-controller-manager";
        if owned.iter().any(scaled)
            && let Some(spec) = attempt.body["spec"].as_object_mut()
        {
            spec.shift_remove("replicas");
            log.info(format!("{}: the number of replicas is left to the autoscaler", attempt.id));
            return;
        }
        let mut managers: Vec<&str> = owned.iter().map(|field| field.manager.as_str()).collect();
        managers.sort_unstable();
        managers.dedup();
        let fields: Vec<&str> = owned.iter().map(|field| field.field.as_str()).take(5).collect();
        let more = if owned.len() > fields.len() { ", …" } else { "" };
        let managers = managers.join(", ");
        log.info(format!("{}: taking over {}{more} from {managers}", attempt.id, fields.join(", ")));
        attempt.force = true;
    }

    async fn wait_for_deletion(&self, attempt: &Attempt, live: &Live) -> Result<(), ObjectFailure> {
        let is_namespace = attempt.id.kind == "Namespace" && attempt.id.group().is_empty();
        let limit = if is_namespace { NAMESPACE_GONE_LIMIT } else { GONE_LIMIT };
        self.options.log.info(format!("{} is being deleted; waiting until it is gone", attempt.id));
        let patience = self.patience().restarted(limit);
        match self.cluster().wait_until_gone(&attempt.served, &attempt.id, &live.uid(), &patience).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(live)) => Err(ObjectFailure::StillThere { limit, finalizers: live.finalizers() }),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn wait_for_namespace(&self, attempt: &Attempt) -> Result<(), ObjectFailure> {
        let namespace = attempt.id.namespace.clone().unwrap_or_default();
        self.options.log.info(format!("the namespace `{namespace}` is being deleted; waiting until it is gone"));
        let limit = NAMESPACE_GONE_LIMIT;
        let patience = self.patience().restarted(limit);
        let id = ObjectId {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            namespace: None,
            name: namespace.clone(),
        };
        let served = self.cluster().served(&id.api_version, &id.kind, &patience).await?;
        let Some(live) = self.cluster().live(&served, &id, &patience).await? else { return Ok(()) };
        if !live.is_being_deleted() {
            // There is a new one already.
            return Ok(());
        }
        match self.cluster().wait_until_gone(&served, &id, &live.uid(), &patience).await? {
            Ok(()) => Ok(()),
            Err(live) => Err(ObjectFailure::NamespaceTerminating { namespace, limit, finalizers: live.finalizers() }),
        }
    }

    /// A new namespace gets its default service account a moment after it is there.
    async fn wait_for_default_service_account(
        &self,
        attempt: &Attempt,
        patience: &Patience,
    ) -> Result<(), ObjectFailure> {
        let id = ObjectId {
            api_version: "v1".to_owned(),
            kind: "ServiceAccount".to_owned(),
            namespace: attempt.id.namespace.clone(),
            name: "default".to_owned(),
        };
        let served = self.cluster().served(&id.api_version, &id.kind, patience).await?;
        while self.cluster().live(&served, &id, patience).await?.is_none() && !patience.is_over() {
            patience.pause(PAUSE).await?;
        }
        Ok(())
    }

    fn say(&self, attempt: &Attempt, before: Option<&Live>, now: &Live) {
        match before {
            None => self.options.log.info(format!("{} created", attempt.id)),
            Some(before) if !before.says_the_same(now) => {
                self.options.log.info(format!("{} updated", attempt.id));
            }
            Some(_) => {}
        }
    }

    fn creator(&self, live: &Live) -> String {
        match Ownership::of(&live.0, self.inventory.project()) {
            Ownership::Theirs { manager } if !manager.is_empty() => format!("by `{manager}`"),
            Ownership::Theirs { .. } | Ownership::Ours | Ownership::OtherProject(_) => "by somebody else".to_owned(),
        }
    }
}
