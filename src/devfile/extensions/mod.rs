//! `ext://NAME`: which file that is (reference §2.14), and the extensions that come with devloop.

pub(crate) mod built_in;
mod checkout;
mod lock;
mod resolve;

pub(crate) use resolve::{Unit, locate, unloaded};
