//! Owns telling the code what kind of interpreter it is built for. Never looks for one by itself.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
