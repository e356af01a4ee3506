//! `tidegate top`: what a running program does, in a terminal.
//!
//! A thread asks the admin address each second; [`watched`] holds what it said and what was pressed; [`draw`] makes a picture of
//! that, and does nothing else.

mod figures;
mod watched;

mod answers;
mod draw;
mod look;
mod panes;
mod screen;

pub(super) use screen::run;

#[cfg(test)]
mod tests;
