//! What several subjects need.

pub mod frame_to_svg;
pub mod pty;
pub mod devloop;
pub mod example;
pub mod ground;
pub mod outage;
pub mod folders;
