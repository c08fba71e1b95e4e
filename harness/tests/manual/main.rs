//! The manual and the other Markdown files: what is made from the program is up to date, and what
//! they show can be typed.

mod documents;
mod pages;
mod snippets;
