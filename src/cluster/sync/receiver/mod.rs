//! The receiver: a small program of its own that devloop carries into containers ([decision 17]).
//!
//! `build.rs` compiles `main.rs` in this folder with nothing but the standard library, links it statically and leaves it for
//! this module to include. As a part of the crate only the [`protocol`] ships; the rest is here to be tested.
//!
//! [decision 17]: ../../../../docs/decisions/0017-a-receiver-program.md

#[cfg(test)]
mod files;
#[cfg(test)]
mod programs;
#[cfg_attr(not(test), expect(dead_code, reason = "half of it is for the other side"))]
pub(super) mod protocol;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod unpack;

/// The receiver for this machine's processor architecture.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The executable: static, for Linux.
    pub bytes: &'static [u8],
    /// What `uname -m` prints where it runs, as a pattern of the shell.
    pub machines: &'static str,
    /// The platform of images that it runs in: `linux/amd64`.
    pub platform: &'static str,
    /// Where images that carry it have it. Each build of it has another place: the messages are part of both programs.
    pub path: &'static str,
}

/// The receiver, where it could be built: it takes Linux and a C library that can be linked statically.
pub(super) const PROGRAM: Option<Program> = include!(concat!(env!("OUT_DIR"), "/receiver.rs"));
