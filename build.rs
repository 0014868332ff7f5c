//! The reference project and the staging SQL of vendors are part of the program: a new SQL file is a new build.

fn main() {
    println!("cargo::rerun-if-changed=sql");
    println!("cargo::rerun-if-changed=vendors");
}
