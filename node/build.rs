//! Owns what the linker is told, so that the library finds the functions of the Node that loads it. Never decides
//! anything else.

fn main() {
    napi_build::setup();
}
