//! The rule about the length of functions, counted on tokens, so that macros such as `proptest!` are seen too.
//! It must never judge what a function does.

use crate::repository::Source;
use crate::sources::lines_before_tests;
use crate::{assert_none, repository};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Lines from `fn` to the closing brace.
const FUNCTION_LINES_MAX: usize = 70;
const TEST_FUNCTION_LINES_MAX: usize = 100;

struct Function {
    name: String,
    first_line: usize,
    last_line: usize,
}

#[test]
fn no_function_is_longer_than_a_screen() {
    assert_none(
        "A function fits on one screen: keep the branches, move straight-line work into helpers.",
        &too_long(&repository::with_extension(&["rs"])),
    );
}

fn too_long(sources: &[Source]) -> Vec<String> {
    let mut offenders = Vec::new();
    for source in sources {
        let Ok(tokens) = source.text.parse::<TokenStream>() else {
            offenders.push(format!("{}:1: this is not Rust that can be read; compile it first", source.path));
            continue;
        };
        let tests_begin = if source.is_test_file() { 0 } else { lines_before_tests(&source.text) };
        let mut functions = Vec::new();
        collect(tokens, &mut functions);
        for Function { name, first_line, last_line } in functions {
            let is_test = first_line > tests_begin;
            let max = if is_test { TEST_FUNCTION_LINES_MAX } else { FUNCTION_LINES_MAX };
            let count = last_line + 1 - first_line;
            if count > max {
                offenders
                    .push(format!("{}:{first_line}: `{name}` has {count} lines, at most {max}", source.path));
            }
        }
    }
    offenders
}

fn collect(tokens: TokenStream, functions: &mut Vec<Function>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect(group.stream(), functions),
            TokenTree::Ident(word) if word == "fn" => functions.extend(function_at(&tokens[index..])),
            _ => {}
        }
    }
}

/// The function that begins with these tokens, if it has a name and a body.
fn function_at(tokens: &[TokenTree]) -> Option<Function> {
    let TokenTree::Ident(name) = tokens.get(1)? else { return None };
    let ends = |token: &&TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
    let body = tokens.iter().take_while(|token| !ends(token)).find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    })?;
    let first_line = tokens[0].span().start().line;
    Some(Function { name: name.to_string(), first_line, last_line: body.span_close().end().line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() -> [u8; 2] {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_that_is_too_long_is_found_wherever_it_stands() {
        let plain = function("plain", FUNCTION_LINES_MAX + 1);
        let method = format!("impl X {{\n{}}}\n", function("method", FUNCTION_LINES_MAX + 1));
        let in_macro = format!("proptest! {{\n{}}}\n", function("in_macro", FUNCTION_LINES_MAX + 1));
        let sources =
            [Source::new("a.rs", &plain), Source::new("b.rs", &method), Source::new("c.rs", &in_macro)];
        assert_eq!(
            too_long(&sources),
            [
                "a.rs:1: `plain` has 71 lines, at most 70",
                "b.rs:2: `method` has 71 lines, at most 70",
                "c.rs:2: `in_macro` has 71 lines, at most 70",
            ]
        );
    }

    #[test]
    fn a_test_function_may_be_longer_but_not_much() {
        let tests = |lines| format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function("fact", lines));
        let good = [
            Source::new("a.rs", &function("f", FUNCTION_LINES_MAX)),
            Source::new("b.rs", &tests(TEST_FUNCTION_LINES_MAX)),
            Source::new("x/tests/c.rs", &function("f", TEST_FUNCTION_LINES_MAX)),
            Source::new("d.rs", &format!("trait T {{ fn only_declared(&self);\n{} }}", function("f", 70))),
        ];
        assert!(too_long(&good).is_empty());
        let bad = [Source::new("b.rs", &tests(TEST_FUNCTION_LINES_MAX + 1)), Source::new("e.rs", "fn f( {")];
        assert_eq!(too_long(&bad).len(), 2);
    }
}
