//! Objects into the real cluster and out of it again.

mod ground;
mod outage;
mod ownership;
mod refusals;
mod session;
