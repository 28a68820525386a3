//! The rule that the page about the file format and the constants of the file format move together.
//! It must never know what either of them says.

use crate::repository;

const PAGE: &str = "docs/format.md";
const CONSTANTS: &str = "engine/src/log/format.rs";

#[test]
fn the_format_page_and_the_format_constants_move_together() {
    let sources = repository::all();
    let find = |path: &str| sources.iter().find(|source| source.path == path);
    let page =
        find(PAGE).unwrap_or_else(|| panic!("{PAGE} is missing: it is the only description of the bytes"));
    let constants =
        find(CONSTANTS).unwrap_or_else(|| panic!("{CONSTANTS} is missing: it spells {PAGE} in code"));
    if let Err(complaint) = agree(&page.text, &constants.text) {
        panic!("{complaint}");
    }
}

/// The texts come with `\n` line ends, so the checksum is the same in every checkout.
fn agree(page: &str, constants: &str) -> Result<(), String> {
    let wanted = format!("{:08x}", crc32fast::hash(page.as_bytes()));
    let stated = constants.lines().enumerate().find_map(|(index, line)| {
        let comment = line.trim_start().strip_prefix("//")?.trim_start_matches(['/', '!']);
        let checksum = comment.trim().strip_prefix(PAGE)?.strip_prefix(": ")?;
        Some((index + 1, checksum.to_owned()))
    });
    match stated {
        None => Err(format!("{CONSTANTS}:1: add the line `/// {PAGE}: {wanted}` beside the format version")),
        Some((_, checksum)) if checksum == wanted => Ok(()),
        Some((line, checksum)) => Err(format!(
            "{CONSTANTS}:{line}: states {checksum}, but {PAGE} has the checksum {wanted}.\nThe page changed: see that \
             the constants and the code still say the same as the page (and the version, if written files change \
             their meaning), then write `/// {PAGE}: {wanted}` there."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_moved_alone_is_found() {
        let stated = format!(
            "//! Head.\n\n/// {PAGE}: {:08x}\npub const VERSION: u16 = 0;\n",
            crc32fast::hash(b"page\n")
        );
        assert_eq!(agree("page\n", &stated), Ok(()));
        let moved = agree("page, changed\n", &stated).expect_err("the page changed");
        assert!(moved.starts_with("engine/src/log/format.rs:3: "), "{moved}");
        assert!(
            moved.contains(&format!("/// {PAGE}: {:08x}", crc32fast::hash(b"page, changed\n"))),
            "{moved}"
        );
        let unstated = agree("page\n", "//! Head.\n").expect_err("no checksum is stated");
        assert!(unstated.contains("add the line"), "{unstated}");
    }
}
