//! Transcripts of the command, each in a folder of its own. Never tests a terminal.

#[test]
fn the_transcripts_are_what_the_command_answers() {
    trycmd::TestCases::new().env("FERRUMDB_FSYNC", "never").case("tests/cmd/*.trycmd");
}
