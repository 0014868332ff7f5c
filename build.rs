//! The reference project is part of the program: a new SQL file is a new build.

fn main() {
    println!("cargo::rerun-if-changed=sql");
}
